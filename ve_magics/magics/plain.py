"""Plain text as a cell's output, or in a terminal."""

from __future__ import annotations


def show_text(text: str) -> None:
    """Show text as it stands."""
    from IPython.display import display

    display({"text/plain": text}, raw=True)
