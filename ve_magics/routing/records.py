"""What the router remembers of each provider and each target, over all requests."""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from ve_magics.routing.breaker import Breaker
from ve_magics.routing.gate import Gate
from ve_magics.routing.values import Random, Settings, Target


class ProviderRecord:
    """A provider's pool of keys and the limit that its targets share.

    Attributes:
        keys: How many keys there are.
        resting: Until when a key rests that is wrong or over quota, by its index.
    """

    __slots__ = ("gate", "keys", "resting")

    def __init__(self, keys: int, limit: int | None) -> None:
        self.keys = keys
        self.gate = Gate(limit)
        self.resting: dict[int, float] = {}


class TargetRecord:
    """A target's health, load and speed.

    Attributes:
        resting: Until when a key rests at this target alone, by its index: rate limits.
        latency: Moving time of the first token; None where none was seen.
        seen: When the last one was seen.
        flows: Requests that may come to it; while there are any, it must not be forgotten.
    """

    __slots__ = (
        "_settings",
        "attempts",
        "breaker",
        "flows",
        "gate",
        "latency",
        "name",
        "provider",
        "resting",
        "seen",
        "successes",
        "target",
    )

    def __init__(
        self, target: Target, provider: ProviderRecord, limit: int | None, settings: Settings, random: Random
    ) -> None:
        self._settings = settings
        self.target = target
        self.name = str(target)
        self.provider = provider
        self.gate = Gate(limit)
        self.breaker = Breaker(settings, random)
        self.resting: dict[int, float] = {}
        self.latency: float | None = None
        self.seen = -inf
        self.flows = 0
        self.attempts = 0
        self.successes = 0

    def key(self, start: int, now: float, without: Collection[int] = ()) -> tuple[int, float]:
        """Return the key that may be used soonest, the first from `start` on where several may, and when.

        Args:
            start: Where in the pool to begin.
            now: The clock.
            without: Keys that must not be used.

        Returns:
            Its index and the instant from which it may be used, 0 for at once; -1 and infinity where none is left.
        """
        provider = self.provider
        count = provider.keys
        if not (provider.resting or self.resting or without):
            return start % count, 0.0
        best, soonest = -1, inf
        for offset in range(count):
            key = (start + offset) % count
            until = max(provider.resting.get(key, 0.0), self.resting.get(key, 0.0))
            if until <= now:
                until = 0.0
            if until < soonest and key not in without:
                best, soonest = key, until
        return best, soonest

    def blocking(self, ticket: object) -> Gate | None:
        """Return the gate that keeps the holder of the ticket out; None where there is room."""
        if not self.gate.admits(ticket):
            return self.gate
        return None if self.provider.gate.admits(ticket) else self.provider.gate

    def enter(self, now: float) -> bool:
        """Take a place; return whether the attempt is the breaker's probe."""
        self.attempts += 1
        self.gate.in_flight += 1
        self.provider.gate.in_flight += 1
        return self.breaker.enter(now)

    def leave(self, *, probe: bool) -> None:
        """Give the place back."""
        self.gate.in_flight -= 1
        self.provider.gate.in_flight -= 1
        self.breaker.leave(probe=probe)

    def rest(self, key: int, until: float) -> None:
        """Keep a key from being used at this target for a while; a longer rest stands."""
        self.resting[key] = max(until, self.resting.get(key, 0.0))

    def observe(self, now: float, seconds: float) -> None:
        """Let a first-token time flow into the moving one: the older that one is, the more."""
        settings = self._settings
        weight = max(settings.latency_weight, min(1.0, (now - self.seen) / settings.stale))
        self.latency = seconds if self.latency is None else self.latency + weight * (seconds - self.latency)
        self.seen = now
