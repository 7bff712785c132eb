"""A panel's questions: the way of every cell, by deltas to every view, and back into the conversation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.errors import ArgumentsError, StoreError
from ve_magics.magics.loading import unload
from ve_magics.magics.panel.talk import PanelTalk
from ve_magics.sim import Settings

Listen = Callable[[Any], Any]
Open = Callable[..., Any]
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
PRICED = """
[providers.mine]
base_url = "http://mine.invalid/v1"
dialect = "chat_completions"
key = "env:MINE_API_KEY"

[prices."mine/tutor"]
input = 10.0
output = 10.0
"""
SLOW = Settings(first_token=0.0, tokens_per_second=30.0)


def talk_and_wire(bench: Any, listen: Listen, name: str = "rivers") -> tuple[PanelTalk, Any]:
    """Return a conversation as panels show it, and what its view sends."""
    talk = PanelTalk(bench.notebook, name)
    return talk, listen(talk.view)


def turns(bench: Any, name: str = "rivers") -> list[str]:
    """Return the questions that count in a conversation."""
    return [turn.asked.text for turn in bench.notebook.talks.book.get(name).counting]


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about within 10 s"
        time.sleep(0.01)


def test_question_of_a_view_is_answered_and_kept(bench: Any, listen: Listen) -> None:
    """A message with a question brings the turn, the words and the end; the turn stands in the conversation."""
    talk, wire = talk_and_wire(bench, listen)
    wire.bring({"do": "ask", "text": "What is recursion?", "view": "v1", "nonce": "n1", "images": []})
    talk.wait(10)
    assert (wire.kinds()[0], wire.kinds()[-1]) == ("turn", "end")
    assert wire.of("turn")[0]["nonce"] == "n1"
    (shown,) = talk.view.turns
    assert "".join(more.get("text", "") for more in wire.of("more")) == shown.answer != ""
    assert (shown.state, shown.model, shown.error) == ("done", "sim/tutor", ())
    assert "tokens" in shown.facts
    assert turns(bench) == ["What is recursion?"]


def test_panel_and_cells_share_cache_books_and_conversation(bench: Any, listen: Listen) -> None:
    """The same question in the same place costs nothing in a panel after a cell, and goes on from cells' turns."""
    bench.run("%%chat -c rivers\nWhat is recursion?")
    talk, _ = talk_and_wire(bench, listen, "other")
    talk.ask("What is recursion?")
    talk.wait(10)
    assert bench.asked == 1
    assert "from the cache" in talk.view.turns[-1].facts
    talk, _ = talk_and_wire(bench, listen)
    assert [turn.question for turn in talk.view.turns] == ["What is recursion?"]
    talk.ask("And a closure?")
    talk.wait(10)
    assert turns(bench) == ["What is recursion?", "And a closure?"]
    assert bench.notebook.session.ledger.totals(session=bench.notebook.session.id)[0].calls >= 2


def test_cells_turns_come_into_the_panel(bench: Any, listen: Listen) -> None:
    """After a cell has gone on with the conversation, views get the whole, and the output changes."""
    talk, wire = talk_and_wire(bench, listen)
    bench.run("%%chat -c rivers\nWhat is recursion?")
    assert [turn["question"] for turn in wire.of("whole")[-1]["turns"]] == ["What is recursion?"]
    before = len(wire.messages)
    bench.run("1 + 1")
    assert len(wire.messages) == before
    assert "Question: What is recursion?" in talk.bundle()["text/plain"]


def test_retry_takes_the_turns_place(bench: Any, listen: Listen) -> None:
    """A second try asks the model although the answer is known, and there is one turn as before."""
    talk, wire = talk_and_wire(bench, listen)
    for question in ("What is recursion?", "And a closure?"):
        talk.ask(question)
        talk.wait(10)
    asked = bench.asked
    wire.bring({"do": "retry", "turn": talk.view.turns[-1].id, "view": "v1"})
    talk.wait(10)
    assert bench.asked == asked + 1
    assert turns(bench) == ["What is recursion?", "And a closure?"]
    assert [turn.state for turn in talk.view.turns] == ["done", "done"]
    wire.bring({"do": "retry", "turn": talk.view.turns[0].id, "view": "v1"})
    assert "Only the last question" in wire.of("refused")[-1]["why"]


