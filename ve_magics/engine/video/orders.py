"""What people may do with jobs by name, the same in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ve_magics.engine.video.engine import VideoEngine
from ve_magics.engine.video.listing import advice, named, short
from ve_magics.errors import ArgumentsError
from ve_magics.jobs import Job

VERBS = {
    "show": "ID",
    "resume": "ID|all",
    "cancel": "ID [--forget]",
    "settle": "ID [PROVIDER_ID|again|never]",
    "retry": "ID",
    "forget": "ID",
}
"""What each order takes."""


async def carry_out(engine: VideoEngine, verb: str, words: Sequence[str]) -> tuple[Job, ...]:
    """Carry out an order and return the jobs that it was about, as they are then.

    Args:
        engine: Drives the jobs.
        verb: One of `VERBS`.
        words: What follows it.

    Raises:
        ArgumentsError: There is no such order, or it lacks something.
        JobError: There is no such job, or it is in no state for this.
        VeError: It can't be done.
    """
    forget = "--forget" in words
    words = [word for word in words if word != "--forget"]
    most = 2 if verb == "settle" else 1
    if verb not in VERBS or not 1 <= len(words) <= most or (forget and verb != "cancel"):
        usage = " | ".join(f"{name} {takes}" for name, takes in VERBS.items())
        raise ArgumentsError(f"jobs: {' '.join([verb, *words])} is not understood.", hint=f"jobs {usage}")
    if (verb, words[0]) == ("resume", "all"):
        return await engine.resume_all()
    job = named(engine.store.find(limit=100_000), words[0])
    match verb:
        case "show":
            return (job,)
        case "resume":
            return (await engine.resume(job.id),)
        case "cancel":
            return (await engine.cancel(job.id, forget=forget),)
        case "retry":
            return (await engine.retry(job.id),)
        case "forget":
            await engine.delete(job.id)
            return (job,)
        case _:
            return (await _settle(engine, job, *words[1:]),)


async def _settle(engine: VideoEngine, job: Job, how: str = "") -> Job:
    match how:
        case "":
            return await engine.resume(job.id) if job.state == "unknown" else await engine.settle(job.id)
        case "again":
            return await engine.settle(job.id)
        case "never":
            return await engine.give_up(job.id)
        case _:
            return await engine.settle(job.id, provider_job_id=how)


def told(verb: str, jobs: Sequence[Job]) -> str:
    """Return the lines that say what an order did."""
    done = {
        "resume": "is waited for",
        "settle": "is looked for",
        "retry": "is fetched again",
        "forget": "is forgotten; its file stays",
    }
    lines = []
    for job in jobs:
        line = (
            f"{short(job.id)} ({job.state}) {done[verb]}"
            if verb in done
            else f"{short(job.id)} is {job.state}"
        )
        if verb == "settle" and job.state != "unknown":
            line = f"{short(job.id)} is {job.state}"
        after = advice(job) if verb in ("cancel", "settle") and job.state == "unknown" else ""
        lines.append(f"{line}. {after}" if after else f"{line}.")
    return "\n".join(lines) or "Nothing is left to be done."
