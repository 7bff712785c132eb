"""One request's way along its route: what was tried, what may be tried again, and when."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from ve_magics.routing.dispositions import Verdict
from ve_magics.routing.gate import Gate
from ve_magics.routing.records import TargetRecord
from ve_magics.routing.values import Outcome, Random, Reason, Route, Settings, Target

_GRAIN = 0.001
"""Seconds that a sleep may end early: event loops round."""


class Course:
    """What one request has behind it and before it.

    Attributes:
        records: The route's targets, in its order.
        number: Attempts that were made.
        index: The target of the last one.
        chained: True where that target's next key comes before anything else.
    """

    __slots__ = (
        "_due",
        "_gates",
        "_random",
        "_retries",
        "_settings",
        "_spent",
        "_start",
        "_tries",
        "_wrong",
        "chained",
        "index",
        "number",
        "records",
    )

    def __init__(
        self, route: Route, records: Sequence[TargetRecord], start: int, settings: Settings, random: Random
    ) -> None:
        self.records = records
        self.number = 0
        self.index = 0
        self.chained = False
        self._start = start
        self._settings = settings
        self._random = random
        self._retries = route.retries
        self._tries = [0] * len(records)
        self._due = [0.0] * len(records)
        self._spent: set[int] = set()
        self._wrong: dict[str, set[int]] = {}
        self._gates: Sequence[Gate] = ()

    def open(self, now: float) -> tuple[Sequence[int], float]:
        """Return the targets that may be tried now, and from when some may be: now or later; infinity for never.

        Those that were never tried come alone, so that nothing is tried twice before everything was tried once.
        """
        if self.chained:
            return (self.index,), now
        if not self.number and inf not in self._due:
            return range(len(self.records)), now
        due = self._due
        untried = [index for index, tries in enumerate(self._tries) if not tries and due[index] != inf]
        if untried:
            return untried, now
        ready = [index for index, instant in enumerate(due) if instant <= now + _GRAIN]
        return ready, now if ready else min(due)

    def soonest(self) -> Target:
        """Return the target that may be tried again first."""
        return self.records[self._due.index(min(self._due))].target

    def key(self, index: int, now: float) -> tuple[int, float]:
        """Return the key that may be used soonest at a target, and when; -1 and infinity where none is left."""
        record = self.records[index]
        if not self._wrong and not self._spent:
            return record.key(self._start, now)
        return record.key(self._start, now, self._spent | self._wrong.get(record.target.provider, set()))

    def give_up(self, index: int) -> None:
        """Never try this target again."""
        self._due[index] = inf

    def made(self, index: int) -> Reason:
        """Note that an attempt is handed out, and return why; trying the next key of a pool is no retry."""
        self.leave_queues()
        self.number += 1
        self.index = index
        if self.chained:
            return "next_key"
        self._tries[index] += 1
        if self._tries[index] > 1:
            return "retry"
        return "first" if self.number == 1 else "fallback"

    def failed(self, key: int, outcome: Outcome, verdict: Verdict, now: float) -> None:
        """Note a failure of the last attempt and plan what follows."""
        index = self.index
        for other, record in enumerate(self.records):
            if record.target in outcome.hedged and not self._tries[other]:
                self._tries[other] = 1
                self._due[other] = self._again(other, now)
        if not verdict.fallback:
            self._due = [inf] * len(self.records)
        retry_at = max(self._again(index, now), now + (outcome.retry_after or 0.0))
        self._due[index] = retry_at if verdict.retry else inf
        if outcome.kind == "authentication":
            self._wrong.setdefault(self.records[index].target.provider, set()).add(key)
        self.chained = False
        if verdict.next_key:
            self._spent.add(key)
            self.chained = self.key(index, now)[1] <= now
        if not self.chained:
            self._spent.clear()

    def queue(self, gates: Sequence[Gate]) -> float:
        """Wait at these gates and at no others; return in how many seconds to ask again.

        The first in a queue ask often, those behind them more rarely.
        """
        for gate in self._gates:
            if gate not in gates:
                gate.leave(self)
        self._gates = gates
        rounds = min(gate.rounds(self) for gate in gates)
        return min(self._settings.queue_cap, self._settings.queue_poll * (1 + rounds))

    def leave_queues(self) -> None:
        """Wait nowhere."""
        for gate in self._gates:
            gate.leave(self)
        self._gates = ()

    def _again(self, index: int, now: float) -> float:
        tries = self._tries[index]
        if tries > self._retries:
            return inf
        settings = self._settings
        bound = min(settings.backoff_cap, settings.backoff_base * 2.0 ** min(tries - 1, 30))
        return now + self._random.random() * bound
