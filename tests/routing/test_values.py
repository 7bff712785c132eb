"""The values of routing refuse what can't be followed and read errors as outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.errors import (
    BadRequestError,
    ConfigError,
    ConnectFailedError,
    DecodeError,
    InterruptedStreamError,
    MissingKeyError,
    RateLimitError,
    RequestError,
    ServerError,
    TimedOutError,
    TransportError,
    UnsupportedError,
)
from ve_magics.routing import Outcome, RateLimit, Route, Target


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [("openai/gpt-5", "openai", "gpt-5"), (" openrouter/z-ai/glm-5 ", "openrouter", "z-ai/glm-5")],
)
def test_target_is_split_at_the_first_slash(text: str, provider: str, model: str) -> None:
    """A model may hold slashes of its own, and a target reads as it was written."""
    target = Target.parse(text)
    assert target == Target(provider, model)
    assert str(target) == text.strip()


@pytest.mark.parametrize("text", ["", "gpt-5", "/gpt-5", "openai/", "/"])
def test_half_a_target_is_refused(text: str) -> None:
    """Both the provider and the model must be named."""
    with pytest.raises(ConfigError, match="not a target"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"targets": ()}, "no targets"),
        ({"targets": (Target("a", "x"), Target("a", "x"))}, "twice"),
        ({"weights": (1.0, 2.0)}, "2 weights for 1"),
        ({"weights": (-1.0,)}, "weight below 0"),
        ({"weights": (float("inf"),)}, "infinite"),
        ({"weights": (float("nan"),)}, "weight"),
        ({"prices": (1.0, None)}, "2 prices for 1"),
        ({"max_attempts": 0}, "no attempt"),
        ({"retries": -1}, "retries"),
        ({"hedge_percentile": 100.0}, "hedges"),
    ],
)
def test_a_route_that_cant_be_followed_is_refused(fields: dict[str, Any], fault: str) -> None:
    """The fault is named together with the route."""
    with pytest.raises(ConfigError, match=f"'fast'.*{fault}"):
        Route("fast", **{"targets": (Target("a", "x"),), **fields})


def test_a_limit_is_exhausted_only_where_it_says_so() -> None:
    """No number means unknown, not zero."""
    assert not RateLimit().exhausted
    assert not RateLimit(remaining_requests=1, remaining_tokens=5).exhausted
    assert RateLimit(remaining_requests=0).exhausted
    assert RateLimit(remaining_requests=3, remaining_tokens=0).exhausted


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (ConnectFailedError("refused"), False),
        (TimedOutError("slow", phase="connect"), False),
        (TransportError("reset"), True),
        (DecodeError("no JSON"), True),
        *((TimedOutError("slow", phase=phase), True) for phase in ("first_token", "silence", "total")),
    ],
)
def test_only_a_failed_connection_proves_that_nothing_was_sent(error: RequestError, sent: bool) -> None:
    """Whatever broke later may have reached the provider."""
    assert Outcome.of_error(error).sent is sent


def test_an_error_keeps_what_the_provider_advised() -> None:
    """Retry-After, the provider's own word and what was measured all reach the router."""
    limit = RateLimit(remaining_requests=0, reset=2.0)
    outcome = Outcome.of_error(
        RateLimitError("slow down", status=429, retry_after=3.5, retryable=False),
        duration=0.2,
        rate_limit=limit,
        hedged=(Target("b", "y"),),
    )
    assert outcome == Outcome(
        "rate_limit",
        duration=0.2,
        retry_after=3.5,
        retryable=False,
        rate_limit=limit,
        hedged=(Target("b", "y"),),
    )


def test_an_interrupted_stream_is_judged_by_its_cause() -> None:
    """It was delivered, but whether and when to try again is what the failure underneath says."""
    error = InterruptedStreamError("broke", cause=ServerError("oops", status=500, retry_after=1.0))
    outcome = Outcome.of_error(error, first_token=0.1)
    assert outcome == Outcome("server", first_token=0.1, retry_after=1.0, retryable=True, delivered=True)


@pytest.mark.parametrize(
    ("code", "unsupported"), [("unsupported_parameter", True), ("invalid_value", False), (None, False)]
)
def test_an_unsupported_field_is_told_from_a_bad_one(code: str | None, unsupported: bool) -> None:
    """Only what this provider doesn't know may be known elsewhere."""
    assert Outcome.of_error(BadRequestError("no", status=400, code=code)).unsupported is unsupported


def test_what_was_refused_here_was_never_sent() -> None:
    """A missing key counts as a wrong one; what one dialect can't say another one may."""
    assert Outcome.refused(MissingKeyError("no key")) == Outcome("authentication", sent=False)
    refused = Outcome.refused(UnsupportedError("logprobs", "messages"))
    assert refused == Outcome("bad_request", sent=False, unsupported=True)
