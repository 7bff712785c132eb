"""Budgets: a call that could pass the limit isn't sent, and what was spent outlives the server."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Provider, begin, body, breaks, pauses, says
from tests.server.running import Running, config_of, provider_rows, until
from ve_magics.engine.session import Session
from ve_magics.messages import Usage
from ve_magics.routing import Target
from ve_magics.server import Grant
from ve_magics.server.accounts import Accounts, book_of
from ve_magics.store.database import open_store
from ve_magics.store.ledger import Entry, Ledger

PRICE = '[prices."a/m"]\ninput = 1000\noutput = 1000\n'
"""A tenth of a cent a token."""

TEAM = Grant(name="team", token="token-of-the-team", budget=0.08)
USAGE = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}
"""What one answer uses: four cents."""


def serve(folder: Path, *plays: Any, toml: str = PRICE, grant: Grant = TEAM) -> Running:
    """Return a server before one provider."""
    rows = provider_rows({"a": "chat_completions"}) + toml
    return Running(
        folder, rows, {"a.test": Provider(*(plays or (says("Hi", usage=USAGE),)))}, grants=(grant,)
    )


def written(server: Running, lines: int = 1) -> tuple[Entry, ...]:
    """Return the lines of the ledger as soon as so many are there."""
    until(lambda: len(server.session.ledger.entries()) >= lines)
    return server.session.ledger.entries()


def ask(server: Running, **more: Any) -> Any:
    """Ask as the team."""
    return server.chat("a/m", token=TEAM.token, max_tokens=20, **more)


def test_a_budget_is_never_passed(tmp_path: Path) -> None:
    """Calls are refused before they are sent as soon as the next one could pass the budget, each in 402."""
    with serve(tmp_path) as server:
        statuses = [ask(server).status for _ in range(4)]
        refused = ask(server)
        spent = server.app.accounts.spent("team")
        assert server.chat("a/m").status == 200
    assert statuses == [200, 402, 402, 402]
    assert spent == pytest.approx(0.04)
    assert refused.json["error"]["code"] == "budget_exceeded"
    assert "team" in refused.json["error"]["message"]
    assert "Nothing was sent" in refused.json["error"]["message"]


def test_spending_outlives_the_server(tmp_path: Path) -> None:
    """A new server knows what a holder has spent."""
    with serve(tmp_path) as server:
        assert ask(server).status == 200
    with serve(tmp_path) as server:
        assert server.app.accounts.spent("team") == pytest.approx(0.04)
        assert ask(server).status == 402


def test_calls_at_once_share_one_budget(tmp_path: Path) -> None:
    """What a running call could cost is kept free: a second one at the same time is refused."""
    release = asyncio.Event()
    with serve(tmp_path, pauses("Hi", until=release)) as server:
        replies: list[Any] = []
        first = threading.Thread(target=lambda: replies.append(ask(server, stream=True)))
        first.start()
        until(lambda: server.app.accounts._reserved["team"] > 0)
        assert ask(server, stream=True).status == 402
        server.loop.call_soon_threadsafe(release.set)
        first.join()
        assert replies[0].status == 200
        until(lambda: abs(server.app.accounts._reserved["team"]) < 1e-9)


def test_an_answer_that_breaks_is_paid_for(tmp_path: Path) -> None:
    """Where nobody gave counts, they are estimated; breaking off saves nobody's budget."""
    with serve(tmp_path, breaks("word " * 20)) as server:
        reply = ask(server, stream=True)
        assert b"broke off" in reply.body
        (entry,) = written(server)
    assert entry.usage.estimated
    assert entry.notebook == book_of("team")
    assert entry.cost is not None
    assert entry.cost > 0.01