def test_retry_of_a_cells_turn_keeps_its_place_and_picture(bench: Any, listen: Listen) -> None:
    """A turn that a cell asked is asked anew with all that was sent, as the same turn."""
    (bench.folder / "dot.gif").write_bytes(GIF)
    bench.run('%%chat -c rivers -s "Be brief." --image dot.gif\nWhat is this?')
    talk, wire = talk_and_wire(bench, listen)
    (shown,) = talk.view.turns
    wire.bring({"do": "picture", "id": shown.images[0]})
    assert wire.messages[-1][1] == [GIF]
    talk.retry(shown.id)
    talk.wait(10)
    (turn,) = bench.notebook.talks.book.get("rivers").turns
    assert turn.system == "Be brief."
    assert len(turn.asked.parts) == 2


def test_retry_that_fails_leaves_the_earlier_answer(bench: Any, listen: Listen) -> None:
    """Where the second try brings nothing, the first answer stays, with the failure below it."""
    talk, wire = talk_and_wire(bench, listen)
    talk.ask("What is recursion?")
    talk.wait(10)
    answer = talk.view.turns[0].answer
    talk.view.model = "sim/fault-503"
    talk.retry(talk.view.turns[0].id)
    talk.wait(10)
    (shown,) = talk.view.turns
    assert (shown.answer, shown.state) == (answer, "done")
    assert shown.error[-1] == "The earlier answer stays."
    assert wire.kinds()[-1] == "whole"
    assert len(turns(bench)) == 1


def test_stop_keeps_what_had_come_out_of_the_conversation(open_bench: Open, listen: Listen) -> None:
    """Stopping ends the request at once; the words stay, marked; nothing of it is gone on from."""
    bench = open_bench(settings=SLOW)
    talk, wire = talk_and_wire(bench, listen)
    talk.ask("Write a long story about the sea.")
    until(lambda: bool(talk.view.turns[0].answer))
    begun = time.monotonic()
    wire.bring({"do": "stop", "view": "v1"})
    until(lambda: not talk.busy and talk.view.turns[0].state == "stopped")
    assert time.monotonic() - begun < 1
    assert talk.view.turns[0].answer
    assert wire.of("end")[0]["turn"]["state"] == "stopped"
    assert turns(bench) == []
    assert "stopped: partial answer" in talk.bundle()["text/plain"]


def test_silent_provider_can_be_stopped(bench: Any, listen: Listen) -> None:
    """A provider that accepts and says nothing is left within a moment."""
    talk, _ = talk_and_wire(bench, listen)
    talk.view.model = "sim/fault-silence"
    talk.ask("Hello?")
    until(lambda: bench.asked == 1)
    begun = time.monotonic()
    talk.stop()
    until(lambda: talk.view.turns[0].state == "stopped")
    assert time.monotonic() - begun < 0.5


def test_one_answer_at_a_time(open_bench: Open, listen: Listen) -> None:
    """A second question waits for its turn: it is refused to the view that asked, with what to do."""
    bench = open_bench(settings=SLOW)
    talk, wire = talk_and_wire(bench, listen)
    talk.ask("Write a long story about the sea.")
    wire.bring({"do": "ask", "text": "Hello", "view": "v2", "nonce": "n2", "images": []})
    (refused,) = wire.of("refused")
    assert (refused["view"], refused["nonce"]) == ("v2", "n2")
    assert "An answer is coming" in refused["why"]
    with pytest.raises(ArgumentsError):
        talk.retry(talk.view.turns[0].id)
    assert not talk.read()
    talk.stop()
    talk.wait(5)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("sim/fault-503", "Press Retry"),
        ("sim/fault-cut", "broke off"),
        ("sim/fault-filter", "policy"),
        ("nosuch/model", "unknown model"),
    ],
)
def test_failure_stands_in_the_bubble(bench: Any, listen: Listen, model: str, said: str) -> None:
    """Whatever fails, the turn says what, and what to do in a panel's words; nothing of it is gone on from."""
    talk, wire = talk_and_wire(bench, listen)
    talk.view.model = model
    talk.ask("Tell me a story about a boat.")
    talk.wait(10)
    (shown,) = talk.view.turns
    assert shown.state == "failed"
    assert said in " ".join(shown.error)
    assert "cell again" not in " ".join(shown.error)
    assert wire.of("end")[-1]["turn"]["error"] == list(shown.error)
    assert turns(bench) == []


