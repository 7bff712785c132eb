"""The socket that apps listen on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ve_magics.engine.listener import bound

pytestmark = pytest.mark.anyio


async def test_small_writes_are_not_held_back() -> None:
    """Connections that are accepted have Nagle's algorithm off, so that no token waits for an acknowledgement."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listening = bound("127.0.0.1", 0)
    async with await asyncio.start_server(greet, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await asyncio.wait_for(accepted, 5)
        writer.close()
        await writer.wait_closed()
