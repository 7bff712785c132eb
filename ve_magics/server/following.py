"""Every video that a client has ordered, followed until it has ended: also those that an earlier server left behind."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress

import msgspec

from ve_magics.engine.session import Session
from ve_magics.errors import VeError
from ve_magics.jobs import Job, JobFailure
from ve_magics.server.accounts import book_of
from ve_magics.server.metrics import Metrics
from ve_magics.server.orders import lightened

_LOG = logging.getLogger("ve_magics.server")


class Following:
    """The jobs of all holders.

    Args:
        session: Has the jobs and drives them.
        metrics: What is counted.
    """

    def __init__(self, session: Session, metrics: Metrics) -> None:
        self._session = session
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Go on with what an earlier server left behind. Jobs of notebooks are left to them."""
        try:
            left = self._session.filming.jobs.unfinished()
        except VeError as error:
            _LOG.error("The jobs can't be read: %s", error.message)
            return
        for job in left:
            if job.notebook.startswith(book_of("")):
                self.follow(job)

    def follow(self, job: Job) -> None:
        """Drive a job until it has ended, unless that is being done."""
        if not job.finished and job.id not in self._tasks:
            self._tasks[job.id] = asyncio.get_running_loop().create_task(self._follow(job.id))
            self._metrics.films = len(self._tasks)

    def as_known(self, job: Job) -> Job:
        """Return a job as its holder may know it, and see to it that somebody drives it.

        One whose answer was lost, and which could not be found at its provider, has failed as far as a client can
        tell: only the server's owner can settle it.
        """
        if job.state == "unknown" and job.id not in self._tasks:
            failure = JobFailure(
                "The provider's answer was lost: the video may have been made, and paid, or not."
                " The server's owner can settle it.",
                code="lost",
            )
            return msgspec.structs.replace(job, state="failed", failure=failure)
        self.follow(job)
        return job

    async def aclose(self) -> None:
        """Stop following; the jobs go on at their providers."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, job_id: str) -> None:
        job: Job | None = None
        try:
            async with aclosing(self._session.filming.engine.watch(job_id)) as news:
                async for now in news:
                    job = now
        except VeError as error:
            _LOG.error("Job %s is left for now: %s", job_id, type(error).__name__)
        finally:
            self._tasks.pop(job_id, None)
            self._metrics.films = len(self._tasks)
        if job is not None and (job.finished or job.state == "unknown"):
            self._metrics.filmed(job)
            self._lighten(job)

    def _lighten(self, job: Job) -> None:
        """Keep no pictures with a job that needs them no more: they are large, and every list would read them."""
        light = lightened(job.request)
        if job.finished and light != job.request:
            with suppress(VeError):  # somebody else has changed it: it stays as it is
                self._session.filming.jobs.move(msgspec.structs.replace(job, request=light))
