"""The simulator over a real socket."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, TextIO

from ve_magics.engine.listener import listen
from ve_magics.sim.exchange import Message, Receive, Send
from ve_magics.sim.settings import Settings
from ve_magics.sim.simulator import Simulator

AT_ONCE = struct.pack("ii", 1, 0)
"""The socket option that lets a connection end with a reset instead of an orderly close."""


class OverSocket:
    """An ASGI app that breaks its connection where a simulator in the same process would raise.

    Args:
        simulator: The app within.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request or the lifespan."""
        try:
            await self.simulator(scope, receive, send)
        except ConnectionError:
            # ASGI has no word for this, so the server's own transport is asked; without one the error stands.
            transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
            if transport is None:
                raise
            if (connection := transport.get_extra_info("socket")) is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            transport.abort()
            await asyncio.sleep(
                0
            )  # let the server see that the connection is gone, so that it doesn't complain


def serve(
    host: str = "127.0.0.1",
    port: int = 8765,
    *,
    settings: Settings | None = None,
    out: TextIO | None = None,
) -> None:
    """Serve a fresh simulator until the process is told to stop; prints one line with its URL when it is ready.

    Args:
        host: Address to listen at.
        port: Port; 0 takes a free one.
        settings: How it behaves; as the embedded default where None.
        out: Where the line goes; standard output where None.

    Raises:
        MissingExtraError: uvicorn isn't installed.
        ConfigError: The port can't be had.
    """
    listen(
        OverSocket(Simulator(settings)),
        host,
        port,
        name="ve-magics sim",
        what="The simulator over HTTP",
        grace=3,
        out=out,
    )