def test_budget_holds_for_panels(open_bench: Open, listen: Listen, tmp_path: Path) -> None:
    """A question that could pass the limit is refused before it is sent, and says how to raise the limit."""
    file = tmp_path / "config.toml"
    file.write_text(PRICED, "utf-8")
    bench = open_bench(VE_CONFIG=str(file), MINE_API_KEY="sk-mine-0123456789abcdef")
    bench.run("%ve budget 0.000001")
    talk, _ = talk_and_wire(bench, listen)
    talk.view.model = "mine/tutor"
    talk.ask("Hello")
    talk.wait(10)
    assert talk.view.turns[0].state == "failed"
    assert "%ve budget" in " ".join(talk.view.turns[0].error)
    assert bench.asked == 0


def test_fallback_is_seen(open_bench: Open, listen: Listen, tmp_path: Path) -> None:
    """A target that failed stands above the answer of the one that didn't."""
    file = tmp_path / "config.toml"
    file.write_text('[routes.safe]\ntargets = ["sim/fault-503", "sim/tutor"]\n')
    bench = open_bench(VE_CONFIG=str(file))
    talk, _ = talk_and_wire(bench, listen)
    talk.view.model = "safe"
    talk.ask("What is recursion?")
    talk.wait(10)
    (shown,) = talk.view.turns
    assert shown.state == "done"
    assert any("sim/fault-503" in note for note in shown.notes)


def test_thoughts_are_shown_apart(bench: Any, listen: Listen) -> None:
    """What a model thinks stands beside its words, and comes back with the conversation."""
    talk, _ = talk_and_wire(bench, listen)
    talk.view.model = "sim/thinker"
    talk.ask("What is recursion?")
    talk.wait(10)
    thought = talk.view.turns[0].reasoning
    assert thought
    assert thought not in talk.view.turns[0].answer
    again, _ = talk_and_wire(bench, listen)
    assert again.view.turns[0].reasoning == thought


def test_pictures_go_to_the_model(bench: Any, listen: Listen) -> None:
    """Bytes that are a picture are sent as a part; what is none is refused before anything is sent."""
    talk, wire = talk_and_wire(bench, listen)
    message = {"do": "ask", "text": "", "view": "v1", "nonce": "n", "images": ["n-0"]}
    wire.bring(message, b"%PDF-1.7")
    assert "not a picture" in wire.of("refused")[0]["why"]
    wire.bring({**message, "images": []})
    assert "no question" in wire.of("refused")[1]["why"]
    wire.bring(message, GIF)
    talk.wait(10)
    assert talk.view.turns[0].images == ("n-0",)
    (turn,) = bench.notebook.talks.book.get("rivers").turns
    assert turn.asked.parts[0].data == GIF
    with pytest.raises(ArgumentsError, match="larger than"):
        talk.ask("x", [GIF + b"x" * 30_000_000])


def test_models_are_looked_for_when_they_are_wanted(bench: Any, listen: Listen) -> None:
    """The picker holds what the configuration knows at once, and what providers serve once somebody looks."""
    talk, wire = talk_and_wire(bench, listen)
    assert talk.view.standard == "sim/tutor"
    assert "sim/thinker" in talk.view.models
    talk.view.models = []
    wire.bring({"do": "models", "view": "v1"})
    until(lambda: "sim/thinker" in talk.view.models)


def test_replay_asks_nobody(open_bench: Open, listen: Listen, tmp_path: Path) -> None:
    """What was recorded in a panel is replayed in one, second tries included; what wasn't fails and says so."""
    bench = open_bench(VE_RECORDING="record", VE_NOTEBOOK="n.ipynb")
    talk, _ = talk_and_wire(bench, listen)
    talk.ask("What is recursion?")
    talk.wait(10)
    answer = talk.view.turns[0].answer
    (tmp_path / "n.conversations.json").unlink()
    unload(bench.shell)
    bench = open_bench(VE_RECORDING="replay", VE_NOTEBOOK="n.ipynb")
    before = bench.asked
    talk, wire = talk_and_wire(bench, listen)
    talk.ask("What is recursion?")
    talk.wait(10)
    assert talk.view.turns[0].answer == answer
    talk.retry(talk.view.turns[0].id)
    talk.wait(10)
    assert talk.view.turns[0].error == ()
    talk.ask("Something else")
    talk.wait(10)
    assert "recording lacks" in talk.view.turns[-1].error[0]
    wire.bring({"do": "models", "view": "v1"})
    bench.notebook.portal.call(_nothing())
    assert bench.asked == before


