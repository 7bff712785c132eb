"""What the router does, case by case: who is asked, after what wait, and what it remembers of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from ve_magics.errors import ConfigError, ErrorKind
from ve_magics.routing import Attempt, Outcome, RateLimit, Route, Router, Settings, Target, prefix_key

A, B, C = Target("a", "x"), Target("b", "y"), Target("c", "z")
ROUTE = Route("fast", (A, B, C))
OK = Outcome(first_token=0.1, duration=0.5)
FAILED = Outcome("server")


@dataclass
class World:
    """A router with a clock that is set by hand."""

    limits: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.router = Router(
            clock=lambda: self.now,
            random=Random(7),
            limits=self.limits,
            keys=self.keys,
            settings=self.settings,
        )

    def drive(
        self, outcomes: Sequence[Outcome] | Callable[[Attempt], Outcome], route: Route = ROUTE, **options: Any
    ) -> list[Attempt]:
        """Drive one flow to its end, sleeping on the set clock; return its attempts and waits."""
        if callable(outcomes):
            answer = outcomes
        else:
            script = iter(outcomes)

            def answer(_: Attempt) -> Outcome:
                return next(script)

        seen: list[Attempt] = []
        flow = self.router.attempts(route, **options)
        attempt = next(flow, None)
        while attempt is not None:
            seen.append(attempt)
            try:
                if attempt.wait:
                    self.now += attempt.wait
                    attempt = next(flow)
                else:
                    attempt = flow.send(answer(attempt))
            except StopIteration:
                attempt = None
        return seen

    def in_flight(self) -> int:
        return sum(state.in_flight for state in self.router.snapshot())


def asked(attempts: Sequence[Attempt]) -> list[str]:
    """Return who was asked, in order, waits left out."""
    return [attempt.target.provider for attempt in attempts if not attempt.wait]


def test_an_answer_ends_the_flow() -> None:
    """The first target answers and nobody else is asked."""
    (attempt,) = World().drive([OK])
    assert attempt == Attempt(A, 0.0, 1, 0, began=1000.0)


def test_a_fallback_starts_at_once() -> None:
    """No wait before every target was tried; the reasons tell what happened."""
    seen = World().drive([FAILED, FAILED, OK])
    assert [(one.target, one.wait, one.reason, one.number) for one in seen] == [
        (A, 0.0, "first", 1),
        (B, 0.0, "fallback", 2),
        (C, 0.0, "fallback", 3),
    ]


def test_nobody_is_retried_before_everybody_was_tried() -> None:
    """Not even where failing took so long that the backoff of the first has passed."""
    world = World()

    def slow(_: Attempt) -> Outcome:
        world.now += 30
        return FAILED

    assert asked(world.drive(slow))[:3] == ["a", "b", "c"]


def test_waits_grow_with_full_jitter_and_every_target_is_retried() -> None:
    """Each wait lies between nothing and a bound that doubles; each target is tried 1 + retries times."""
    route = replace(ROUTE, targets=(A,), retries=4)
    longest: dict[int, float] = {}
    shortest: dict[int, float] = {}
    for seed in range(60):
        world = World()
        world.router = Router(clock=lambda world=world: world.now, random=Random(seed))  # type: ignore[misc]  # a default binds the loop's value
        seen = world.drive([FAILED] * 9, route)
        assert len(asked(seen)) == 5
        for one in seen:
            if one.wait:
                assert one.reason == "retry"
                longest[one.number] = max(longest.get(one.number, 0.0), one.wait)
                shortest[one.number] = min(shortest.get(one.number, 9.0), one.wait)
    for number, bound in ((2, 0.5), (3, 1.0), (4, 2.0), (5, 4.0)):
        assert bound * 0.8 < longest[number] <= bound
        assert shortest[number] < bound * 0.2


def test_a_route_is_given_up_after_its_attempts() -> None:
    """`max_attempts` and `retries` both bound it."""
    assert len(asked(World().drive([FAILED] * 20))) == 6
    assert asked(World().drive([FAILED] * 20, replace(ROUTE, retries=0))) == ["a", "b", "c"]
    assert asked(World().drive([FAILED] * 20, replace(ROUTE, max_attempts=2))) == ["a", "b"]


def test_retry_after_is_respected() -> None:
    """The provider's own time is the least wait, also for a target that isn't rate limited."""
    for kind in ("rate_limit", "overloaded"):
        seen = World().drive([Outcome(kind, retry_after=7.0), OK], Route("one", (A,)))
        assert [one.wait for one in seen] == [0.0, 7.0, 0.0]


def test_a_retry_after_beyond_the_deadline_skips_the_target() -> None:
    """Others are retried; where there are none the flow ends at once instead of waiting in vain."""
    world = World()
    seen = world.drive(
        [Outcome("rate_limit", retry_after=60.0), FAILED, OK], Route("two", (A, B)), deadline=1010.0
    )
    assert asked(seen) == ["a", "b", "b"]
    world = World()
    seen = world.drive([Outcome("rate_limit", retry_after=60.0)], Route("one", (A,)), deadline=1010.0)
    assert asked(seen) == ["a"]
    assert world.now == 1000.0


def test_nothing_begins_after_the_deadline() -> None:
    """A deadline that has passed lets nothing through."""
    assert World().drive([], deadline=1000.0) == []


@pytest.mark.parametrize(
    "kind", ["authentication", "permission", "quota", "model_not_found", "context_length"]
)
def test_what_waiting_cant_mend_is_not_retried(kind: ErrorKind) -> None:
    """Every other target is tried once, and nobody twice."""
    seen = World().drive([Outcome(kind)] * 9)
    assert asked(seen) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["bad_request", "content_filter"])
def test_what_nobody_accepts_is_tried_once(kind: ErrorKind) -> None:
    """The next target would say the same."""
    assert asked(World().drive([Outcome(kind)])) == ["a"]


def test_a_retry_that_only_this_target_deserves_stays_there() -> None:
    """A conflict that the provider asks to retry isn't put to others."""
    assert asked(World().drive([Outcome("bad_request", retryable=True), OK])) == ["a", "a"]


