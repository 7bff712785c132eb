"""The bridge between the blocking cell and the event loop on its own thread.

IPython does not await magics, and a request awaited on the kernel's own loop can't be interrupted while the provider
is silent. So the loop lives on a daemon thread; the cell waits in short steps, in which an interrupt is noticed.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import aclosing
from typing import Any, TypeVar

T = TypeVar("T")

STEP = 0.05
"""Seconds that the cell waits before it looks up, for a display to be updated."""

CLEAN_UP = 0.2
"""Seconds that an interrupted request gets to close its connection before the cell ends."""


class Portal:
    """An event loop on a daemon thread, started when it is first needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running."""
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(loop,), name="ve_magics", daemon=True).start()
                self._loop = loop
            return self._loop

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine and return at once."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return its result; an interrupt cancels it.

        Raises:
            KeyboardInterrupt: The cell was interrupted.
            Exception: Whatever the coroutine raises.
        """
        finished = threading.Event()

        async def watched() -> T:
            try:
                return await coroutine
            finally:
                finished.set()

        future = self.submit(watched())
        try:
            while not finished.wait(STEP):
                pass
            return future.result()
        except BaseException:
            _cancel(future, finished)
            raise

    def iterate(
        self, events: AsyncGenerator[T, None], *, step: float = STEP
    ) -> Generator[list[T], None, None]:
        """Yield what an async generator yields, in the cell's thread.

        What has come since the last step comes as one list; an empty list says that a step has passed. Closing this
        generator, and an interrupt, cancels the async one.

        Raises:
            KeyboardInterrupt: The cell was interrupted.
            Exception: Whatever the async generator raises, after everything that it yielded.
        """
        arrived: queue.SimpleQueue[tuple[T | None, BaseException | None, bool]] = queue.SimpleQueue()

        finished = threading.Event()

        async def pump() -> None:
            try:
                async with aclosing(events):
                    async for event in events:
                        arrived.put((event, None, False))
            except BaseException as error:
                arrived.put((None, error, True))
                if isinstance(error, asyncio.CancelledError):
                    raise
            else:
                arrived.put((None, None, True))
            finally:
                finished.set()

        future = self.submit(pump())
        try:
            while True:
                batch: list[T] = []
                error: BaseException | None = None
                ended = False
                try:
                    item = arrived.get(timeout=step)
                    while True:
                        event, error, ended = item
                        if ended:
                            break
                        batch.append(event)  # type: ignore[arg-type]  # only the end has no event
                        item = arrived.get_nowait()
                except queue.Empty:
                    pass
                if batch or not ended:
                    yield batch
                if error is not None:
                    raise error
                if ended:
                    return
        finally:
            _cancel(future, finished)

    def close(self) -> None:
        """Stop the loop and cancel what still runs on it."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)


def _cancel(future: concurrent.futures.Future[Any], finished: threading.Event) -> None:
    if not finished.is_set():
        future.cancel()
        finished.wait(CLEAN_UP)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=CLEAN_UP))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
