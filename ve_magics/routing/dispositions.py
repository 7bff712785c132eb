"""What each class of failure means for what is tried next, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ve_magics.errors import ErrorKind
from ve_magics.routing.values import Midstream, Outcome, Settings


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a class of failure means.

    Attributes:
        retry: The same target may be tried again, after a wait.
        fallback: Another target may be tried, at once.
        counts_against_breaker: It speaks against the target's health.
        next_key: Another key of the same provider may do better; it is tried first.
        rejected: The provider refused before it made anything, so even a request that creates something
            billable may be sent again.
    """

    retry: bool
    fallback: bool
    counts_against_breaker: bool
    next_key: bool = False
    rejected: bool = False


_SICK = Disposition(retry=True, fallback=True, counts_against_breaker=True)
_OTHERS_MAY = Disposition(retry=False, fallback=True, counts_against_breaker=False, rejected=True)
_OTHER_KEYS_MAY = Disposition(
    retry=False, fallback=True, counts_against_breaker=False, next_key=True, rejected=True
)
_NOBODY_WILL = Disposition(retry=False, fallback=False, counts_against_breaker=False, rejected=True)

DISPOSITIONS: dict[ErrorKind, Disposition] = {
    "authentication": _OTHER_KEYS_MAY,
    "permission": _OTHERS_MAY,
    "model_not_found": _OTHERS_MAY,
    "bad_request": _NOBODY_WILL,
    "context_length": _OTHERS_MAY,
    "content_filter": _NOBODY_WILL,
    "rate_limit": Disposition(
        retry=True, fallback=True, counts_against_breaker=False, next_key=True, rejected=True
    ),
    "quota": _OTHER_KEYS_MAY,
    "overloaded": _SICK,
    "server": _SICK,
    "timeout": _SICK,
    "network": _SICK,
    "decode": _SICK,
}
"""The disposition of every class of failure."""


class Verdict(NamedTuple):
    """What may follow a failure: nothing, a retry at the same target, a fallback to others, another key."""

    retry: bool
    fallback: bool
    next_key: bool


STOP = Verdict(retry=False, fallback=False, next_key=False)
"""Nothing may follow."""


def decide(outcome: Outcome, *, mutation: bool, midstream: Midstream, settings: Settings) -> Verdict:
    """Return what may follow an outcome.

    Args:
        outcome: What came of the attempt; an answer and a cancelled attempt are followed by nothing.
        mutation: True where the request creates something billable.
        midstream: What the caller does with an answer that breaks after its first token.
        settings: Whether a refusal by policy is put to others.
    """
    kind = outcome.kind
    if kind is None or outcome.cancelled:
        return STOP
    disposition = DISPOSITIONS[kind]
    if outcome.delivered and midstream == "fail":
        return STOP
    if mutation and outcome.sent and not disposition.rejected:
        return STOP
    return Verdict(
        retry=disposition.retry if outcome.retryable is None else outcome.retryable,
        fallback=disposition.fallback
        or (kind == "bad_request" and outcome.unsupported)
        or (kind == "content_filter" and settings.content_filter_fallback),
        next_key=disposition.next_key,
    )
