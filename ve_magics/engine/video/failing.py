"""What is said of a job that brought no video, and what to do about it."""

from __future__ import annotations

from ve_magics.engine.video.listing import short
from ve_magics.errors import JobError, JobExpiredError, JobFailedError
from ve_magics.jobs import Job


def failure(job: Job | None, timeout: float | None) -> JobError:
    """Return the error for a job that ended, or was left, without a video.

    Args:
        job: The job; None where nothing was heard of it.
        timeout: Seconds after which it was left, or None.
    """
    if job is None:
        return JobError("The video's job was lost sight of.", hint="Run the cell again.")
    said = job.failure
    match job.state:
        case "unknown":
            name = short(job.id)
            return JobError(
                f"Nobody knows whether {job.provider} took the order for job {job.id}: its answer was lost.",
                hint="It was not ordered again, so nothing is paid twice. If it makes the video there:"
                f" %ve jobs settle {name} ITS_ID; if not: %ve jobs settle {name} again",
            )
        case "expired":
            return JobExpiredError(
                f"{job.provider} deleted the video before it was fetched.",
                hint="Make it again: %%video --fresh",
            )
        case "failed" | "cancelled":
            message = said.message if said else f"{job.provider} gave no reason."
            hint = (said.hint if said else "") or _advice(said.kind if said else "", job.provider)
            if job.state == "failed" and job.fetches:
                hint = f"{job.provider} has it. To fetch it again, free of charge: %ve jobs retry {short(job.id)}"
                return JobFailedError(f"The video was made, but its file didn't come: {message}", hint=hint)
            return JobFailedError(f"The video was not made: {message}", hint=hint)
        case _:
            return JobError(
                f"The video was not ready after {timeout:g} s." if timeout else "The video is not ready.",
                hint=f"It goes on as job {short(job.id)}. Run the cell again to get it; %ve jobs shows it.",
            )


def _advice(kind: str, provider: str) -> str:
    """Return what to do about a class of failure by which no video was made."""
    match kind:
        case "authentication":
            return f"Check the key: %ve key {provider} asks for a new one."
        case "permission" | "model_not_found":
            return f"See what {provider} offers your key now: %ve models {provider}"
        case "quota":
            return f"Add credit at {provider}, or choose another model: %ve models"
        case "rate_limit" | "overloaded" | "server" | "timeout" | "network":
            return "Run the cell again in a minute, or choose another model: %ve models"
        case "bad_request":
            return "Change the prompt or the flags and run the cell again."
        case _:
            return "Change the prompt and run the cell again."
