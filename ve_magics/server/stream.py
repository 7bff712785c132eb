"""A streamed reply: opened with its first bytes, kept alive through silences, given up where nobody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ve_magics.engine.transport.deadlines import Alarm, Watch
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import TimedOutError
from ve_magics.server.http import Headers, Reply
from ve_magics.server.refusals import ClientLeftError

HEARTBEAT = 15.0
"""Seconds of silence after which a stream gets a few bytes that mean nothing, so that no proxy takes it for dead."""

PATIENCE = 30.0
"""Seconds for which the status waits for the first token, so that a failure until then is told by it."""

STALL = 120.0
"""Seconds for which a client may read nothing before it is dropped, and with it the provider's stream."""


class StreamReply:
    """A streamed reply; use it as a context.

    Args:
        reply: Where it goes.
        headers: Returns the headers when the first bytes go out.
        beat: Bytes that mean nothing.
        heartbeat: Seconds of silence after which they are sent.
        patience: Seconds after which the reply is opened with them although no token has come.
        stall: Seconds for which the client may read nothing.
        alarm: Who keeps that time, for all replies of a server.
    """

    def __init__(
        self,
        reply: Reply,
        headers: Callable[[], Headers],
        *,
        beat: bytes,
        heartbeat: float = HEARTBEAT,
        patience: float = PATIENCE,
        stall: float = STALL,
        alarm: Alarm,
    ) -> None:
        self._reply = reply
        self._headers = headers
        self._beat = beat
        self._heartbeat = heartbeat
        self._patience = patience
        self._watch = Watch(Deadlines(silence=stall, total=None), "the client", alarm)
        self._lock = asyncio.Lock()
        self._last = 0.0

    async def __aenter__(self) -> Self:
        self._last = asyncio.get_running_loop().time()
        self._beating = asyncio.create_task(self._keep_alive())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send some bytes; waits while the client doesn't read.

        Raises:
            ClientLeftError: It has read nothing for too long; the connection is dropped.
        """
        try:
            async with self._lock:
                self._watch.expect("silence")
                with self._watch:
                    if not self._reply.begun:
                        await self._reply.begin(200, self._headers())
                    await self._reply.write(data, more=more)
        except TimedOutError:
            self._reply.abort()
            raise ClientLeftError from None
        self._last = asyncio.get_running_loop().time()

    async def _keep_alive(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = self._last + (self._heartbeat if self._reply.begun else self._patience) - clock()
            if due > 0:
                await asyncio.sleep(min(due, self._heartbeat))
            else:
                await self.write(self._beat)
