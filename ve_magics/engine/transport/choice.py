"""Which transport is used: simulated origins in process, the rest by the fastest HTTP library that is installed."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from ve_magics.engine.transport.asgi_backend import App, AsgiBackend
from ve_magics.engine.transport.guarded import DEFAULT_DEADLINES, GuardedTransport
from ve_magics.engine.transport.surroundings import Proxies
from ve_magics.engine.transport.wire import Backend, Deadlines, Reply, Transport, WireCall
from ve_magics.errors import MissingExtraError

Preference = Literal["auto", "httpx", "aiohttp"]
"""Which HTTP library to use; `auto` is aiohttp where it is installed and can be used."""


def open_transport(
    prefer: Preference = "auto", *, tls: ssl.SSLContext | None = None, proxies: Proxies | None = None
) -> Transport:
    """Return a transport to the network. Imports an HTTP library, opens no connection.

    Args:
        prefer: Which library.
        tls: Whom to trust; the system's certificates by default.
        proxies: Which proxies to use; the environment's by default.

    Raises:
        MissingExtraError: aiohttp is asked for and not installed.
    """
    proxies = proxies or Proxies()
    installed = find_spec("aiohttp") is not None
    if prefer == "aiohttp" and not installed:
        raise MissingExtraError("The aiohttp transport", "fast")
    backend: Backend
    if prefer == "httpx" or not installed or (prefer == "auto" and proxies.any_socks()):
        from ve_magics.engine.transport.httpx_backend import HttpxBackend

        backend = HttpxBackend(tls=tls, proxies=proxies)
    else:
        from ve_magics.engine.transport.aiohttp_backend import AiohttpBackend

        backend = AiohttpBackend(tls=tls, proxies=proxies)
    return GuardedTransport(backend)


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
