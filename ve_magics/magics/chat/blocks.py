"""Cuts Markdown that is still being written into blocks that are finished and a tail that may yet grow.

A block is finished once a line has begun that can't belong to it any more. What is cut off is never touched again,
so a display sends it once. Nothing is cut inside of fences, tables, lists (with blank lines between their items or
without), quotes, formulas and comments. The work is in proportion to the text, however it is split.
"""

from __future__ import annotations

import re
from typing import Literal

_FENCE = re.compile(r"(\s*(?:(?:[*+\-]|\d{1,9}[.)])\s+)*)(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r"(?:[*+\-]|\d{1,9}[.)])(?:\s|$)")
_DEFINITION = re.compile(r" {0,3}\[[^\]\n]{1,200}\]:\s*\S")
_SPANS = {"$$": "$$", "\\[": "\\]", "<!--": "-->"}
_LONGEST_SPAN = 8000
"""Characters after which an opened formula or comment counts as a stray mark."""

Kind = Literal["text", "list", "quote"]


class BlockSplitter:
    """Takes a text piece by piece and gives its finished blocks back.

    Everything that `feed` has returned, joined, and `tail` after it, is the text, exactly.

    Attributes:
        definitions: Lines seen so far that define a link, each with its line end; blocks cut off later may use them.
    """

    def __init__(self) -> None:
        self.definitions: list[str] = []
        self._lines: list[str] = []
        self._partial: list[str] = []
        self._kind: Kind = "text"
        self._after_blank = False
        self._fence = ""
        self._span = ""
        self._span_size = 0

    @property
    def tail(self) -> str:
        """What has come and isn't finished."""
        return "".join(self._lines) + "".join(self._partial)

    def feed(self, text: str) -> list[str]:
        """Take more text.

        Returns:
            The blocks that it finished, each with the blank lines behind it.
        """
        *whole, last = text.split("\n")
        finished: list[str] = []
        for piece in whole:
            line = "".join(self._partial) + piece + "\n" if self._partial else piece + "\n"
            self._partial = []
            finished += self._line(line)
        if last:
            self._partial.append(last)
        return finished

    def _line(self, line: str) -> list[str]:
        if self._fence:
            return self._in_fence(line)
        if self._span:
            self._lines.append(line)
            self._span_size += len(line)
            if self._span in line or self._span_size > _LONGEST_SPAN:
                self._span = ""
            return []
        if not line.strip():
            self._lines.append(line)
            self._after_blank = True
            return []
        finished = self._cut() if self._after_blank and self._begins_anew(line) else []
        if not self._lines:
            self._kind = (
                "list" if _ITEM.match(line.lstrip()) else "quote" if line.lstrip().startswith(">") else "text"
            )
        elif self._kind == "text" and _ITEM.match(line.lstrip()):
            self._kind = "list"
        self._after_blank = False
        self._lines.append(line)
        self._open(line)
        return finished

    def _begins_anew(self, line: str) -> bool:
        if line[0] in " \t":
            return False
        return not (self._kind == "list" and _ITEM.match(line)) and not (
            self._kind == "quote" and line[0] == ">"
        )

    def _open(self, line: str) -> None:
        """Note what this line leaves open."""
        fence = _FENCE.match(line.rstrip("\r\n"))
        if fence and (self._kind == "list" or len(fence.group(1)) <= 3):
            self._fence = fence.group(2)
            return
        if _DEFINITION.match(line):
            self.definitions.append(line)
        for opener, closer in _SPANS.items():
            start = line.rfind(opener)
            odd = line.count("$$") % 2 == 1 if opener == "$$" else start >= 0 and closer not in line[start:]
            if odd:
                self._span, self._span_size = closer, 0
                return

    def _in_fence(self, line: str) -> list[str]:
        self._lines.append(line)
        stripped = line.strip()
        mark = self._fence[0]
        if len(stripped) < len(self._fence) or stripped.strip(mark):
            return []
        if self._kind != "list" and len(line) - len(line.lstrip(" ")) > 3:
            return []
        self._fence = ""
        return self._cut() if self._kind == "text" else []

    def _cut(self) -> list[str]:
        block = "".join(self._lines)
        self._lines = []
        self._kind = "text"
        self._after_blank = False
        return [block] if block else []
