"""The user's functions away from the loop that serves everybody: blocking ones on threads, async ones on a loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 0.2
"""Seconds that a function which is cancelled gets to end."""


async def in_thread(function: Callable[[], T]) -> T:
    """Return what a function returns that runs on a thread of its own.

    Being cancelled leaves the thread alone: a thread can't be ended. It is a daemon, so that no function that hangs
    keeps the process from ending.

    Raises:
        Exception: Whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(result)  # type: ignore[arg-type]  # the function's own result
            else:
                future.set_exception(error)

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = context.run(function)
        except BaseException as caught:  # noqa: BLE001 - the caller's task raises it
            error = caught
            if isinstance(caught, StopIteration) or not isinstance(caught, Exception):
                error = RuntimeError(f"{type(caught).__name__}: {caught}")  # no future carries these
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="ve_magics tool", daemon=True).start()
    return await future


class ToolLoop:
    """An event loop on a thread of its own, for async functions of which nobody knows whether they block.

    It begins with the first of them. One that is cancelled and does not end keeps its loop, the next one has another.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    async def run(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Return what an async function returns. Being cancelled cancels it too.

        Args:
            begin: Calls it; called on the other loop.

        Raises:
            Exception: Whatever the function raises.
        """
        here, loop = asyncio.get_running_loop(), self._running()
        ended: asyncio.Future[None] = here.create_future()

        def end() -> None:
            if not ended.done():
                ended.set_result(None)

        async def whole() -> T:
            try:
                return await begin()
            except (KeyboardInterrupt, SystemExit) as error:  # would end the loop
                raise RuntimeError(f"{type(error).__name__}: {error}") from None
            finally:
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    here.call_soon_threadsafe(end)

        running = asyncio.run_coroutine_threadsafe(whole(), loop)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            running.cancel()
            done, _ = await asyncio.wait([ended], timeout=PATIENCE)
            if not done:
                self._leave(loop)
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_forever, args=(self._loop,), name="ve_magics tools", daemon=True
                ).start()
            return self._loop

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._loop is loop:
                self._loop = None
        loop.call_soon_threadsafe(_stop_when_idle, loop)


def _stop_when_idle(loop: asyncio.AbstractEventLoop) -> None:
    """Stop a loop when the functions that it still runs have ended."""
    tasks = asyncio.all_tasks(loop)
    if not tasks:
        loop.stop()
        return
    waiting = asyncio.gather(*tasks, return_exceptions=True)
    waiting.add_done_callback(lambda _: loop.stop())


def _forever(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


tool_loop = ToolLoop()
"""The one of this process: what an async function opens is there for the next call too."""
