"""From a host's name to a connected socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any

from ve_magics.engine.transport.surroundings import Origin

Address = tuple[int, Any]
"""Address family and socket address."""

FRESH = 10.0
"""Seconds for which a looked-up name isn't looked up again."""

HEAD_START = 0.25
"""Seconds that an address gets before the next one is tried beside it (RFC 8305)."""


class Names:
    """Looks names up: once for all who ask at the same time, and not again for a moment."""

    def __init__(self) -> None:
        self._lookups: dict[tuple[str, int], tuple[float, asyncio.Task[list[Address]]]] = {}

    async def addresses(self, origin: Origin) -> list[Address]:
        """Return where a host can be reached, IPv6 and IPv4 in turn.

        Raises:
            OSError: The name isn't known, or names can't be looked up.
        """
        with suppress(ValueError):
            return named((str(ip_address(origin.host)),), origin.port)
        key, now = (origin.host, origin.port), asyncio.get_running_loop().time()
        until, lookup = self._lookups.get(key, (0.0, None))
        if lookup is None or (lookup.done() and (until < now or _failed(lookup))):
            self._lookups = {
                other: entry
                for other, entry in self._lookups.items()
                if entry[0] >= now or not entry[1].done()
            }
            lookup = asyncio.create_task(_look_up(origin))
            lookup.add_done_callback(_failed)
            self._lookups[key] = (now + FRESH, lookup)
        return await asyncio.shield(lookup)

    def forget(self) -> None:
        """Drop everything, lookups on their way included."""
        lookups, self._lookups = self._lookups, {}
        for _, lookup in lookups.values():
            lookup.cancel()


def _failed(lookup: asyncio.Task[list[Address]]) -> bool:
    return lookup.cancelled() or lookup.exception() is not None


async def _look_up(origin: Origin) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            origin.host, origin.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except UnicodeError:  # an empty label, or one that is too long
        raise socket.gaierror(socket.EAI_NONAME, "no host can have that name") from None
    return in_turn([(family, address) for family, _, _, _, address in found])


def in_turn(addresses: list[Address]) -> list[Address]:
    """Return addresses with the families alternating, the first one's first, so that no dead family holds up."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain(*zip_longest(first, others)) if address is not None]


def named(addresses: tuple[str, ...], port: int) -> list[Address]:
    """Return IP addresses as socket addresses.

    Raises:
        OSError: There is none.
    """
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address is known")
    return [
        (socket.AF_INET6, (address, port, 0, 0)) if ":" in address else (socket.AF_INET, (address, port))
        for address in addresses
    ]


async def connect(address: Address) -> socket.socket:
    """Return a socket connected to an address.

    Raises:
        OSError: It can't be.
    """
    # Named, TCP is the protocol that asyncio switches Nagle's algorithm off for.
    connecting = socket.socket(address[0], socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, address[1])
    except BaseException:
        connecting.close()
        raise
    return connecting


async def dial(
    addresses: list[Address], connect: Callable[[Address], Coroutine[Any, Any, socket.socket]] = connect
) -> socket.socket:
    """Return a socket connected to the first address that answers.

    Each gets a head start before the next one; one that fails makes room at once.

    Args:
        addresses: Where to, at least one, in the order of preference.
        connect: Connects to one.

    Raises:
        OSError: None of them did; why the last one failed.
    """
    if len(addresses) == 1:
        return await connect(addresses[0])
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[socket.socket]] = set()
    error: BaseException | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(connect(waiting.pop())))
            done, running = await asyncio.wait(
                running, timeout=HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    running |= done - {task}  # another may have come in at the same moment
                    return task.result()
        assert error is not None
        raise error
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_hang_up)


def _hang_up(loser: asyncio.Task[socket.socket]) -> None:
    if not loser.cancelled() and loser.exception() is None:
        loser.result().close()