@pytest.mark.parametrize("kind", ["authentication", "quota", "rate_limit"])
def test_the_next_key_comes_first(kind: ErrorKind) -> None:
    """At once and at the same target; the bad key rests and later requests begin with a good one."""
    world = World(keys={"a": 3})
    bad = {0}

    def answer(attempt: Attempt) -> Outcome:
        return Outcome(kind) if attempt.key in bad else OK

    seen = world.drive(answer)
    assert [(one.target, one.key, one.wait, one.reason) for one in seen] == [
        (A, 0, 0.0, "first"),
        (A, 1, 0.0, "next_key"),
    ]
    assert {one.key for _ in range(9) for one in world.drive(answer)} == {1, 2}
    world.now += 100
    bad.clear()
    assert {one.key for _ in range(9) for one in world.drive(answer)} == {0, 1, 2}


def test_a_pool_is_tried_once_before_the_fallback() -> None:
    """Each key once, then the next target."""
    seen = World(keys={"a": 3}).drive([Outcome("rate_limit")] * 3 + [OK])
    assert [(one.target.provider, one.key) for one in seen] == [("a", 0), ("a", 1), ("a", 2), ("b", 0)]


def test_a_rate_limited_pool_is_retried_with_any_of_its_keys() -> None:
    """After the wait the keys are as good as before."""
    seen = World(keys={"a": 2}).drive([Outcome("rate_limit", retry_after=3.0)] * 2 + [OK], Route("one", (A,)))
    assert [(one.key, one.wait) for one in seen if not one.wait] == [(0, 0.0), (1, 0.0), (0, 0.0)]


def test_a_wrong_key_is_not_shown_to_the_same_provider_again() -> None:
    """A second model of that provider isn't asked with it, in the same request."""
    route = Route("same", (A, Target("a", "other"), B))
    assert asked(World().drive([Outcome("authentication"), OK], route)) == ["a", "b"]
    assert asked(World().drive([Outcome("authentication")], Route("same", (A, Target("a", "other"))))) == [
        "a"
    ]


