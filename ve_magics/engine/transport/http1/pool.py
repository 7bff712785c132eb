"""The connections that wait for their next request."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Hashable

from ve_magics.engine.transport.http1.connection import Connection


class Pool:
    """Idle connections by where they lead, the warmest on top.

    Args:
        keepalive: Seconds for which an idle one is kept.
    """

    def __init__(self, keepalive: float) -> None:
        self._keepalive = keepalive
        self._idle: dict[Hashable, deque[Connection]] = {}
        self._all: set[Connection] = set()
        self._broom: asyncio.TimerHandle | None = None

    def take(self, place: Hashable) -> Connection | None:
        """Return the connection that became idle last, None where there is none that still stands."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            fresh = connection.idle_since > connection.loop.time() - self._keepalive
            if fresh and connection.usable and connection.silent:
                return connection
            connection.close()  # the loop was too busy to notice, or to sweep
        return None

    def make(self, place: Hashable, carrier: socket.socket) -> Connection:
        """Return a new connection to a place, over a socket that is connected and isn't yet asyncio's."""
        loop = asyncio.get_running_loop()
        connection = Connection(place, loop, carrier, freed=self._freed, lost=self._all.discard)
        self._all.add(connection)
        return connection

    def drop(self, connection: Connection) -> None:
        """Forget one that could not be made."""
        self._all.discard(connection)
        connection.abort()

    def _freed(self, connection: Connection) -> None:
        if connection not in self._all or not connection.usable:
            return
        connection.idle_since = connection.loop.time()
        idle = self._idle.get(connection.place)
        if idle is None:
            idle = self._idle[connection.place] = deque()
        idle.append(connection)
        if self._broom is None:
            self._broom = connection.loop.call_later(self._keepalive, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long."""
        self._broom = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._keepalive
        for place, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= oldest or not idle[0].usable):
                idle.popleft().close()
            if not idle:
                del self._idle[place]
        if self._idle:
            self._broom = loop.call_later(self._keepalive / 2, self._sweep)

    def close(self) -> None:
        """Close every connection, those in use included."""
        if self._broom is not None:
            self._broom.cancel()
            self._broom = None
        self._idle.clear()
        connections, self._all = self._all, set()
        for connection in connections:
            connection.abort()
