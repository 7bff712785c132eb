"""Pages of the public web, fetched with limits: nothing inside this machine or its networks, nothing without end."""

from __future__ import annotations

from urllib.parse import urljoin

from ve_magics.dialects.failures import failure
from ve_magics.engine.fetching import MOST_REDIRECTS, Resolve, check_public, resolve
from ve_magics.engine.knowledge.gathering import LARGEST
from ve_magics.engine.knowledge.indexing import Page
from ve_magics.engine.transport import Deadlines, Transport, WireCall
from ve_magics.errors import ArgumentsError, PermissionDeniedError

DEADLINES = Deadlines(connect=10, first_token=30, silence=30, total=300)
"""Limits of one page, in seconds."""


async def fetch_page(
    url: str,
    transport: Transport,
    *,
    resolve: Resolve = resolve,
    deadlines: Deadlines = DEADLINES,
    largest: int = LARGEST,
) -> Page:
    """Return a page.

    Args:
        url: Its address; `https` only, and so is every address that it redirects to.
        transport: Carries bytes.
        resolve: Finds the addresses of a host.
        deadlines: Limits in seconds.
        largest: Most bytes that are taken.

    Raises:
        ArgumentsError: The address, or one that it redirects to, leads inside this machine or its network, or is no
            `https` address.
        StatusError: The page can't be had.
        DecodeError: It is larger than what is taken.
        TransportError: The connection broke.
    """
    shown = url.partition("?")[0]
    for _ in range(MOST_REDIRECTS + 1):
        try:
            addresses = await check_public(url, resolve=resolve)
        except PermissionDeniedError as error:
            where = error.message.partition("it leads to ")[2] or "a place that is not public."
            raise ArgumentsError(
                f"{shown} is not fetched: it leads to {where}",
                hint="Only public https addresses are.",
            ) from None
        call = WireCall("GET", url, (("accept", "text/html, */*;q=0.5"),), addresses=addresses)
        reply = await transport.send(call, deadlines)
        try:
            if reply.status in (301, 302, 303, 307, 308):
                url = urljoin(url, reply.headers.get("location", ""))
                continue
            if reply.status >= 300:
                raise failure(
                    reply.status, f"The page answers with status {reply.status}.", headers=reply.headers
                )
            return Page(await reply.read(largest), reply.headers.get("content-type", ""))
        finally:
            await reply.aclose()
    raise ArgumentsError(f"{shown} is not fetched: it redirects more than {MOST_REDIRECTS} times.")
