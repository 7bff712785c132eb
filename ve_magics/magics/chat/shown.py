"""What a line magic returns is shown in its cell already: IPython's displayhook is to pass it over, there alone."""

from __future__ import annotations

from typing import Any

from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.pending import Pending


def hide_in_cell(result: Answer | Pending, shell: Any) -> None:
    """Hide a result until the running cell ends, so that a later cell shows it as any other value.

    Args:
        result: What the magic returns.
        shell: The running IPython shell.
    """

    def show_again() -> None:
        shell.events.unregister("post_execute", show_again)
        result.show_again()

    result.hide(terminal=not hasattr(shell, "kernel"))
    shell.events.register("post_execute", show_again)
