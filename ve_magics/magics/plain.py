"""Text as a cell's output, or in a terminal: as it stands, or as Markdown where that is rendered."""

from __future__ import annotations

from ve_magics.magics.markdown.markdown import neutralise


def show_text(text: str) -> None:
    """Show text as it stands."""
    from IPython.display import display

    display({"text/plain": text}, raw=True)


def show_markdown(text: str) -> None:
    """Show Markdown, rendered where the front end can; nothing in it becomes active HTML."""
    from IPython.display import display

    display({"text/markdown": neutralise(text), "text/plain": text}, raw=True)
