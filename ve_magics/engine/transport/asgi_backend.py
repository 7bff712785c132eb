"""HTTP without a network: an ASGI app called in the same loop, its answer streamed as it is sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ve_magics.engine.transport import failures
from ve_magics.engine.transport.surroundings import Origin
from ve_magics.engine.transport.wire import Stage, WireCall
from ve_magics.errors import RequestError, TransportError

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
"""An ASGI 3 application."""

MOST_PIECES = 16
"""Pieces of a body that may wait unread before the app has to."""


class IncompleteError(Exception):
    """The app returned before its answer was complete."""


class Exchange:
    """One request and its answer; a `RawReply` once the app has begun to answer."""

    def __init__(self, call: WireCall, grace: float) -> None:
        self.status = 0
        self.fields: Mapping[str, str] = {}
        self.task: asyncio.Task[None] | None = None
        self._call = call
        self._grace = grace
        self._asked = False
        self._pieces: deque[bytes] = deque()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._over = asyncio.Event()
        self._complete = False
        self._failure: Exception | None = None

    async def run(self, app: App) -> None:
        """Call the app, whatever comes of it."""
        try:
            await app(_scope(self._call), self._ask, self._send)
        except Exception as error:  # noqa: BLE001 - an app may raise anything; the caller is told
            self._failure = error
        finally:
            if not self._complete and self._failure is None:
                self._failure = IncompleteError()
            self._readable.set()

    async def begun(self) -> None:
        """Wait until the status and headers are here."""
        while not self.status:
            if self._failure is not None:
                raise self._failure
            self._readable.clear()
            await self._readable.wait()

    async def receive(self) -> bytes:
        """Return the next piece of the body, empty at its end."""
        while not self._pieces:
            if self._complete:
                return b""
            if self._failure is not None:
                raise self._failure
            self._readable.clear()
            await self._readable.wait()
        self._writable.set()
        return self._pieces.popleft()

    async def aclose(self) -> None:
        """Let the app know that nobody listens; end it if it doesn't end by itself."""
        self.hang_up()

    def hang_up(self) -> None:
        """Do what `aclose` does."""
        self._over.set()
        self._writable.set()
        if not self._complete and self.task is not None and not self.task.done():
            asyncio.get_running_loop().call_later(self._grace, self.task.cancel)

    async def _ask(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._call.body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._over.is_set():
            if self._complete:
                return
            raise ConnectionAbortedError("the client has gone")
        if message["type"] == "http.response.start":
            self.fields = _fields(message.get("headers", ()))
            self.status = message["status"]
            self._readable.set()
        elif message["type"] == "http.response.body":
            if piece := message.get("body", b""):
                self._pieces.append(bytes(piece))
            if not message.get("more_body", False):
                self._complete = True
                self._over.set()
            self._readable.set()
            while len(self._pieces) >= MOST_PIECES and not self._over.is_set():
                self._writable.clear()
                await self._writable.wait()


class AsgiBackend:
    """A `Backend` that calls an ASGI app.

    A `ConnectionRefusedError` that the app raises before it answers counts as a refused connection, any
    `ConnectionError` after that as a broken one.

    Args:
        app: Who answers.
        grace: Seconds that the app gets to end by itself when its caller has gone.
    """

    def __init__(self, app: App, *, grace: float = 0.1) -> None:
        self._app = app
        self._grace = grace
        self._exchanges: set[Exchange] = set()

    async def open(self, call: WireCall, connected: Callable[[], None]) -> Exchange:
        """Send a request as it stands and return its answer once the headers are here."""
        exchange = Exchange(call, self._grace)
        task = exchange.task = asyncio.create_task(exchange.run(self._app))
        self._exchanges.add(exchange)
        task.add_done_callback(lambda _: self._exchanges.discard(exchange))
        connected()
        try:
            await exchange.begun()
        except BaseException:
            exchange.hang_up()
            raise
        return exchange

    def explain(self, error: Exception, host: str, stage: Stage) -> RequestError:
        """Return the error of ours that one of the app's amounts to."""
        if isinstance(error, ConnectionRefusedError) and stage != "body":
            return failures.connect_failed(host, error)
        if isinstance(error, ConnectionError | IncompleteError):
            return failures.broken(host, in_body=stage == "body")
        return TransportError(f"The app at {host} failed: {type(error).__name__}.")

    async def aclose(self) -> None:
        """End every call that still runs."""
        tasks = [exchange.task for exchange in self._exchanges if exchange.task is not None]
        for exchange in list(self._exchanges):
            exchange.hang_up()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _scope(call: WireCall) -> Message:
    parts = urlsplit(call.url)
    origin = Origin.of(call.url)
    headers = [(b"host", parts.netloc.encode("ascii"))]
    headers += [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in call.headers]
    if call.body or call.method in ("POST", "PUT", "PATCH"):
        headers.append((b"content-length", str(len(call.body)).encode("ascii")))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": origin.scheme,
        "path": unquote(parts.path) or "/",
        "raw_path": (parts.path or "/").encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": (origin.host, origin.port),
    }


def _fields(raw: Any) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in raw:
        key, text = bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields
