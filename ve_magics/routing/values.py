"""What goes into routing and what comes out of it: frozen values. All times are seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ve_magics.errors import (
    BadRequestError,
    ConfigError,
    ConnectFailedError,
    ErrorKind,
    InterruptedStreamError,
    MissingKeyError,
    RequestError,
    TimedOutError,
    UserError,
)

Policy = Literal["ordered", "weighted", "fastest", "cheapest", "least_busy", "affinity"]
"""How the targets of a route are tried."""

Reason = Literal["first", "fallback", "next_key", "retry", "queue", "hedge"]
"""Why an attempt is made, or what its wait is for."""

Midstream = Literal["fail", "restart"]
"""What happens to an answer that breaks after its first token was delivered."""

Health = Literal["closed", "open", "half_open"]
"""State of a target's breaker."""

Clock = Callable[[], float]
"""Seconds that only grow, from any start."""


class Random(Protocol):
    """The part of `random.Random` that is needed."""

    def random(self) -> float:
        """Return a number of [0, 1)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A provider and a model that may serve a request; `str(target)` is `provider/model`."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `provider/model`; the model may hold slashes of its own.

        Raises:
            ConfigError: One of the two is missing.
        """
        provider, _, model = text.strip().partition("/")
        if not provider or not model:
            raise ConfigError(f"{text!r} is not a target.", hint="Write it as provider/model.")
        return cls(provider, model)


