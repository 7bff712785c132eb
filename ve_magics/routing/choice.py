"""The policies: which of several targets that are healthy and have room is asked.

Each policy names the candidates that are equally good to it. A request with an affinity key then goes to the one
of these that its key is drawn to, any other to the first; so every policy keeps prefixes together as far
as its own aim allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import NamedTuple

from ve_magics.routing.affinity import favourite
from ve_magics.routing.records import TargetRecord
from ve_magics.routing.values import Policy, Random, Route, Settings


class Question(NamedTuple):
    """What a policy is asked.

    Attributes:
        route: The route with its weights and prices.
        records: The route's targets.
        ready: Indexes of those that may be asked, in the route's order; at least two.
        affinity: The request's affinity key, or None.
        now: The clock.
    """

    route: Route
    records: Sequence[TargetRecord]
    ready: Sequence[int]
    affinity: str | None
    now: float
    settings: Settings
    random: Random


def choose(question: Question) -> int:
    """Return the index of the target that the route's policy asks next."""
    return _POLICIES[question.route.policy](question)


def _ordered(question: Question) -> int:
    return question.ready[0]


def _weighted(question: Question) -> int:
    weights = question.route.weights or (1.0,) * len(question.records)
    if question.affinity is not None:
        return _drawn(question, question.ready, [weights[index] for index in question.ready])
    place = question.random.random() * sum(weights[index] for index in question.ready)
    for index in question.ready:
        place -= weights[index]
        if place < 0:
            return index
    return question.ready[0]


def _fastest(question: Question) -> int:
    records, settings = question.records, question.settings
    latencies = {index: records[index].latency for index in question.ready}
    known = {index: latency for index, latency in latencies.items() if latency is not None}
    unknown = [index for index in question.ready if index not in known]
    idle = [index for index in unknown if not records[index].gate.in_flight]
    if idle:
        return idle[0]
    if not known:
        return _least_busy(question)
    stale = [index for index in known if question.now - records[index].seen > settings.stale]
    if stale and question.random.random() < settings.exploration:
        return min(stale, key=lambda index: records[index].seen)
    best = min(known.values())
    if question.affinity is None:
        return next(index for index, latency in known.items() if latency == best)
    near = [index for index, latency in known.items() if latency <= best * settings.sticky_latency]
    return _drawn(question, near)


def _cheapest(question: Question) -> int:
    prices = question.route.prices or (None,) * len(question.records)
    costs = {index: inf if (price := prices[index]) is None else price for index in question.ready}
    least = min(costs.values())
    return _drawn(question, [index for index, cost in costs.items() if cost == least])


def _least_busy(question: Question) -> int:
    load = {index: question.records[index].gate.in_flight for index in question.ready}
    slack = 0 if question.affinity is None else question.settings.sticky_busy
    most = min(load.values()) + slack
    return _drawn(question, [index for index, busy in load.items() if busy <= most])


def _affinity(question: Question) -> int:
    if question.affinity is None:
        return _least_busy(question)
    load = {index: question.records[index].gate.in_flight for index in question.ready}
    settings = question.settings
    mean = (sum(load.values()) + 1) / len(load)
    bound = max(settings.affinity_floor, ceil(settings.affinity_load * mean))
    return _drawn(question, [index for index, busy in load.items() if busy < bound])


def _drawn(question: Question, equals: Sequence[int], weights: Sequence[float] = ()) -> int:
    if question.affinity is None or len(equals) == 1:
        return equals[0]
    names = [question.records[index].name for index in equals]
    return equals[favourite(question.affinity, names, weights)]


_POLICIES: dict[Policy, Callable[[Question], int]] = {
    "ordered": _ordered,
    "weighted": _weighted,
    "fastest": _fastest,
    "cheapest": _cheapest,
    "least_busy": _least_busy,
    "affinity": _affinity,
}
