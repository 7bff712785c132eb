"""The one way in which an ASGI app listens on a socket, and the one way in which it stops."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any, TextIO

from ve_magics.engine.gathering import Gathered
from ve_magics.errors import ConfigError, MissingExtraError

GRACE = 30
"""Seconds that running replies get to finish after the first signal to stop."""

HEAD_LIMIT = 256 * 1024
"""Most bytes of a request's first line and headers, about; whoever sends more is cut off."""

_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


def listen(
    app: Any,
    host: str,
    port: int,
    *,
    name: str,
    what: str,
    grace: int = GRACE,
    note: str = "",
    out: TextIO | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve an ASGI app until the process is told to stop; prints one line with its URL when it is ready.

    Args:
        app: The app.
        host: Address to listen at.
        port: Port; 0 takes a free one.
        name: What stands before the URL in that line.
        what: What to say needs the extra, where uvicorn isn't installed.
        grace: Seconds that running replies get to finish after the first signal.
        note: What stands after the URL in the line.
        out: Where the line goes; standard output where None.
        ready: Called with the URL as well.

    Raises:
        MissingExtraError: uvicorn isn't installed.
        ConfigError: The port can't be had.
    """
    try:
        import uvicorn
    except ImportError:
        raise MissingExtraError(what, "server") from None
    listening = bound(host, port)
    actual = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{actual}"

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            print(f"{name} {url}{note}", file=out or sys.stdout, flush=True)
            if ready is not None:
                ready(url)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await super().shutdown(sockets=sockets)
            if self.force_exit:  # uvicorn tells the app nothing then
                await self.lifespan.shutdown()

    config = uvicorn.Config(
        app,
        http=protocol(),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="auto",
        ws="none",
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=75,
    )
    with listening:
        Announcing(config).run(sockets=[listening])


def protocol() -> Any:
    """Return what speaks HTTP for uvicorn: its fastest parser, which bounds a request's headers.

    It sends once a turn of the loop where it would twice.
    """
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "auto"

    class Gathering(HttpToolsProtocol):
        _head: int | None = None  # bytes of headers that have come and aren't whole

        def connection_made(self, transport: Any) -> None:
            super().connection_made(Gathered(transport, self.loop))  # type: ignore[arg-type]  # all of it that is used

        def on_message_begin(self) -> None:
            self._head = 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._head = None
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._head is not None:
                self._head += len(data)
                if self._head > HEAD_LIMIT:
                    self.transport.write(_HEAD_TOO_LARGE)
                    self.transport.close()

    return Gathering


def bound(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigError: The address or the port can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, TCP is the protocol that asyncio switches Nagle's algorithm off for: 40 ms a request otherwise.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        nowhere = isinstance(error, socket.gaierror)
        raise ConfigError(
            f"{host}:{port} can't be listened at: {error.strerror}.",
            hint=f"--host takes an address of this machine, which {host} isn't."
            if nowhere
            else "Choose another port: --port N, or 0 for any.",
        ) from None
    return listening
