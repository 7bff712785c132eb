"""The router: one memory of all targets, and a generator for each request that is driven from outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from math import ceil, inf

from ve_magics.errors import ConfigError
from ve_magics.routing.affinity import bucket
from ve_magics.routing.choice import Question, choose
from ve_magics.routing.course import Course
from ve_magics.routing.dispositions import DISPOSITIONS, decide
from ve_magics.routing.gate import Gate
from ve_magics.routing.records import ProviderRecord, TargetRecord
from ve_magics.routing.values import (
    Attempt,
    Clock,
    Midstream,
    Outcome,
    Random,
    Route,
    Settings,
    Target,
    TargetState,
)

Flow = Generator[Attempt, Outcome | None, None]
"""What `Router.attempts` returns: attempts come out, outcomes go in."""

_REMEMBERED = 4096
"""Targets and routes that are remembered at most, but for those that are being asked."""

_SAMPLES = 128
"""First-token times that are remembered of a route."""


class Router:
    """Decides which target is tried next; remembers which of them are well, busy, fast or out of credit.

    One router serves all requests of a session. It is not safe for threads: use it on one event loop.

    Args:
        clock: Seconds that only grow, for example `time.monotonic`.
        random: For jitter, weights and exploration, for example `random.Random()`.
        limits: Attempts that may run at once, by `provider/model` or by provider.
        keys: How many keys each provider's pool holds; one where it isn't named.
        settings: The numbers behind the decisions.

    Raises:
        ConfigError: A limit is below 1.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        limits: Mapping[str, int] | None = None,
        keys: Mapping[str, int] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._clock = clock
        self._random = random
        self._limits = dict(limits or {})
        for name, limit in self._limits.items():
            if limit < 1:
                raise ConfigError(f"The limit of {name!r} is {limit}: nothing could ever be sent there.")
        self._keys = dict(keys or {})
        self._providers: dict[str, ProviderRecord] = {}
        self._targets: dict[Target, TargetRecord] = {}
        self._routes: dict[str, tuple[Route, tuple[TargetRecord, ...]]] = {}
        self._samples: dict[str, deque[float]] = {}
        self._turn = -1

    def attempts(
        self,
        route: Route,
        *,
        deadline: float | None = None,
        affinity: str | None = None,
        mutation: bool = False,
        midstream: Midstream = "fail",
    ) -> Flow:
        """Return the flow of one request: a generator of attempts that is sent the outcome of each.

        An attempt whose `wait` is not 0 takes no place and is not to be made yet: sleep so long, then call
        `next(flow)`, for by then another target may be the better one. So a driver is this loop:

            flow = router.attempts(route, deadline=clock() + 60)
            with contextlib.closing(flow), contextlib.suppress(StopIteration):
                attempt = next(flow)
                while True:
                    if attempt.wait:
                        sleep(attempt.wait)
                        attempt = next(flow)
                    else:
                        attempt = flow.send(make(attempt))

        The flow ends after an answer, and where nothing more may be tried. It ends without any attempt only where
        the deadline passed first. Closing it, at any moment, gives back the place that its attempt had.

        Args:
            route: The targets and their policy.
            deadline: Instant on the router's clock after which nothing is begun, or None.
            affinity: Requests with the same key share a long prefix (`prefix_key`).
            mutation: True where the request creates something billable: it is sent again only after failures
                that prove that nothing was made.
            midstream: What the caller does with an answer that breaks after its first token: `fail` ends the
                flow, `restart` lets it go on, for a caller that starts its display over.

        Raises:
            TypeError: An outcome was sent after a wait, or none after an attempt.
        """
        records = self._records(route)
        course = Course(route, records, self._first_key(affinity), self.settings, self._random)
        for record in records:
            record.flows += 1
        try:
            while (attempt := self._plan(route, course, deadline, affinity)) is not None:
                if attempt.wait:
                    if (yield attempt) is not None:
                        raise TypeError("this attempt was a wait: sleep, then call next(flow)")
                    continue
                try:
                    outcome = yield attempt
                finally:
                    self._leave(attempt)
                if outcome is None:
                    raise TypeError("an attempt was made: send its outcome")
                now = self._clock()
                self._learn(attempt, outcome, now)
                if outcome.first_token is not None and route.hedge_percentile is not None:
                    self._sample(route, outcome.first_token)
                if outcome.kind is None:
                    return
                verdict = decide(outcome, mutation=mutation, midstream=midstream, settings=self.settings)
                if not any(verdict):
                    return
                course.failed(attempt.key, outcome, verdict, now)
        finally:
            course.leave_queues()
            for record in records:
                record.flows -= 1

    def hedge_delay(self, route: Route) -> float | None:
        """Return after how many seconds without a first token a second target should be asked as well.

        Every hedge counts among the slowest samples, so the share of requests that are hedged stays at what the
        percentile leaves, however slow everything becomes.

        Returns:
            None where the route isn't hedged, too little is known yet, or that share is used up.
        """
        samples = self._samples.get(route.name, ())
        if route.hedge_percentile is None or len(samples) < self.settings.hedge_samples:
            return None
        delay = sorted(samples)[ceil(route.hedge_percentile / 100 * len(samples)) - 1]
        return None if delay == inf else delay

    def hedge(self, route: Route, running: Target) -> Attempt | None:
        """Return an attempt at another target to make beside the one that is running.

        Its place is taken: give it back with `finish`. Never hedge what creates something billable. Where the
        hedge answers first, close the flow; where it fails first, go on with the flow, and where that one fails,
        too, name the hedge's target in `Outcome.hedged`.

        Returns:
            None where no other target is healthy and has room.
        """
        now = self._clock()
        records = self._records(route)
        start = self._first_key(None)
        ready = [
            index
            for index, record in enumerate(records)
            if record.target != running
            and record.breaker.state(now) == "closed"
            and record.key(start, now)[1] <= now
            and record.blocking(route) is None
        ]
        if not ready:
            return None
        record = records[self._choose(route, records, ready, None, now)]
        self._sample(route, inf)
        record.enter(now)
        return Attempt(
            record.target, 0.0, 0, record.key(start, now)[0], hedge=True, reason="hedge", began=now
        )

    def finish(self, attempt: Attempt, outcome: Outcome | None = None) -> None:
        """Give back the place of a hedge and learn from what came of it; None where it was cancelled."""
        self._leave(attempt)
        if outcome is not None:
            self._learn(attempt, outcome, self._clock())

    def renew_keys(self, provider: str, count: int) -> None:
        """Note that a provider's keys have changed: so many are there, and none of them needs rest."""
        self._keys[provider] = count
        record = self._providers.get(provider)
        if record is None:
            return
        record.keys = max(1, count)
        record.resting.clear()
        for target, known in self._targets.items():
            if target.provider == provider:
                known.resting.clear()

    def snapshot(self) -> tuple[TargetState, ...]:
        """Return what is known of every target that was ever routed to, in that order."""
        now = self._clock()
        states = []
        for target, record in self._targets.items():
            opens = max(record.breaker.open_until, record.key(0, now)[1])
            states.append(
                TargetState(
                    target=target,
                    state=record.breaker.state(now),
                    in_flight=record.gate.in_flight,
                    limit=record.gate.limit,
                    queued=len(record.gate.waiting),
                    latency=record.latency,
                    failures=record.breaker.failures,
                    open_until=opens if opens > now else 0.0,
                    attempts=record.attempts,
                    successes=record.successes,
                )
            )
        return tuple(states)

    def _plan(
        self, route: Route, course: Course, deadline: float | None, affinity: str | None
    ) -> Attempt | None:
        """Return what the flow yields next, its place taken; None where it ends."""
        now = self._clock()
        last = inf if deadline is None else deadline
        while now < last and course.number < route.max_attempts:
            candidates, start = course.open(now)
            if start >= last:
                break
            if not candidates:
                return Attempt(course.soonest(), start - now, course.number + 1, 0, reason="retry", began=now)
            index, gates = self._pick(route, course, candidates, affinity, now)
            if gates:
                wait = min(course.queue(gates), last - now)
                return Attempt(
                    course.records[index].target, wait, course.number + 1, 0, reason="queue", began=now
                )
            if index >= 0:
                record = course.records[index]
                key, _ = course.key(index, now)
                reason = course.made(index)
                return Attempt(record.target, 0.0, course.number, key, False, reason, now, record.enter(now))
        return None

    def _pick(
        self, route: Route, course: Course, candidates: Sequence[int], affinity: str | None, now: float
    ) -> tuple[int, Sequence[Gate]]:
        """Return the target to ask next, and the gates to wait at before; -1 where all candidates fell out."""
        ready: list[int] = []
        full: list[tuple[int, Gate]] = []
        shut: list[tuple[float, int]] = []
        for index in candidates:
            record = course.records[index]
            _, until = course.key(index, now)
            if until == inf:
                course.give_up(index)
            elif until > now or not record.breaker.admits(now):
                shut.append((max(until, record.breaker.open_until), index))
            elif (gate := record.blocking(course)) is not None:
                full.append((index, gate))
            elif route.policy == "ordered":
                return index, ()
            else:
                ready.append(index)
        if ready:
            return self._choose(route, course.records, ready, affinity, now), ()
        if shut and not full:
            _, index = min(shut)
            gate = course.records[index].blocking(course)
            return index, () if gate is None else (gate,)
        return (full[0][0] if full else -1), [gate for _, gate in full]

    def _choose(
        self,
        route: Route,
        records: Sequence[TargetRecord],
        ready: Sequence[int],
        affinity: str | None,
        now: float,
    ) -> int:
        if len(ready) == 1:
            return ready[0]
        return choose(Question(route, records, ready, affinity, now, self.settings, self._random))

    def _leave(self, attempt: Attempt) -> None:
        self._targets[attempt.target].leave(probe=attempt.probe)

    def _learn(self, attempt: Attempt, outcome: Outcome, now: float) -> None:
        if outcome.cancelled:
            return
        record, settings = self._targets[attempt.target], self.settings
        limit = outcome.rate_limit
        if limit is not None and limit.exhausted and limit.reset is not None:
            record.rest(attempt.key, now + limit.reset)
        if outcome.first_token is not None:
            record.observe(now, outcome.first_token)
        kind = outcome.kind
        if kind is None:
            record.successes += 1
            record.breaker.answered(now, attempt.began)
            if outcome.first_token is None:
                record.observe(now, outcome.duration)
        elif kind == "model_not_found":
            record.breaker.trip(now, settings.retired)
        elif DISPOSITIONS[kind].counts_against_breaker:
            record.breaker.failed(now, probe=attempt.probe)
        else:
            self._rest(record, attempt.key, outcome, now)
            if attempt.probe:
                record.breaker.answered(now, attempt.began)

    def _rest(self, record: TargetRecord, key: int, outcome: Outcome, now: float) -> None:
        """Let a key rest that was refused: at this target, or everywhere where the fault is its own."""
        asked, cooling = outcome.retry_after, self.settings.key_cooling
        if outcome.kind == "rate_limit":
            record.rest(key, now + (self.settings.limited if asked is None else asked))
        elif outcome.kind == "permission":
            record.rest(key, now + cooling)
        elif outcome.kind in {"authentication", "quota"}:
            record.provider.resting[key] = now + max(cooling, asked or 0.0)

    def _sample(self, route: Route, seconds: float) -> None:
        self._samples.setdefault(route.name, deque(maxlen=_SAMPLES)).append(seconds)

    def _first_key(self, affinity: str | None) -> int:
        """Return where in the pools a request begins: equal prefixes at the same key, others in turn."""
        if affinity is not None and self._keys:
            return bucket(affinity)
        self._turn += 1
        return self._turn

    def _records(self, route: Route) -> tuple[TargetRecord, ...]:
        known = self._routes.get(route.name)
        if known is not None and known[0] is route:
            return known[1]
        if len(self._targets) >= _REMEMBERED or len(self._routes) >= _REMEMBERED:
            self._forget()
        records = tuple(self._targets.get(target) or self._record(target) for target in route.targets)
        self._routes[route.name] = (route, records)
        return records

    def _forget(self) -> None:
        """Drop targets that nobody is asking and that never answered: a client may invent any number of names.

        Where that is not enough, because somebody answers to every name, those that answered are dropped as well.
        """
        self._routes.clear()
        self._samples.clear()
        busy = {
            target: record
            for target, record in self._targets.items()
            if record.flows or record.gate.in_flight
        }
        good = {target: record for target, record in self._targets.items() if record.successes}
        self._targets = busy if len(good) > _REMEMBERED // 2 else good | busy

    def _record(self, target: Target) -> TargetRecord:
        name = target.provider
        provider = self._providers.get(name)
        if provider is None:
            provider = ProviderRecord(max(1, self._keys.get(name, 1)), self._limits.get(name))
            self._providers[name] = provider
        record = TargetRecord(target, provider, self._limits.get(str(target)), self.settings, self._random)
        self._targets[target] = record
        return record
