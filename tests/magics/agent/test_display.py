"""An agent at work in a cell: what is shown while it works, and what remains."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ve_magics.catalog import Cost
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.values import (
    CallBegan,
    CallEnded,
    CallMoved,
    Errand,
    Happening,
    Noted,
    Said,
    StepBegan,
    StepEnded,
    shown_arguments,
)
from ve_magics.engine.trace import Trace
from ve_magics.events import ReasoningDelta, RefusalDelta, TextDelta
from ve_magics.magics.agent.answer import AgentAnswer
from ve_magics.magics.agent.display import AgentDisplay, final, trace_lines
from ve_magics.messages import ChatRequest, ChatResponse, Choice, Image, Message, Text, ToolCall
from ve_magics.tools import Output


class Screen:
    """A cell's outputs."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []
        self.final_data: dict[str, str] = {}
        self.metadata: Mapping[str, Any] = {}
        self.updated = False

    def show(self, markdown: str, display_id: str) -> None:
        """Add an output."""
        self.shown.append(("show", markdown))

    def update(self, markdown: str, display_id: str) -> None:
        """Change it."""
        self.shown.append(("update", markdown))

    def hold(self) -> None:
        raise AssertionError("one output needs no place kept")

    def clear(self) -> None:
        """Take it away."""
        self.shown.append(("clear", ""))

    def final(self, data: Mapping[str, str], metadata: Mapping[str, Any], *, display_id: str = "") -> None:
        """Leave one."""
        self.final_data, self.metadata, self.updated = dict(data), metadata, bool(display_id)


class Shell:
    """A shell of a front end."""

    def __init__(self, **names: Any) -> None:
        self.user_ns = names


def ended(text: str, number: int = 1, agent: str = "", cost: float | None = 0.0) -> StepEnded:
    trace = Trace()
    trace.cost = Cost(cost)
    response = ChatResponse(choices=(Choice(Message("assistant", (Text(text),)), "stop"),))
    return StepEnded(agent, number, response, trace, 0.5)


CALL = ToolCall("c", "film", '{"prompt": "A `boat` <b>"}')
RUN: tuple[Happening, ...] = (
    StepBegan("", 1),
    Said("", ReasoningDelta("hm")),
    Said("", TextDelta("Let me film.", 1)),
    ended("Let me film."),
    CallBegan("", 1, CALL),
    CallMoved("", CALL, "running 40%"),
    Noted("", "approved: film"),
    CallEnded("", 1, CALL, Output((Text("filmed\nit"),), cost=0.4), 3.0, "run"),
    StepBegan("", 2),
    Said("", TextDelta("There it is.")),
    ended("There it is.", 2),
)


def answer(display: AgentDisplay, why: Any = "answered", *, whole: bool = True) -> AgentAnswer:
    last = ended("There it is.").response
    return AgentAnswer(
        ChatRequest(model="m"), display.report, Ended(last, (last.message,), why) if whole else None
    )


def display(tmp_path: Path, screen: Screen | None = None, **more: Any) -> AgentDisplay:
    return AgentDisplay(Shell(), tmp_path, streaming=True, screen=screen, env={}, **more)


def test_steps_are_shown_while_they_happen(tmp_path: Path) -> None:
    """The cell tells who is waited for, what is called, how far it is, what it cost, and the words as they come."""
    screen = Screen()
    shown = display(tmp_path, screen)
    states = []
    for second, happening in enumerate(RUN, 1):
        shown.add(happening)
        shown.tick(float(second))
        states.append(screen.shown[-1][1] if screen.shown else "")
    assert "waiting for the model" in states[0]
    assert "thinking" in states[1]
    assert "Let me film." in states[2]
    assert "… film(" in states[4]
    assert "running 40%" in states[5]
    assert "approved: film" in states[6]
    assert "✓ film(" in states[7]
    assert "3.0 s · &#36;0.40 → filmed it" in states[7]
    assert "There it is." in states[9]
    assert {kind for kind, _ in screen.shown[1:]} == {"update"}
    assert not any("<b>" in state for state in states)
    shown.finish(answer(shown))
    assert screen.updated
    assert screen.final_data["text/plain"] == "There it is."
    assert "<details><summary>1 call</summary>" in screen.final_data["text/markdown"]
    assert "0.40" not in screen.final_data["text/markdown"], "what varies is in the metadata"
    assert screen.metadata["ve_magics"]["steps"][0]["calls"][0]["cost_usd"] == 0.4


