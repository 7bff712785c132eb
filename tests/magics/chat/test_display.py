"""An answer while it grows, and the one output that remains; on a screen that only writes down what it is told."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.events import (
    Accumulator,
    Event,
    Finished,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.magics.chat.display import BROKE_OFF, CUT_OFF, STOPPED, STOPPED_AT_ONCE, AnswerDisplay, bundle
from ve_magics.messages import ChatResponse, Choice, Image, Message, Part, Refusal, Text, ToolCall

PARAGRAPH = (
    "## 标题\n\nSome **words** and `code` that go on for a while.\n\n- a\n- b\n\n```python\nprint(1)\n```\n\n"
)


class Paper:
    """A screen that keeps what a front end would show and counts what it would be sent."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] = {}
        self.remaining: list[tuple[Mapping[str, str], Mapping[str, Any]]] = []
        self.log: list[str] = []
        self.bytes = 0
        self._clearing = False

    def show(self, markdown: str, display_id: str) -> None:
        if self._clearing:
            self.outputs, self._clearing = {}, False
        assert display_id not in self.outputs
        self._take("show", markdown, display_id)

    def update(self, markdown: str, display_id: str) -> None:
        assert display_id == list(self.outputs)[-1], "only the last output changes"
        self._take("update", markdown, display_id)

    def _take(self, what: str, markdown: str, display_id: str) -> None:
        self.outputs[display_id] = markdown
        self.log.append(what)
        self.bytes += 900 + len(markdown.encode())

    def hold(self) -> None:
        assert self.outputs, "there is a place to keep"
        self.log.append("hold")

    def clear(self) -> None:
        self._clearing = True
        self.log.append("clear")

    def final(self, data: Mapping[str, str], metadata: Mapping[str, Any], *, display_id: str = "") -> None:
        if self._clearing:
            self.outputs, self._clearing = {}, False
        if display_id:
            assert list(self.outputs) == [display_id]
            self.outputs = {}
        self.remaining.append((data, metadata))
        self.log.append("final in place" if display_id else "final")

    @property
    def visible(self) -> str:
        return "\n\n".join(self.outputs.values())


def response(*parts: Part) -> ChatResponse:
    """Return an answer of these parts."""
    return ChatResponse(choices=(Choice(Message("assistant", parts), "stop"),))


def streamed(text: str, size: int) -> list[Event]:
    """Return a text as events."""
    return [TextDelta(text[i : i + size]) for i in range(0, len(text), size)]


def play(
    events: Iterable[Event], *, streaming: bool, per_second: float = 100
) -> tuple[Paper, AnswerDisplay, Accumulator, float]:
    """Show events on paper as the portal does: a step of 50 ms, then the clock."""
    paper = Paper()
    display, accumulator, now = AnswerDisplay(None, streaming=streaming, screen=paper), Accumulator(), 0.0
    display.tick(now)
    for count, event in enumerate(events, 1):
        accumulator.add(event)
        display.add(event)
        while count > now * per_second:
            now += 0.05
            display.tick(now)
    return paper, display, accumulator, now


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_remains_is_the_same_however_it_came(streaming: bool, size: int) -> None:
    """Streamed in any pieces or not at all: one output, the same Markdown, the text itself, facts in metadata."""
    text = PARAGRAPH * 5 + "<b>end</b>"
    paper, display, accumulator, _ = play(streamed(text, size), streaming=streaming)
    display.finish(accumulator.response(), {"model": "m", "cost_usd": None, "odd": object})
    ((data, metadata),) = paper.remaining
    assert paper.outputs == {}
    assert data == bundle(response(Text(text)))
    assert data["text/plain"] == text
    assert set(metadata) == {"ve_magics"}
    assert metadata["ve_magics"]["model"] == "m"
    assert ("show" in paper.log) is streaming


@pytest.mark.parametrize("per_second", [20, 100, 1000, 8000])
def test_bytes_are_in_proportion_to_the_answer(per_second: float) -> None:
    """8,000 tokens of 4 characters cost at most a megabyte and 15 messages a second, fast or slow."""
    text = (PARAGRAPH * 400)[:32_000]
    paper, _, _, seconds = play(streamed(text, 4), streaming=True, per_second=per_second)
    assert paper.bytes < 1_000_000
    assert len(paper.log) <= 15 * seconds + 3