def test_everybody_who_answered_is_paid(tmp_path: Path) -> None:
    """An answer that broke off and the one that went on with it are two lines, in the books and in the counts."""
    rows = provider_rows({"a": "chat_completions", "b": "chat_completions"})
    toml = rows + PRICE + PRICE.replace("a/m", "b/m") + '[routes.fast]\ntargets = ["a/m", "b/m"]\n'
    apps = {"a.test": Provider(breaks("word " * 4)), "b.test": Provider(says("Hi", usage=USAGE))}
    rich = Grant(name="rich", token="token-of-the-rich", budget=10)
    with Running(tmp_path, toml, apps, grants=(rich,)) as server:
        reply = server.chat(
            "fast", token=rich.token, max_tokens=20, stream=True, headers={"x-ve-midstream": "continue"}
        )
        entries = {entry.provider: entry for entry in written(server, 2)}
        counted = server("/metrics", method="GET").body.decode()
    assert entries["a"].usage.estimated
    assert entries["b"].usage.output == 20
    assert entries["a"].cost
    both = sum(entry.cost or 0 for entry in entries.values())
    assert f"x-ve-cost-usd {both:.9f}".encode() in reply.body
    for name, entry in entries.items():
        assert f've_cost_usd_total{{target="{name}/m"}} {entry.cost:.9f}' in counted
        assert f've_tokens_total{{target="{name}/m",kind="output"}} {entry.usage.output}' in counted


def test_a_vector_that_can_t_be_read_is_paid_for(tmp_path: Path) -> None:
    """A provider that answers something else has done its work; its line says that the counts are estimated."""

    async def odd(asked: Any, send: Any) -> None:
        await begin(send, headers={"content-type": "application/json"})
        await body(send, b'[{"embedding": [[1.0]]}]', more=False)

    with serve(tmp_path, odd) as server:
        reply = server("/v1/embeddings", {"model": "a/m", "input": "a red fox"}, token=TEAM.token)
        (entry,) = written(server)
    assert reply.status == 502
    assert entry.usage.estimated
    assert entry.cost


def test_an_unknown_price_is_refused_where_there_is_a_budget(tmp_path: Path) -> None:
    """Nobody can promise a limit on what nobody knows; the owner may allow it."""
    with serve(tmp_path, toml="") as server:
        refused = ask(server)
        assert refused.status == 402
        assert "nobody knows" in refused.json["error"]["message"]
    with serve(tmp_path, toml="[budget]\nallow_unknown = true\n") as server:
        assert ask(server).status == 200


def test_the_limit_of_everything_holds_for_all(tmp_path: Path) -> None:
    """What notebooks have spent counts against the total, and every holder meets it."""
    session = Session(config=config_of(tmp_path, ""), data=tmp_path / "home")
    Ledger(session.store).add(Entry(at=1.0, provider="a", model="m", cost=0.95))
    session.store.close()
    with serve(tmp_path, toml=f"{PRICE}[budget]\ntotal = 1\n") as server:
        refused = server.chat("a/m", max_tokens=100)
        assert refused.status == 402
        assert "everything" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "a/m", "input": ["word " * 400]}),
        ("/v1/images/generations", {"model": "a/m", "prompt": "a fox"}),
        ("/v1/rerank", {"model": "a/m", "query": "fox", "documents": ["word " * 400]}),
    ],
)
def test_budgets_hold_beside_chat(tmp_path: Path, path: str, body: Any) -> None:
    """Vectors, pictures and ranks are estimated and refused as well."""
    with serve(tmp_path) as server:
        assert server(path, body, token=TEAM.token).status == 402
        assert not server.session.ledger.entries()


def test_vectors_are_booked(tmp_path: Path) -> None:
    """What vectors cost is a line under the holder's name."""
    toml = '[prices."sim/embed"]\ninput = 1000\noutput = 0\n'
    with serve(tmp_path, toml=toml) as server:
        reply = server("/v1/embeddings", {"model": "sim/embed", "input": "a red fox"}, token=TEAM.token)
        assert reply.status == 200
        assert float(reply.headers["x-ve-cost-usd"]) > 0
        (entry,) = written(server)
    assert (entry.kind, entry.notebook) == ("embedding", "server/team")