def test_a_used_up_quota_puts_the_provider_last() -> None:
    """Quotas may be per model, so its other models are still tried when nothing else is left."""
    route = Route("same", (A, Target("a", "other"), B))
    seen = World().drive([Outcome("quota"), FAILED, OK], route)
    assert [str(one.target) for one in seen] == ["a/x", "b/y", "a/other"]


def test_a_long_quota_wait_is_believed() -> None:
    """A provider that says when the quota comes back is not asked before."""
    world = World()
    world.drive([Outcome("quota", retry_after=3600.0), OK])
    world.now += 3000
    assert asked(world.drive([OK])) == ["b"]
    world.now += 601
    assert asked(world.drive([OK])) == ["a"]


def test_a_rate_limit_rests_one_target_and_key_only() -> None:
    """Another model of the same provider goes on."""
    world = World()
    world.drive([Outcome("rate_limit", retry_after=30.0), OK])
    assert asked(world.drive([OK])) == ["b"]
    assert asked(world.drive([OK], Route("other", (Target("a", "other"), B)))) == ["a"]
    world.now += 30
    assert asked(world.drive([OK])) == ["a"]


def test_headers_that_say_nothing_is_left_are_respected() -> None:
    """Before the provider has to refuse; an earlier reset doesn't shorten a longer rest."""
    world = World()
    world.drive([replace(OK, rate_limit=RateLimit(remaining_requests=0, reset=20.0))])
    assert asked(world.drive([replace(OK, rate_limit=RateLimit(remaining_tokens=5, reset=20.0))])) == ["b"]
    assert asked(world.drive([replace(OK, rate_limit=RateLimit(remaining_tokens=0))])) == ["b"]
    world.now += 20
    assert asked(world.drive([OK])) == ["a"]


def test_a_retired_model_is_not_asked_for_long() -> None:
    """Later requests go to the next target at once; after ten minutes one probe looks again."""
    world = World()
    world.drive([Outcome("model_not_found"), OK])
    assert asked(world.drive([OK])) == ["b"]
    world.now += 600
    (probe,) = world.drive([OK])
    assert (probe.target, probe.probe) == (A, True)
    assert world.router.snapshot()[0].state == "closed"


def test_a_sick_target_is_passed_over_until_its_probe_is_answered() -> None:
    """Open: nobody is sent there. Half-open: one. Closed again: all."""
    world = World()
    for _ in range(5):
        world.drive(lambda one: FAILED if one.target == A else OK)
    assert asked(world.drive([OK])) == ["b"]
    state = world.router.snapshot()[0]
    assert (state.state, state.failures) == ("open", 5)
    world.now = state.open_until
    assert world.router.snapshot()[0].state == "half_open"
    probing = world.router.attempts(ROUTE)
    assert next(probing).probe
    assert asked(world.drive([OK])) == ["b"]
    with pytest.raises(StopIteration):
        probing.send(OK)
    assert asked(world.drive([OK])) == ["a"]


def test_a_probe_that_is_refused_shows_that_the_target_lives() -> None:
    """A rate limit closes the breaker and rests the key instead; a cancelled probe says nothing."""
    world = World()
    for _ in range(5):
        world.drive(lambda one: FAILED if one.target == A else OK)
    world.now = world.router.snapshot()[0].open_until
    world.drive([Outcome("server", cancelled=True)])
    assert world.router.snapshot()[0].state == "half_open"
    world.drive([Outcome("context_length"), OK])
    assert world.router.snapshot()[0].state == "closed"


def test_a_breaker_never_turns_a_possible_answer_into_a_failure() -> None:
    """Where every target is open, the one that opens soonest is asked, without a wait."""
    world = World()
    world.drive([Outcome("model_not_found"), Outcome("rate_limit", retry_after=9.0), Outcome("quota")])
    seen = world.drive([OK])
    assert [(one.target, one.wait, one.probe) for one in seen] == [(B, 0.0, False)]


def test_a_delivered_answer_is_restarted_only_where_the_caller_says_so() -> None:
    """In a notebook it starts over on the next target; elsewhere the flow ends."""
    broken = Outcome("network", delivered=True)
    assert asked(World().drive([broken])) == ["a"]
    assert asked(World().drive([broken, OK], midstream="restart")) == ["a", "b"]


