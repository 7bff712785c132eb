"""Small tables: as Markdown for a notebook, as aligned text for everything else."""

from __future__ import annotations

from collections.abc import Sequence

from ve_magics.magics.markdown.links import literal


def money(amount: float | None) -> str:
    """Return US dollars as a figure without a sign, so that no front end reads it as a formula."""
    return "unknown" if amount is None else f"{amount:.6f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column stands left and whose figures stand right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += [[literal(" ".join(cell.split())) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text, aligned like the Markdown one."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            [
                f"{line[0]:<{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for line in [head, *rows]
    )
