"""What the machine says about the way out: proxies and trusted certificates, the same for every backend."""

from __future__ import annotations

import ipaddress
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ve_magics.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request goes, as far as a connection is concerned."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an absolute http(s) address."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to go through.

    Args:
        url: Its address without user information.
        authorization: Value of the Proxy-Authorization header; empty for none.
    """

    url: str
    authorization: str = ""

    @property
    def is_socks(self) -> bool:
        """Return whether it speaks SOCKS, which needs an optional package."""
        return self.url.startswith("socks")


class Proxies:
    """The proxies that the environment (or the system's settings) names, as they are when this is made.

    HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name them; NO_PROXY lists hosts, domains and networks that are reached
    without. This machine itself never is reached through a proxy.

    Args:
        settings: Replaces the environment: scheme (or `all`, `no`) to address.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._from_system = settings is None and not urllib.request.getproxies_environment()
        self._settings = dict(urllib.request.getproxies() if settings is None else settings)

    def __bool__(self) -> bool:
        """Return whether any proxy is named at all."""
        return any(self._settings.get(name) for name in ("http", "https", "all"))

    def of(self, origin: Origin) -> Proxy | None:
        """Return the proxy through which an origin is reached, None for a direct way.

        Raises:
            ConfigError: The proxy's address can't be used.
        """
        address = self._settings.get(origin.scheme) or self._settings.get("all")
        if not address or is_loopback(origin.host) or self._spared(origin):
            return None
        return parse_proxy(address)

    def _spared(self, origin: Origin) -> bool:
        listed = self._settings.get("no", "").lower().split(",")
        if any(_matches(origin, name.strip()) for name in listed):
            return True
        return self._from_system and bool(urllib.request.proxy_bypass(origin.host))


def parse_proxy(address: str) -> Proxy:
    """Return the proxy that stands at an address like `HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`.

    Raises:
        ConfigError: It is no such address.
    """
    parts = urlsplit(address if "://" in address else f"http://{address}")
    port: int | None = None
    good = parts.scheme in ("http", "https", "socks5", "socks5h") and bool(parts.hostname)
    try:
        port = parts.port
    except ValueError:
        good = False
    if not good or parts.hostname is None:
        raise ConfigError(
            "A proxy setting is not a valid address.",
            hint="Write HTTPS_PROXY, HTTP_PROXY and ALL_PROXY like http://HOST:PORT.",
        )
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(pair.encode()).decode()
    return Proxy(f"{parts.scheme}://{name}:{port}" if port else f"{parts.scheme}://{name}", authorization)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def client_tls() -> ssl.SSLContext:
    """Return how servers prove who they are: the system's certificates and certifi's.

    Where SSL_CERT_FILE or SSL_CERT_DIR is set, what they name is all that is trusted. Takes some 20 ms.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    chosen = paths.cafile not in (None, paths.openssl_cafile) or paths.capath not in (
        None,
        paths.openssl_capath,
    )
    if not chosen:
        import certifi

        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _matches(origin: Origin, name: str) -> bool:
    """Return whether an item of NO_PROXY means an origin: `*`, a host or domain with or without port, a network."""
    if name == "*":
        return True
    if "/" in name:
        try:
            return ipaddress.ip_address(origin.host) in ipaddress.ip_network(name, strict=False)
        except ValueError:
            return False
    bare = name.lstrip("*").lstrip(".").strip("[]")
    if not bare:
        return False
    return any(
        host == bare or host.endswith(f".{bare}") for host in (origin.host, f"{origin.host}:{origin.port}")
    )