class Clock:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.anyio
async def test_what_another_process_spends_is_seen(tmp_path: Path) -> None:
    """A balance is read anew after some seconds, and lines that wait are written before."""
    clock = Clock()
    config = config_of(tmp_path, PRICE)
    session = Session(config=config, data=tmp_path / "home")
    accounts = Accounts(session, clock=clock, now=clock)
    free = Grant(name="free", token="token-of-the-free")
    assert accounts.spent("free") == 0
    accounts.book(free, Target("a", "m"), Usage(input=10, output=10))
    assert accounts.spent("free") == pytest.approx(0.02)
    assert not session.ledger.entries(), "it waits to be written with others"
    session.ledger.add(Entry(at=1.0, provider="a", model="m", cost=1.0, notebook=book_of("free")))
    clock.now += 6
    assert accounts.spent("free") == pytest.approx(1.02)
    assert len(session.ledger.entries()) == 2
    accounts.book(free, Target("sim", "tutor"), None)
    accounts.book(free, Target("b", "m"), None)
    accounts.close()
    assert [entry.cost for entry in session.ledger.entries()][:2] == [None, 0.0]
    await session.aclose()


@pytest.mark.anyio
async def test_a_store_that_fails_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Lines that can't be written are told to the log; the answer is given all the same."""
    session = Session(config=config_of(tmp_path, PRICE), data=tmp_path / "home")
    accounts = Accounts(session)
    session.store.close()
    accounts.book(Grant(name="free", token="token-of-the-free"), Target("a", "m"), Usage(input=1))
    accounts.close()
    assert "1 lines of the ledger are lost" in caplog.text


def test_nothing_may_be_spent_with_a_budget_of_nothing(tmp_path: Path) -> None:
    """A budget of 0 allows free models alone."""
    broke = Grant(name="broke", token="token-of-the-broke", budget=0.0)
    with serve(tmp_path, grant=broke) as server:
        assert server.chat("a/m", token=broke.token, max_tokens=1).status == 402
        assert server.chat("sim/tutor", token=broke.token).status == 200


@pytest.mark.anyio
async def test_no_stream_waits_for_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While another process holds the store the loop goes on, and no line is lost, whoever pays."""
    session = Session(config=config_of(tmp_path, PRICE), data=tmp_path / "home")
    session._store = open_store(tmp_path / "home" / "ve_magics.sqlite", busy_seconds=0.3)
    accounts = Accounts(session)
    other = sqlite3.connect(tmp_path / "home" / "ve_magics.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    longest = 0.0
    for at in range(40):
        accounts.book(
            TEAM if at % 2 else Grant(name="free", token="token-of-the-free"),
            Target("a", "m"),
            Usage(input=1),
        )
        before = time.monotonic()
        await asyncio.sleep(0.02)
        longest = max(longest, time.monotonic() - before)
    assert longest < 0.25, "the loop waited for the store"
    assert time.monotonic() - begun > 0.7, "the store was held for longer than it is waited for"
    assert "lines of the ledger wait" in caplog.text
    other.execute("COMMIT")
    other.close()
    accounts.close()
    assert len(session.ledger.entries()) == 40
    await session.aclose()


@pytest.mark.anyio
async def test_a_budgets_line_is_written_at_once(tmp_path: Path) -> None:
    """Whoever has a budget finds its line in the ledger without anybody asking for it, and only once."""
    session = Session(config=config_of(tmp_path, PRICE), data=tmp_path / "home")
    accounts = Accounts(session)
    for _ in range(5):
        accounts.book(TEAM, Target("a", "m"), Usage(input=1))
        accounts.spent("team")
    await asyncio.to_thread(until, lambda: len(session.ledger.entries()) == 5)
    accounts.close()
    assert len(session.ledger.entries()) == 5
    await session.aclose()
