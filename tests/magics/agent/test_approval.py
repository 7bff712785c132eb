"""Asking a reader for a yes."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.magics.agent.approval import ask, asker


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (["y"], "yes"),
        ([" YES "], "yes"),
        (["好"], "yes"),
        (["n"], "no"),
        ([""], "no"),
        (["a"], "all"),
        (["maybe", "y"], "yes"),
        (["maybe", "perhaps", "who knows"], "no"),
    ],
)
def test_only_a_clear_yes_is_one(said: list[str], found: str) -> None:
    """A clear word decides, anything else is asked again, and in the end it is a no."""
    left = list(said)
    assert ask("▶ pay()", lambda _: left.pop(0)) == found
    assert left == []


def test_end_of_input_is_a_no() -> None:
    """A reader who is gone has not said yes."""

    def gone(_: str) -> str:
        raise EOFError

    assert ask("▶ pay()", gone) == "no"


def test_question_hides_nothing() -> None:
    """Escapes, direction marks and invisible characters can't hide a part of the call; keys are not shown."""
    prompts: list[str] = []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        return "n"

    ask('▶ pay(to="\x1b[2K\u202eevil\u200b\r")\n  second line', read)
    (prompt,) = prompts
    assert not {"\x1b", "\u202e", "\u200b", "\r"} & set(prompt)
    assert "\n  second line" in prompt
    assert "[y]es" in prompt


@pytest.mark.parametrize("allowed", [True, False])
def test_kernel_tells_whether_somebody_is_there(allowed: bool) -> None:
    """A front end with a reader says with each request that it can answer; a program says that it can't."""
    parent = {"content": {"allow_stdin": allowed}}
    kernel = SimpleNamespace(get_parent=lambda: parent)
    assert (asker(SimpleNamespace(kernel=kernel)) is not None) is allowed
    assert asker(SimpleNamespace(kernel=SimpleNamespace(get_parent=dict))) is None


def test_terminal_tells_whether_somebody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal can be asked, a pipe can't."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shell: Any = SimpleNamespace()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert asker(shell) is None
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    question = asker(shell)
    assert question is not None
    assert question("▶ pay()") == "yes"
