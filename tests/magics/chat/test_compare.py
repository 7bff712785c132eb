"""`%%compare`: several models, one prompt, one output."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.engine.recording import request_key
from ve_magics.errors import AuthError, MissingExtraError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.comparison import Comparison
from ve_magics.magics.chat.failed import keep_failure, recalled
from ve_magics.magics.failure import RecordedFailureError, explain
from ve_magics.sim import Settings


def both(bench: Any) -> Comparison:
    """Return what `-o both` kept."""
    found = bench.shell.user_ns["both"]
    assert isinstance(found, Comparison)
    return found


def test_every_model_answers_the_same_prompt(bench: Any) -> None:
    """Each model gets the same prompt and settings; the answers stand in the order of the line, figures below."""
    ran = bench.run('%%compare sim/tutor sim/thinker -s "Be brief." -t 0 -o both\nWhat is 6 times 7?')
    assert ran.error is None
    found = both(bench)
    assert list(found) == ["sim/tutor", "sim/thinker"]
    assert all(isinstance(answer, Answer) for answer in found.values())
    requests = [answer.request for answer in found.values()]
    assert [request.model for request in requests] == ["sim/tutor", "sim/thinker"]
    assert requests[0].messages == requests[1].messages
    assert [request.temperature for request in requests] == [0, 0]
    shown = ran.printed
    assert shown.index("sim/tutor\n─────────\n") < shown.index("sim/thinker\n───────────\n")
    head, *rows = shown.rstrip().splitlines()[-3:]
    assert head.split() == ["model", "tokens", "in", "tokens", "out", "cost,", "USD"]
    assert [row.split()[0] for row in rows] == ["sim/tutor", "sim/thinker"]
    usage = found["sim/thinker"].usage
    assert usage is not None
    assert rows[1].split()[1:] == [str(usage.input), str(usage.output), "0.000000"]


def test_expressions_are_evaluated_once_for_all(bench: Any) -> None:
    """What an expression does, it does once, however many models are asked."""
    bench.shell.user_ns["seen"] = []
    bench.run("%%compare sim/tutor sim/thinker -o both\nSay {{ seen.append(1) or len(seen) }}")
    assert bench.shell.user_ns["seen"] == [1]
    assert {answer.request.messages[-1].text for answer in both(bench).values()} == {"Say 1"}


def test_one_failing_does_not_spoil_the_others(bench: Any) -> None:
    """A model that fails has its error in its section; the others answer and the cell succeeds."""
    ran = bench.run("%%compare sim/fault-401 sim/tutor nobody-knows-it sim/fault-cut -o both\nTell a story.")
    assert ran.error is None
    found = both(bench)
    assert list(found) == ["sim/tutor", "sim/fault-cut"]
    assert list(found.errors) == ["sim/fault-401", "nobody-knows-it", "sim/fault-cut"]
    assert found["sim/fault-cut"].partial
    assert not found["sim/tutor"].partial
    assert "sim/fault-401\n─────────────\n✗ auth: " in ran.printed
    assert "✗ unknown model: Nobody here serves a model 'nobody-knows-it'." in ran.printed
    assert "⚠ broke off: partial answer\n\n✗ interrupted stream: " in ran.printed
    assert repr(found).endswith("sim/fault-cut, 3 failed>")


def test_a_cell_fails_if_all_models_fail(bench: Any) -> None:
    """Where nobody answers, every error is shown and the first is the cell's."""
    ran = bench.run("%%compare sim/fault-401 nobody-knows-it\nHi")
    assert isinstance(ran.error.error, AuthError)
    assert len(ran.lines) <= 4
    assert "Nobody here serves a model 'nobody-knows-it'" in ran.printed


def test_models_are_asked_at_the_same_time(open_bench: Callable[..., Any]) -> None:
    """Two answers take less time than one after the other, and say how long each took."""
    bench = open_bench(settings=Settings(first_token=0.8, tokens_per_second=1e6))
    began = time.monotonic()
    bench.run("%%compare sim/tutor sim/thinker -o both\nHello")
    passed = time.monotonic() - began
    seconds = both(bench).seconds
    assert len(seconds) == 2
    assert min(seconds.values()) >= 0.8
    assert passed < sum(seconds.values())


