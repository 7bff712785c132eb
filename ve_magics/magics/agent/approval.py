"""Asking the cell's reader for a yes, where somebody can answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from ve_magics.dialects.failures import mask

_CONTROLS = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_LONGEST = 4_000
"""Characters of a question."""


def asker(shell: Any) -> Callable[[str], str] | None:
    """Return what asks the cell's reader about a call; None where nobody can answer.

    It says `yes`, `no`, or `all` for every further call of the same tool in this run. Programs that run notebooks
    say with each request that they can't answer.

    Args:
        shell: The running IPython shell.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        if not (sys.stdin is not None and sys.stdin.isatty()):
            return None
    elif not ((kernel.get_parent() or {}).get("content") or {}).get("allow_stdin"):
        return None
    return lambda question: ask(question, input)


def ask(question: str, read: Callable[[str], str]) -> str:
    """Return what a reader says to a call; anything but a clear yes is asked again, and no word at all is a no.

    Args:
        question: What is to be called, and what the reader should know.
        read: Shows a prompt and returns a line.
    """
    prompt = f"{_clean(question)}\n  Allow it? [y]es, [n]o, [a]ll calls of this tool: "
    for _ in range(3):
        try:
            said = read(prompt).strip().lower()
        except EOFError:
            return "no"
        if said in ("y", "yes", "是", "好"):
            return "yes"
        if said in ("a", "all"):
            return "all"
        if said in ("n", "no", "", "否", "不"):
            return "no"
        prompt = "  Please answer y, n or a: "
    return "no"


def _clean(question: str) -> str:
    """Return a question without what could hide a part of it from its reader."""
    lines = _CONTROLS.sub("\ufffd", question).split("\n")
    return "\n".join(
        f"{line[: len(line) - len(line.lstrip())]}{mask(line, limit=_LONGEST)}" for line in lines
    )
