"""Files fetched from addresses that a provider or a document named: no redirect may lead anywhere it should not.

A key goes to its provider's own hosts only and is dropped at the first hop elsewhere. Addresses inside this machine
or its private networks are refused, unless the provider itself lives there.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import failure
from ve_magics.dialects.openai_faults import decode_error
from ve_magics.dialects.videos.contract import Link
from ve_magics.engine.gateway import ERROR_LIMIT, Gateway, wire_call
from ve_magics.engine.signing import key_headers
from ve_magics.engine.transport import Deadlines, Reply, WireCall
from ve_magics.engine.video.landing import MAX_VIDEO, TooLargeError
from ve_magics.errors import PermissionDeniedError, StatusError
from ve_magics.providers import Provider

MOST_REDIRECTS = 5

PATIENT = Deadlines(connect=10, first_token=60, silence=60, total=3600)
"""Limits of a download, in seconds."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host and port."""


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host; none where its name isn't known here (a proxy may know it)."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


async def check_public(url: str, *, resolve: Resolve = resolve) -> tuple[str, ...]:
    """Return where in the public network an address leads: what is connected to, for a name can change its mind.

    Returns:
        IP addresses; none where the name isn't known here, and only a proxy may know it.

    Raises:
        PermissionDeniedError: It doesn't, or it is no `https` address.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise _refused(f"an address that is not https ({parts.scheme or 'none'})")
    addresses = await resolve(parts.hostname, parts.port or 443)
    for address in addresses:
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            raise _refused(f"{parts.hostname}, which is inside this machine or its private network")
    return tuple(dict.fromkeys(addresses))


def _refused(what: str) -> PermissionDeniedError:
    return PermissionDeniedError(
        f"The provider's file was refused: it leads to {what}.",
        status=200,
        code="unsafe_address",
        hint="Tell the provider; nothing was fetched from there.",
        retryable=False,
    )


class Fetcher:
    """Fetches files for one gateway's providers.

    Args:
        gateway: Knows the keys and carries bytes.
        resolve: Finds the addresses of a host.
        deadlines: Limits of one download.
    """

    def __init__(
        self, gateway: Gateway, *, resolve: Resolve = resolve, deadlines: Deadlines = PATIENT
    ) -> None:
        self._gateway = gateway
        self._resolve = resolve
        self._deadlines = deadlines

    def fetch(self, source: WireRequest | Link, provider: Provider) -> AsyncGenerator[bytes, None]:
        """Yield a file's bytes.

        Args:
            source: A call of the provider's own interface, or an address that it named.
            provider: Whose file it is.

        Raises:
            PermissionDeniedError: The address, or one that it redirects to, must not be fetched from here.
            StatusError: The file can't be had.
            TooLargeError: It says that it is larger than anything that is taken.
            TransportError: The connection broke.
        """
        return self._pieces(source, provider)

    async def _pieces(self, source: WireRequest | Link, provider: Provider) -> AsyncGenerator[bytes, None]:
        key = self._gateway.config.key(provider.name)
        if isinstance(source, WireRequest):
            call = wire_call(source, provider, key)
        else:
            keyed = source.keyed and self._own(source.url, provider)
            call = WireCall("GET", source.url, key_headers(provider, key) if keyed else ())
        for _ in range(MOST_REDIRECTS + 1):
            if not self._own(call.url, provider):
                addresses = await check_public(call.url, resolve=self._resolve)
                call = replace(call, addresses=addresses)
            reply = await self._gateway.transport.send(call, self._deadlines)
            try:
                if reply.status in (301, 302, 303, 307, 308):
                    call = self._next(call, reply, provider)
                    continue
                if reply.status >= 300:
                    raise await _failed(reply)
                size = reply.headers.get("content-length", "")
                if size.isascii() and size.isdigit() and int(size) > MAX_VIDEO:
                    raise TooLargeError(MAX_VIDEO)
                async for piece in reply.chunks():
                    yield piece
                return
            finally:
                await reply.aclose()
        raise _refused(f"more than {MOST_REDIRECTS} redirects")

    def _next(self, call: WireCall, reply: Reply, provider: Provider) -> WireCall:
        url = urljoin(call.url, reply.headers.get("location", ""))
        same = (
            urlsplit(url).netloc == urlsplit(call.url).netloc
            and urlsplit(url).scheme == urlsplit(call.url).scheme
        )
        return WireCall("GET", url, call.headers if same and self._own(url, provider) else ())

    def _own(self, url: str, provider: Provider) -> bool:
        """Whether an address is the provider's own: its host and port, or one of its other hosts by https."""
        parts, base = urlsplit(url), urlsplit(provider.base_url)
        if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
            return True
        return parts.scheme == "https" and (parts.hostname or "") in provider.allowed_hosts


async def _failed(reply: Reply) -> StatusError:
    body = await reply.read(ERROR_LIMIT, truncate=True)
    if body.lstrip()[:1] == b"{":
        return decode_error(reply.status, reply.headers, body)
    words = body[:200].decode("utf-8", "replace") if b"\0" not in body[:200] else ""
    return failure(reply.status, words or "The file can't be had.", headers=reply.headers)