def test_bytes_stay_in_proportion(tmp_path: Path) -> None:
    """A long answer costs a bounded multiple of its own bytes, however often something happens."""
    screen = Screen()
    shown = display(tmp_path, screen)
    shown.add(StepBegan("", 1))
    for number in range(1_000):
        shown.add(Said("", TextDelta("word after word " * 4)))
        shown.tick(number / 5)
    assert len(screen.shown) > 20
    assert sum(len(markdown) + 900 for _, markdown in screen.shown) < 250_000 + 20 * 64_000


def test_very_many_calls_are_cut(tmp_path: Path) -> None:
    """Of a long run the newest calls are shown, and how many came before."""
    screen = Screen()
    shown = display(tmp_path, screen)
    shown.add(StepBegan("", 1))
    for number in range(60):
        call = ToolCall(f"c{number}", "look", "{}")
        shown.add(CallBegan("", 1, call))
        shown.add(
            CallEnded("", 1, call, Output((Text("x" * 500),), failed=True, cost=None), 0.1, "recording")
        )
    shown.tick(1.0)
    markdown = screen.shown[-1][1]
    assert "20 earlier calls" in markdown
    assert markdown.count("✗ look()") == 40
    assert "recording" in markdown
    assert "…" in markdown


def test_nothing_is_shown_where_nobody_looks_on(tmp_path: Path) -> None:
    """Without a reader only the end is shown."""
    screen = Screen()
    shown = AgentDisplay(Shell(), tmp_path, streaming=False, screen=screen, env={})
    for happening in RUN:
        shown.add(happening)
        shown.tick(9.0)
    assert screen.shown == []
    shown.finish(answer(shown))
    assert not screen.updated


def test_vs_code_gets_a_new_output(tmp_path: Path) -> None:
    """A front end that doesn't take over metadata of an output that changes gets a new one at the end."""
    screen = Screen()
    shell = Shell(__vsc_ipynb_file__="x.ipynb")
    shown = AgentDisplay(shell, tmp_path, streaming=True, screen=screen, env={})
    shown.add(RUN[0])
    shown.tick(1.0)
    shown.finish(answer(shown))
    assert screen.shown[-1] == ("clear", "")
    assert not screen.updated


def test_terminal_prints_calls_and_the_answer(tmp_path: Path) -> None:
    """A terminal prints each call when it has ended, without what a terminal would obey, then the answer."""
    out = io.StringIO()
    shown = display(tmp_path, stdout=out)
    for happening in RUN:
        shown.add(happening)
        shown.tick(1.0)
    shown.add(CallBegan("", 2, CALL))
    shown.tick(2.0)
    shown.finish(answer(shown))
    printed = out.getvalue()
    assert printed.count("✓ film(") == 1
    assert printed.endswith("There it is.\n")
    assert "\x1b" not in printed


def test_printing_programs_get_one_output_in_the_end(tmp_path: Path) -> None:
    """A program that shows what a kernel prints sees the calls, and the notebook keeps the one output."""
    out, screen = io.StringIO(), Screen()
    shown = AgentDisplay(
        Shell(), tmp_path, streaming=True, screen=screen, stdout=out, env={"VE_MAGICS_STREAM": "print"}
    )
    for happening in RUN:
        shown.add(happening)
        shown.tick(1.0)
    shown.finish(answer(shown))
    assert "✓ film(" in out.getvalue()
    assert screen.shown == [("clear", "")]
    assert screen.final_data["text/plain"] == "There it is."


