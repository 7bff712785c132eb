"""Where an answer is shown: the outputs of the running cell, or a terminal; and whether anybody looks on."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol

_HOLD = (
    "queueMicrotask(() => { try { const area = element.closest('.jp-OutputArea');"
    " area.style.minHeight = area.offsetHeight + 'px' } catch {} })"
)
"""JupyterLab means to keep a cell's height while one output takes the place of others, but measures it when all of them
are gone: the page is then shorter than the reader has scrolled, and jumps. With the height set beforehand it measures
what it means to, and takes the height back itself a moment later."""


class Screen(Protocol):
    """The outputs of one cell."""

    def show(self, markdown: str, display_id: str) -> None:
        """Add an output that can be changed."""

    def update(self, markdown: str, display_id: str) -> None:
        """Change an output that was added."""

    def hold(self) -> None:
        """Keep the place that the outputs take through the next `clear`, so that the page doesn't move."""

    def clear(self) -> None:
        """Take all outputs away as soon as the next one comes."""

    def final(self, data: Mapping[str, str], metadata: Mapping[str, Any], *, display_id: str = "") -> None:
        """Add the output that remains, or make the one with this id into it."""


class CellScreen:
    """The outputs of the running cell."""

    def show(self, markdown: str, display_id: str) -> None:
        """Add an output that can be changed."""
        self._growing(markdown, display_id, update=False)

    def update(self, markdown: str, display_id: str) -> None:
        """Change an output that was added."""
        self._growing(markdown, display_id, update=True)

    def hold(self) -> None:
        """Keep the place that the outputs take through the next `clear`, so that the page doesn't move.

        What it shows is gone with that `clear`; a front end that runs no scripts moves, as it would without it.
        """
        from IPython.display import publish_display_data

        publish_display_data({"application/javascript": _HOLD}, {})

    def clear(self) -> None:
        """Take all outputs away as soon as the next one comes."""
        from IPython.display import clear_output

        clear_output(wait=True)

    def final(self, data: Mapping[str, str], metadata: Mapping[str, Any], *, display_id: str = "") -> None:
        """Add the output that remains, or make the one with this id into it."""
        from IPython.display import publish_display_data

        if display_id:
            transient = {"display_id": display_id}
            publish_display_data(dict(data), dict(metadata), transient=transient, update=True)
        else:
            publish_display_data(dict(data), dict(metadata))

    @staticmethod
    def _growing(markdown: str, display_id: str, *, update: bool) -> None:
        from IPython.display import publish_display_data

        publish_display_data(
            {"text/markdown": markdown}, {}, transient={"display_id": display_id}, update=update
        )


def output_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output's metadata: what varies from run to run, as JSON under the project's own name."""
    return {"ve_magics": json.loads(json.dumps(metadata, default=str))}


def streaming_wanted(env: Mapping[str, str], shell: Any) -> bool:
    """Tell whether an answer should grow in the cell.

    It should where somebody looks on. Programs that run notebooks (nbclient, nbval, papermill) say in each request
    that they can't answer questions on standard input; front ends with a reader say that they can.

    Args:
        env: The environment: `VE_MAGICS_STREAM=0|1|print` decides, `VE_RECORDING=replay` never streams.
        shell: The running IPython shell, or None.
    """
    chosen = env.get("VE_MAGICS_STREAM", "").strip().lower()
    if chosen in ("0", "false", "no", "off"):
        return False
    if chosen in ("1", "true", "yes", "on", "print"):
        return True
    if env.get("VE_RECORDING", "").strip().lower() == "replay" or shell is None:
        return False
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return bool(sys.stdout.isatty())
    parent = kernel.get_parent() or {}
    return bool(parent.get("content", {}).get("allow_stdin", True))


def filled_in_later(shell: Any) -> bool:
    """Tell whether a cell's output can still change when the cell has ended.

    It can where somebody looks on. A program that runs a notebook takes no output of a cell that has ended, and ends
    the kernel after the last one, so that what came later would be lost.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return True
    parent = kernel.get_parent() or {}
    return bool((parent.get("content") or {}).get("allow_stdin", True))