@dataclass(frozen=True, slots=True)
class Route:
    """The targets of a model, with the policy by which they are tried.

    Attributes:
        name: What the user calls it.
        targets: In order of preference; at least one, each once.
        policy: How the next target is chosen among those that are healthy and have room.
        weights: For `weighted`, one a target; a target of weight 0 is only fallen back to. Empty: all equal.
        prices: For `cheapest`, one a target; None where it is unknown, which comes last. Empty: all unknown.
        max_attempts: Attempts in all, further keys and retries included.
        hedge_percentile: Of the recent first-token times (0 to 100), after which a second target is asked
            as well; None for never.
        retries: How often each target is tried again, once all have been tried.

    Raises:
        ConfigError: It can't be followed.
    """

    name: str
    targets: tuple[Target, ...]
    policy: Policy = "ordered"
    weights: tuple[float, ...] = ()
    prices: tuple[float | None, ...] = ()
    max_attempts: int = 6
    hedge_percentile: float | None = None
    retries: int = 2

    def __post_init__(self) -> None:
        def check(good: bool, fault: str) -> None:
            if not good:
                raise ConfigError(f"Route {self.name!r} {fault}.")

        count = len(self.targets)
        check(count > 0, "has no targets")
        check(len(set(self.targets)) == count, "names a target twice")
        check(len(self.weights) in {0, count}, f"has {len(self.weights)} weights for {count} targets")
        check(len(self.prices) in {0, count}, f"has {len(self.prices)} prices for {count} targets")
        check(all(0 <= weight < float("inf") for weight in self.weights), "has a weight below 0 or infinite")
        check(self.max_attempts >= 1, "allows no attempt")
        check(self.retries >= 0, "has less than 0 retries")
        check(self.hedge_percentile is None or 0 < self.hedge_percentile < 100, "hedges outside of 0 to 100")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one target; or, where `wait` is not 0, the advice to sleep and ask again.

    Attributes:
        target: Whom to ask; while waiting, whom it will probably be.
        wait: Seconds to sleep before `next(flow)`, which then gives the attempt to make. 0: make it now.
        number: 1 for the first attempt of the request.
        key: Index of the key in the provider's pool.
        hedge: True where another attempt is running beside it.
        reason: Why it is made, or what the wait is for: `retry` (backoff) or `queue` (no target has room).
        began: When it was handed out, on the router's clock.
        probe: True where it tests a half-open breaker.
    """

    target: Target
    wait: float
    number: int
    key: int
    hedge: bool = False
    reason: Reason = "first"
    began: float = 0.0
    probe: bool = False


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an answer's headers say about the provider's limits; None where they don't.

    Attributes:
        remaining_requests: Requests that are left until the reset.
        remaining_tokens: Tokens that are left until the reset.
        reset: Seconds until whatever is used up is granted again.
    """

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset: float | None = None

    @property
    def exhausted(self) -> bool:
        """True where nothing is left."""
        return self.remaining_requests == 0 or self.remaining_tokens == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        kind: Class of the failure; None for an answer.
        first_token: Seconds until the first token; None where none came or the answer came whole.
        duration: Seconds that the attempt took.
        retry_after: Seconds that the provider asked to wait, or None.
        retryable: The provider's own word on retrying at the same target; None leaves it to the class.
        delivered: True where a token was already handed on to the reader.
        cancelled: True where the caller didn't want it any more; says nothing about the target.
        rate_limit: What the headers say about limits, or None.
        sent: False where it is certain that the request never reached the provider.
        unsupported: True where this provider doesn't know a field that another one may know.
        hedged: Other targets that were asked meanwhile, in vain; they count as tried.
    """

    kind: ErrorKind | None = None
    first_token: float | None = None
    duration: float = 0.0
    retry_after: float | None = None
    retryable: bool | None = None
    delivered: bool = False
    cancelled: bool = False
    rate_limit: RateLimit | None = None
    sent: bool = True
    unsupported: bool = False
    hedged: tuple[Target, ...] = ()

    @classmethod
    def of_error(
        cls,
        error: RequestError,
        *,
        duration: float = 0.0,
        first_token: float | None = None,
        delivered: bool = False,
        rate_limit: RateLimit | None = None,
        hedged: tuple[Target, ...] = (),
    ) -> Outcome:
        """Return the outcome of an attempt that raised `error`; an interrupted stream counts as delivered."""
        cause = error
        if isinstance(error, InterruptedStreamError):
            cause, delivered = error.cause, True
        unconnected = isinstance(cause, ConnectFailedError) or (
            isinstance(cause, TimedOutError) and cause.phase == "connect"
        )
        return cls(
            kind=cause.kind,
            first_token=first_token,
            duration=duration,
            retry_after=cause.retry_after,
            retryable=cause.retryable,
            delivered=delivered,
            rate_limit=rate_limit,
            sent=not unconnected,
            unsupported=isinstance(cause, BadRequestError) and (cause.code or "").startswith("unsupported"),
            hedged=hedged,
        )

    @classmethod
    def refused(cls, error: UserError) -> Outcome:
        """Return the outcome of an attempt that was refused here, before anything was sent.

        A missing key counts as a wrong one; whatever else can't be said, another target may be able to say.
        """
        if isinstance(error, MissingKeyError):
            return cls(kind="authentication", sent=False)
        return cls(kind="bad_request", sent=False, unsupported=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers behind the router's decisions; seconds unless said otherwise.

    Attributes:
        backoff_base: Upper bound of the wait before a target's first retry; doubled for each further one.
        backoff_cap: The bound never grows past this. The wait is drawn evenly from 0 up to the bound.
        breaker_failures: Consecutive failures that open a breaker.
        breaker_ratio: Share of failures within the window that opens it, too.
        breaker_volume: Outcomes that the window must hold before its share counts.
        breaker_window: Length of that window.
        open_base: How long a breaker stays open the first time, less up to half of it at random; doubled
            each time that the probe fails.
        open_cap: The open time never grows past this.
        retired: How long a target stays open whose model the provider doesn't know.
        key_cooling: How long a key rests that is wrong, over quota or not permitted.
        limited: How long a target and key rest after a rate limit that names no time.
        latency_weight: Least weight of the newest first-token time in the moving one, of (0, 1].
        stale: Age from which a moving first-token time is doubted; a newer one then takes its place.
        exploration: Share of requests that `fastest` spends on a target whose time is doubted.
        sticky_latency: `fastest` keeps a prefix at its target up to this many times the best time.
        sticky_busy: `least_busy` keeps a prefix at its target up to this many requests above the least.
        affinity_load: `affinity` passes a target over that has this many times the mean load...
        affinity_floor: ...and at least this many requests in flight.
        queue_poll: How soon the first in a queue for a full target asks again.
        queue_cap: How soon the last one does.
        hedge_samples: First-token times that a route must have seen before it is hedged.
        content_filter_fallback: Whether what one provider's policy refused is put to the next one.
    """

    backoff_base: float = 0.5
    backoff_cap: float = 8.0
    breaker_failures: int = 5
    breaker_ratio: float = 0.5
    breaker_volume: int = 20
    breaker_window: float = 30.0
    open_base: float = 5.0
    open_cap: float = 120.0
    retired: float = 600.0
    key_cooling: float = 60.0
    limited: float = 5.0
    latency_weight: float = 0.3
    stale: float = 60.0
    exploration: float = 0.1
    sticky_latency: float = 1.5
    sticky_busy: int = 4
    affinity_load: float = 1.5
    affinity_floor: int = 8
    queue_poll: float = 0.02
    queue_cap: float = 0.25
    hedge_samples: int = 20
    content_filter_fallback: bool = False


@dataclass(frozen=True, slots=True)
class TargetState:
    """What the router knows of a target at one moment.

    Attributes:
        target: Whom it is about.
        state: Its breaker.
        in_flight: Attempts that are running.
        limit: How many may run at once; None where there is no limit of its own.
        queued: Requests that wait for room.
        latency: Moving time of the first token, in seconds; None where none was seen.
        failures: Consecutive failures that count against the breaker.
        open_until: When it may be asked again, on the router's clock: the breaker and the keys that rest
            taken together; 0 where it may be asked now.
        attempts: Attempts that were ever made.
        successes: Those that were answered.
    """

    target: Target
    state: Health
    in_flight: int
    limit: int | None
    queued: int
    latency: float | None
    failures: int
    open_until: float
    attempts: int
    successes: int
