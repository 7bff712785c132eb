"""Which transport is used: simulated origins in process, the rest by the fastest client that is installed."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from ve_magics.engine.transport.asgi_backend import App, AsgiBackend
from ve_magics.engine.transport.guarded import DEFAULT_DEADLINES, GuardedTransport, host_of
from ve_magics.engine.transport.surroundings import Origin, Proxies
from ve_magics.engine.transport.wire import Deadlines, Reply, Transport, WireCall
from ve_magics.errors import MissingExtraError

Preference = Literal["auto", "httpx", "httptools"]
"""Who speaks HTTP: httpx, or a client of ours over the parser httptools, several times as fast; `auto` is the latter
where httptools is installed."""


def open_transport(
    prefer: Preference = "auto", *, tls: ssl.SSLContext | None = None, proxies: Proxies | None = None
) -> Transport:
    """Return a transport to the network. Imports an HTTP library, opens no connection.

    What stands behind a proxy is always reached by httpx.

    Args:
        prefer: Who speaks HTTP.
        tls: Whom to trust; the system's certificates by default.
        proxies: Which proxies to use; the environment's by default.

    Raises:
        MissingExtraError: httptools is asked for and not installed.
    """
    proxies = proxies or Proxies()
    installed = find_spec("httptools") is not None
    if prefer == "httptools" and not installed:
        raise MissingExtraError("The httptools transport", "fast")

    def by_httpx() -> Transport:
        from ve_magics.engine.transport.httpx_backend import HttpxBackend

        return GuardedTransport(HttpxBackend(tls=tls, proxies=proxies))

    if prefer == "httpx" or not installed:
        return by_httpx()
    from ve_magics.engine.transport.http1 import Http1Backend

    fast = GuardedTransport(Http1Backend(tls=tls))
    return PastProxies(fast, proxies, by_httpx) if proxies else fast


class PastProxies:
    """A transport that brings calls for origins behind a proxy one way, and all others another.

    Args:
        direct: For origins that are reached without a proxy.
        proxies: Which these are.
        through: Opens the way through proxies; called at the first call that needs it.
    """

    def __init__(self, direct: Transport, proxies: Proxies, through: Callable[[], Transport]) -> None:
        self._direct = direct
        self._proxies = proxies
        self._open_through = through
        self._through: Transport | None = None
        self._ways: dict[Origin, Transport] = {}

    async def send(self, call: WireCall, deadlines: Deadlines = DEFAULT_DEADLINES) -> Reply:
        """Send a request and return its answer as soon as the headers are here; see `Transport.send`."""
        host_of(call.url)
        origin = Origin.of(call.url)
        if origin not in self._ways:
            self._ways[origin] = self._direct if self._proxies.of(origin) is None else self._proxied()
        return await self._ways[origin].send(call, deadlines)

    def _proxied(self) -> Transport:
        if self._through is None:
            self._through = self._open_through()
        return self._through

    async def aclose(self) -> None:
        """Close every connection, those in use included."""
        if self._through is None:
            self._through = self._direct  # closed, it refuses what comes late
        else:
            await self._through.aclose()
        await self._direct.aclose()


class Mounted:
    """A transport that brings the calls for some origins to ASGI apps and the rest to the network.

    Args:
        apps: App by host (`sim.invalid`), by host and port, or by origin (`http://sim.invalid`).
        network: Opens the transport for the rest; called at the first call that needs it.
    """

    def __init__(self, apps: Mapping[str, App], network: Callable[[], Transport] = open_transport) -> None:
        self._apps = {name.rstrip("/"): GuardedTransport(AsgiBackend(app)) for name, app in apps.items()}
        self._open_network = network
        self._network: Transport | None = None

    async def send(self, call: WireCall, deadlines: Deadlines = DEFAULT_DEADLINES) -> Reply:
        """Send a request and return its answer as soon as the headers are here; see `Transport.send`."""
        return await self._carrier(call.url).send(call, deadlines)

    async def aclose(self) -> None:
        """Close every connection and end every call, those in use included."""
        for app in self._apps.values():
            await app.aclose()
        if self._network is not None:
            await self._network.aclose()

    def _carrier(self, url: str) -> Transport:
        parts = urlsplit(url)
        for name in (f"{parts.scheme}://{parts.netloc}", parts.netloc, parts.hostname or ""):
            if (app := self._apps.get(name)) is not None:
                return app
        if self._network is None:
            self._network = self._open_network()
        return self._network
