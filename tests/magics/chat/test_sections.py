"""Several answers that grow in one output; on a screen that only writes down what it is told."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from ve_magics.events import Event, ReasoningDelta, Restarted, TextDelta, ToolCallDelta
from ve_magics.magics.chat.comparison import Section
from ve_magics.magics.chat.sections import SectionsDisplay

DATA = {"text/markdown": "all", "text/plain": "all"}
LONG = "Some **words** and `code` that go on for a while. "


class Paper:
    """A screen that keeps the one output that a front end would show, and counts what it would be sent."""

    def __init__(self) -> None:
        self.shown = ""
        self.ids: set[str] = set()
        self.log: list[str] = []
        self.bytes = 0
        self.remaining: list[tuple[Mapping[str, str], Mapping[str, Any]]] = []

    def show(self, markdown: str, display_id: str) -> None:
        self._take("show", markdown, display_id)

    def update(self, markdown: str, display_id: str) -> None:
        assert display_id in self.ids
        self._take("update", markdown, display_id)

    def _take(self, what: str, markdown: str, display_id: str) -> None:
        self.shown = markdown
        self.ids.add(display_id)
        self.log.append(what)
        self.bytes += 900 + len(markdown.encode())

    def hold(self) -> None:
        raise AssertionError("one output needs no place kept")

    def clear(self) -> None:
        self.log.append("clear")

    def final(self, data: Mapping[str, str], metadata: Mapping[str, Any], *, display_id: str = "") -> None:
        assert display_id == "" or display_id in self.ids
        self.remaining.append((data, metadata))
        self.log.append("final in place" if display_id else "final")


def section(model: str, text: str) -> Section:
    """Return a whole answer's section."""
    return Section(model, text, text, (model, "1", "1", "0"))


def opened(paper: Paper, *models: str, shell: Any = None, **environ: str) -> SectionsDisplay:
    """Return a display on paper, streaming."""
    return SectionsDisplay(shell or SimpleNamespace(), models, screen=paper, streaming=True, env=environ)


def test_sections_grow_together_in_one_output() -> None:
    """Every model has a section from the start; it says what its model does, then what it says."""
    paper = Paper()
    display = opened(paper, "a/one", "b/<two>")
    display.tick(0.0)
    assert paper.log == []
    display.tick(0.15)
    assert paper.shown == (
        "### a/one\n\n*waiting for the model…*\n\n---\n\n### b/&lt;two>\n\n*waiting for the model…*"
    )
    events: list[tuple[int, Event]] = [
        (0, TextDelta("Hello **wor")),
        (1, ReasoningDelta("hm")),
    ]
    for index, event in events:
        display.add(index, event)
    display.tick(1.4)
    assert "### a/one\n\nHello" in paper.shown
    assert "*thinking… 1 s*" in paper.shown
    display.add(1, ToolCallDelta(0, name="find"))
    display.add(0, TextDelta("ld**"))
    display.tick(2.5)
    assert "Hello **world**" in paper.shown
    assert "*calling find… 2 s*" in paper.shown
    display.finish(DATA, {"seconds": 2})
    assert paper.remaining == [(DATA, {"ve_magics": {"seconds": 2}})]
    assert paper.log == ["show", "update", "update", "final in place"]
    assert len(paper.ids) == 1


def test_a_finished_section_is_frozen_while_others_go_on() -> None:
    """A whole answer stands with its time and cost, and isn't rendered again."""
    paper = Paper()
    display = opened(paper, "a/one", "b/two")
    display.tick(0.0)
    display.freeze(0, section("a/one", "Done."), "1.2 s · 3 tokens")
    display.add(1, TextDelta("Still"))
    display.tick(0.2)
    assert paper.shown == "### a/one\n\nDone.\n\n*1.2 s · 3 tokens*\n\n---\n\n### b/two\n\nStill"


def test_an_answer_that_starts_over_says_so() -> None:
    """What a broken target had said goes away, and a line tells who begins anew."""
    paper = Paper()
    display = opened(paper, "a/one", "b/two")
    display.tick(0.0)
    display.add(0, TextDelta("Half of"))
    display.add(0, Restarted("c/three", "cut off"))
    display.tick(0.2)
    assert "Half of" not in paper.shown
    assert "*↻ started over on c/three: cut off*\n\n*waiting for the model…*" in paper.shown


def test_updates_are_rare_and_their_bytes_in_proportion() -> None:
    """At most ten messages a second, and 8,000 tokens from three models cost less than a megabyte."""
    sent = []
    for tokens in (2_000, 8_000):
        paper = Paper()
        display = opened(paper, "a/one", "b/two", "c/three")
        seconds = tokens / 300
        for step in range(tokens):
            display.add(step % 3, TextDelta("word" if step % 9 else "word.\n\n"))
            display.tick(step / 300)
        assert len(paper.log) <= seconds * 10 + 1
        sent.append(paper.bytes)
    assert sent[1] < 1_000_000
    assert sent[1] < sent[0] * 6


def test_nothing_is_shown_before_the_end_where_nobody_looks_on() -> None:
    """Without streaming, and where all was known at once, there is one message."""
    for streaming in (True, False):
        paper = Paper()
        display = SectionsDisplay(SimpleNamespace(), ["a/one"], screen=paper, streaming=streaming, env={})
        for now in range(3 if not streaming else 1):
            display.add(0, TextDelta(LONG))
            display.tick(float(now))
        display.finish(DATA, {})
        assert paper.log == ["final"]


def test_vscode_gets_a_new_output_at_the_end() -> None:
    """VS Code does not take over the metadata of an output that changes, so it gets another in its place."""
    paper = Paper()
    shell = SimpleNamespace(user_ns={"__vsc_ipynb_file__": "/x/n.ipynb"})
    display = opened(paper, "a/one", shell=shell)
    display.tick(0.0)
    display.tick(0.2)
    display.finish(DATA, {})
    assert paper.log == ["show", "clear", "final"]


def test_printing_gives_whole_sections_in_order() -> None:
    """Where outputs that change mean nothing, each section is printed when those above it are whole."""
    out = io.StringIO()
    display = SectionsDisplay(SimpleNamespace(), ["a/one", "b/two"], stdout=out, streaming=True, env={})
    display.freeze(1, section("b/two", "2\x1b[31m"), "")
    display.tick(0.0)
    assert out.getvalue() == ""
    display.freeze(0, section("a/one", "1"), "")
    display.tick(0.1)
    printed = "a/one\n─────\n1\n\nb/two\n─────\n2\ufffd[31m"
    assert out.getvalue() == printed
    whole = "a/one\n─────\n1\n\nb/two\n─────\n2\x1b[31m\n\ntable"
    display.finish({"text/markdown": "", "text/plain": whole}, {})
    assert out.getvalue() == f"{printed}\n\ntable\n"


def test_printed_sections_give_way_to_one_output() -> None:
    """A kernel that prints what grows leaves the same one output as any other."""
    paper, out = Paper(), io.StringIO()
    display = SectionsDisplay(
        SimpleNamespace(), ["a/one"], screen=paper, stdout=out, env={"VE_MAGICS_STREAM": "print"}
    )
    display.freeze(0, section("a/one", "1"), "")
    display.tick(0.0)
    display.finish(DATA, {})
    assert out.getvalue() == "a/one\n─────\n1"
    assert paper.log == ["clear", "final"]