@pytest.mark.parametrize("flags", ["", "--schema Rivers", "-f code"])
def test_output_is_the_same_from_the_cache_and_replayed(bench: Any, flags: str) -> None:
    """The output doesn't tell whether it was streamed, cached, recorded or replayed; nobody is asked again."""
    bench.run(
        'Rivers = {"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}}'
    )
    cell = f"%%compare sim/tutor sim/thinker {flags} -o both\nName three rivers in China."
    bench.run("%ve record demo")
    ran = [bench.run(cell)]
    live = both(bench)
    asked = bench.asked
    ran.append(bench.run(cell))
    cached = both(bench)
    bench.run("%ve replay")
    ran.append(bench.run(cell))
    replayed = both(bench)
    assert [one.error for one in ran] == [None, None, None]
    assert len({one.printed for one in ran}) == 1
    assert bench.asked == asked
    assert live.data() == cached.data() == replayed.data()
    assert [found["sim/tutor"].source for found in (live, cached, replayed)] == [
        "provider",
        "cache",
        "recording",
    ]
    assert live.facts()["cost_usd"] == replayed.facts()["cost_usd"] == live.cost


def test_a_failing_part_replays_as_it_was(bench: Any) -> None:
    """What failed, also in the middle of an answer, is recorded: the cell replays byte for byte, and says that it does."""
    cell = "%%compare sim/fault-401 sim/tutor nobody-knows-it sim/fault-cut -o both\nTell a story."
    bench.run("%ve record demo")
    live = bench.run(cell)
    made = both(bench)
    lines = {model: explain(error) for model, error in made.errors.items()}
    asked = bench.asked
    bench.run("%ve replay")
    again = bench.run(cell)
    assert again.error is None
    assert (again.printed, again.outputs) == (live.printed, live.outputs)
    assert bench.asked == asked
    found = both(bench)
    assert {model: explain(error) for model, error in found.errors.items()} == lines
    assert {*found.errors} == {"sim/fault-401", "nobody-knows-it", "sim/fault-cut"}
    assert found["sim/fault-cut"].partial
    assert found["sim/fault-cut"].source == "recording"
    assert found.facts()["errors"] == made.facts()["errors"]
    assert set(found.facts()["recorded_errors"]) == {*found.errors}
    assert "recorded_errors" not in made.facts()
    bench.run("%ve record demo")
    assert bench.run(cell).printed == live.printed


def test_a_cell_in_which_all_failed_replays_its_error(bench: Any) -> None:
    """The error output is the recorded one, line by line; a model that is asked anew isn't held to its failure."""
    cell = "%%compare sim/fault-401 sim/fault-500 -o both\nHello"
    bench.run("%ve record demo")
    live = bench.run(cell)
    failed = type(both(bench).errors["sim/fault-401"])
    bench.run("%ve replay")
    again = bench.run(cell)
    assert again.lines == live.lines
    assert again.printed == live.printed
    assert isinstance(both(bench).errors["sim/fault-401"], RecordedFailureError)
    bench.notebook.session.set_mode("auto")
    assert bench.run(cell).lines[0] == live.lines[0]
    assert type(both(bench).errors["sim/fault-401"]) is failed


def test_a_failure_takes_the_place_of_an_earlier_answer(bench: Any) -> None:
    """An answer of an earlier run is no part of one in which the model failed; one of the same run stays."""
    session = bench.notebook.session
    bench.run("%ve record demo")
    bench.run("%%compare sim/tutor sim/thinker -o both\nHello")
    answer = both(bench)["sim/tutor"]
    key, failure = request_key(answer.request), AuthError("No.", status=401)
    keep_failure(session, answer.request, failure, None, "")
    assert session.recording.answer(key) is not None
    session.set_mode("record")
    keep_failure(session, answer.request, failure, answer, "")
    assert session.recording.answer(key) is None
    error, part = recalled(session, answer.request, "") or pytest.fail("nothing was recorded")
    assert (error.kind, explain(error)) == ("AuthError", explain(failure))
    assert part is not None
    assert (part.text, part.partial, part.served) == (answer.text, True, answer.served)


def test_replay_without_an_answer_fails_the_cell(bench: Any) -> None:
    """A recording that lacks one model's answer is an error that names the cell, although the other one is there."""
    bench.run("%ve record demo")
    bench.run("%%chat sim/tutor\nHello")
    bench.run("%ve replay")
    ran = bench.run("%%compare sim/tutor sim/thinker -o both\nHello")
    assert ran.lines[0].startswith("✗ recording: The recording lacks the answer of cell [")
    assert list(both(bench)) == ["sim/tutor"]


def test_schema_is_asked_of_every_model(bench: Any) -> None:
    """With `--schema` each answer is read into an object; one that doesn't fit, asked twice, is that model's error."""
    bench.run('Word = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}')
    ran = bench.run("%%compare sim/tutor sim/thinker --schema Word -o both\nA word, please.")
    assert ran.error is None
    assert all(isinstance(answer.parsed["word"], str) for answer in both(bench).values())
    never = '{"type": "object", "properties": {"n": {"type": "integer", "minimum": 5, "maximum": 4}}, "required": ["n"]}'
    bench.run(f"Never = {never}")
    ran = bench.run("%%compare sim/tutor sim/thinker --schema Never -o both\nA number, please.")
    found = both(bench)
    assert len(ran.lines) <= 4
    assert [len(answer.attempts) for answer in found.values()] == [2, 2]
    assert "does not fit" in found.errors["sim/tutor"].message


