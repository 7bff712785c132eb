"""The laws of routing over sequences of outcomes that nobody thought of, many flows at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ve_magics.errors import ErrorKind
from ve_magics.routing import (
    DISPOSITIONS,
    Attempt,
    Midstream,
    Outcome,
    Policy,
    RateLimit,
    Route,
    Router,
    Settings,
    Target,
    TargetState,
)
from ve_magics.routing.router import Flow

KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
POLICIES: tuple[Policy, ...] = get_args(Policy)
TARGETS = tuple(Target.parse(text) for text in ("a/x", "a/y", "b/x", "c/m/n"))
SECONDS = st.none() | st.sampled_from([0.0, 0.3, 2.0, 40.0])

outcomes = st.builds(
    Outcome,
    kind=st.none() | st.sampled_from(KINDS),
    first_token=st.none() | st.floats(0.01, 5),
    duration=st.floats(0, 10),
    retry_after=SECONDS,
    retryable=st.sampled_from([None, None, None, True, False]),
    delivered=st.booleans(),
    cancelled=st.sampled_from([False] * 9 + [True]),
    rate_limit=st.none() | st.builds(RateLimit, st.none() | st.integers(0, 1), st.none(), SECONDS),
    sent=st.booleans(),
    unsupported=st.booleans(),
)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Any route over the four targets."""
    targets = tuple(draw(st.lists(st.sampled_from(TARGETS), min_size=1, unique=True)))
    count = len(targets)
    return Route(
        f"route {draw(st.integers(0, 2))}",
        targets,
        draw(st.sampled_from(POLICIES)),
        draw(st.just(()) | st.tuples(*[st.floats(0, 5)] * count)),
        draw(st.just(()) | st.tuples(*[st.none() | st.floats(0, 5)] * count)),
        max_attempts=draw(st.integers(1, 9)),
        hedge_percentile=draw(st.none() | st.just(90.0)),
        retries=draw(st.integers(0, 3)),
    )


@dataclass
class Request:
    """One flow, what it was asked for, and what came of it so far."""

    flow: Flow
    route: Route
    deadline: float | None
    mutation: bool
    midstream: Midstream
    attempt: Attempt
    asleep_until: float = 0.0
    asked: list[Target] = field(default_factory=list)
    ruled_out: set[Target] = field(default_factory=set)
    must_end: bool = False


