"""An answer that is printed while it grows: in a terminal, or by a kernel for programs that show what it prints.

In a kernel, outputs that change in place mean nothing to a log or a terminal; printed words do. At the end they give
way to the one output that every other way leaves too, so that the notebook is saved the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from ve_magics.magics.screen import Screen

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return a text without the characters that a terminal would obey."""
    return _CONTROLS.sub("\ufffd", text)


def printing_wanted(env: Mapping[str, str]) -> bool:
    """Tell whether what grows in a cell should be printed: `VE_MAGICS_STREAM=print`."""
    return env.get("VE_MAGICS_STREAM", "").strip().lower() == "print"


class Printing:
    """An answer that is printed as it comes and then becomes a cell's one output.

    Args:
        screen: Where that output goes.
        stdout: Where the words go; None takes the standard output.
    """

    def __init__(self, screen: Screen, stdout: TextIO | None = None) -> None:
        self._screen = screen
        self._stdout = stdout
        self._pieces: list[str] = []
        self._begun = False

    def text(self, text: str) -> None:
        """Take words."""
        self._pieces.append(printable(text))

    def status(self, doing: str, size: int) -> None:
        """Say nothing: a line that was printed would stay."""

    def restart(self, note: str) -> None:
        """Say that another target begins from the start."""
        self._pieces = []
        if self._begun:
            self._print(f"\n{note}\n")

    def paint(self, now: float) -> None:  # noqa: ARG002  # printing needs no rhythm
        """Print what has come."""
        self._print("".join(self._pieces))
        self._pieces = []

    def end(self, data: dict[str, str], metadata: dict[str, Any]) -> None:
        """Leave one output in the place of what was printed."""
        self.drop()
        self._screen.final(data, metadata)

    def drop(self) -> None:
        """Take away what was printed as soon as something else is shown."""
        if self._begun:
            self._screen.clear()

    def _print(self, text: str) -> None:
        if text:
            out = self._stdout or sys.stdout
            out.write(text)
            out.flush()
            self._begun = True


class Terminal:
    """An answer that is printed as it comes to a terminal, which can't take anything back.

    Args:
        stdout: Where the words go; None takes the standard output.
    """

    def __init__(self, stdout: TextIO | None = None) -> None:
        self._stdout = stdout
        self._pieces: list[str] = []
        self._printed = 0
        self._begun = False

    def text(self, text: str) -> None:
        """Take words."""
        self._pieces.append(printable(text))

    def status(self, doing: str, size: int) -> None:
        """Say nothing: a line that was printed would stay."""

    def restart(self, note: str) -> None:
        """Say that another target begins from the start."""
        if self._begun:
            self._write(f"\n{note}\n")
        self._pieces, self._printed = [], 0

    def paint(self, now: float) -> None:  # noqa: ARG002  # printing needs no rhythm
        """Print what has come."""
        self._write("".join(self._pieces[self._printed :]))
        self._printed = len(self._pieces)

    def end(self, data: dict[str, str], metadata: dict[str, Any]) -> None:  # noqa: ARG002  # nor has it metadata
        """Print what is missing."""
        whole = printable(data["text/plain"])
        shown = "".join(self._pieces[: self._printed]).rstrip()
        self._write(whole[len(shown) :] if whole.startswith(shown) else f"\n{whole}")
        self._write("\n")

    def drop(self) -> None:
        """End the line that was begun."""
        if self._begun:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            out = self._stdout or sys.stdout
            out.write(text)
            out.flush()
            self._begun = True
