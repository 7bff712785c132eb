"""An output that is filled in after its cell has ended, in the cell that began it.

The cell leaves an output that can be changed. What comes later is sent as a change of that output, under the header
of the cell's own request, so that it doesn't matter which cell runs by then. It is sent from the event loop's thread:
the kernel's publishing socket takes messages from any thread, whichever generation of kernel it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ve_magics.magics.markdown.markdown import neutralise


class LateOutput:
    """One cell's output.

    Args:
        shell: The running IPython shell, in the cell whose output it is.
    """

    def __init__(self, shell: Any) -> None:
        publisher = shell.display_pub
        self._session = getattr(publisher, "session", None)
        self._socket = getattr(publisher, "pub_socket", None)
        self._topic = getattr(publisher, "topic", b"display_data")
        self._parent = dict(getattr(publisher, "parent_header", None) or {})
        self._transient = {"display_id": f"ve-{secrets.token_hex(6)}"}

    def begin(self, text: str, facts: Mapping[str, Any]) -> None:
        """Leave the output, with a line of text; called in the cell."""
        self.open(_lines(text), facts)

    def open(self, data: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Leave the output; called in the cell."""
        from IPython.display import publish_display_data

        publish_display_data(dict(data), {"ve_magics": dict(facts)}, transient=self._transient)

    def say(self, text: str, facts: Mapping[str, Any]) -> None:
        """Change it to other lines of text; called from any thread."""
        self.fill(_lines(text), facts)

    def fill(self, data: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Change it; called from any thread. In a terminal nothing can be changed any more, so nothing is shown."""
        if self._session is None or self._socket is None:
            return
        content = {"data": dict(data), "metadata": {"ve_magics": dict(facts)}, "transient": self._transient}
        message = self._session.msg("update_display_data", content, parent=self._parent)
        self._session.send(self._socket, message, ident=self._topic)


def _lines(text: str) -> dict[str, str]:
    """Return text as Markdown and as itself; a line stays a line."""
    return {"text/markdown": "  \n".join(map(neutralise, text.split("\n"))), "text/plain": text}
