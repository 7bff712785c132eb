"""Video jobs, driven: one loop for new jobs and for those that an earlier kernel left behind.

Every job is written down before money is spent on it, and what came of each call is written down before the next.
Stopping to watch never stops a job, and neither does closing the engine: whoever opens the store next goes on.
"""

from __future__ import annotations

import asyncio
import random as chance
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ve_magics.dialects.videos.contract import VideoDialect
from ve_magics.dialects.videos.registry import get_video_dialect
from ve_magics.engine.video.driver import Driver
from ve_magics.engine.video.means import Call, FetchFile, Means
from ve_magics.errors import (
    JobError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)
from ve_magics.jobs import (
    PATIENCE,
    UNFINISHED,
    Job,
    JobReply,
    Timing,
    VideoRequest,
    applied,
    moved,
    retried,
)
from ve_magics.providers import Provider
from ve_magics.store.jobs import JobStore


class _Lane:
    """One job in this process: who drives it, and who watches."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.watchers: set[asyncio.Queue[Job | BaseException | None]] = set()


class VideoEngine:
    """Drives video jobs. Used from one event loop.

    Args:
        store: Where jobs are written down.
        call: Carries calls out.
        fetch: Fetches files.
        provider: Returns the provider of a name; raises `ConfigError` where there is none.
        dialect: Returns the video dialect of a name.
        account: Told once or more of each job that the provider has made, before its file comes; returns its cost
            in US dollars, or None where that is unknown.
        owner: Who this engine is, to other kernels.
        clock: Seconds since 1970.
        sleep: Waits so many seconds.
        random: Returns a number from 0 up to 1.
        new_id: Returns a fresh id.
        offload: Runs a slow function beside the event loop.
        timing: How patient to be with providers.
        lease_seconds: How long a job stays ours after this process died.
        dead: Whether an engine of that name certainly runs no more, so that its jobs needn't be waited for.
    """

    def __init__(
        self,
        store: JobStore,
        call: Call,
        fetch: FetchFile,
        provider: Callable[[str], Provider],
        *,
        dialect: Callable[[str], VideoDialect] = get_video_dialect,
        account: Callable[[Job], float | None] = lambda job: job.cost,
        owner: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = chance.random,
        new_id: Callable[[], str] = lambda: secrets.token_hex(12),
        offload: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
        timing: Timing = PATIENCE,
        lease_seconds: float = 20.0,
        dead: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.store = store
        self.owner = owner or new_id()
        self._new_id = new_id
        self._means = Means(
            store,
            call,
            fetch,
            lambda name: provider(name).filming,
            dialect,
            account,
            self.owner,
            clock,
            sleep,
            random,
            offload,
            timing,
            lease_seconds,
            dead,
        )
        self._driver = Driver(self._means, self._publish)
        self._lanes: dict[str, _Lane] = {}
        self._heart: asyncio.Task[None] | None = None

    def check(self, request: VideoRequest, provider: str) -> None:
        """Look at a request before money is spent on it.

        Args:
            request: What is to be filmed; its model is the provider's name of it.
            provider: Who is to make it.

        Raises:
            ConfigError: There is no such provider.
            ArgumentsError: The request can't be read.
            UnsupportedError: The provider makes no videos, or not this one; the hint names the nearest allowed value.
        """
        self._means.speaks(provider, request.model).check(request)

    async def submit(
        self,
        request: VideoRequest,
        provider: str,
        *,
        folder: Path,
        notebook: str = "",
        cell: str = "",
        parent: str = "",
        stem: str = "",
        said: str = "",
        job_id: str = "",
    ) -> Job:
        """Write a job down and begin to drive it; returns before anything is sent.

        Args:
            request: What is to be filmed; its model is the provider's name of it.
            provider: Who is to make it.
            folder: Where its file is to land.
            notebook: Path of the notebook that asks.
            cell: Id of its cell.
            parent: Our id of the job that this one remixes.
            said: The user's own prompt, where a director wrote the request's.
            job_id: Our id of the job, where the caller makes sure that an order has only one; a fresh one where empty.
            stem: Name of its file without ending; one that holds the job's id where empty. A file of that name
                that is not the same to the byte is never overwritten: the next free number is added.

        Raises:
            ConfigError: There is no such provider.
            ArgumentsError: The request can't be read.
            UnsupportedError: The provider makes no videos, or not this one.
            StoreError: The job can't be written down, or there is one with this id; nothing was sent.
        """
        self.check(request, provider)
        now = self._means.clock()
        job = Job(
            id=job_id or f"video_{self._new_id()}",
            key=self._new_id(),
            provider=provider,
            request=request,
            created=now,
            updated=now,
            folder=str(folder),
            notebook=notebook,
            cell=cell,
            parent=parent,
            stem=stem,
            said=said,
        )
        self.store.add(job)
        self._start(job.id)
        return job

    async def resume_all(self, notebook: str | None = None) -> tuple[Job, ...]:
        """Go on with every job that has work left, whoever began it; returns them.

        A job that another engine drives is waited for; it is taken over when that one has died.

        Args:
            notebook: Only this notebook's.
        """
        jobs = self.store.find(notebook=notebook, states=UNFINISHED)
        for job in jobs:
            self._start(job.id)
        return jobs

    async def resume(self, job_id: str) -> Job:
        """Go on with one job that has work left; an unknown one is looked for in its provider's list again.

        Raises:
            JobError: There is no such job, or it has ended.
        """
        job = self._means.job(job_id)
        if job.finished:
            raise JobError(f"Job {job.id} has {job.state} already.", hint=f"See it: %ve jobs show {job.id}")
        self._start(job_id)
        return job

    def note_seen(self, job_id: str) -> Job:
        """Write down that a cell has shown a job's video.

        Raises:
            JobError: There is no such job.
        """
        job = self._means.job(job_id)
        if job.seen:
            return job
        return self._driver.record(job_id, lambda fresh: moved(fresh, fresh.updated, seen=True))

    async def watch(self, job_id: str) -> AsyncGenerator[Job, None]:
        """Yield a job now and after each change, until it has ended or only the user can go on (`unknown`).

        Leaving the loop early leaves the job running.

        Raises:
            JobError: There is no such job.
        """
        job = self._means.job(job_id)
        queue: asyncio.Queue[Job | BaseException | None] = asyncio.Queue()
        lane = self._start(job_id) if not job.finished else self._lanes.setdefault(job_id, _Lane())
        lane.watchers.add(queue)
        try:
            yield job
            while not job.finished:
                news = await queue.get()
                if news is None:
                    return
                if isinstance(news, BaseException):
                    raise news
                job = news
                yield job
        finally:
            lane.watchers.discard(queue)
            if not lane.watchers and (lane.task is None or lane.task.done()):
                self._lanes.pop(job_id, None)

    async def wait(self, job_id: str) -> Job:
        """Return a job when it has ended or only the user can go on.

        Raises:
            JobError: There is no such job.
        """
        job = self._means.job(job_id)
        async for news in self.watch(job_id):
            job = news
        return job

    async def cancel(self, job_id: str, *, forget: bool = False) -> Job:
        """Stop a job, at its provider too.

        Args:
            job_id: Our id.
            forget: Where the provider can't stop it, stop to wait for it; it is made and paid all the same.

        Raises:
            JobError: There is no such job, it has ended, or it is just being sent.
            UnsupportedError: The provider can't stop it.
            RequestError: The provider didn't stop it.
        """
        job = self._means.job(job_id)
        if job.finished:
            raise JobError(f"Job {job.id} has {job.state} already.")
        if job.state == "submitting":
            raise JobError(f"Job {job.id} is just being sent.", hint="Try again in a moment.")
        if job.state == "running":
            provider, dialect = (
                self._means.provider(job.provider),
                self._means.speaks(job.provider, job.model),
            )
            wire = dialect.encode_cancel(job)
            if wire is not None:
                dialect.decode_done(*await self._means.call(wire, provider))
            elif not forget:
                raise UnsupportedError(
                    "cancel",
                    dialect.name,
                    message=f"{job.provider} can't stop a video.",
                    hint="It goes on and is paid. To stop waiting for it: cancel it with --forget.",
                )
        return self._driver.record(job.id, lambda fresh: moved(fresh, self._means.clock(), "cancelled"))

    async def delete(self, job_id: str) -> None:
        """Forget a job that has ended, here and at its provider; its file stays.

        Raises:
            JobError: There is no such job, or it has not ended.
            RequestError: The provider didn't delete it.
        """
        job = self._means.job(job_id)
        if not job.finished:
            raise JobError(f"Job {job.id} has not ended.", hint="Cancel it first.")
        dialect = self._means.speaks(job.provider, job.model)
        wire = dialect.encode_delete(job) if job.provider_job_id else None
        if wire is not None:
            with suppress(NotFoundError):
                dialect.decode_done(*await self._means.call(wire, self._means.provider(job.provider)))
        self.store.remove(job.id)

    async def retry(self, job_id: str) -> Job:
        """Fetch the file of a failed job again, for its provider may still have it.

        Raises:
            JobError: There is no such job.
            JobTransitionError: It didn't fail, or the provider never made it.
        """
        self._means.job(job_id)
        job = self._driver.record(job_id, lambda fresh: retried(fresh, self._means.clock()))
        self._start(job_id)
        return job

    async def settle(self, job_id: str, *, provider_job_id: str = "") -> Job:
        """Say what became of an unknown job: the provider made it under this id, or it made none.

        Args:
            job_id: Our id.
            provider_job_id: The provider's id, which it is asked about; where it is empty, the job is sent again.

        Raises:
            JobError: There is no such job, it isn't unknown, or the id is another job's.
            RequestError: The provider knows no such id, or can't be asked.
        """
        job = self._means.job(job_id)
        if job.state != "unknown":
            raise JobError(f"Job {job.id} is {job.state}: there is nothing to settle.")
        found = JobReply(provider_job_id=provider_job_id, state="running")
        if provider_job_id:
            for other in self.store.find(limit=100_000):
                if (other.provider, other.provider_job_id) == (job.provider, provider_job_id):
                    raise JobError(f"{provider_job_id} is the video of job {other.id}.")
            provider, dialect = (
                self._means.provider(job.provider),
                self._means.speaks(job.provider, job.model),
            )
            wire = dialect.encode_poll(applied(job, found, self._means.clock()))
            dialect.decode_poll(*await self._means.call(wire, provider))
        job = self._driver.record(
            job_id,
            lambda fresh: (
                applied(fresh, found, self._means.clock())
                if provider_job_id
                else moved(fresh, self._means.clock(), "queued", attempts=0, note="")
            ),
        )
        self._start(job_id)
        return job

    async def give_up(self, job_id: str) -> Job:
        """Say that an unknown job was never made, and leave it at that.

        Raises:
            JobError: There is no such job, or it isn't unknown.
        """
        job = self._means.job(job_id)
        if job.state != "unknown":
            raise JobError(f"Job {job.id} is {job.state}: there is nothing to settle.")
        return self._driver.record(job_id, lambda fresh: moved(fresh, self._means.clock(), "cancelled"))

    async def aclose(self, *, grace: float = 5.0) -> None:
        """Stop driving; jobs go on at their providers. Create calls under way may end first.

        Args:
            grace: Seconds for which create calls are waited for.
        """
        for name, lane in self._lanes.items():
            if lane.task is not None and name not in self._driver.sending:
                lane.task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._driver.quiet.wait()
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        tasks += [self._heart] if self._heart is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, job_id: str) -> _Lane:
        lane = self._lanes.setdefault(job_id, _Lane())
        if lane.task is None or lane.task.done():
            lane.task = asyncio.get_running_loop().create_task(self._run(job_id, lane))
        if self._heart is None or self._heart.done():
            self._heart = asyncio.get_running_loop().create_task(self._beat())
        return lane

    async def _beat(self) -> None:
        """Keep our jobs ours for as long as any is driven."""
        while any(lane.task is not None and not lane.task.done() for lane in self._lanes.values()):
            with suppress(StoreError):
                self.store.renew(self.owner, self._means.lease_seconds)
            await self._means.sleep(self._means.lease_seconds / 3)

    async def _run(self, job_id: str, lane: _Lane) -> None:
        end: BaseException | None = None
        try:
            await self._driver.drive(job_id)
        except Exception as error:  # noqa: BLE001 - whoever watches is told; nobody else awaits this task
            end = error
        finally:
            with suppress(StoreError):
                self.store.release(job_id, self.owner)
            for queue in lane.watchers:
                queue.put_nowait(end)
            if not lane.watchers:
                self._lanes.pop(job_id, None)

    def _publish(self, job: Job) -> None:
        for queue in self._lanes[job.id].watchers if job.id in self._lanes else ():
            queue.put_nowait(job)
