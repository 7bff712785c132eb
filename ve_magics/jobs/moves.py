"""The ways on: a job and what came of a call, folded into the job as it is then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from ve_magics.errors import (
    ConnectFailedError,
    DecodeError,
    JobTransitionError,
    NotFoundError,
    OverloadedError,
    RequestError,
    StatusError,
    TimedOutError,
    VeError,
)
from ve_magics.jobs.steps import PATIENCE, Timing
from ve_magics.jobs.values import TRANSITIONS, Job, JobFailure, JobReply, JobState

SLACK = 120.0
"""Seconds by which a provider's clock may differ from ours."""


def moved(job: Job, now: float, state: JobState | None = None, **changes: Any) -> Job:
    """Return the job with changed fields, in another state where one is given.

    Raises:
        JobTransitionError: There is no way from its state to that one, or the new state lacks what it promises.
    """
    after = msgspec.structs.replace(job, state=state or job.state, updated=now, **changes)
    if state is not None and state not in TRANSITIONS[job.state]:
        raise JobTransitionError(f"Job {job.id} can't go from {job.state} to {state}.")
    if after.state in ("running", "expired") and not after.provider_job_id:
        raise JobTransitionError(f"Job {job.id} can't be {after.state} without the provider's id.")
    if after.state == "succeeded" and not after.path:
        raise JobTransitionError(f"Job {job.id} can't have succeeded without a file.")
    if after.state == "failed" and after.failure is None:
        raise JobTransitionError(f"Job {job.id} can't have failed without a reason.")
    return after


def submitting(job: Job, now: float) -> Job:
    """Return the job on its way to the provider; to be written down before anything is sent.

    A job that is `submitting` already stays so: its call is repeated with the same idempotency key.
    """
    state: JobState | None = None if job.state == "submitting" else "submitting"
    return moved(job, now, state, attempts=job.attempts + 1, submitted=now, contact=now, wait=None, note="")


def applied(job: Job, reply: JobReply, now: float) -> Job:
    """Return the job with what the provider said about it.

    Args:
        job: One that is submitting, running, or unknown and found again.
        reply: The answer; it holds an id unless it says that the job failed.
        now: Seconds since 1970.

    Raises:
        JobTransitionError: The job is in no state to hear of the provider, or the reply has no id.
    """
    progress = reply.progress
    if job.progress is not None and progress is not None:
        progress = max(job.progress, progress)
    known: dict[str, Any] = {
        "provider_job_id": reply.provider_job_id or job.provider_job_id,
        "remote": reply.state,
        "raw_status": reply.raw_status,
        "progress": 1.0 if reply.state == "succeeded" else job.progress if progress is None else progress,
        "urls": reply.urls or job.urls,
        "expires_at": reply.expires_at if reply.expires_at is not None else job.expires_at,
        "cost": reply.cost if reply.cost is not None else job.cost,
        "seconds": reply.seconds if reply.seconds is not None else job.seconds,
        "size": reply.size or job.size,
        "revised_prompt": reply.revised_prompt or job.revised_prompt,
        "handle": {**job.handle, **reply.handle},
        "wait": reply.poll_after,
        "contact": now,
        "polls": job.polls + (job.state == "running"),
        "failures": 0,
        "note": "",
    }
    if reply.state == "failed":
        failure = reply.failure or JobFailure("The provider could not make the video and didn't say why.")
        return moved(job, now, "failed", failure=failure, **known)
    running = moved(job, now, None if job.state == "running" else "running", **known)
    if reply.state == "cancelled":
        return moved(running, now, "cancelled")
    if reply.state == "expired":
        return expired(running, now)
    return running


def expired(job: Job, now: float) -> Job:
    """Return the job as one whose result is gone."""
    failure = JobFailure(
        f"The provider no longer has the video {job.provider_job_id}.",
        hint="Run the cell again to have it made anew; that is paid again.",
    )
    return moved(job, now, "expired", failure=failure)


def missed(job: Job, error: VeError, now: float, timing: Timing = PATIENCE) -> Job:
    """Return the job after a poll that failed: it goes on, unless the provider has forgotten it."""
    wait = error.retry_after if isinstance(error, RequestError) else None
    changes: dict[str, Any] = {
        "failures": job.failures + 1,
        "contact": now,
        "wait": wait,
        "note": error.message,
    }
    after = moved(job, now, **changes)
    if isinstance(error, NotFoundError) and after.failures >= timing.misses:
        return expired(after, now)
    return after


