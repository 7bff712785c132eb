"""The error tree: every error says what happened and what to do, and knows what callers decide by."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from ve_magics import errors
from ve_magics.errors import (
    ERRORS,
    ErrorKind,
    InterruptedStreamError,
    MissingExtraError,
    RateLimitError,
    RequestError,
    RouteExhaustedError,
    ServerError,
    StatusError,
    TimedOutError,
    TransportError,
    UnknownModelError,
    UnsupportedError,
    VeError,
)

TREE = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, VeError)]


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_every_error_is_in_the_picture(error: type[VeError]) -> None:
    """The drawing in the module shows the whole tree, and each error has a sentence and an HTTP status."""
    assert error.__name__ in (errors.__doc__ or "")
    assert (error.__doc__ or "").strip().endswith(".")
    assert 400 <= error.http_status < 600
    assert error.__name__.endswith("Error")


def test_a_hint_is_a_line_of_its_own() -> None:
    """What happened stands first, what to do below it."""
    assert str(VeError("It broke.")) == "It broke."
    assert str(VeError("It broke.", hint="Mend it.")) == "It broke.\nMend it."


@pytest.mark.parametrize("kind", ERRORS)
def test_answered_failures_have_a_class_of_their_kind(kind: ErrorKind) -> None:
    """Raising by kind gives an error of that kind; only network and decode are never answered."""
    error = ERRORS[kind]("x", status=400)
    assert error.kind == kind
    assert isinstance(error, StatusError)
    assert set(get_args(ErrorKind)) - set(ERRORS) == {"network", "decode"}


def test_the_class_says_whether_to_retry_and_the_provider_may_overrule_it() -> None:
    """A rate limit is retried, a bad key is not; the provider's own word wins."""
    assert RateLimitError("x", status=429).retryable
    assert not RateLimitError("x", status=429, retryable=False).retryable
    assert not ERRORS["authentication"]("x", status=401).retryable
    assert TransportError("x").retryable


def test_a_request_error_is_always_of_a_class() -> None:
    """Nobody can raise a failure without having classified it."""
    with pytest.raises(TypeError):
        RequestError("x")


def test_context_travels_with_the_error() -> None:
    """Where, when again, and by which id."""
    error = ServerError(
        "x", status=500, code="c", param="p", retry_after=2.0, request_id="r", target="a/b", hint="h"
    )
    assert (error.status, error.code, error.param, error.retry_after) == (500, "c", "p", 2.0)
    assert (error.request_id, error.target, error.hint) == ("r", "a/b", "h")
    assert TimedOutError("x", phase="silence").phase == "silence"


def test_an_interrupted_stream_is_of_its_causes_kind_and_never_retried() -> None:
    """What was delivered can't be taken back: the partial text is kept, and nothing is spliced."""
    cause = TimedOutError("x", phase="silence", hint="h", request_id="r", target="a/b")
    error = InterruptedStreamError("y", cause=cause, partial="Hel")
    assert (error.kind, error.partial, error.cause, error.retryable) == ("timeout", "Hel", cause, False)
    assert (error.hint, error.request_id, error.target) == ("h", "r", "a/b")


def test_an_exhausted_route_is_as_its_last_attempt() -> None:
    """Status, kind and wait are the last target's; it is worth a retry if any attempt was."""
    first, last = (
        RateLimitError("x", status=429),
        ERRORS["quota"]("y", status=429, retry_after=3.0, request_id="r"),
    )
    error = RouteExhaustedError("z", attempts=[first, last])
    assert error.attempts == (first, last)
    assert (error.kind, error.http_status, error.retryable) == ("quota", 429, True)
    assert (error.retry_after, error.request_id) == (3.0, "r")


def test_errors_of_the_user_say_what_to_do() -> None:
    """The nearest names, the field that can't be said, the package that is missing."""
    assert UnknownModelError("x", nearest=["a", "b"]).nearest == ("a", "b")
    unsupported = UnsupportedError("top_k", "responses")
    assert (str(unsupported), unsupported.field, unsupported.dialect) == (
        "responses can't say 'top_k'.",
        "top_k",
        "responses",
    )
    assert str(UnsupportedError("top_k", "responses", message="No.")) == "No."
    extra = MissingExtraError("Video", "video")
    assert str(extra) == "Video needs an optional package.\npip install 've_magics[video]'"
    assert extra.extra == "video"
