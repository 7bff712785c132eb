"""Jobs as people see and name them: a short id, one line a job, plain facts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ve_magics.engine.columns import aligned
from ve_magics.errors import JobError
from ve_magics.jobs import Job

SHORT = 6
"""Characters of a short id."""
_WAITING = 3
"""Jobs of which a list says what can be done with them, at most."""

_PROMPT = 32
HEAD = ("job", "state", "done", "model", "prompt", "age", "cost", "file")
"""What the columns of a list are called."""


def short(job_id: str) -> str:
    """Return the end of an id, by which people name a job."""
    return job_id[-SHORT:]


def named(jobs: Sequence[Job], word: str) -> Job:
    """Return the job that a word names: its id, or a beginning or end of it that no other has.

    Raises:
        JobError: None has it, or several have; the hint names the nearest.
    """
    bare = word.removeprefix("video_")
    found = [job for job in jobs if word and word in (job.id, job.provider_job_id)]
    if not found and bare:
        found = [
            job for job in jobs if job.id.removeprefix("video_").startswith(bare) or job.id.endswith(bare)
        ]
    if len(found) == 1:
        return found[0]
    if found:
        raise JobError(
            f"{len(found)} jobs are called {word}.",
            hint=f"Name more of it: {', '.join(job.id for job in found[:3])}",
        )
    near = difflib.get_close_matches(bare[-SHORT:], [short(job.id) for job in jobs], 3, 0.5)
    raise JobError(
        f"There is no job {word}.",
        hint=f"Near: {', '.join(near)}" if near else "See them: %ve jobs, or ve-magics jobs in a terminal.",
    )


def table(jobs: Sequence[Job], now: float) -> str:
    """Return one line a job below a head, and what can be done with the newest that wait for the user.

    Args:
        jobs: In the order in which they are shown.
        now: Seconds since 1970.
    """
    if not jobs:
        return "No video was ordered here yet."
    lines = [aligned([HEAD, *(cells(job, now) for job in jobs)])]
    if told := waiting(jobs):
        lines += ["", *told]
    return "\n".join(lines)


def waiting(jobs: Sequence[Job]) -> list[str]:
    """Return a line for each of the newest jobs that wait for the user: why, and what can be done."""
    found = [job for job in jobs if job.state == "unknown" or (job.state == "failed" and job.fetches)]
    return [f"{short(job.id)}: {_why(job)}{advice(job)}" for job in found[:_WAITING]]


def _why(job: Job) -> str:
    said = job.failure.message if job.failure else job.note
    return f"{said} " if said else ""


def cells(job: Job, now: float) -> tuple[str, ...]:
    """Return what a list says of a job, column by column.

    Args:
        job: The job.
        now: Seconds since 1970.
    """
    prompt = " ".join(job.request.prompt.split())
    return (
        short(job.id),
        job.state,
        f"{job.progress:.0%}" if job.progress is not None else "",
        f"{job.provider}/{job.model}",
        prompt if len(prompt) <= _PROMPT else f"{prompt[: _PROMPT - 1]}…",
        age(now - job.created),
        "" if job.cost is None else f"${job.cost:.2f}",
        Path(job.path).name if job.path else "",
    )


def age(seconds: float) -> str:
    """Return a time as people say it: `12 s`, `5 min`, `3 h`, `2 d`."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"


def details(job: Job, now: float) -> str:
    """Return all that is worth knowing of a job, one fact a line."""
    failure = job.failure
    rows = {
        "job": job.id,
        "state": job.state + (f" ({job.raw_status} at {job.provider})" if job.raw_status else ""),
        "model": f"{job.provider}/{job.model}",
        "its id there": job.provider_job_id,
        "prompt": " ".join(job.request.prompt.split()),
        "revised": " ".join(job.revised_prompt.split()),
        "ordered": f"{age(now - job.created)} ago"
        + (f" by {job.cell} of {job.notebook}" if job.cell else ""),
        "progress": f"{job.progress:.0%}" if job.progress is not None else "",
        "cost": "unknown" if job.cost is None else f"${job.cost:.2f}",
        "file": job.path or f"not here yet; it goes to {job.folder}",
        "why": failure.message if failure else "",
        "note": job.note,
        "next": advice(job),
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items() if value)


def advice(job: Job) -> str:
    """Return what can be done with a job as it is; nothing where nothing need be."""
    name = short(job.id)
    match job.state:
        case "unknown":
            return (
                f"%ve jobs settle {name} looks again; with the provider's id it is taken over,"
                " with `again` it is ordered again, with `never` it is given up"
            )
        case "failed" if job.fetches:
            return f"%ve jobs retry {name} fetches the file again; nothing is paid for that"
        case "queued" | "submitting" | "running":
            return f"%ve jobs resume {name} goes on waiting, %ve jobs cancel {name} stops it"
        case _:
            return ""


def facts(job: Job) -> dict[str, Any]:
    """Return a job as plain values, for programs."""
    return {
        "id": job.id,
        "state": job.state,
        "progress": job.progress,
        "provider": job.provider,
        "model": job.model,
        "provider_job_id": job.provider_job_id,
        "prompt": job.request.prompt,
        "created": job.created,
        "cost_usd": job.cost,
        "file": job.path,
        "failure": job.failure.message if job.failure else "",
        "note": job.note,
        "notebook": job.notebook,
    }