def certainly_not_made(error: VeError) -> bool:
    """Whether a create call that failed so has certainly made no video, so that sending it again pays nothing twice.

    A reply of the 5xx kind proves nothing: a gateway may have passed the call on before it failed.
    """
    if isinstance(error, StatusError):
        if error.status < 500:
            return error.status not in (408, 499)
        return isinstance(error, OverloadedError) and error.code is not None
    if isinstance(error, TimedOutError):
        return error.phase == "connect"
    if isinstance(error, DecodeError):
        return not error.retryable  # a web page: whoever answered is no provider
    return isinstance(error, ConnectFailedError) or not isinstance(error, RequestError)


def refused(job: Job, error: VeError, now: float, timing: Timing = PATIENCE) -> Job:
    """Return the job after a create call that certainly made nothing: to be tried again, or failed."""
    if isinstance(error, RequestError):
        if error.retryable and job.attempts < timing.submits:
            return moved(job, now, "queued", contact=now, wait=error.retry_after, note=error.message)
        code = error.code or "" if isinstance(error, StatusError) else ""
        return moved(job, now, "failed", failure=JobFailure(error.message, error.kind, code, error.hint))
    return moved(job, now, "failed", failure=JobFailure(error.message, "bad_request", hint=error.hint))


def lost(job: Job, now: float, *, honours_keys: bool = False) -> Job:
    """Return the job after a create call whose answer never came.

    It goes back in the queue, with the same key, where the provider honours idempotency keys. Anywhere else nobody
    knows whether a video is being made and paid, so it is `unknown` until that is settled.
    """
    if honours_keys:
        return moved(job, now, "queued", contact=now, note="The provider's answer got lost; asking again.")
    return moved(
        job,
        now,
        "unknown",
        note=f"The answer of {job.provider} got lost: the video may or may not be in the making.",
    )


def unfetched(
    job: Job, message: str, now: float, timing: Timing = PATIENCE, *, tries: int | None = None
) -> Job:
    """Return the job after its file didn't come: the provider is asked again, for links go stale, until it is enough.

    Args:
        job: A running one.
        message: What went wrong.
        now: Seconds since 1970.
        timing: How patient to be.
        tries: Times that this may happen, where that is less often than the timing allows.
    """
    changes: dict[str, Any] = {"fetches": job.fetches + 1, "contact": now, "wait": None, "note": message}
    most = timing.fetches if tries is None else min(tries, timing.fetches)
    if job.fetches + 1 >= most:
        failure = JobFailure(
            message,
            hint=f"{job.provider} has the video as {job.provider_job_id}; its file can be tried again.",
        )
        return moved(job, now, "failed", failure=failure, **changes)
    return moved(job, now, remote=None, **changes)


def retried(job: Job, now: float) -> Job:
    """Return a failed job whose video the provider may still have, ready to be polled and fetched again.

    Raises:
        JobTransitionError: It didn't fail, or the provider never made it.
    """
    return moved(
        job, now, "running", remote=None, failure=None, note="", fetches=0, failures=0, submitted=now
    )


def matching(
    job: Job, listed: Sequence[JobReply], taken: Collection[str], *, slack: float = SLACK, twins: int = 1
) -> JobReply | None:
    """Return a video in a provider's list that can only be this job's, or None.

    Of several it is the oldest, where there are no more than jobs that asked for the very same and lost their answers
    too: then it makes no difference which of them is whose.

    Args:
        job: An unknown one.
        listed: What the provider has.
        taken: The provider's ids of other jobs.
        slack: Seconds by which the clocks may differ.
        twins: How many jobs that asked for the same have lost their answers, this one included.
    """
    found = [
        reply
        for reply in listed
        if reply.provider_job_id
        and reply.provider_job_id not in taken
        and reply.created is not None
        and abs(reply.created - job.submitted) <= slack
        and reply.prompt == job.request.prompt
        and _same_model(reply.model, job.model)
    ]
    if not 1 <= len({reply.provider_job_id for reply in found}) <= twins:
        return None
    return min(found, key=lambda reply: (reply.created or 0.0, reply.provider_job_id))


def _same_model(said: str, asked: str) -> bool:
    """Whether a name in a list can mean the model that was asked for: providers add a maker or a date."""
    name = said.rpartition("/")[2]
    own = asked.rpartition("/")[2]
    return not name or name == own or name.startswith(f"{own}-")
