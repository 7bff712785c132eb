"""The one loop that drives a video job, new or left behind by an earlier kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ve_magics.dialects.videos.contract import Source, Variant
from ve_magics.engine.video.landing import UnfitFileError, file_stem, land_poster, land_video, landed
from ve_magics.engine.video.lost import found
from ve_magics.engine.video.means import Means
from ve_magics.errors import JobChangedError, NotFoundError, StatusError, StoreError, VeError
from ve_magics.jobs import (
    Done,
    Expire,
    Fetch,
    Job,
    Poll,
    Settle,
    Step,
    Submit,
    applied,
    certainly_not_made,
    expired,
    lost,
    missed,
    moved,
    next_step,
    refused,
    submitting,
    unfetched,
)

STORE_TRIES = 30
"""How often in a row the store may fail before a job is left to the next kernel."""

UNSAFE = "unsafe_address"
"""The code with which a fetcher refuses an address that must not be fetched from."""

LOOKS = 3
"""How often a provider's list is read for a job whose answer got lost."""


class Driver:
    """Takes jobs from step to step, and writes down what came of each before the next.

    Args:
        means: What it works with.
        publish: Told of each change.
    """

    def __init__(self, means: Means, publish: Callable[[Job], None]) -> None:
        self.sending: set[str] = set()
        """Ids of the jobs whose create call is under way."""
        self.quiet = asyncio.Event()
        """Set while no create call is under way."""
        self.quiet.set()
        self._means = means
        self._publish = publish

    async def drive(self, job_id: str) -> None:
        """Do what is next until the job has ended or only the user can go on.

        Raises:
            JobError: There is no such job.
            StoreError: The store failed for too long.
        """
        looks = failures = 0
        while not self._leased(job_id):
            job = self._means.job(job_id)
            self._publish(job)
            if job.finished:
                return
            await self._means.sleep(
                min(2.0, 0.05 + self._means.store.leased_by_other(job_id, self._means.owner))
            )
        while True:
            try:
                job = self._means.job(job_id)
                honours, now = self._honours_keys(job), self._means.clock()
                step = next_step(
                    job, now, self._means.random, self._means.patience(job), honours_keys=honours
                )
                if isinstance(step, (Submit, Poll, Fetch)) and step.at > self._means.clock():
                    await self._means.sleep(step.at - self._means.clock())
                    if self._means.job(job_id).revision != job.revision:
                        continue
                looks += isinstance(step, Settle)
                if not await self._take(step, job, looks):
                    return
                failures = 0
            except StoreError:
                failures += 1
                if failures >= STORE_TRIES:
                    raise
                await self._means.sleep(self._means.patience(job).first_retry)

    def _leased(self, job_id: str) -> bool:
        """Take a job, at once where whoever has it is surely dead.

        A dead one's job that was just being sent stays its own for the whole lease: the provider may still be at
        work on that order, and would not yet have it in its list.
        """
        store, own, seconds = self._means.store, self._means.owner, self._means.lease_seconds
        if store.lease(job_id, own, seconds):
            return True
        holder, job = store.owner(job_id), store.get(job_id)
        if not holder or job is None or job.state == "submitting" or not self._means.dead(holder):
            return False
        return store.lease(job_id, own, seconds, instead_of=holder)

    async def _take(self, step: Step, job: Job, looks: int) -> bool:
        """Do what is next; returns whether there is more to do."""
        match step:
            case Submit():
                await self._submit(job, self._honours_keys(job))
            case Poll():
                await self._poll(job)
            case Fetch():
                await self._fetch_result(job)
            case Expire():
                self._advance(job, lambda fresh: expired(fresh, self._means.clock()))
            case Settle():
                return await self._find_lost(job, looks)
            case Done():
                self._publish(job)  # another kernel may have brought it here
                return False
        return True

    def _honours_keys(self, job: Job) -> bool:
        try:
            return self._means.speaks(job.provider, job.model).honours_keys
        except VeError:
            return False

    async def _submit(self, job: Job, honours_keys: bool) -> None:
        try:  # as it was read or not at all: whoever was quicker may have sent it, or stopped it
            job = self._means.store.move(submitting(job, self._means.clock()))
        except JobChangedError:
            return
        self._publish(job)
        self.sending.add(job.id)
        self.quiet.clear()
        try:
            provider, dialect = (
                self._means.provider(job.provider),
                self._means.speaks(job.provider, job.model),
            )
            wire = dialect.encode_create(job.request, provider, job.key)
            reply = dialect.decode_create(*await self._means.call(wire, provider))
        except VeError as error:
            failure = error
            if certainly_not_made(failure):
                await self._keep(
                    job, lambda fresh: refused(fresh, failure, self._means.clock(), self._means.patience(job))
                )
            else:
                await self._keep(job, lambda fresh: self._lost(fresh, honours_keys))
        else:
            await self._keep(job, lambda fresh: applied(fresh, reply, self._means.clock()))
        finally:
            self.sending.discard(job.id)
            if not self.sending:
                self.quiet.set()

    def _lost(self, job: Job, honours_keys: bool) -> Job:
        if job.state == "unknown":  # another kernel found it while this one was still waiting
            return job
        return lost(job, self._means.clock(), honours_keys=honours_keys)

    async def _poll(self, job: Job) -> None:
        try:
            provider, dialect = (
                self._means.provider(job.provider),
                self._means.speaks(job.provider, job.model),
            )
            reply = dialect.decode_poll(*await self._means.call(dialect.encode_poll(job), provider))
        except VeError as error:
            failure = error
            self._advance(
                job, lambda fresh: missed(fresh, failure, self._means.clock(), self._means.patience(job))
            )
        else:
            self._advance(job, lambda fresh: applied(fresh, reply, self._means.clock()))

    async def _find_lost(self, job: Job, looks: int) -> bool:
        """Look for a lost job at its provider; returns whether to go on driving it."""
        if job.state == "submitting":
            job = self.record(job.id, lambda fresh: self._lost(fresh, honours_keys=False))
        reply, again = None, True
        with suppress(VeError):
            reply, again = await found(self._means, job)
        if reply is not None:
            known = reply
            self._advance(job, lambda fresh: applied(fresh, known, self._means.clock()))
            return True
        if not again or looks >= LOOKS:
            return False
        await self._means.sleep(self._means.patience(job).first_retry * 2**looks)
        return True

    async def _fetch_result(self, job: Job) -> None:
        cost = self._means.account(job)
        folder, stem = Path(job.folder), job.stem or file_stem(job.request.prompt, job.id)
        gone, problem = False, "The provider says that the video is done, but not where it is."
        tries: list[int | None] = []
        there = None if job.stem else landed(folder, stem)
        if there is None:
            for source in self._sources(job, "video"):
                try:
                    there = await land_video(
                        self._means.pieces(source, self._means.provider(job.provider)),
                        folder,
                        stem,
                        self._means.offload,
                        own=job.id[-8:],
                    )
                    break
                except UnfitFileError as error:
                    tries.append(error.tries)
                    problem = error.message
                except StatusError as error:
                    tries.append(1 if error.code == UNSAFE else None)
                    gone = (
                        gone
                        or error.status == 410
                        or (isinstance(error, NotFoundError) and self._past(job, error))
                    )
                    problem = error.message
                except VeError as error:
                    tries.append(None)
                    problem = error.message
                except OSError as error:
                    tries, problem = [1], f"The file can't be written: {error.strerror or error}."
                    break
        if there is None and gone:
            self._advance(job, lambda fresh: expired(fresh, self._means.clock()))
            return
        if there is None:
            known = [most for most in tries if most is not None]
            most = (
                max(known) if known and len(known) == len(tries) else None
            )  # the most hopeful address counts
            self._advance(
                job,
                lambda fresh: unfetched(
                    fresh, problem, self._means.clock(), self._means.patience(job), tries=most
                ),
            )
            return
        path, probe = there
        poster = await self._fetch_poster(job, folder, stem)
        self._advance(
            job,
            lambda fresh: moved(
                fresh,
                self._means.clock(),
                "succeeded",
                path=str(path),
                poster=poster,
                cost=cost,
                seconds=probe.duration or fresh.seconds,
                size=f"{probe.width}x{probe.height}",
                note="",
            ),
        )

    def _past(self, job: Job, error: NotFoundError) -> bool:
        """Whether a file that isn't there was deleted because its time was up."""
        late = job.expires_at is not None and job.expires_at <= self._means.clock()
        return late or "expired" in (error.code or "").lower()

    async def _fetch_poster(self, job: Job, folder: Path, stem: str) -> str:
        """Return the path of the picture for a video, or nothing: a film is worth having without one."""
        for source in self._sources(job, "thumbnail"):
            with suppress(VeError, OSError):
                path = await land_poster(
                    self._means.pieces(source, self._means.provider(job.provider)),
                    folder,
                    stem,
                    own=job.id[-8:],
                )
                if path is not None:
                    return str(path)
        return ""

    def _sources(self, job: Job, variant: Variant) -> tuple[Source, ...]:
        try:
            return self._means.speaks(job.provider, job.model).encode_fetch(
                job, self._means.provider(job.provider), variant
            )
        except VeError:
            return ()

    def record(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Write a change down, made anew where somebody else was quicker, and return the job.

        Raises:
            JobError: There is no such job.
            JobTransitionError: The job is in no state for it.
            StoreError: It can't be written down.
        """
        while True:
            with suppress(JobChangedError):
                job = self._means.store.move(change(self._means.job(job_id)))
                self._publish(job)
                return job

    def _advance(self, job: Job, change: Callable[[Job], Job]) -> None:
        """Write down what came of a job, unless it was cancelled or settled meanwhile."""
        self.record(job.id, lambda fresh: change(fresh) if fresh.state == job.state else fresh)

    async def _keep(self, job: Job, change: Callable[[Job], Job]) -> Job:
        """Write down what a create call brought, whatever it takes: it was paid."""
        wait = self._means.patience(job).first_retry
        while True:
            try:
                return self.record(job.id, change)
            except StoreError:
                await self._means.sleep(wait)
                wait = min(2 * wait, self._means.timing.longest_retry)
