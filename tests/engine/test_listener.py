"""Listening: one line when ready, a clear error where the port is taken, and an end when told to stop."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sys
import threading
import urllib.request
from typing import Any

import pytest

from ve_magics.engine.listener import bound, listen
from ve_magics.errors import ConfigError, MissingExtraError


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Say hello over ASGI."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_the_line_comes_when_it_is_ready_and_a_signal_ends_it() -> None:
    """The URL that is printed answers; after SIGINT `listen` has closed its socket."""
    out, heard = io.StringIO(), list[Any]()

    def ready(url: str) -> None:
        def visit() -> None:
            try:
                heard.append(urllib.request.urlopen(url, timeout=10).read())
            finally:
                os.kill(os.getpid(), signal.SIGINT)

        heard.append(url)
        threading.Thread(target=visit).start()

    with pytest.raises(KeyboardInterrupt):
        listen(hello, "127.0.0.1", 0, name="ve-magics:", what="This", out=out, ready=ready, grace=1)
    assert heard[1] == b"hello"
    assert out.getvalue() == f"ve-magics: {heard[0]}\n"
    with bound("127.0.0.1", int(heard[0].rpartition(":")[2])) as free:
        assert free.fileno() >= 0


def test_a_port_that_is_taken_is_told() -> None:
    """The error names the address and what to do."""
    with bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} can't be listened at") as caught:
            bound("127.0.0.1", port)
    assert "--port" in caught.value.hint


def ask(port: int, head: bytes) -> bytes:
    """Send the beginning of a request until it is answered, and return the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(head)
        if not head.endswith(b"\r\n\r\n"):
            try:
                for _ in range(4000):
                    line.sendall(b"a" * 16_384)
            except OSError:
                return b"cut off"
        return line.recv(1000)


def test_no_request_makes_the_server_grow_or_fail() -> None:
    """Headers without end are cut off, and an upgrade that is not offered is a plain request."""
    out, heard = io.StringIO(), list[bytes]()
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    def ready(url: str) -> None:
        def visit() -> None:
            port = int(url.rpartition(":")[2])
            try:
                heard.append(ask(port, b"GET / HTTP/1.1\r\nhost: x\r\n" + upgrade + key + b"\r\n"))
                heard.append(ask(port, b"GET / HTTP/1.1\r\nhost: x\r\nx: "))
                heard.append(ask(port, b"GET /"))
            finally:
                os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=visit).start()

    with pytest.raises(KeyboardInterrupt):
        listen(hello, "127.0.0.1", 0, name="ve-magics:", what="This", out=out, ready=ready, grace=1)
    assert heard[0].startswith(b"HTTP/1.1 200")
    for cut in heard[1:]:
        assert cut == b"cut off" or cut.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


def test_an_address_that_is_none_is_told() -> None:
    """An IPv6 address is bound as one where the machine has it; what is no address is an error."""
    with pytest.raises(ConfigError, match="can't be listened at"):
        bound("2001:db8::77", 0)
    with pytest.raises(ConfigError) as caught:
        bound("no address", 0)
    assert caught.value.hint == "--host takes an address of this machine, which no address isn't."


def test_without_uvicorn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"ve_magics\[server\]"):
        listen(hello, "127.0.0.1", 0, name="x", what="The server")


@pytest.mark.anyio
async def test_small_writes_are_not_held_back() -> None:
    """Connections that are accepted have Nagle's algorithm off, so that no token waits for an acknowledgement."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(greet, sock=bound("127.0.0.1", 0)) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await asyncio.wait_for(accepted, 5)
        writer.close()
        await writer.wait_closed()
