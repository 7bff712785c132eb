"""Every class of failure has one meaning, and it is the one that the error classes carry."""

from __future__ import annotations

from typing import get_args

import pytest

from ve_magics import errors
from ve_magics.errors import ErrorKind, RequestError
from ve_magics.routing import DISPOSITIONS, Outcome, Settings, Verdict, decide

KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)
STOP = Verdict(retry=False, fallback=False, next_key=False)


def judge(
    outcome: Outcome, *, mutation: bool = False, restart: bool = False, filtered: bool = False
) -> Verdict:
    return decide(
        outcome,
        mutation=mutation,
        midstream="restart" if restart else "fail",
        settings=Settings(content_filter_fallback=filtered),
    )


def test_every_class_of_failure_has_a_disposition() -> None:
    """The table is total: no failure is without a meaning."""
    assert set(DISPOSITIONS) == set(KINDS)


def test_the_table_agrees_with_the_error_classes() -> None:
    """What an error says of itself and what the router does are the same."""
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, RequestError)
        and value not in {RequestError, errors.StatusError, errors.InterruptedStreamError}
    ]
    assert len(classes) > 10
    for one in classes:
        assert one.default_retryable is DISPOSITIONS[one.kind].retry, one


def test_what_speaks_against_health_may_have_had_an_effect() -> None:
    """A failure either shows that the provider is alive and refused, or leaves open what it did."""
    for kind, disposition in DISPOSITIONS.items():
        assert disposition.rejected is not disposition.counts_against_breaker, kind


@pytest.mark.parametrize("outcome", [Outcome(), Outcome("server", cancelled=True)])
def test_answers_and_cancelled_attempts_are_followed_by_nothing(outcome: Outcome) -> None:
    """There is nothing left to do."""
    assert judge(outcome) == STOP


@pytest.mark.parametrize("kind", KINDS)
def test_a_delivered_answer_is_only_restarted_on_request(kind: ErrorKind) -> None:
    """After the first token nothing is tried again, unless the caller starts over."""
    broken = Outcome(kind, delivered=True)
    assert judge(broken) == STOP
    assert judge(broken, restart=True) == judge(Outcome(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_have_been_made_is_not_made_again(kind: ErrorKind) -> None:
    """A request that creates goes on only after proof that nothing was created."""
    going_on = any(judge(Outcome(kind), mutation=True))
    assert going_on is (
        kind not in {"server", "overloaded", "timeout", "network", "decode"} and any(judge(Outcome(kind)))
    )
    assert judge(Outcome(kind, sent=False), mutation=True) == judge(Outcome(kind))


def test_the_providers_own_word_decides_on_the_retry() -> None:
    """It may forbid one and may ask for one; the fallback is ours to decide."""
    assert judge(Outcome("server", retryable=False)) == Verdict(retry=False, fallback=True, next_key=False)
    assert judge(Outcome("bad_request", retryable=True)) == Verdict(
        retry=True, fallback=False, next_key=False
    )


def test_bad_requests_and_refusals_stop_unless_another_may_accept_them() -> None:
    """A field that only this provider doesn't know falls back; a refusal by policy only where settings say so."""
    assert judge(Outcome("bad_request")) == STOP
    assert judge(Outcome("bad_request", unsupported=True)).fallback
    assert judge(Outcome("content_filter")) == STOP
    assert judge(Outcome("content_filter"), filtered=True).fallback
    assert judge(Outcome("context_length")) == Verdict(retry=False, fallback=True, next_key=False)
