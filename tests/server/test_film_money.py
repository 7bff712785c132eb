"""Budgets and films: what could pass a limit is refused before it is ordered, and a film in the making is spent money."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.films import made, order
from tests.server.running import Answered, Running, until
from ve_magics.jobs import Job, VideoRequest
from ve_magics.server import Grant
from ve_magics.server.accounts import book_of

TEAM = Grant(name="team", token="token-of-the-team", budget=1.0)
PRICE = '[prices."sim/film"]\nsecond = 0.4\n'


def ask(server: Running, **more: Any) -> Answered:
    """Order one second as the team."""
    return order(server, token=TEAM.token, **more)


def test_films_never_pass_a_budget(tmp_path: Path) -> None:
    """Orders at once share one budget: the third, which could pass it, is a 402 in the format's form, and isn't sent."""
    with Running(tmp_path, PRICE, grants=(TEAM,)) as server:
        replies = [ask(server) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 402]
        assert replies[2].json["error"]["code"] == "budget_exceeded"
        assert "Nothing was sent" in replies[2].json["error"]["message"]
        other = ask(server, path="/v1/video/generations", duration=1)
        assert (other.status, other.json["data"]) == (402, None)
        for reply in replies[:2]:
            assert made(server, reply.json["id"], token=TEAM.token)["status"] == "completed"
        server.app.accounts.reread(TEAM)
        assert server.app.accounts.spent("team") == pytest.approx(0.8)
        assert ask(server).status == 402
        assert server.simulator.counters.videos_created == 2
    with Running(tmp_path, PRICE, grants=(TEAM,)) as server:
        assert ask(server).status == 402, "what was spent outlives the server"
        assert order(server).status == 200


def test_a_chat_counts_films_in_the_making(tmp_path: Path) -> None:
    """A question is refused as well where a film that is being made could use the budget up."""
    toml = PRICE + '[prices."sim/tutor"]\ninput = 1000\noutput = 1000\n'
    with Running(tmp_path, toml, grants=(TEAM,)) as server:
        assert server.chat("sim/tutor", token=TEAM.token, max_tokens=700).status == 200
        server.app.accounts.reread(TEAM)
        left = 1.0 - server.app.accounts.spent("team")
        job = Job(
            id="j-running",
            provider="sim",
            request=VideoRequest(prompt="x", model="film", seconds=left / 0.4),
            notebook=book_of("team"),
            state="running",
            provider_job_id="v",
            wait=3600.0,
            contact=1e12,
            submitted=1e12,
        )
        server.session.filming.jobs.add(job)
        server.app.accounts.reread(TEAM)
        assert server.chat("sim/tutor", token=TEAM.token, max_tokens=1).status == 402


def test_a_film_that_failed_costs_nothing(tmp_path: Path) -> None:
    """Where nothing was made, its money is free at once."""
    with Running(tmp_path, PRICE, grants=(TEAM,)) as server:
        reply = ask(server, seconds="2", prompt="[fault:refuse]", model="sim/film")
        job = server.session.filming.jobs.get(reply.json["id"])
        assert job is not None
        server.session.filming.jobs.remove(job.id)
        assert ask(server, seconds="2").status == 200


def test_an_unknown_price_is_refused_under_a_budget(tmp_path: Path) -> None:
    """Nobody can promise a limit where price or length isn't known; the refusal says what to name."""
    toml = '[providers.a]\nbase_url = "https://a.test/v1"\ndialect = "messages"\nvideo = "openai_videos"\n'
    with Running(tmp_path, PRICE + toml + 'key = "env:UPSTREAM_KEY"\n', grants=(TEAM,)) as server:
        nameless = ask(server, seconds=None)
        assert (nameless.status, "`seconds`" in nameless.json["error"]["message"]) == (402, True)
        unknown = ask(server, model="a/m")
        assert (unknown.status, "nobody knows" in unknown.json["error"]["message"]) == (402, True)
        assert server.simulator.counters.videos_created == 0
        assert order(server, seconds=None).headers["x-ve-estimate-usd"] == "unknown"


def test_a_free_film_needs_no_length(tmp_path: Path) -> None:
    """What costs nothing a second costs nothing however long it is."""
    with Running(tmp_path, "[prices]\n", grants=(TEAM,)) as server:
        assert ask(server, seconds=None).headers["x-ve-estimate-usd"] == "0.000000000"


def test_a_remix_costs_as_much_as_its_parent(tmp_path: Path) -> None:
    """A remix names no length: its parent's counts, before it is ordered and while it is made."""
    with Running(tmp_path, PRICE, grants=(TEAM,)) as server:
        parent = ask(server).json["id"]
        made(server, parent, token=TEAM.token)
        remixes = [
            server(f"/v1/videos/{parent}/remix", {"prompt": "At night"}, token=TEAM.token) for _ in range(2)
        ]
        assert [reply.status for reply in remixes] == [200, 402]
        assert remixes[0].headers["x-ve-estimate-usd"] == "0.400000000"


def test_fields_whose_price_nobody_knows_are_refused_under_a_budget(tmp_path: Path) -> None:
    """A field that goes on as it is could make a film dearer, so a holder with limits can't send one."""
    with Running(tmp_path, PRICE, grants=(TEAM,)) as server:
        reply = ask(server, duration=600)
        assert (reply.status, reply.json["error"]["param"]) == (400, "duration")
        assert server.simulator.counters.videos_created == 0


def test_the_total_holds_for_films(tmp_path: Path) -> None:
    """The budget of everything counts what every holder and every notebook has in the making."""
    with Running(tmp_path, f"{PRICE}[budget]\ntotal = 1\n", grants=(TEAM,)) as server:
        begun = [order(server), ask(server)]
        assert [reply.status for reply in begun] == [200, 200]
        refused = order(server)
        assert (refused.status, "everything" in refused.json["error"]["message"]) == (402, True)
        until(lambda: not server.session.filming.jobs.unfinished())
        assert order(server).status == 402
