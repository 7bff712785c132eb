"""Each policy asks the target that it is named after, and keeps prefixes together as far as its aim allows."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ve_magics.routing.choice import Question, choose
from ve_magics.routing.records import ProviderRecord, TargetRecord
from ve_magics.routing.values import Policy, Route, Settings, Target

SETTINGS = Settings()


def ask(
    policy: Policy,
    *,
    loads: tuple[int, ...] = (0, 0, 0, 0),
    latencies: tuple[float | None, ...] = (None,) * 4,
    seen: tuple[float, ...] = (100.0,) * 4,
    ready: tuple[int, ...] = (0, 1, 2, 3),
    weights: tuple[float, ...] = (),
    prices: tuple[float | None, ...] = (),
    affinity: str | None = None,
    random: Random | None = None,
) -> int:
    """Ask a policy about four targets, at second 100."""
    random = random or Random(1)
    records = []
    for index in range(4):
        record = TargetRecord(Target(f"p{index}", "m"), ProviderRecord(1, None), None, SETTINGS, random)
        record.gate.in_flight = loads[index]
        record.latency = latencies[index]
        record.seen = seen[index]
        records.append(record)
    route = Route("r", tuple(record.target for record in records), policy, weights, prices)
    return choose(Question(route, records, ready, affinity, 100.0, SETTINGS, random))


def shares(policy: Policy, **fields: object) -> list[float]:
    """Return how often each target is asked by requests that each have another prefix."""
    counts = Counter(ask(policy, affinity=f"key {number}", **fields) for number in range(1000))  # type: ignore[arg-type]  # fields of ask, passed on
    return [counts[index] / 1000 for index in range(4)]


def test_ordered_asks_the_first_one_that_is_ready() -> None:
    """Whatever its load."""
    assert ask("ordered", loads=(9, 0, 0, 0)) == 0
    assert ask("ordered", ready=(2, 3), affinity="x") == 2


def test_weighted_asks_in_proportion() -> None:
    """With and without prefixes; weight 0 only where nothing else is left."""
    random = Random(1)
    counts = Counter(ask("weighted", weights=(5, 3, 2, 0), random=random) for _ in range(4000))
    assert all(abs(counts[index] / 4000 - share) < 0.04 for index, share in enumerate((0.5, 0.3, 0.2, 0)))
    kept = shares("weighted", weights=(5, 3, 2, 0))
    assert all(abs(one - share) < 0.06 for one, share in zip(kept, (0.5, 0.3, 0.2, 0), strict=True))
    assert ask("weighted", weights=(0, 0, 5, 5), ready=(0, 1)) == 0
    assert {ask("weighted", random=Random(seed)) for seed in range(30)} == {0, 1, 2, 3}


def test_fastest_asks_the_one_with_the_least_latency() -> None:
    """Among those that are ready."""
    latencies = (0.4, 0.1, 0.2, 0.3)
    assert ask("fastest", latencies=latencies) == 1
    assert ask("fastest", latencies=latencies, ready=(0, 2, 3)) == 2


def test_fastest_measures_what_it_doesnt_know() -> None:
    """One request at a time for each; meanwhile the others ask who is known, or the least busy."""
    assert ask("fastest", latencies=(0.1, None, None, 0.2)) == 1
    assert ask("fastest", latencies=(0.1, None, None, 0.2), loads=(0, 1, 0, 0)) == 2
    assert ask("fastest", latencies=(0.3, None, None, 0.2), loads=(0, 1, 1, 0)) == 3
    assert ask("fastest", loads=(3, 2, 1, 2)) == 2


def test_fastest_looks_again_at_what_it_has_not_seen_for_long() -> None:
    """A small share of requests goes to the one that was not measured for longest."""
    random = Random(1)
    counts = Counter(
        ask("fastest", latencies=(0.1, 0.2, 0.3, 0.4), seen=(100, 100, 9, 5), random=random)
        for _ in range(3000)
    )
    assert set(counts) == {0, 3}
    assert abs(counts[3] / 3000 - SETTINGS.exploration) < 0.03


def test_fastest_keeps_a_prefix_among_the_fast_ones() -> None:
    """What is about as fast as the best shares the prefixes; what is much slower gets none."""
    kept = shares("fastest", latencies=(0.10, 0.14, 0.5, 0.12))
    assert kept[2] == 0
    assert min(kept[0], kept[1], kept[3]) > 0.25


def test_cheapest_asks_by_price_and_doesnt_trust_the_unknown() -> None:
    """Unknown comes last; equal prices share the prefixes."""
    assert ask("cheapest", prices=(3.0, 2.0, None, 1.0)) == 3
    assert ask("cheapest", prices=(3.0, 2.0, None, 1.0), ready=(0, 2)) == 0
    assert ask("cheapest") == 0
    kept = shares("cheapest", prices=(1.0, 2.0, 1.0, None))
    assert kept[1] == kept[3] == 0
    assert min(kept[0], kept[2]) > 0.4


def test_least_busy_asks_the_least_busy() -> None:
    """Then by order; a prefix stays where it is as long as that one isn't much busier."""
    assert ask("least_busy", loads=(3, 1, 1, 2)) == 1
    kept = shares("least_busy", loads=(0, 3, 4, 5))
    assert kept[3] == 0
    assert min(kept[:3]) > 0.25


def test_affinity_keeps_a_prefix_at_its_target() -> None:
    """Always the same one; without a prefix the least busy."""
    assert len({ask("affinity", affinity="one prefix", random=Random(seed)) for seed in range(20)}) == 1
    assert min(shares("affinity")) > 0.2
    assert ask("affinity", loads=(1, 1, 0, 1)) == 2


@given(st.tuples(*[st.integers(0, 60)] * 4), st.text(max_size=5))
def test_affinity_overloads_nobody(loads: tuple[int, int, int, int], key: str) -> None:
    """No target gets more than its bound over the mean load, small loads apart."""
    load = loads[ask("affinity", loads=loads, affinity=key)]
    assert load < max(SETTINGS.affinity_floor, SETTINGS.affinity_load * (sum(loads) + 1) / 4 + 1)


def test_a_popular_prefix_overflows_to_always_the_same_second_target() -> None:
    """So the overflow is paid for once, too."""
    first = ask("affinity", affinity="popular")
    loads = tuple(50 if index == first else 0 for index in range(4))
    assert (
        len({ask("affinity", affinity="popular", loads=loads, random=Random(seed)) for seed in range(9)}) == 1
    )
    assert ask("affinity", affinity="popular", loads=loads) != first
