"""Where one cell's answer is shown, and how: in the cell's outputs, as printed text in a kernel, or in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from ve_magics.engine.config import child_environment
from ve_magics.magics.printing import printable, printing_wanted
from ve_magics.magics.screen import CellScreen, Screen, streaming_wanted


class Stage:
    """What the surroundings of one cell say about how its answer is shown.

    Args:
        shell: The running IPython shell; one without a kernel prints.
        streaming: Whether the answer grows; None asks `streaming_wanted`.
        screen: Where a cell's outputs go; None takes the running cell's.
        stdout: Where printed text goes; None takes the standard output.
        env: The environment that decides on streaming; None takes the process's own.

    Attributes:
        streaming: Whether the answer grows.
        screen: The cell's outputs; None in a terminal.
        prints: Whether what grows is printed.
        in_place: Whether the output that grew can become the one that remains. VS Code doesn't take over the
            metadata of an output that changes.
        stdout: Where printed text goes; None is the standard output.
        printed: Whether anything was printed through `print`.
    """

    def __init__(
        self,
        shell: Any,
        *,
        streaming: bool | None = None,
        screen: Screen | None = None,
        stdout: TextIO | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        env = child_environment() if env is None else env
        in_cell = screen is not None or hasattr(shell, "kernel")
        self.streaming = streaming_wanted(env, shell) if streaming is None else streaming
        self.screen: Screen | None = (screen or CellScreen()) if in_cell else None
        self.prints = not in_cell or printing_wanted(env)
        self.in_place = "__vsc_ipynb_file__" not in getattr(shell, "user_ns", {})
        self.stdout = stdout
        self.printed = False

    def print(self, text: str) -> None:
        """Print text at once, without the characters that a terminal would obey."""
        out = self.stdout or sys.stdout
        out.write(printable(text))
        out.flush()
        self.printed = True