async def _nothing() -> None:
    """Let what was submitted before begin."""


def test_conversation_survives_the_kernel(open_bench: Open, listen: Listen, tmp_path: Path) -> None:
    """A new kernel's panel shows the turns of the file beside the notebook."""
    bench = open_bench(VE_NOTEBOOK="n.ipynb")
    talk, _ = talk_and_wire(bench, listen)
    talk.ask("What is recursion?")
    talk.wait(10)
    shown = talk.bundle()
    assert "panel-1" in (tmp_path / "n.conversations.json").read_text("utf-8")
    unload(bench.shell)
    bench = open_bench(VE_NOTEBOOK="n.ipynb")
    talk, _ = talk_and_wire(bench, listen)
    assert talk.bundle() == shown
    talk.ask("And a closure?")
    talk.wait(10)
    assert [turn.cell for turn in bench.notebook.talks.book.get("rivers").turns] == ["panel-1", "panel-2"]


def test_broken_file_is_told_and_left_alone(open_bench: Open, listen: Listen, tmp_path: Path) -> None:
    """A conversation that can't be read is an error; one that breaks while a panel is open fails its question."""
    file = tmp_path / "n.conversations.json"
    bench = open_bench(VE_NOTEBOOK="n.ipynb")
    _, wire = talk_and_wire(bench, listen)
    file.write_text("{", "utf-8")
    wire.bring({"do": "ask", "text": "Hello", "view": "v1", "nonce": "n", "images": []})
    assert "can't be read" in wire.of("refused")[0]["why"]
    with pytest.raises(StoreError):
        PanelTalk(bench.notebook, "other")
    bench.run("1 + 1")
    assert file.read_text("utf-8") == "{"


def test_answer_that_can_not_be_kept_is_shown_all_the_same(
    open_bench: Open, listen: Listen, tmp_path: Path
) -> None:
    """Where the file has been broken meanwhile, the answer stands with a note."""
    bench = open_bench(settings=SLOW, VE_NOTEBOOK="n.ipynb")
    talk, _ = talk_and_wire(bench, listen)
    talk.ask("Hello")
    (tmp_path / "n.conversations.json").write_text("{", "utf-8")
    talk.wait(10)
    (shown,) = talk.view.turns
    assert (shown.state, shown.answer != "") == ("done", True)
    assert any("n.conversations.json can't be read" in note for note in shown.notes)


def test_strange_messages_do_nothing(bench: Any, listen: Listen) -> None:
    """A message that nobody knows is passed over."""
    talk, wire = talk_and_wire(bench, listen)
    wire.bring({"do": "dance", "view": "v1"})
    wire.bring({})
    assert wire.messages == []
    talk.stop()
    talk.wait()
    assert not talk.busy


def test_unloading_lets_go(bench: Any, listen: Listen) -> None:
    """After the magics are gone a cell opens nothing for the panel."""
    talk, _ = talk_and_wire(bench, listen)
    unload(bench.shell)
    bench.run("1 + 1")
    callbacks = bench.shell.events.callbacks["post_run_cell"]
    assert talk._after_cell not in callbacks
    assert bench.notebook._session is None


def test_wire_stays_in_proportion(open_bench: Open, listen: Listen) -> None:
    """A streamed answer costs a few messages a second, and bytes that are in proportion to its words."""
    bench = open_bench(settings=Settings(first_token=0.0, tokens_per_second=400.0))
    talk, wire = talk_and_wire(bench, listen)
    begun = time.monotonic()
    talk.ask("Write a long story about the sea.")
    talk.wait(30)
    seconds = time.monotonic() - begun
    answer = talk.view.turns[0].answer
    assert len(wire.messages) <= seconds * 10 + 4
    assert wire.bytes < 2 * len(json.dumps(answer)) + 100 * len(wire.messages) + 2000
