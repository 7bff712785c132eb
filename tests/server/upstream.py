"""A provider on a raw socket, which knows to the millisecond when its caller has gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

from tests.engine.scripted import chunk

Script = Callable[["Line"], Awaitable[None]]


class Line:
    """One connection of the provider's, after its request was read.

    Attributes:
        sent: Bytes that the caller's side has taken.
        closed: When the caller went, in monotonic seconds.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.sent = 0
        self.closed: float | None = None

    async def send(self, data: bytes) -> None:
        """Send bytes; waits while the caller doesn't read."""
        self._writer.write(data)
        await self._writer.drain()
        self.sent += len(data)

    async def begin(self) -> None:
        """Begin a stream that ends with the connection."""
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")

    async def gone(self) -> None:
        """Wait until the caller has gone."""
        with suppress(ConnectionError):
            await self._reader.read(1)
        self.closed = time.monotonic()


class Upstream:
    """A provider that plays one script for every request, while the context lasts."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), daemon=True
        )
        self.lines: list[Line] = []
        self.port = 0

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        line = Line(reader, writer)
        self.lines.append(line)
        try:
            await self._script(line)
        except ConnectionError:
            line.closed = line.closed or time.monotonic()
        finally:
            writer.transport.abort()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self._loop.close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


async def silent(line: Line) -> None:
    """Say nothing at all, until the caller goes."""
    await line.gone()


async def halting(line: Line) -> None:
    """Say one word and then nothing, until the caller goes."""
    await line.begin()
    await line.send(chunk({"content": "Hello"}))
    await line.gone()


async def endless(line: Line) -> None:
    """Talk on and on, as fast as the caller reads."""
    await line.begin()
    watching = asyncio.ensure_future(line.gone())
    try:
        word = chunk({"content": "x" * 1000})
        while line.closed is None:
            await line.send(word)
    finally:
        watching.cancel()
