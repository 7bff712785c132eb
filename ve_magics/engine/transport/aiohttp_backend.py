"""HTTP by aiohttp: several times as fast as httpx, used where it is installed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from yarl import URL

from ve_magics.engine.transport import failures
from ve_magics.engine.transport.surroundings import Origin, Proxies, Proxy, client_tls
from ve_magics.engine.transport.wire import KEEPALIVE, Stage, WireCall
from ve_magics.errors import ConfigError, RequestError

_NO_TIMEOUTS = aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None)
_OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_LARGE = 256 * 1024
_LONGEST_HEADER = 100 * 1024

_connected: ContextVar[Callable[[], None]] = ContextVar("_connected")
_addresses: ContextVar[tuple[str, ...]] = ContextVar("_addresses")


class _Checked(AbstractResolver):
    """Knows only the addresses that the call names."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family  # the addresses have their own
        if not _addresses.get():
            raise socket.gaierror(socket.EAI_NONAME, "no address is known")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in _addresses.get()
        ]

    async def close(self) -> None:
        """Hold nothing."""


class _Connector(aiohttp.TCPConnector):
    """A connector that says when a connection stands."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        _connected.get()()
        return connection


class AiohttpReply:
    """A `RawReply` over aiohttp."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.fields: Mapping[str, str] = _fields(response.raw_headers)
        self.receive = response.content.readany
        self._response = response

    async def aclose(self) -> None:
        """Free the connection if the body was read to its end, close it at once if not."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class AiohttpBackend:
    """A `Backend` over aiohttp, HTTP/1.1 only.

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
        self._proxies = proxies or Proxies()
        self._ways: dict[Origin, Proxy | None] = {}
        self._session: aiohttp.ClientSession | None = None
        self._checked: aiohttp.ClientSession | None = None

    async def open(self, call: WireCall, connected: Callable[[], None]) -> AiohttpReply:
        """Send a request as it stands and return its answer once the headers are here."""
        url, origin = _target(call.url)
        if origin not in self._ways:
            self._ways[origin] = self._way(origin)
        proxy = self._ways[origin]
        options: dict[str, Any] = {}
        headers = call.headers
        if origin.scheme == "https":
            options["ssl"] = self._trust()
        if proxy is not None:
            options["proxy"] = proxy.url
            if proxy.authorization:
                field = ("Proxy-Authorization", proxy.authorization)
                if origin.scheme == "https":
                    options["proxy_headers"] = dict([field])
                else:
                    headers = (*headers, field)
        if call.addresses is not None and proxy is None:
            session = self._checked or self._open_checked()
            _addresses.set(call.addresses)
        else:
            session = self._session or self._open_session()
        _connected.set(connected)
        response = await session.request(
            call.method,
            url,
            headers=headers,
            data=BytesIO(call.body) if len(call.body) > _LARGE else call.body or None,
            allow_redirects=False,
            **options,
        )
        return AiohttpReply(response)

    def explain(self, error: Exception, host: str, stage: Stage) -> RequestError:
        """Return the error of ours that one of aiohttp's amounts to."""
        if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
            return failures.proxy_failed(host)
        if isinstance(error, aiohttp.ClientConnectorError) or stage == "opening":
            return failures.connect_failed(host, error)
        if isinstance(error, aiohttp.ClientResponseError | aiohttp.http.HttpProcessingError):
            return failures.garbled(host)
        if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
            return failures.broken(host, in_body=stage == "body")
        return failures.unforeseen(host, error)

    async def aclose(self) -> None:
        """Close every connection."""
        sessions = (self._session, self._checked)
        self._session = self._checked = None
        for session in sessions:
            if session is not None:
                await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        self._session = _session(_Connector(limit=0, keepalive_timeout=self._keepalive))
        return self._session

    def _open_checked(self) -> aiohttp.ClientSession:
        """Open the session for calls that name addresses: it shares neither connections nor names with the other."""
        connector = _Connector(
            limit=0, keepalive_timeout=self._keepalive, resolver=_Checked(), use_dns_cache=False
        )
        self._checked = _session(connector)
        return self._checked

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = client_tls()
        return self._tls

    def _way(self, origin: Origin) -> Proxy | None:
        proxy = self._proxies.of(origin)
        if proxy is not None and proxy.is_socks:
            raise ConfigError(
                "A SOCKS proxy is set, which aiohttp can't use.",
                hint="Set HTTPS_PROXY and HTTP_PROXY to an http:// proxy, or choose the httpx transport.",
            )
        return proxy


def _session(connector: _Connector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=_NO_TIMEOUTS,
        skip_auto_headers=_OWN_HEADERS,
        max_line_size=_LONGEST_HEADER,
        max_field_size=_LONGEST_HEADER,
    )


@lru_cache(maxsize=1024)
def _target(url: str) -> tuple[URL, Origin]:
    return URL(url, encoded=True), Origin.of(url)


def _fields(raw: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields
