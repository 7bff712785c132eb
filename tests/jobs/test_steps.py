"""What is done next, and when."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.jobs import (
    PATIENCE,
    Done,
    Expire,
    Fetch,
    Job,
    JobState,
    Poll,
    Settle,
    Submit,
    Timing,
    VideoRequest,
    next_step,
)
from ve_magics.jobs.values import RemoteState

TIMING = Timing(first_poll=2, growth=2, longest_poll=20, first_retry=3, longest_retry=30, give_up=1000)


def half() -> float:
    return 0.5


def job(state: JobState = "running", **fields: object) -> Job:
    return Job(
        **{  # type: ignore[arg-type]  # the tests name the fields that matter to them
            "id": "j",
            "provider": "p",
            "request": VideoRequest(prompt="p"),
            "state": state,
            "provider_job_id": "v",
            "contact": 100.0,
            "submitted": 100.0,
            **fields,
        }
    )


def test_a_new_job_is_sent_at_once() -> None:
    """Nothing is waited for before the first create call."""
    assert next_step(job("queued"), 100.0, half) == Submit(100.0)


def test_a_refused_one_waits_longer_each_time() -> None:
    """Create calls that were refused are repeated with growing waits, and never sooner than the provider asks."""
    waits = [
        next_step(job("queued", attempts=n), 100.0, lambda: 0.999999, TIMING).at - 100.0  # type: ignore[union-attr]  # it is a Submit
        for n in (1, 2, 3, 4, 5, 2000)
    ]
    assert waits == pytest.approx([3, 6, 12, 24, 30, 30], abs=0.01)
    assert next_step(job("queued", attempts=1, wait=77.0), 100.0, half, TIMING) == Submit(177.0)


def test_a_job_found_while_submitting_is_not_sent_again() -> None:
    """Only where the provider honours idempotency keys may the same call go out a second time."""
    assert next_step(job("submitting"), 100.0, half) == Settle()
    assert next_step(job("submitting"), 100.0, half, honours_keys=True) == Submit(100.0)
    assert next_step(job("unknown"), 100.0, half, honours_keys=True) == Settle()


def test_polls_become_rarer_up_to_a_bound() -> None:
    """The wait grows with each poll that was answered and stays at the longest one."""
    waits = [
        next_step(job(polls=n), 100.0, half, TIMING).at - 100.0  # type: ignore[union-attr]  # it is a Poll
        for n in (0, 1, 2, 3, 4, 100_000)
    ]
    assert waits == pytest.approx([2, 4, 8, 16, 20, 20])


def test_the_providers_word_on_polling_is_kept() -> None:
    """A provider that names its wait gets exactly that, within reason."""
    assert next_step(job(wait=0.25, polls=9), 100.0, half, TIMING) == Poll(100.25)
    assert next_step(job(wait=9999.0), 100.0, half, TIMING) == Poll(130.0)


def test_a_failed_poll_is_followed_by_longer_waits() -> None:
    """After failures the wait doubles; a wait that the provider asks for is the least."""
    assert next_step(job(failures=2), 100.0, half, TIMING) == Poll(104.5)
    assert next_step(job(failures=2, wait=50.0), 100.0, half, TIMING) == Poll(150.0)


def test_a_job_from_before_the_restart_is_asked_about_at_once() -> None:
    """What was due while nobody was there is due now, never in the past."""
    assert next_step(job(polls=3), 900.0, half, TIMING) == Poll(900.0)


def test_a_result_is_fetched_at_once_and_again_after_a_wait() -> None:
    """Links go stale, so the file is fetched as soon as it is there; a fetch that failed waits."""
    ready = job(remote="succeeded", urls=("https://x.test/v",))
    assert next_step(ready, 100.0, half, TIMING) == Fetch(100.0, ("https://x.test/v",))
    again = job(remote="succeeded", fetches=1)
    assert next_step(again, 100.0, half, TIMING) == Fetch(102.25, ())


def test_a_job_that_never_ends_expires() -> None:
    """However long a provider says that it is running, there is an end; a result that is there is still fetched."""
    assert isinstance(next_step(job(), 1099.9, half, TIMING), Poll)
    assert next_step(job(), 1100.0, half, TIMING) == Expire()
    assert isinstance(next_step(job(remote="succeeded"), 1100.0, half, TIMING), Fetch)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "expired"])
def test_a_finished_job_is_left_alone(state: JobState) -> None:
    """Nothing is done with a job that has ended."""
    assert next_step(job(state), 100.0, half) == Done(state)


@given(
    state=st.sampled_from(get_args(JobState)),
    remote=st.none() | st.sampled_from(get_args(RemoteState)),
    attempts=st.integers(0, 10_000),
    polls=st.integers(0, 10_000),
    failures=st.integers(0, 10_000),
    fetches=st.integers(0, 10_000),
    wait=st.none() | st.floats(0, 1e6),
    now=st.floats(0, 1e6),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_step_is_never_in_the_past_nor_hours_away(
    state: JobState,
    remote: RemoteState | None,
    attempts: int,
    polls: int,
    failures: int,
    fetches: int,
    wait: float | None,
    now: float,
    chance: float,
) -> None:
    """Whatever a job has seen, its next step is now or later, and not later than the provider or we may wait."""
    subject = job(
        state, remote=remote, attempts=attempts, polls=polls, failures=failures, fetches=fetches, wait=wait
    )
    step = next_step(subject, now, lambda: chance)
    if isinstance(step, (Submit, Poll, Fetch)):
        longest = max(PATIENCE.longest_poll * 1.2, PATIENCE.longest_retry, wait or 0.0)
        assert now <= step.at <= max(now, 100.0 + longest)