def test_what_came_before_a_failure_stays(tmp_path: Path) -> None:
    """A run that broke off or was stopped leaves its calls, marked; one of which nothing came leaves nothing."""
    for end, mark in (("interrupt", "stopped"), ("fail", "broke off")):
        screen = Screen()
        shown = display(tmp_path, screen)
        for happening in RUN[:8]:
            shown.add(happening)
        getattr(shown, end)(answer(shown, whole=False))
        assert mark in screen.final_data["text/plain"]
        assert "✓ film(" in screen.final_data["text/markdown"]
        assert screen.metadata["ve_magics"]["partial"] is True
    screen = Screen()
    shown = display(tmp_path, screen)
    shown.fail(answer(shown, whole=False))
    assert (screen.shown, screen.final_data) == ([], {})
    shown.add(RUN[0])
    shown.tick(1.0)
    shown.fail(answer(shown, whole=False))
    assert screen.shown[-1] == ("clear", "")


def test_limits_are_told_and_pictures_shown(tmp_path: Path) -> None:
    """A run that was stopped at a limit says so below its answer; pictures of its tools stand in the output."""
    shown = display(tmp_path, Screen())
    shown.add(StepBegan("", 1))
    shown.add(CallBegan("", 1, CALL))
    picture = Image(b"\x89PNG", "image/png")
    shown.add(CallEnded("", 1, CALL, Output((picture,), shown=(picture, "unknown")), 0.1, "run"))
    data = final(answer(shown, "steps"), tmp_path)
    assert "--max-steps" in data["text/plain"]
    assert "data:image/png;base64,iVBORw==" in data["text/markdown"]
    own = final(answer(shown), tmp_path, data={"text/markdown": "m", "text/plain": "p"})
    assert own["text/plain"].startswith("p\n\n[picture")


def test_words_before_an_errand_are_shown_at_once(tmp_path: Path) -> None:
    """Before a reader is asked the cell shows everything, whatever the rhythm."""
    screen = Screen()
    shown = display(tmp_path, screen)
    shown.add(StepBegan("", 1))
    shown.tick(1.0)
    shown.add(Said("", RefusalDelta("No.")))
    shown.add(Errand(lambda: None))
    shown.tick(1.001, now_or_never=True)
    assert len(screen.shown) == 2


def test_arguments_are_shown_on_one_line() -> None:
    """Arguments are shown as Python would write them by name; what is no object is shown as it came; long ones cut."""
    assert (
        shown_arguments(ToolCall("c", "t", '{"a": 1, "b": "x\\ny", "c": "字"}')) == 'a=1, b="x\\ny", c="字"'
    )
    assert shown_arguments(ToolCall("c", "t", "[1]\n")) == "[1]"
    assert shown_arguments(ToolCall("c", "t", "{broken")) == "{broken"
    assert len(shown_arguments(ToolCall("c", "t", "x" * 999), limit=50)) == 50


def test_trace_says_whose_call_it_was(tmp_path: Path) -> None:
    """A call of another agent names it."""
    shown = display(tmp_path, Screen())
    shown.add(StepBegan("film", 1))
    shown.add(CallBegan("film", 1, CALL))
    assert trace_lines(shown.report, live=False) == ['… film → film(prompt="A `boat` <b>")']


def test_kinds_of_pictures_are_no_markup(tmp_path: Path) -> None:
    """What a provider calls a picture's kind could end the picture and go on as HTML; only plain kinds are shown."""
    shown = display(tmp_path)
    hostile = Image(b"x", "image/png;base64,AA)<img src=x onerror=alert(1)>![")
    call = ToolCall("c1", "draw", "{}")
    for happening in (
        StepBegan("", 1),
        CallBegan("", 1, call),
        CallEnded("", 1, call, Output((Text("drawn"),), shown=(hostile,)), 0.1, "run"),
        StepBegan("", 2),
        ended("There it is.", number=2),
    ):
        shown.add(happening)
    data = final(answer(shown), tmp_path)
    assert "onerror" not in data["text/markdown"]
    assert "[picture, 1 bytes]" in data["text/plain"]
