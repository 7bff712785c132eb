"""What a reader sees when a cell fails."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ve_magics import errors
from ve_magics.errors import (
    ERRORS,
    AuthError,
    ConnectFailedError,
    ErrorKind,
    MissingKeyError,
    RateLimitError,
    RequestError,
    RouteExhaustedError,
    UnknownModelError,
    VeError,
)
from ve_magics.magics.failure import CellError, explain, one_line

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, VeError) and kind is not RequestError
]
KEY = "sk-" + "a1b2c3d4" * 4


def make(kind: type[VeError]) -> VeError:
    """Return an error of the kind, with everything that it needs."""
    needed: dict[str, Any] = {
        "message": f"It broke\nwith {KEY} and \x1b[31mcolour\x1b[0m <b>",
        "phase": "silence",
        "status": 500,
        "cause": ConnectFailedError("no"),
        "attempts": [
            AuthError("no", status=401, target="a/b"),
            RateLimitError("no", status=429, target="c/d"),
        ],
        "field": "seed",
        "dialect": "messages",
        "what": "A film",
        "extra": "video",
        "raw": "{",
    }
    parameters = inspect.signature(kind.__init__).parameters
    return kind(**{name: value for name, value in needed.items() if name in parameters})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_failure_is_at_most_four_clear_lines(kind: type[VeError]) -> None:
    """No failure shows a traceback, a key, an escape sequence or more than four lines."""
    lines = CellError(make(kind))._render_traceback_()
    assert 1 <= len(lines) <= 4
    assert lines[0].startswith("✗ ")
    for line in lines:
        assert line.isprintable()
        assert KEY not in line
        assert len(line) <= 300


def test_the_lines_say_what_failed_why_and_what_to_do() -> None:
    """The reader learns the provider's words, who was tried, and the next step."""
    error = RateLimitError(
        "Too many requests.", status=429, retry_after=12.0, request_id="r1", target="openai/gpt"
    )
    assert CellError(error).lines == [
        "✗ rate limit: Too many requests.",
        "openai/gpt, status 429, asks to wait 12 s, request r1",
        "Wait a little and run the cell again, or add a second target to the route.",
        "More: %ve doctor",
    ]


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_every_class_of_failure_says_what_to_do(kind: ErrorKind) -> None:
    """Whatever a provider answers, the cell says what to do about it, although the failure brings no hint."""
    lines = explain(ERRORS[kind]("It failed.", status=418))
    assert len(lines) == 4
    assert lines[2].endswith((".", "models", "one."))


def test_a_route_that_failed_names_each_attempt() -> None:
    """Every target with the class of its failure; the advice is that of the last one."""
    attempts = [RateLimitError("no", status=429, target="a/b"), AuthError("no", status=401, target="c/d")]
    lines = CellError(RouteExhaustedError("Every target failed.", attempts=attempts)).lines
    assert lines[1] == "Tried: a/b (rate limit), c/d (authentication)"
    assert "%ve key" in lines[2]


def test_what_the_user_can_mend_is_said_shortly() -> None:
    """A missing key or a wrong name needs no doctor; a hint is taken as it is; near names are shown."""
    assert CellError(MissingKeyError("No key for openai.", hint="%ve key openai")).lines == [
        "✗ missing key: No key for openai.",
        "%ve key openai",
    ]
    assert (
        "Near: gpt-5, gpt-6"
        in CellError(UnknownModelError("No such model.", nearest=["gpt-5", "gpt-6"])).lines
    )


def test_the_error_is_a_real_exception() -> None:
    """Its words are the first line, so that every runner of notebooks reports something useful."""
    error = CellError(MissingKeyError("No key."))
    assert str(error) == "✗ missing key: No key."
    assert isinstance(error.error, MissingKeyError)


def test_endless_and_hidden_text_is_cut() -> None:
    """A provider's page of HTML becomes one line; characters that reorder text are taken out."""
    assert len(one_line("x" * 10_000_000)) <= 300
    assert one_line("a\u202eb\r\nc\x07") == "a b c"