def test_what_creates_something_is_sent_twice_only_after_proof_that_nothing_was_made() -> None:
    """A lost answer stops it; a refusal or a connection that never stood lets it go on."""
    assert asked(World().drive([Outcome("timeout")], mutation=True)) == ["a"]
    seen = World().drive([Outcome("network", sent=False), Outcome("quota"), FAILED], mutation=True)
    assert asked(seen) == ["a", "b", "c"]


def test_a_full_target_is_passed_over() -> None:
    """By its own limit or by its provider's."""
    world = World(limits={"a/x": 1, "b": 1})
    flows = [world.router.attempts(ROUTE) for _ in range(3)]
    assert [next(flow).target for flow in flows] == [A, B, C]


def test_where_all_are_full_requests_queue_in_order() -> None:
    """Each asks again after a short wait; the first that came is the first that enters."""
    world = World(limits={"a/x": 1})
    route = Route("one", (A,))
    running, first, second = (world.router.attempts(route) for _ in range(3))
    next(running)
    waits = [next(first), next(second)]
    assert [(one.reason, one.target, one.number) for one in waits] == [("queue", A, 1)] * 2
    assert waits[0].wait < waits[1].wait
    assert world.router.snapshot()[0].queued == 2
    with pytest.raises(StopIteration):
        running.send(OK)
    assert next(second).wait
    assert not next(first).wait
    assert next(second).reason == "queue"
    first.close()
    attempt = next(second)
    assert (attempt.wait, attempt.reason, attempt.number) == (0.0, "first", 1)
    assert world.router.snapshot()[0].queued == 0


def test_a_queue_ends_with_the_deadline() -> None:
    """The last wait is cut at the deadline, and the queue is left."""
    world = World(limits={"a/x": 1})
    route = Route("one", (A,))
    next(running := world.router.attempts(route))
    seen = world.drive([], route, deadline=1000.05)
    assert world.now == pytest.approx(1000.05)
    assert {one.reason for one in seen} == {"queue"}
    assert world.router.snapshot()[0].queued == 0
    running.close()


def test_one_who_waits_leaves_the_queues_that_no_longer_matter() -> None:
    """A target that falls ill while a request waits for it keeps no place for that request."""
    world = World(limits={"a/x": 1, "b/y": 1})
    route = Route("two", (A, B))
    next(first := world.router.attempts(route))
    next(second := world.router.attempts(route))
    assert next(waiting := world.router.attempts(route)).reason == "queue"
    assert first.send(Outcome("model_not_found")).reason == "queue"
    first.close()
    assert next(waiting).reason == "queue"
    assert [state.queued for state in world.router.snapshot()] == [0, 1]
    second.close()
    assert next(waiting).target == B


def test_a_sick_target_keeps_its_limit() -> None:
    """Asked as a last resort it still takes no more than it may."""
    world = World(limits={"a/x": 1})
    route = Route("one", (A,))
    world.drive([Outcome("model_not_found")], route)
    next(running := world.router.attempts(route))
    assert next(world.router.attempts(route)).reason == "queue"
    running.close()


def test_a_flow_gives_its_place_back_however_it_ends() -> None:
    """Closed, broken by an exception, or cancelled: nothing stays in flight and nothing is held against anybody."""
    world = World()
    closed, broken, cancelled = (world.router.attempts(ROUTE) for _ in range(3))
    for flow in (closed, broken, cancelled):
        next(flow)
    assert world.in_flight() == 3
    closed.close()
    with pytest.raises(KeyboardInterrupt):
        broken.throw(KeyboardInterrupt())
    with pytest.raises(StopIteration):
        cancelled.send(Outcome("timeout", cancelled=True))
    assert world.in_flight() == 0
    state = world.router.snapshot()[0]
    assert (state.attempts, state.successes, state.failures, state.latency) == (3, 0, 0, None)


