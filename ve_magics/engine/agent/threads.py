"""A blocking function on a thread of its own, waited for no longer than it may take."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


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
