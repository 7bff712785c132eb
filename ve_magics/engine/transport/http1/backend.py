"""The `Backend` over these connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from ve_magics.engine.transport import failures
from ve_magics.engine.transport.http1.connection import (
    PIECE,
    BrokenOffError,
    Connection,
    Http1Reply,
    NotHttpError,
)
from ve_magics.engine.transport.http1.dialing import Names, dial, named
from ve_magics.engine.transport.http1.pool import Pool
from ve_magics.engine.transport.surroundings import Origin, client_tls
from ve_magics.engine.transport.wire import KEEPALIVE, Headers, Stage, WireCall
from ve_magics.errors import RequestError, TransportError

_REMEMBERED = 64
_REPEATABLE = frozenset({"GET", "HEAD"})
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose request says that it has no body (RFC 9110, 8.6)."""

Place = tuple[Origin, tuple[str, ...] | None]
"""Where a connection leads: to an origin, through its name or through addresses that the call names."""


class Http1Backend:
    """A `Backend` over asyncio and httptools; it goes through no proxy.

    Args:
        tls: Whom to trust; the system's certificates by default.
        keepalive: Seconds for which an idle connection is kept.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, keepalive: float = KEEPALIVE) -> None:
        self._tls = tls
        self._pool = Pool(keepalive)
        self._names = Names()
        self._connecting: set[asyncio.Task[object]] = set()
        self._heads: dict[tuple[str, str, Headers], bytes] = {}

    async def open(self, call: WireCall, connected: Callable[[], None]) -> Http1Reply:
        """Send a request as it stands and return its answer once the headers are here."""
        place = _origin(call.url), call.addresses
        head = self._head(call)
        connection = self._pool.take(place)
        if connection is not None:
            connected()
            reply = await self._ask(connection, call, head)
            if reply is not None:
                return reply
        connection = await self._connect(place)
        connected()
        reply = await self._ask(connection, call, head)
        if reply is None:
            raise BrokenOffError
        return reply

    async def _ask(self, connection: Connection, call: WireCall, head: bytes) -> Http1Reply | None:
        """Return the answer; None where none came of what may be asked again."""
        reply = connection.send(head, call.body, bodiless=call.method == "HEAD")
        try:
            if len(call.body) > PIECE:
                await connection.pour(call.body, reply)
            await reply.headers()
        except BrokenOffError:
            if reply.touched or call.method not in _REPEATABLE:
                raise
            return None
        except BaseException:
            connection.abort()
            raise
        return reply

    async def _connect(self, place: Place) -> Connection:
        """Return a new connection. `aclose` ends the wait by taking the task out of the set and cancelling it."""
        task = asyncio.current_task()
        assert task is not None
        asked = task.cancelling()
        self._connecting.add(task)
        try:
            return await self._connected(place)
        except asyncio.CancelledError:
            if task not in self._connecting and task.uncancel() <= asked:
                raise TransportError("The transport is closed.", retryable=False) from None
            raise
        finally:
            self._connecting.discard(task)

    async def _connected(self, place: Place) -> Connection:
        origin, addresses = place
        tls = self._trust() if origin.scheme == "https" else None
        found = await self._names.addresses(origin) if addresses is None else named(addresses, origin.port)
        carrier = await dial(found)
        connection = self._pool.make(place, carrier)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, sock=carrier, ssl=tls, server_hostname=origin.host if tls else None
            )
        except BaseException:
            self._pool.drop(connection)
            raise
        return connection

    def _head(self, call: WireCall) -> bytes:
        key = (call.method, call.url, call.headers)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            head = self._heads[key] = _written(call)
        if call.body or call.method in _WITH_LENGTH:
            return b"%bContent-Length: %d\r\n\r\n" % (head, len(call.body))
        return head + b"\r\n"

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = client_tls()
        return self._tls

    def explain(self, error: Exception, host: str, stage: Stage) -> RequestError:
        """Return the error of ours that one of these connections amounts to."""
        if stage == "opening" and isinstance(error, OSError):
            return failures.connect_failed(host, error)
        if stage == "answer" and isinstance(error, NotHttpError):
            return failures.garbled(host)
        if isinstance(error, OSError | NotHttpError):
            return failures.broken(host, in_body=stage == "body")
        return failures.unforeseen(host, error)

    async def aclose(self) -> None:
        """Close every connection."""
        self._heads.clear()
        connecting, self._connecting = self._connecting, set()
        for task in connecting:
            task.cancel()
        self._names.forget()
        self._pool.close()


@lru_cache(maxsize=1024)
def _origin(url: str) -> Origin:
    return Origin.of(url)


def _written(call: WireCall) -> bytes:
    """Return request line and header fields, without length and end."""
    parts = urlsplit(call.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    origin = _origin(call.url)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != (443 if origin.scheme == "https" else 80):
        host = f"{host}:{origin.port}"
    lines = [f"{call.method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in call.headers]
    return "\r\n".join([*lines, ""]).encode("ascii")