def test_a_long_block_costs_no_more() -> None:
    """One code block of 32 kB without a place to cut stays under the limit too."""
    text = "```python\n" + "x = 1  # a line of code\n" * 1400
    paper, _, _, _ = play(streamed(text, 4), streaming=True, per_second=100)
    assert paper.bytes < 1_000_000
    assert "update" in paper.log


def test_the_answer_is_seen_to_grow() -> None:
    """What is visible follows what has come, within a moment, and finished outputs never change again."""
    text = PARAGRAPH * 150
    paper = Paper()
    display, now = AnswerDisplay(None, streaming=True, screen=paper), 0.0
    done: dict[str, str] = {}
    for event in streamed(text, 5):
        display.add(event)
        now += 0.02
        display.tick(now)
        for name, markdown in list(done.items()):
            assert paper.outputs[name] == markdown
        done = dict(list(paper.outputs.items())[:-1])
    assert len(paper.outputs) > 2
    assert paper.visible.count("print(1)") >= 148


def test_waiting_thinking_and_tools_are_shown_while_they_last() -> None:
    """The reader sees what goes on before words come; none of it stays and reasoning is no part of the answer."""
    paper = Paper()
    display = AnswerDisplay(None, streaming=True, screen=paper)
    display.tick(0.0)
    assert paper.visible == "*waiting for the model…*"
    display.add(ReasoningDelta("secret thoughts"))
    display.tick(3.2)
    assert paper.visible == "*thinking… 3 s*"
    display.add(ToolCallDelta(1, "id", "find_<b>", "{"))
    display.tick(4.0)
    assert paper.visible == "*calling find_&lt;b>… 4 s*"
    display.add(PartAdded(Image(data=b"1", media_type="image/png"), 2))
    display.tick(5.0)
    assert paper.visible == "*a picture has come… 5 s*"
    display.add(TextDelta("Words", 3))
    display.tick(6.0)
    assert paper.visible == "Words"


def test_a_short_answer_never_leaves_its_place() -> None:
    """One output changes from the first word to the last form; a long one is cut, and its place is kept to the end."""
    paper, display, accumulator, _ = play(streamed(PARAGRAPH * 40, 4), streaming=True)
    display.finish(accumulator.response(), {})
    assert [entry for entry in paper.log if entry != "update"] == ["show", "final in place"]
    paper, display, accumulator, _ = play(streamed(PARAGRAPH * 200, 4), streaming=True)
    display.finish(accumulator.response(), {})
    assert paper.log.count("show") > 2
    assert paper.log[-3:] == ["hold", "clear", "final"]


def test_in_vscode_the_last_output_is_a_new_one() -> None:
    """VS Code keeps the metadata that an output began with, so there the one that remains is shown anew."""
    paper = Paper()
    shell = SimpleNamespace(user_ns={"__vsc_ipynb_file__": "a.ipynb"})
    display, accumulator = AnswerDisplay(shell, streaming=True, screen=paper), Accumulator()
    accumulator.add(TextDelta("a"))
    display.add(TextDelta("a"))
    display.tick(0.0)
    display.finish(accumulator.response(), {})
    assert paper.log == ["show", "clear", "final"]


def test_other_choices_are_not_mixed_in() -> None:
    """Only the first answer grows in the cell."""
    paper, _, _, _ = play(
        [TextDelta("one"), TextDelta("two", choice=1), Finished("stop")], streaming=True, per_second=1
    )
    assert paper.visible == "one"


def test_a_restart_starts_the_display_over_and_says_so() -> None:
    """What the first target wrote disappears; a line says who answers now and why."""
    paper = Paper()
    display, accumulator = AnswerDisplay(None, streaming=True, screen=paper), Accumulator()
    events: list[Event] = [
        TextDelta("First half"),
        Restarted("b/<i>", "the stream broke"),
        TextDelta("Second"),
        TextDelta(" half"),
    ]
    for number, event in enumerate(events):
        accumulator.add(event)
        display.add(event)
        display.tick(float(number))
    assert paper.visible == "*↻ started over on b/&lt;i>: the stream broke*\n\nSecond half"
    assert "First" not in paper.visible
    display.finish(accumulator.response(), {})
    assert paper.remaining[0][0] == {"text/markdown": "Second half", "text/plain": "Second half"}


