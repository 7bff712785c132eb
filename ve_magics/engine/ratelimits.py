"""What a reply's headers say about the provider's limits. Pure: headers in, a value out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from ve_magics.dialects.failures import duration
from ve_magics.routing import RateLimit

LONGEST = 3600.0
"""Seconds; a reset that lies farther away is not believed."""

_FORMS: tuple[tuple[str, str, str], ...] = (
    ("requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("requests", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ("requests", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("tokens", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("tokens", "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("tokens", "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)
"""What is counted, the field that says how much is left, and the one that says when it is granted again."""


def read_limits(headers: Mapping[str, str]) -> RateLimit | None:
    """Return what the headers say; None where they say nothing.

    Args:
        headers: Names in lower case. A time of day among them is measured against the reply's own `date`.
    """
    left: dict[str, int] = {}
    resets: list[float] = []
    for what, remaining, reset in _FORMS:
        said = headers.get(remaining)
        if said is None:
            continue
        count = _count(said)
        if count is None:
            continue
        left[what] = min(count, left.get(what, count))
        if count == 0 and (seconds := _seconds(headers.get(reset, ""), headers)) is not None:
            resets.append(seconds)
    if not left:
        return None
    return RateLimit(left.get("requests"), left.get("tokens"), max(resets) if resets else None)


def _count(text: str) -> int | None:
    """Return a count; None where it is none, or below 0, by which some mean that they don't know."""
    try:
        count = int(float(text))
    except (ValueError, OverflowError):
        return None
    return count if count >= 0 else None


def _seconds(text: str, headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a reset that is given as a duration, a number of seconds, or a time."""
    found = duration(text)
    if found is None:
        try:
            number = float(text)
        except ValueError:
            number = _instant(text)
        now = _date(headers)
        if number > 1e11:
            number /= 1000  # some count milliseconds since 1970
        if number > 1e9:
            number = number - now if now else -1.0
        found = number
    return min(found, LONGEST) if found >= 0 else None


def _instant(text: str) -> float:
    """Return the seconds since 1970 of a time in the form of RFC 3339; below 0 where it is none."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return -1.0
    return then.timestamp() if then.tzinfo else -1.0


def _date(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, IndexError):
        return 0.0
