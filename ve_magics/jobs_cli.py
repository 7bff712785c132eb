"""`ve-magics jobs`: video jobs in a terminal, with no kernel."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import TextIO

from ve_magics.engine.filming import Filming
from ve_magics.engine.session import Session
from ve_magics.engine.video.listing import details, facts, short, table
from ve_magics.engine.video.orders import carry_out, told
from ve_magics.errors import VeError
from ve_magics.jobs import Job

WAITING = ("watch", "resume", "retry", "settle")
"""Orders after which the command stays until the jobs have ended: no kernel would drive them."""


def run_jobs(
    options: argparse.Namespace, *, session: Session | None = None, out: TextIO | None = None
) -> int:
    """Carry out what the command line asks for; returns the exit status.

    Args:
        options: The parsed line.
        session: Whose jobs; the user's own where None.
        out: Where the answer goes; standard output where None.

    Raises:
        VeError: The order is not understood, or can't be carried out.
    """
    words = [*options.words] or ["list"]
    if options.forget:
        words.append("--forget")
    return asyncio.run(_run(words, options.json, session or Session(), out or sys.stdout))


async def _run(words: Sequence[str], plain: bool, session: Session, out: TextIO) -> int:
    verb, *rest = words
    filming = session.filming
    try:
        if verb == "list" and not rest:
            jobs: Sequence[Job] = filming.jobs.find()
        elif verb == "watch" and not rest:
            jobs = await filming.engine.resume_all()
        else:
            jobs = await carry_out(filming.engine, verb, rest)
        if verb in WAITING:
            jobs = await _ended(filming, jobs, None if plain else out)
        if plain:
            print(json.dumps([facts(job) for job in jobs], ensure_ascii=False, indent=1), file=out)
        elif verb in ("list", "watch"):
            print(table(jobs, time.time()), file=out)
        elif verb == "show":
            print("\n\n".join(details(job, time.time()) for job in jobs), file=out)
        elif verb not in WAITING:
            print(told(verb, jobs), file=out)
        return 1 if verb in WAITING and any(job.state != "succeeded" for job in jobs) else 0
    finally:
        await session.aclose()


async def _ended(filming: Filming, jobs: Sequence[Job], out: TextIO | None) -> list[Job]:
    """Wait until jobs have ended or only the user can go on, and tell of each change."""

    async def follow(job: Job) -> Job:
        said = ""
        async with aclosing(filming.engine.watch(job.id)) as news:
            async for job in news:
                line = _line(job)
                if out is not None and line != said:
                    print(line, file=out, flush=True)
                said = line
        return job

    ended = await asyncio.gather(*map(follow, jobs), return_exceptions=True)
    for end in ended:
        if isinstance(end, BaseException) and not isinstance(end, VeError):
            raise end
    return [job if isinstance(end, BaseException) else end for job, end in zip(jobs, ended, strict=True)]


def _line(job: Job) -> str:
    done = f" {job.progress:.0%}" if job.progress is not None and not job.finished else ""
    what = job.path or (job.failure.message if job.failure else job.note)
    return f"{short(job.id)} {job.state}{done}{f': {what}' if what else ''}"
