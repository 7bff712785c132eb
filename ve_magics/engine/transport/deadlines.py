"""Deadlines that hold exactly whatever the HTTP library does: one timer for all calls of a transport."""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Self

from ve_magics.engine.transport.failures import timed_out
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import Phase


class Alarm:
    """Rings the watches that wait too long.

    It holds one timer, set for the soonest deadline that it has been told. Most calls end long before theirs, so
    a call costs an entry in a set and no timer of its own; at each ring the next soonest deadline is looked for.
    """

    def __init__(self) -> None:
        self.waiting: set[Watch] = set()
        self.next = inf
        self._timer: asyncio.TimerHandle | None = None

    def set_for(self, due: float) -> None:
        """Ring no later than at `due`, in the loop's time."""
        self.stop()
        self.next = due
        self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def stop(self) -> None:
        """Put the timer away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.next = inf

    def _ring(self) -> None:
        self._timer = None
        self.next = inf
        now = asyncio.get_running_loop().time()
        soonest = min((watch.due for watch in self.waiting if not watch.ring(now)), default=inf)
        if soonest != inf:
            self.set_for(soonest)


class Watch:
    """Watches over the waits of one call; `with watch:` is one wait.

    A wait that lasts too long is cancelled and ends in `TimedOutError`.

    Args:
        deadlines: The limits, in seconds.
        host: Whom to name in the error.
        alarm: Who keeps the time.
    """

    __slots__ = (
        "_alarm",
        "_cancelling",
        "_deadlines",
        "_end",
        "_host",
        "_phase",
        "_rung",
        "_task",
        "_time",
        "due",
    )

    def __init__(self, deadlines: Deadlines, host: str, alarm: Alarm) -> None:
        self._deadlines = deadlines
        self._host = host
        self._alarm = alarm
        self._time = asyncio.get_running_loop().time
        self._end = inf if deadlines.total is None else self._time() + deadlines.total
        self._phase: Phase = "total"
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._rung = False
        self.due = self._end

    def expect(self, phase: Phase) -> None:
        """Begin a phase: its time runs from now."""
        limit: float | None = getattr(self._deadlines, phase)
        due = inf if limit is None else self._time() + limit
        if due < self._end:
            self._phase, self.due = phase, due
        else:
            self._phase, self.due = "total", self._end
        if self._task is not None and self.due < self._alarm.next:
            self._alarm.set_for(self.due)

    def ring(self, now: float) -> bool:
        """Cancel the wait if its time is up; return whether it was."""
        if now < self.due:
            return False
        if not self._rung and self._task is not None:
            self._rung = True
            self._task.cancel()
        return True

    def __enter__(self) -> Self:
        if self._time() >= self.due:
            raise timed_out(self._host, self._phase, self._deadlines)
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        alarm = self._alarm
        alarm.waiting.add(self)
        if self.due < alarm.next:
            alarm.set_for(self.due)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._alarm.waiting.discard(self)
        if self._rung and task is not None:
            self._rung = False
            if task.uncancel() <= self._cancelling and error is not None:
                raise timed_out(self._host, self._phase, self._deadlines) from None
