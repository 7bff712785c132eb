"""Concurrency limits, first come first served."""

from __future__ import annotations

from itertools import islice


class Gate:
    """Counts what is inside, and keeps those outside in order.

    A free place belongs to the first that wait for it; newcomers get what is left over.
    """

    __slots__ = ("in_flight", "limit", "waiting")

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.in_flight = 0
        self.waiting: dict[object, None] = {}

    def admits(self, ticket: object) -> bool:
        """Whether the holder of the ticket may enter now."""
        if self.limit is None:
            return True
        free = self.limit - self.in_flight
        if not self.waiting or free <= 0:
            return free > 0
        if ticket in self.waiting:
            return any(ticket is first for first in islice(self.waiting, free))
        return free > len(self.waiting)

    def rounds(self, ticket: object) -> int:
        """Let the holder of the ticket wait; return how many times all places must be given out before."""
        self.waiting.setdefault(ticket)
        ahead = next(place for place, one in enumerate(self.waiting) if one is ticket)
        return ahead // self.limit if self.limit else 0

    def leave(self, ticket: object) -> None:
        """Let the holder of the ticket wait no longer."""
        del self.waiting[ticket]
