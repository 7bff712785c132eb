"""What a reply's headers tell about the way to its answer."""

from __future__ import annotations

import math

from ve_magics.catalog import Cost
from ve_magics.engine.gateway import Trace
from ve_magics.errors import AuthError, VeError
from ve_magics.server.refusals import MethodError

Fields = tuple[tuple[str, str], ...]


def trail(trace: Trace) -> Fields:
    """Return the headers that tell who answers and who was tried."""
    failures = trace.failures
    if trace.served is None and not failures:
        return ()
    attempts = len(trace.attempts) if trace.served is None else len(failures) + 1
    tried = ", ".join(f"{attempt.target};{attempt.failure}" for attempt in failures)
    return (
        *((("x-ve-target", plain(str(trace.served))),) if trace.served is not None else ()),
        ("x-ve-attempts", str(attempts)),
        *((("x-ve-tried", plain(tried)),) if tried else ()),
    )


def dollars(cost: Cost) -> str:
    """Return an amount as headers tell it."""
    return "unknown" if cost.amount is None else f"{cost.amount:.9f}"


def failure_fields(error: VeError) -> Fields:
    """Return the headers that tell a client what to do about a failure."""
    fields: list[tuple[str, str]] = []
    wait = getattr(error, "retry_after", None)
    if wait is not None and math.isfinite(wait):
        fields.append(("retry-after", str(max(1, math.ceil(wait)))))
    if request_id := getattr(error, "request_id", None):
        fields.append(("x-request-id", plain(str(request_id))))
    if isinstance(error, AuthError):
        fields.append(("www-authenticate", "Bearer"))
    if isinstance(error, MethodError):
        fields.append(("allow", ", ".join(error.allowed)))
    return tuple(fields)


def plain(text: str) -> str:
    """Return a text as a header can carry it."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:2000]
