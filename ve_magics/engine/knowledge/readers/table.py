"""Tables in text files: one table of rows, the first of them its head."""

from __future__ import annotations

import csv
import io

from ve_magics.engine.knowledge.readers.blocks import Block, Reading, UnreadableError

MOST_CELL = 4_000
"""Characters of one cell that are read."""


def read(text: str, *, delimiter: str = "") -> Reading:
    """Return a table's rows as one block a row group, each line a row.

    Args:
        text: Clean text.
        delimiter: What parts the cells; that of the first line where empty.

    Raises:
        UnreadableError: Its quotes don't match.
    """
    csv.field_size_limit(max(csv.field_size_limit(), 16 * 1024 * 1024))
    delimiter = delimiter or _delimiter(text)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    lines: list[str] = []
    try:
        for row in rows:
            cells = [" ".join(cell.split())[:MOST_CELL] for cell in row]
            if any(cells):
                lines.append(" | ".join(cells))
    except csv.Error as error:
        raise UnreadableError(f"it is no table ({error})") from None
    return Reading([Block("\n".join(lines), "table", line=1)] if lines else [])


def _delimiter(text: str) -> str:
    """Return what parts the cells of the head, which is the first line that holds anything."""
    head = next((line for line in text.split("\n") if line.strip()), "")
    return max(",;\t|", key=head.count)
