"""How a failure looks in a cell: at most four clear lines, and a real error for everything that runs notebooks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ve_magics.dialects.failures import mask
from ve_magics.errors import (
    AuthError,
    BadRequestError,
    BudgetError,
    ContentFilterError,
    ContextLengthError,
    InterruptedStreamError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    RequestError,
    RouteExhaustedError,
    ServerError,
    ServerTimeoutError,
    StatusError,
    TransportError,
    UnknownModelError,
    UserError,
    VeError,
)

_WIDTH = 300
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_ADVICE: tuple[tuple[type[VeError], str], ...] = (
    (AuthError, "Check the key: %ve key PROVIDER asks for a new one."),
    (PermissionDeniedError, "The key may not do this: use another one, or choose another model: %ve models"),
    (QuotaError, "Add credit at the provider, or choose another model: %ve models"),
    (RateLimitError, "Wait a little and run the cell again, or add a second target to the route."),
    (OverloadedError, "Run the cell again in a minute, or choose another model: %ve models"),
    (
        ContextLengthError,
        "Shorten the prompt, begin a new conversation, or choose a model with a longer context.",
    ),
    (ContentFilterError, "The provider's policy refused it: say it in other words, or choose another model."),
    (BadRequestError, "Change what the message names, or choose another model: %ve models"),
    (NotFoundError, "See what is offered now: %ve models"),
    (ServerTimeoutError, "Run the cell again, or choose another model: %ve models"),
    (ServerError, "The provider failed: run the cell again in a minute, or choose another model: %ve models"),
    (BudgetError, "Raise the limit: %ve budget AMOUNT"),
    (TransportError, "Check the network and the provider's address, then run the cell again."),
    (InterruptedStreamError, "Run the cell again; what had come is shown above."),
)
_MOST = 4
_MORE = "More: %ve doctor"


class CellError(Exception):
    """Ends a cell with an error output of a few lines instead of a traceback.

    Args:
        error: What went wrong.

    Attributes:
        error: What went wrong, for `except` and debuggers.
        lines: What the cell shows: what failed, why, what to do, how to see more.
    """

    def __init__(self, error: VeError) -> None:
        self.error = error
        self.lines = explain(error)
        super().__init__(self.lines[0])

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return list(self.lines)


class RecordedFailureError(VeError):
    """A failure that a recording holds; it is shown as it was when it was recorded.

    Args:
        message: What happened then.
        hint: What there was to do.
        kind: The name of the error's class.
        lines: How a cell showed it.
    """

    def __init__(self, message: str, *, hint: str, kind: str, lines: Sequence[str]) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.lines = tuple(lines)


def explain(error: VeError) -> list[str]:
    """Return one to four lines for a reader: what failed, why, what to do, how to see more."""
    if isinstance(error, RecordedFailureError):
        return [one_line(line) for line in error.lines[:_MOST]] or [_what(error)]
    return [line for line in (_what(error), _why(error), _to_do(error), _more(error)) if line]


def _what(error: VeError) -> str:
    name = type(error).__name__.removesuffix("Error")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() or "failure"
    return one_line(f"✗ {words}: {error.message}")


def _why(error: VeError) -> str:
    if isinstance(error, RouteExhaustedError):
        tried = (
            f"{attempt.target or 'target'} ({attempt.kind.replace('_', ' ')})" for attempt in error.attempts
        )
        return one_line(f"Tried: {', '.join(tried)}")
    if isinstance(error, UnknownModelError) and error.nearest:
        return one_line(f"Near: {', '.join(error.nearest[:5])}")
    if isinstance(error, RequestError):
        facts = [error.target]
        if isinstance(error, StatusError):
            facts.append(f"status {error.status}")
        if error.retry_after:
            facts.append(f"asks to wait {error.retry_after:.0f} s")
        if error.request_id:
            facts.append(f"request {error.request_id}")
        return one_line(", ".join(fact for fact in facts if fact))
    return ""


def _to_do(error: VeError) -> str:
    if error.hint:
        return one_line(error.hint)
    causes: list[VeError] = [error]
    if isinstance(error, RouteExhaustedError):
        causes.append(error.attempts[-1])
    for cause in causes:
        for kind, advice in _ADVICE:
            if isinstance(cause, kind):
                return advice
    return ""


def _more(error: VeError) -> str:
    return "" if isinstance(error, UserError) else _MORE


def one_line(text: str) -> str:
    """Return text from outside as one line that is safe to show: no escapes, no controls, no keys, not endless."""
    return mask(_CONTROLS.sub(" ", _ESCAPES.sub("", text[: _WIDTH * 20])), limit=_WIDTH)