def test_interrupt_keeps_what_had_come(open_bench: Callable[..., Any]) -> None:
    """An interrupt stops all requests at once; what had come is shown, marked and kept, and nothing is cached."""
    bench = open_bench(settings=Settings(first_token=0.0, tokens_per_second=20.0))
    main = threading.get_ident()
    timer = threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    ran = bench.run("%%compare sim/tutor sim/fault-silence -o both\nWrite a long story about the sea.")
    timer.cancel()
    timer.join()
    assert isinstance(ran.error, KeyboardInterrupt)
    found = both(bench)
    assert found.stopped
    assert found["sim/tutor"].partial
    assert "sim/fault-silence" not in found
    assert ran.printed.count("■ stopped") == 2
    assert found.facts()["partial"] is True
    assert bench.notebook.session.cache.size().entries == 0
    deadline = time.monotonic() + 5
    while bench.simulator.counters.abandoned < 2 and time.monotonic() < deadline:
        bench.notebook.portal.call(asyncio.sleep(0.01))
    assert bench.simulator.counters.abandoned == 2


class Frame:
    """What stands for pandas' DataFrame."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.index = ""

    def set_index(self, name: str) -> Frame:
        """Take a column as the rows' names."""
        self.index = name
        return self


def test_comparison_as_a_data_frame(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.df` has a row for each model, failed ones included; without pandas it says what to install."""
    bench.run("%%compare sim/tutor sim/fault-401 -o both\nHello")
    found = both(bench)
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame))
    frame = found.df
    assert frame.index == "model"
    assert [row["model"] for row in frame.rows] == ["sim/tutor", "sim/fault-401"]
    good, failed = frame.rows
    assert (good["text"], good["cost"], good["error"]) == (found["sim/tutor"].text, 0.0, None)
    assert (failed["text"], failed["error"]) == (None, found.errors["sim/fault-401"].message)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError) as missing:
        _ = found.df
    assert missing.value.hint == "pip install pandas"


def test_comparison_shows_itself_as_the_cell_did(bench: Any) -> None:
    """The object's own display is the cell's output; what varies is in its metadata."""
    bench.run("%%compare sim/tutor sim/fault-401 -o both\nHello")
    found = both(bench)
    data, metadata = found._repr_mimebundle_()
    assert data == found.data()
    facts = metadata["ve_magics"]
    assert facts["models"]["sim/tutor"]["seconds"] >= 0
    assert facts["errors"] == {"sim/fault-401": "AuthError"}
    assert len(found) == 1
    with pytest.raises(KeyError):
        found["sim/fault-401"]


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("%%compare\nHi", ["✗ arguments: %%compare takes two models or more.", "For example: %%compare"]),
        ("%%compare sim/tutor\nHi", ["✗ arguments: %%compare takes two models or more."]),
        ("%%compare sim/tutor sim/tutor\nHi", ["✗ arguments: A model is named twice."]),
        (
            "%%compare sim/tutor sim/poet",
            ["✗ arguments: The prompt is empty.", "Write what you want to ask below the %%compare line."],
        ),
        ("%%compare a b -c talk\nHi", ["✗ arguments: %%compare has no flag -c.", "Usage: %%compare "]),
    ],
)
def test_bad_input_is_told_before_anything_is_sent(bench: Any, cell: str, lines: list[str]) -> None:
    """Each is an error of a few lines."""
    ran = bench.run(cell)
    assert len(ran.lines) <= 4
    for shown, begin in zip(ran.lines, lines, strict=False):
        assert shown.startswith(begin)
    assert bench.asked == 0


def test_help_and_plan_send_nothing(bench: Any, tmp_path: Path) -> None:
    """`--help` explains itself, `--dry-run` shows the plan of each model in one output."""
    (tmp_path / "notes.txt").write_text("Some notes.", "utf-8")
    assert bench.run("%%compare --help").text.startswith("usage: %%compare")
    shown = bench.run("%%compare sim/tutor sim/thinker --dry-run --file notes.txt\nHello {x}").text
    assert shown.startswith("sim/tutor\nto        sim/tutor\n")
    assert "\n\nsim/thinker\nto        sim/thinker\n" in shown
    assert shown.count("user      Hello {x}") == 2
    assert bench.asked == 0