@pytest.mark.parametrize(("method", "mark"), [("interrupt", STOPPED), ("fail", BROKE_OFF)])
def test_a_partial_answer_stays_and_is_marked(method: str, mark: str) -> None:
    """What had come is kept as the one output, with a last line in both forms, outside of any code left open."""
    paper, display, accumulator, _ = play([TextDelta("Half\n\n```python\nx = 1")], streaming=True)
    getattr(display, method)(accumulator.response(), {"model": "m"})
    ((data, metadata),) = paper.remaining
    assert data["text/plain"] == f"Half\n\n```python\nx = 1\n\n{mark}"
    assert data["text/markdown"].endswith(f"x = 1\n```\n\n*{mark}*")
    assert metadata == {"ve_magics": {"model": "m", "partial": True}}


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_was_cut_off_says_so(finish: Any) -> None:
    """Whoever reads the cell sees that the end is missing and why; a mark that says more comes first."""
    cut = ChatResponse(choices=(Choice(Message("assistant", (Text("Half an"),)), finish),))
    assert bundle(cut)["text/plain"] == f"Half an\n\n{CUT_OFF[finish]}"
    assert bundle(cut)["text/markdown"] == f"Half an\n\n*{CUT_OFF[finish]}*"
    assert bundle(cut, mark=STOPPED)["text/plain"] == f"Half an\n\n{STOPPED}"


def test_stopped_before_a_word_came() -> None:
    """An interrupt always leaves a mark; a failure without words leaves only its error."""
    paper, display, accumulator, _ = play([ReasoningDelta("hm")], streaming=True)
    display.interrupt(accumulator.response(), {})
    assert paper.remaining[0][0]["text/plain"] == STOPPED_AT_ONCE
    paper, display, accumulator, _ = play([ReasoningDelta("hm")], streaming=True)
    display.fail(accumulator.response(), {})
    assert paper.remaining == []
    assert paper.log[-1] == "clear"
    paper, display, accumulator, _ = play([], streaming=False)
    display.fail(accumulator.response(), {})
    assert paper.log == []


def test_refusals_tools_and_pictures_are_shown() -> None:
    """An answer without words shows what it has instead."""
    paper, _, _, _ = play([RefusalDelta("I <b>can't</b>.")], streaming=True, per_second=1)
    assert paper.visible == "I &lt;b>can't&lt;/b>."
    assert bundle(response(Refusal("No."))) == {"text/markdown": "No.", "text/plain": "No."}
    assert bundle(response(ToolCall("1", "add", '{"a": 1}')))["text/plain"] == 'add({"a": 1})'
    shown = bundle(
        response(
            Text("Here:"),
            Image(data=b"abc", media_type="image/png"),
            Image(data=b"<svg>", media_type="image/svg+xml"),
        )
    )
    assert shown == {
        "text/markdown": "Here:\n\n![picture](data:image/png;base64,YWJj)",
        "text/plain": "Here:",
    }
    assert bundle(ChatResponse()) == {"text/markdown": "", "text/plain": ""}


def test_a_terminal_prints_as_it_comes_and_nothing_twice() -> None:
    """In terminal IPython the words are printed once, without control sequences."""
    out = io.StringIO()
    display, accumulator = AnswerDisplay(object(), streaming=True, stdout=out), Accumulator()
    for text in ("Hel", "lo \x1b[31m", "world"):
        accumulator.add(TextDelta(text))
        display.add(TextDelta(text))
        display.tick(0.0)
    display.add(ReasoningDelta("hm"))
    display.finish(accumulator.response(), {})
    assert out.getvalue() == "Hello \ufffd[31mworld\n"


def test_a_terminal_goes_on_below_after_a_restart() -> None:
    """A terminal can't take back what it printed, so a line separates the two; a failure ends the line."""
    out = io.StringIO()
    display, accumulator = AnswerDisplay(None, streaming=True, stdout=out), Accumulator()
    for event in (TextDelta("one"), Restarted("b/m", "broke"), TextDelta("two")):
        accumulator.add(event)
        display.add(event)
        display.tick(0.0)
    display.interrupt(accumulator.response(), {})
    assert out.getvalue() == f"one\n↻ started over on b/m: broke\ntwo\n\n{STOPPED}\n"
    out.truncate(0)
    display.fail(ChatResponse(), {})
    assert out.getvalue().endswith("\n")


def test_a_terminal_without_streaming_prints_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A cached answer is printed at once."""
    display = AnswerDisplay(None, env={"VE_MAGICS_STREAM": "0"})
    display.add(TextDelta("x"))
    display.tick(1.0)
    display.add(Restarted("b/m", "broke"))
    display.finish(response(Text("whole")), {})
    assert capsys.readouterr().out == "whole\n"
    AnswerDisplay(None).fail(ChatResponse(), {})
