"""HTTP by httpx, one small pool for each connection.

A pool of httpx does work in proportion to its connections at every request. So each connection gets an
`AsyncHTTPTransport` of its own, and the idle ones of an origin lie on a stack: the warmest is taken first.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import httpx

from ve_magics.engine.transport import failures
from ve_magics.engine.transport.surroundings import Origin, Proxies, client_tls
from ve_magics.engine.transport.wire import KEEPALIVE, Stage, WireCall
from ve_magics.errors import ConfigError, RequestError

_NO_TIMEOUTS: dict[str, float | None] = {"connect": None, "read": None, "write": None, "pool": None}
_NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEPALIVE)


class Lane:
    """The way to one origin: how its connections are made, and the idle ones."""

    __slots__ = ("_proxy", "_tls", "idle", "origin")

    def __init__(self, origin: Origin, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self.origin = origin
        self.idle: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()
        self._tls = tls
        self._proxy = proxy

    @property
    def is_proxied(self) -> bool:
        """Return whether a proxy stands on the way."""
        return self._proxy is not None

    def take(self) -> httpx.AsyncHTTPTransport:
        """Return the warmest idle connection, or a new one."""
        if self.idle:
            return self.idle.pop()[0]
        return httpx.AsyncHTTPTransport(verify=self._tls, proxy=self._proxy, limits=_NO_LIMITS)


class HttpxReply:
    """A `RawReply` over httpx."""

    def __init__(
        self,
        response: httpx.Response,
        connection: httpx.AsyncHTTPTransport,
        lane: Lane,
        backend: HttpxBackend,
    ) -> None:
        self.status = response.status_code
        self.fields: Mapping[str, str] = _fields(response.headers.raw)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._stream = response.stream
        self._iterator: AsyncIterator[bytes] | None = aiter(response.stream)
        self._connection = connection
        self._lane = lane
        self._backend = backend
        self._ended = False
        self._closed = False

    async def receive(self) -> bytes:
        """Return the next piece of the body, empty at its end."""
        if self._iterator is None:
            return b""
        piece = await anext(self._iterator, b"")
        if not piece:
            self._ended = True
            self._iterator = None
        return piece

    async def aclose(self) -> None:
        """Free the connection if the body was read to its end, close it at once if not."""
        if self._closed:
            return
        self._closed = True
        self._iterator = None
        try:
            await self._stream.aclose()
        finally:
            await self._backend.give_back(self._lane, self._connection, usable=self._ended)


class HttpxBackend:
    """A `Backend` over httpx's transport layer, HTTP/1.1 only.

    Args:
        tls: Whom to trust; the system's certificates by default.
        proxies: Which proxies to use; the environment's by default.
        keepalive: Seconds for which an idle connection is kept.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        keepalive: float = KEEPALIVE,
    ) -> None:
        self._keepalive = keepalive
        self._tls = tls
        self._plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # stands in where no TLS is spoken
        self._proxies = proxies or Proxies()
        self._lanes: dict[tuple[Origin, str], Lane] = {}
        self._connections: set[httpx.AsyncHTTPTransport] = set()
        self._broom: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self, call: WireCall, connected: Callable[[], None]) -> HttpxReply:
        """Send a request as it stands and return its answer once the headers are here."""
        origin = _origin(call.url)
        lane = self._lanes.get((origin, "")) or self._lane(origin)
        if call.addresses is None or lane.is_proxied:
            return await self._send(call, lane, connected)
        if not call.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address is known")
        *others, last = call.addresses
        for address in others:
            with suppress(httpx.ConnectError):
                return await self._send(call, self._lane(origin, address), connected, address)
        return await self._send(call, self._lane(origin, last), connected, last)

    async def _send(
        self, call: WireCall, lane: Lane, connected: Callable[[], None], address: str = ""
    ) -> HttpxReply:
        stream: Any = None

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal stream
            if event == "http11.send_request_headers.started":
                if info["request"].method != b"CONNECT":
                    connected()
            elif event == "connection.connect_tcp.complete":
                stream = info["return_value"]

        url, headers = _url(call.url), list(call.headers)
        extensions: dict[str, Any] = {"timeout": _NO_TIMEOUTS, "trace": trace}
        if address:
            headers.insert(0, ("Host", url.netloc.decode("ascii")))
            extensions["sni_hostname"] = lane.origin.host
            url = url.copy_with(host=address)
        request = httpx.Request(call.method, url, headers=headers, content=call.body, extensions=extensions)
        connection = lane.take()
        self._connections.add(connection)
        try:
            response = await connection.handle_async_request(request)
        except BaseException as error:
            await self.give_back(lane, connection, usable=False)
            if stream is not None:  # httpcore forgets a socket whose TLS handshake is cancelled
                await stream.aclose()
            elif lane.is_proxied and isinstance(error, httpx.ConnectError):
                raise httpx.ProxyError("no connection to the proxy") from error
            raise
        return HttpxReply(response, connection, lane, self)

    async def give_back(self, lane: Lane, connection: httpx.AsyncHTTPTransport, *, usable: bool) -> None:
        """Keep a connection for the next request, or close it."""
        if connection not in self._connections:
            return
        if usable:
            loop = asyncio.get_running_loop()
            lane.idle.append((connection, loop.time()))
            if self._broom is None:
                self._broom = loop.call_later(self._keepalive, self._sweep)
        else:
            self._connections.discard(connection)
            await connection.aclose()

    def explain(self, error: Exception, host: str, stage: Stage) -> RequestError:
        """Return the error of ours that one of httpx's amounts to."""
        if isinstance(error, httpx.ProxyError):
            return failures.proxy_failed(host)
        if isinstance(error, httpx.ConnectError) or (stage == "opening" and isinstance(error, OSError)):
            return failures.connect_failed(host, error)
        if stage != "body" and isinstance(error, httpx.RemoteProtocolError) and not _is_disconnect(error):
            return failures.garbled(host)
        if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError | OSError):
            if stage == "opening":
                return failures.connect_failed(host, error)
            return failures.broken(host, in_body=stage == "body")
        return failures.unforeseen(host, error)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._broom is not None:
            self._broom.cancel()
            self._broom = None
        if self._sweeping is not None:
            await self._sweeping
        connections, self._connections = self._connections, set()
        self._lanes.clear()
        for connection in connections:
            await connection.aclose()

    def _lane(self, origin: Origin, address: str = "") -> Lane:
        """Return the way to an origin, through one address of it where that is given."""
        known = self._lanes.get((origin, address))
        if known is not None:
            return known
        found = self._proxies.of(origin)
        if origin.scheme == "https" and self._tls is None:
            self._tls = client_tls()
        proxy = None
        if found is not None:
            if found.is_socks:
                _need_socksio()
            headers = {"Proxy-Authorization": found.authorization} if found.authorization else None
            if found.url.startswith("https:") and self._tls is None:
                self._tls = client_tls()
            proxy = httpx.Proxy(
                found.url, headers=headers, ssl_context=self._tls if found.url[:6] == "https:" else None
            )
        tls = self._tls if origin.scheme == "https" else None
        lane = self._lanes[origin, address] = Lane(origin, tls or self._plain, proxy)
        return lane

    def _sweep(self) -> None:
        """Take the connections that have been idle for too long off their stacks and close them."""
        self._broom = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._keepalive
        stale = []
        left = 0
        for lane in self._lanes.values():
            while lane.idle and lane.idle[0][1] <= oldest:
                stale.append(lane.idle.popleft()[0])
            left += len(lane.idle)
        if left:
            self._broom = loop.call_later(self._keepalive / 2, self._sweep)
        if stale:
            self._connections.difference_update(stale)
            self._sweeping = loop.create_task(_close_all(stale))


async def _close_all(connections: list[httpx.AsyncHTTPTransport]) -> None:
    for connection in connections:
        with suppress(Exception):
            await connection.aclose()


@lru_cache(maxsize=1024)
def _url(url: str) -> httpx.URL:
    return httpx.URL(url)


@lru_cache(maxsize=1024)
def _origin(url: str) -> Origin:
    return Origin.of(url)


def _fields(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields


def _is_disconnect(error: httpx.RemoteProtocolError) -> bool:
    """Return whether the peer went away, rather than spoke nonsense; httpx has one class for both."""
    text = str(error)
    return "disconnected" in text or "closed connection" in text


def _need_socksio() -> None:
    if find_spec("socksio") is None:
        raise ConfigError(
            "A SOCKS proxy is set, which needs an optional package.",
            hint="pip install 'httpx[socks]', or set HTTPS_PROXY and HTTP_PROXY to an http:// proxy.",
        )
