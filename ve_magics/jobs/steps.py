"""What is to be done next with a job, and when."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ve_magics.jobs.values import Job, JobState


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the engine is. Times are in seconds.

    Attributes:
        first_poll: Wait before the first poll.
        growth: By how much each wait is longer than the one before.
        longest_poll: Longest wait between polls.
        first_retry: Wait after a first failure; doubled after each.
        longest_retry: Longest wait after a failure.
        submits: Create calls that may be refused for the time being.
        misses: Polls in a row that may fail with "not found" before the job counts as expired.
        fetches: Times that the file may fail to come.
        give_up: Time after the create call at which a job that never ends counts as expired.
    """

    first_poll: float = 2.0
    growth: float = 1.3
    longest_poll: float = 15.0
    first_retry: float = 2.0
    longest_retry: float = 60.0
    submits: int = 4
    misses: int = 5
    fetches: int = 5
    give_up: float = 24 * 3600.0


PATIENCE = Timing()
"""How patient the engine is as a rule."""


class Submit(msgspec.Struct, frozen=True):
    """Send the create call at this time."""

    at: float


class Poll(msgspec.Struct, frozen=True):
    """Ask the provider at this time."""

    at: float


class Fetch(msgspec.Struct, frozen=True):
    """Fetch the file at this time, from one of these addresses or wherever the dialect says."""

    at: float
    urls: tuple[str, ...] = ()


class Settle(msgspec.Struct, frozen=True):
    """Nobody knows whether the provider made it: look at its list, else ask the user."""


class Expire(msgspec.Struct, frozen=True):
    """It has gone on for too long."""


class Done(msgspec.Struct, frozen=True):
    """Nothing is left to be done."""

    state: JobState


Step = Submit | Poll | Fetch | Settle | Expire | Done
Random = Callable[[], float]


def next_step(
    job: Job, now: float, random: Random, timing: Timing = PATIENCE, *, honours_keys: bool = False
) -> Step:
    """Return what is to be done next.

    Args:
        job: The job as the store has it.
        now: Seconds since 1970.
        random: Returns a number from 0 up to 1, for jitter.
        timing: How patient to be.
        honours_keys: Whether the provider makes one video of two create calls with the same idempotency key.
    """
    match job.state:
        case "queued":
            return Submit(max(now, _retry_at(job, job.attempts, random, timing) if job.attempts else now))
        case "submitting":
            return Submit(now) if honours_keys else Settle()
        case "unknown":
            return Settle()
        case "running" if job.remote == "succeeded":
            at = _retry_at(job, job.fetches, random, timing) if job.fetches else now
            return Fetch(max(now, at), job.urls)
        case "running" if now - job.submitted >= timing.give_up:
            return Expire()
        case "running":
            if job.failures:
                return Poll(max(now, _retry_at(job, job.failures, random, timing)))
            return Poll(max(now, job.contact + _poll_wait(job, random, timing)))
        case _:
            return Done(job.state)


def _retry_at(job: Job, failures: int, random: Random, timing: Timing) -> float:
    ceiling = min(timing.longest_retry, timing.first_retry * 2.0 ** min(failures - 1, 30))
    return job.contact + max(job.wait or 0.0, ceiling * (0.5 + random() / 2))


def _poll_wait(job: Job, random: Random, timing: Timing) -> float:
    if job.wait is not None:
        return min(job.wait, timing.longest_retry)
    return min(timing.longest_poll, timing.first_poll * timing.growth ** min(job.polls, 50)) * (
        0.8 + 0.4 * random()
    )
