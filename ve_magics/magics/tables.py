"""Small tables: as Markdown for a notebook, as aligned text for everything else."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ve_magics.engine.columns import aligned
from ve_magics.magics.markdown.links import words


def money(amount: float | None) -> str:
    """Return US dollars as a figure without a sign, so that no front end reads it as a formula."""
    return "unknown" if amount is None else f"{amount:.6f}"


def markdown_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] | None = None
) -> str:
    """Return a Markdown table.

    Args:
        head: What the columns are called.
        rows: The cells, as they are to be read.
        right: Columns of figures, which stand right and stay on one line; all but the first where None.
    """
    right = head[1:] if right is None else right
    lines = [head, ["---:" if name in right else "---" for name in head]]
    for row in rows:
        cells = [words(" ".join(cell.split())) for cell in row]
        lines.append(
            [
                cell.replace(" ", "&#160;") if name in right else cell
                for name, cell in zip(head, cells, strict=True)
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text, aligned like the Markdown one."""
    return aligned([head, *rows], right=range(1, len(head)))
