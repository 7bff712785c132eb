"""Text in columns as a terminal shows it, where a Chinese character takes two."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Sequence

_UNSEEN = ("Mn", "Me", "Cf")
"""Categories of characters that take no place of their own."""


def columns(text: str) -> int:
    """Return how many columns a line of text takes."""
    return sum(
        1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
        if unicodedata.category(char) not in _UNSEEN
    )


def aligned(rows: Sequence[Sequence[str]], *, right: Container[int] = ()) -> str:
    """Return rows as lines, each cell as wide as the widest of its column.

    Args:
        rows: Cells of one line each; all rows have as many.
        right: Numbers of the columns, from 0, whose cells stand right.
    """
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]

    def padded(at: int, cell: str) -> str:
        space = " " * (widths[at] - columns(cell))
        return space + cell if at in right else cell + space

    return "\n".join("  ".join(padded(*one) for one in enumerate(row)).rstrip() for row in rows)