class Requests(RuleBasedStateMachine):
    """Many requests through one router, in any order, with any outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.limits = {"a/x": 2, "b": 1}
        self.router = Router(
            clock=lambda: self.now,
            random=Random(5),
            limits=self.limits,
            keys={"a": 3, "c": 2},
            settings=Settings(breaker_failures=2, open_base=1.0, hedge_samples=3),
        )
        self.open: list[Request] = []
        self.hedges: list[Attempt] = []

    def states(self) -> dict[Target, TargetState]:
        return {state.target: state for state in self.router.snapshot()}

    def took(self, request: Request, attempt: Attempt | None) -> None:
        """Check what a flow gave, and keep it."""
        route, states = request.route, self.states()
        if attempt is None:
            if request in self.open:
                self.open.remove(request)
            return
        assert not request.must_end, "went on where it had to end"
        untried = [
            target
            for target in route.targets
            if target not in request.asked and target not in request.ruled_out
        ]
        assert attempt.number == len(request.asked) + 1 <= route.max_attempts
        if request.deadline is not None:
            assert self.now < request.deadline
            assert self.now + attempt.wait <= request.deadline + 1e-9
        if attempt.wait:
            assert attempt.reason in {"retry", "queue"}
            if attempt.reason == "retry":
                assert not untried, "waited while a target was untried"
            assert not any(self.admits(states[target], states) for target in untried), "waited without need"
            request.asleep_until = self.now + attempt.wait
        else:
            if attempt.reason == "fallback":
                assert attempt.target not in request.asked
            if attempt.reason == "retry":
                assert not untried, "tried again before everything was tried"
            if states[attempt.target].state == "open":
                assert not any(self.admits(states[target], states) for target in untried), (
                    "asked the sick first"
                )
            request.asked.append(attempt.target)
        request.attempt = attempt
        if request not in self.open:
            self.open.append(request)

    def admits(self, state: TargetState, states: dict[Target, TargetState]) -> bool:
        """Whether a target is healthy and surely has room: nobody waits there."""
        provider = [other for other in states.values() if other.target.provider == state.target.provider]
        limit = self.limits.get(state.target.provider)
        room = limit is None or sum(other.in_flight for other in provider) < limit
        own = state.limit is None or state.in_flight < state.limit
        return (
            state.state == "closed"
            and not state.open_until
            and room
            and own
            and not any(other.queued for other in states.values())
            and not self.queueing()
        )

    def queueing(self) -> bool:
        return any(request.attempt.reason == "queue" for request in self.open)

    @rule(
        route=routes(),
        seconds=st.none() | st.sampled_from([0.0, 0.5, 5.0, 60.0]),
        affinity=st.none() | st.sampled_from(["one", "two"]),
        mutation=st.booleans(),
        midstream=st.sampled_from(get_args(Midstream)),
    )
    def begin(
        self, route: Route, seconds: float | None, affinity: str | None, mutation: bool, midstream: Midstream
    ) -> None:
        deadline = None if seconds is None else self.now + seconds
        flow = self.router.attempts(
            route, deadline=deadline, affinity=affinity, mutation=mutation, midstream=midstream
        )
        attempt = next(flow, None)
        if attempt is None:
            assert seconds == 0.0
            return
        self.took(Request(flow, route, deadline, mutation, midstream, attempt), attempt)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=outcomes, seconds=st.floats(0, 3))
    def go_on(self, data: st.DataObject, outcome: Outcome, seconds: float) -> None:
        """Wake a flow that sleeps, or tell it what came of its attempt."""
        request = data.draw(st.sampled_from(self.open))
        if request.attempt.wait:
            self.now = max(self.now, request.asleep_until)
            self.took(request, next(request.flow, None))
            return
        self.now += seconds
        self.note(request, outcome)
        try:
            attempt = request.flow.send(outcome)
        except StopIteration:
            self.took(request, None)
            return
        self.took(request, attempt)

    def note(self, request: Request, outcome: Outcome) -> None:
        """Write down what the outcome forbids from now on."""
        kind = outcome.kind
        if kind is None or outcome.cancelled:
            request.must_end = True
            return
        if outcome.delivered and request.midstream == "fail":
            request.must_end = True
        if request.mutation and outcome.sent and not DISPOSITIONS[kind].rejected:
            request.must_end = True
        if kind in {"bad_request", "content_filter"} and not (kind == "bad_request" and outcome.unsupported):
            request.ruled_out.update(set(request.route.targets) - {request.attempt.target})
            request.must_end |= outcome.retryable is not True
        if kind == "authentication":
            request.ruled_out.update(
                target
                for target in request.route.targets
                if target.provider == request.attempt.target.provider
            )

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        """The caller doesn't want it any more."""
        request = data.draw(st.sampled_from(self.open))
        request.flow.close()
        self.open.remove(request)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def hedge(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.open))
        hedge = self.router.hedge(request.route, request.attempt.target)
        if hedge is not None:
            assert hedge.target != request.attempt.target
            self.hedges.append(hedge)

    @precondition(lambda self: self.hedges)
    @rule(outcome=st.none() | outcomes)
    def finish_hedge(self, outcome: Outcome | None) -> None:
        self.router.finish(self.hedges.pop(0), outcome)

    @rule(seconds=st.floats(0, 30))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def books_balance(self) -> None:
        """Every place that is taken belongs to an attempt that runs, and no limit is passed."""
        running = [request.attempt for request in self.open if not request.attempt.wait] + self.hedges
        states = self.states()
        for target, state in states.items():
            assert state.in_flight == sum(attempt.target == target for attempt in running)
            assert state.limit is None or state.in_flight <= state.limit
            assert sum(attempt.probe for attempt in running if attempt.target == target) <= 1
        assert sum(attempt.target.provider == "b" for attempt in running) <= 1

    def teardown(self) -> None:
        """When all flows are over, nothing is left behind."""
        for request in self.open:
            request.flow.close()
        for hedge in self.hedges:
            self.router.finish(hedge)
        assert all(state.in_flight == state.queued == 0 for state in self.router.snapshot())


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


