"""Deadlines that hold exactly whatever the HTTP library does: one lazily moved timer for a whole call."""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Self

from ve_magics.engine.transport.failures import timed_out
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import Phase


class Watch:
    """Watches over the waits of one call; `with watch:` is one wait.

    A wait that lasts too long is cancelled and ends in `TimedOutError`. The timer is set once and moved only
    when it rings too early, so that a wait in a long stream costs no timer of its own.

    Args:
        deadlines: The limits, in seconds.
        host: Whom to name in the error.
    """

    __slots__ = (
        "_cancelling",
        "_deadlines",
        "_due",
        "_end",
        "_host",
        "_loop",
        "_phase",
        "_rung",
        "_task",
        "_timer",
    )

    def __init__(self, deadlines: Deadlines, host: str) -> None:
        self._deadlines = deadlines
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._end = inf if deadlines.total is None else self._loop.time() + deadlines.total
        self._due = inf
        self._phase: Phase = "total"
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._rung = False
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, phase: Phase) -> None:
        """Begin a phase: its time runs from now."""
        limit: float | None = getattr(self._deadlines, phase)
        due = inf if limit is None else self._loop.time() + limit
        if due < self._end:
            self._phase, self._due = phase, due
        else:
            self._phase, self._due = "total", self._end
        if self._task is not None:
            self._arm()

    def connected(self) -> None:
        """Note that the connection stands: from now on the first token is awaited."""
        if self._task is not None:
            self.expect("first_token")

    def stop(self) -> None:
        """Put the timer away; the call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> Self:
        if self._loop.time() >= self._due:
            raise timed_out(self._host, self._phase, self._deadlines)
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._rung and task is not None:
            self._rung = False
            if task.uncancel() <= self._cancelling and error is not None:
                raise timed_out(self._host, self._phase, self._deadlines) from None

    def _arm(self) -> None:
        timer = self._timer
        if timer is not None:
            if timer.when() <= self._due:
                return
            timer.cancel()
            self._timer = None
        if self._due != inf:
            self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._due:
            self._arm()
        elif not self._rung:
            self._rung = True
            self._task.cancel()