def test_a_driver_that_loses_step_is_told() -> None:
    """An attempt wants its outcome; a wait wants to be asked again. Neither leaves a place taken."""
    world = World()
    flow = world.router.attempts(ROUTE)
    next(flow)
    with pytest.raises(TypeError, match="send its outcome"):
        next(flow)
    flow = world.router.attempts(Route("one", (A,)))
    next(flow)
    assert flow.send(FAILED).wait
    with pytest.raises(TypeError, match="sleep"):
        flow.send(OK)
    assert world.in_flight() == 0


def test_a_prefix_keeps_to_one_target_and_key() -> None:
    """Requests without one take the keys in turn."""
    world = World(keys=dict.fromkeys("abc", 2))
    route = replace(ROUTE, policy="affinity")
    for number in range(20):
        ways = {
            (one.target, one.key)
            for _ in range(6)
            for one in world.drive([OK], route, affinity=f"key {number}")
        }
        assert len(ways) == 1
    assert {one.key for _ in range(4) for one in world.drive([OK])} == {0, 1}


def test_prompt_caches_hit_where_turns_about_would_miss() -> None:
    """Long prefixes over four targets: nearly every cacheable request finds its prefix warm."""

    def hits(policy: str) -> float:
        world, warm, hit, total = World(), set[tuple[str, Target]](), 0, 0
        targets = tuple(Target(f"p{index}", "m") for index in range(4))
        route = Route("four", targets, "affinity" if policy == "affinity" else "ordered")
        random = Random(3)
        keys = [prefix_key([f"{number:4}".encode() * 1024]) or "" for number in range(40)]
        for turn in range(2000):
            key = random.choice(keys)
            turned = replace(route, targets=targets[turn % 4 :] + targets[: turn % 4])
            (attempt,) = world.drive([OK], route if policy == "affinity" else turned, affinity=key)
            total += 1
            hit += (key, attempt.target) in warm
            warm.add((key, attempt.target))
        return hit / total

    assert hits("affinity") == 1 - 40 / 2000
    assert hits("turns") < 0.93


