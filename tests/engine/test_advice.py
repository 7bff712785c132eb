"""What a user is told to do about a failure, class by class."""

from __future__ import annotations

import pytest

from ve_magics.engine.advice import advice, advise
from ve_magics.engine.config import Config
from ve_magics.errors import (
    AuthError,
    ConnectFailedError,
    ContextLengthError,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    RequestError,
    ServerError,
    TimedOutError,
    TransportError,
)
from ve_magics.routing import Target

KEYED = Config(environ={"OPENAI_API_KEY": "sk-of-openai-1"})
BARE = Config(environ={})


@pytest.mark.parametrize(
    ("error", "target", "config", "words"),
    [
        (AuthError("x", status=401), "openai/m", KEYED, "from OPENAI_API_KEY) was refused"),
        (
            AuthError("x", status=401),
            "openai/m",
            BARE,
            "openai wants a key. Set OPENAI_API_KEY, or type: %ve key",
        ),
        (AuthError("x", status=401), "ollama/m", BARE, "ollama wants a key. Type: %ve key ollama"),
        (PermissionDeniedError("x", status=403), "openai/m", KEYED, "may not use m"),
        (NotFoundError("x", status=404), "openai/gpt-5.44", KEYED, "Did you mean openai/gpt-5.4"),
        (NotFoundError("x", status=404), "openai/zzzzzzzz", KEYED, "%ve models openai lists"),
        (NotFoundError("x", status=404), "ollama/gpt-5.44", KEYED, "%ve models ollama lists"),
        (QuotaError("x", status=429), "openai/m", KEYED, "used up"),
        (RateLimitError("x", status=429, retry_after=7.2), "openai/m", KEYED, "It asks to wait 7 s."),
        (RateLimitError("x", status=429), "openai/m", KEYED, "takes no more for now. A route"),
        (ContextLengthError("x", status=400), "openai/m", KEYED, "larger context"),
        (TimedOutError("x", phase="silence"), "openai/m", KEYED, "--timeout"),
        (ConnectFailedError("x"), "ollama/m", BARE, "Start ollama"),
        (ConnectFailedError("x"), "openai/m", KEYED, "%ve doctor"),
        (TransportError("x"), "ollama/m", BARE, "%ve doctor"),
    ],
)
def test_each_class_has_its_advice(error: RequestError, target: str, config: Config, words: str) -> None:
    """The hint says what to do; it names providers, variables and magics, never a key."""
    told = advice(error, Target.parse(target), config)
    assert words in told
    assert "Did you mean" not in told or f"Did you mean {target.partition('/')[0]}/" in told
    assert "sk-of" not in told


@pytest.mark.parametrize("error", [ServerError("x", status=500), DecodeError("x")])
def test_nothing_is_said_where_nothing_helps(error: RequestError) -> None:
    """No advice is better than an empty one."""
    assert advice(error, Target("openai", "m"), KEYED) == ""


def test_a_hint_that_is_there_stays() -> None:
    """Who knows better is not overruled; the target is always named."""
    error = NotFoundError("x", status=404, hint="Check base_url.")
    advise(error, Target("openai", "m"), KEYED)
    assert (error.hint, error.target) == ("Check base_url.", "openai/m")
