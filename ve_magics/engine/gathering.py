"""Writes of one turn of the event loop, sent as one: a reply's headers with its body, an event with the next."""

from __future__ import annotations

import asyncio
from typing import Any


class Gathered:
    """A transport that sends what is written to it at the end of the loop's turn; all else is the transport's own.

    Args:
        transport: Where it goes.
        loop: The loop that it lives in.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes with all that is written in this turn."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def close(self) -> None:
        """Send what was written and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._pieces.clear()
        self._transport.abort()