def test_fastest_follows_a_target_that_recovers() -> None:
    """No target is starved: the slow one is looked at again, and wins when it has become fast."""
    world = World()
    route = replace(ROUTE, policy="fastest")
    times = {A: 0.3, B: 0.1, C: 0.9}

    def answer(one: Attempt) -> Outcome:
        return Outcome(first_token=times[one.target], duration=1.0)

    def served(count: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for _ in range(count):
            world.now += 10
            counts.update(asked(world.drive(answer, route)))
        return counts

    before = served(300)
    assert before["b"] > 200
    assert min(before.values()) > 3
    times[C] = 0.01
    assert served(300)["c"] > 200


def test_an_answer_that_came_whole_counts_with_its_duration() -> None:
    """Where nothing was streamed, the time until the answer is the time of its first token."""
    world = World()
    world.drive([Outcome(duration=2.0)])
    world.drive([Outcome(first_token=1.0, duration=5.0)])
    assert world.router.snapshot()[0].latency == pytest.approx(2.0 + 0.3 * (1.0 - 2.0))


def test_hedging_waits_for_enough_samples_and_then_for_the_percentile() -> None:
    """A route that isn't hedged never has a delay."""
    world = World()
    hedged = replace(ROUTE, hedge_percentile=90.0)
    for number in range(20):
        assert world.router.hedge_delay(hedged) is None
        world.drive([Outcome(first_token=number / 10, duration=3.0)], hedged)
    assert world.router.hedge_delay(hedged) == pytest.approx(1.7)
    assert world.router.hedge_delay(ROUTE) is None


def test_hedges_stay_within_their_share() -> None:
    """Each counts among the slowest, so that slowness everywhere doesn't double the load."""
    world = World()
    hedged = replace(ROUTE, hedge_percentile=90.0)
    for _ in range(20):
        world.drive([OK], hedged)
    hedges = 0
    while world.router.hedge_delay(hedged) is not None:
        hedge = world.router.hedge(hedged, A)
        assert hedge is not None
        world.router.finish(hedge)
        hedges += 1
    assert hedges == 3


def test_a_hedge_is_made_at_another_healthy_target() -> None:
    """It takes a place, gives it back, and is learned from; where nobody else is well there is none."""
    world = World(limits={"c/z": 1}, keys={"b": 2})
    flow = world.router.attempts(ROUTE)
    attempt = next(flow)
    hedge = world.router.hedge(ROUTE, attempt.target)
    assert hedge is not None
    assert (hedge.target, hedge.hedge, hedge.reason, hedge.number) == (B, True, "hedge", 0)
    assert world.in_flight() == 2
    world.router.finish(hedge, Outcome("model_not_found"))
    third = world.router.hedge(ROUTE, A)
    assert third is not None
    assert third.target == C
    assert world.router.hedge(ROUTE, A) is None
    world.router.finish(third)
    flow.close()
    assert world.in_flight() == 0
    assert [state.state for state in world.router.snapshot()] == ["closed", "open", "closed"]


def test_a_failed_hedge_counts_as_tried() -> None:
    """The flow goes on with those who were not asked yet."""
    seen = World().drive([replace(FAILED, hedged=(B,)), FAILED, OK])
    assert asked(seen)[:2] == ["a", "c"]


def test_new_keys_need_no_rest() -> None:
    """After the user gave a provider other keys it is asked again at once."""
    world = World()
    world.router.renew_keys("a", 1)
    world.drive([Outcome("authentication"), Outcome("rate_limit", retry_after=50.0), OK])
    world.router.renew_keys("a", 2)
    assert asked(world.drive([OK])) == ["a"]
    assert {one.key for _ in range(4) for one in world.drive([OK])} == {0, 1}
    assert world.router.snapshot()[1].open_until == pytest.approx(1050.0)


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    """It would hang every request."""
    with pytest.raises(ConfigError, match="'a/x' is 0"):
        World(limits={"a/x": 0})


def test_the_snapshot_tells_what_is_known() -> None:
    """Of every target that was routed to, in that order."""
    world = World(limits={"a/x": 4})
    world.drive([FAILED, OK])
    first, second, third = world.router.snapshot()
    assert (first.target, first.state, first.limit, first.failures, first.attempts) == (A, "closed", 4, 1, 1)
    assert (second.target, second.latency, second.successes, second.limit) == (B, 0.1, 1, None)
    assert (third.target, third.latency, third.attempts, third.open_until) == (C, None, 0, 0.0)


def test_a_key_that_rests_for_ever_ends_the_flow() -> None:
    """Where every key of every target rests without an end, there is no attempt, and no endless search for one."""
    world = World()
    alone = Route("alone", (A,), retries=0)
    assert len(world.drive([Outcome("rate_limit", retry_after=float("inf"))], alone)) == 1
    assert world.drive([], alone) == []


def test_names_that_clients_invent_are_forgotten() -> None:
    """However many targets were asked for, so many are remembered; those that answer or are being asked stay known."""
    world = World()
    world.drive([OK], Route("good", (A,)))
    running = world.router.attempts(Route("busy", (B,)))
    next(running)
    waiting = world.router.attempts(Route("waits", (C,), retries=1))
    next(waiting)
    assert waiting.send(FAILED).wait > 0
    for number in range(10_000):
        world.drive([Outcome("bad_request")], Route(f"a/{number}", (Target("a", f"{number}"),), retries=0))
    known = {state.target: state for state in world.router.snapshot()}
    assert len(known) < 5000
    assert known[A].successes == 1
    assert (known[B].in_flight, known[C].attempts) == (1, 1)
    world.now += 60
    next(waiting)
    with suppress(StopIteration):
        waiting.send(OK)
    running.close()
    known = {state.target: state for state in world.router.snapshot()}
    assert (known[B].in_flight, known[C].in_flight, known[C].successes) == (0, 0, 1)


def test_a_provider_that_answers_to_every_name_fills_no_memory() -> None:
    """Also targets that answered are dropped where there are too many of them."""
    world = World()
    for number in range(10_000):
        world.drive([OK], Route(f"a/{number}", (Target("a", f"{number}"),), retries=0))
    assert len(world.router.snapshot()) < 5000