def run(
    route: Route, script: list[Outcome], seed: int, deadline: float | None, mutation: bool
) -> list[Attempt]:
    """Drive one flow with outcomes that repeat for ever; return all that it gave."""
    now = 0.0
    router = Router(clock=lambda: now, random=Random(seed), keys={"a": 2})
    flow = router.attempts(
        route, deadline=deadline, mutation=mutation, midstream="restart", affinity="prefix"
    )
    seen: list[Attempt] = []
    attempt = next(flow, None)
    while attempt is not None:
        seen.append(attempt)
        outcome = script[len(seen) % len(script)]
        try:
            if attempt.wait:
                now += attempt.wait
                attempt = next(flow)
            else:
                now += outcome.duration / 100
                attempt = flow.send(outcome)
        except StopIteration:
            attempt = None
    assert all(state.in_flight == 0 for state in router.snapshot())
    return seen


@given(routes(), st.lists(outcomes, min_size=1, max_size=6), st.integers(0, 99), SECONDS, st.booleans())
def test_every_flow_ends_in_time_and_the_same_way(
    route: Route, script: list[Outcome], seed: int, deadline: float | None, mutation: bool
) -> None:
    """No request runs for ever, none waits past its deadline, and equal seeds give equal ways."""
    seen = run(route, script, seed, deadline, mutation)
    assert sum(not attempt.wait for attempt in seen) <= route.max_attempts
    assert len(seen) <= 2 * route.max_attempts + 1
    if deadline is not None:
        assert sum(attempt.wait for attempt in seen) <= deadline + 1e-9
    assert seen == run(route, script, seed, deadline, mutation)


@given(
    routes(),
    st.sampled_from(["server", "timeout", "network", "overloaded", "decode"]),
    st.integers(0, 99),
    st.sampled_from([0.0, 10.0, 1000.0]),
)
def test_no_target_is_lost(route: Route, kind: ErrorKind, seed: int, duration: float) -> None:
    """While all fail in ways that others may not, each target is asked once before any is asked twice."""
    asked = [
        one.target
        for one in run(route, [Outcome(kind, duration=duration)], seed, None, False)
        if not one.wait
    ]
    first = asked[: len(route.targets)]
    assert len(set(first)) == len(first) == min(route.max_attempts, len(route.targets))
    assert len(asked) == min(route.max_attempts, len(route.targets) * (1 + route.retries))


@given(routes(), st.integers(0, 99), st.integers(0, 3))
def test_an_answer_that_is_to_be_had_is_found(route: Route, seed: int, well: int) -> None:
    """If one target of the route answers and there are attempts enough, the request is answered."""
    now = 0.0
    router = Router(clock=lambda: now, random=Random(seed))
    living = route.targets[well % len(route.targets)]
    for _ in range(8):
        flow = router.attempts(Route("all", route.targets, route.policy))
        attempt = next(flow)
        while attempt.target != living:
            assert attempt.wait == 0
            attempt = flow.send(Outcome("server"))
        with pytest.raises(StopIteration):
            flow.send(Outcome())
        now += 1.0


@given(st.integers(1, 3), st.integers(2, 12))
def test_a_queue_is_served_in_the_order_in_which_it_came(places: int, waiting: int) -> None:
    """However often each asks, nobody enters before one who came earlier."""
    now = 0.0
    router = Router(clock=lambda: now, random=Random(1), limits={"a": places})
    route = Route("one", TARGETS[:1])
    flows = [router.attempts(route) for _ in range(places + waiting)]
    running = [flow for flow in flows if not next(flow).wait]
    assert running == flows[:places]
    served = list(running)
    while running:
        running.pop(0).close()
        now += 1.0
        for flow in reversed(flows):
            if flow not in served and not next(flow).wait:
                running.append(flow)
                served.append(flow)
    assert served == flows
