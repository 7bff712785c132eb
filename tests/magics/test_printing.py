"""An answer that a kernel prints while it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ve_magics.events import Restarted, TextDelta
from ve_magics.magics.chat.display import AnswerDisplay
from ve_magics.magics.printing import printing_wanted
from ve_magics.magics.screen import streaming_wanted
from ve_magics.messages import ChatResponse, Choice, Message, Text

PRINT = {"VE_MAGICS_STREAM": "print"}


class Screen:
    """A cell's outputs, written down."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def show(self, markdown: str, display_id: str) -> None:
        """Note an output that can be changed."""
        self.said.append("show")

    def update(self, markdown: str, display_id: str) -> None:
        """Note a change."""
        self.said.append("update")

    def hold(self) -> None:
        raise AssertionError("one output needs no place kept")

    def clear(self) -> None:
        """Note that all outputs go."""
        self.said.append("clear")

    def final(self, data: Mapping[str, str], metadata: Mapping[str, Any], *, display_id: str = "") -> None:
        """Note the output that remains."""
        self.said.append(dict(data))


def answered(text: str) -> ChatResponse:
    """Return an answer."""
    return ChatResponse(choices=(Choice(Message("assistant", (Text(text),)), "stop"),))


def test_it_is_asked_for_by_name() -> None:
    """`VE_MAGICS_STREAM=print` prints and so streams, whoever looks on; nothing else prints."""
    assert printing_wanted(PRINT)
    assert streaming_wanted(PRINT, None)
    assert not printing_wanted({"VE_MAGICS_STREAM": "1"})
    assert not printing_wanted({})


def test_words_are_printed_once_and_one_output_remains(capsys: pytest.CaptureFixture[str]) -> None:
    """Each word is printed as it comes, and the last output is the same as ever."""
    screen = Screen()
    display = AnswerDisplay(None, screen=screen, env=PRINT)
    grown = []
    for number, word in enumerate(("Good", " day", "\x1b[2J!")):
        display.add(TextDelta(word))
        display.tick(float(number))
        grown.append(capsys.readouterr().out)
    assert grown == ["Good", " day", "\ufffd[2J!"]
    display.finish(answered("Good day!"), {})
    assert screen.said == ["clear", {"text/markdown": "Good day!", "text/plain": "Good day!"}]


def test_starting_over_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Words of another target stand below a line that says so."""
    display = AnswerDisplay(None, screen=Screen(), env=PRINT)
    display.add(TextDelta("Good"))
    display.tick(0.0)
    display.add(Restarted("b/y", "overloaded"))
    display.add(TextDelta("Hello"))
    display.tick(1.0)
    assert capsys.readouterr().out == "Good\n↻ started over on b/y: overloaded\nHello"


def test_nothing_is_cleared_where_nothing_was_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that was known already, and a failure before the first word, print nothing."""
    screen = Screen()
    AnswerDisplay(None, screen=screen, env=PRINT).finish(answered("Known"), {})
    AnswerDisplay(None, screen=screen, env=PRINT).fail(ChatResponse(), {})
    assert screen.said == [{"text/markdown": "Known", "text/plain": "Known"}]
    assert capsys.readouterr().out == ""
