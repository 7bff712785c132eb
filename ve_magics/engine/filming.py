"""Video in a session: who makes it, what is known of it already, and what it costs.

The video engine drives jobs and knows nothing of sessions. Here it gets the gateway's calls, the books and the
recording, and a request that was made before is not paid again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec

from ve_magics import catalog
from ve_magics.dialects.contract import WireRequest
from ve_magics.engine.fetching import Fetcher
from ve_magics.engine.gateway import ERROR_LIMIT, Gateway
from ve_magics.engine.transport import Deadlines
from ve_magics.engine.video import VideoEngine, file_stem
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Usage
from ve_magics.providers import Provider
from ve_magics.routing import Target
from ve_magics.store.database import Database
from ve_magics.store.jobs import JobStore
from ve_magics.store.ledger import Entry, Ledger

CREATE = Deadlines(connect=10, first_token=180, silence=60, total=300)
"""Limits of a call about a job, in seconds: some providers answer a create call only after minutes."""


def film_key(request: VideoRequest, model: str) -> str:
    """Return the digest by which the video of this request is found again; `model` is as the user named it."""
    plain = msgspec.structs.replace(request, model=model)
    return hashlib.sha256(b"video\0" + msgspec.json.encode(plain, order="sorted")).hexdigest()


class Filming:
    """The videos of one session.

    Args:
        gateway: Carries calls.
        store: Where jobs are written down.
        session: The session's id.
    """

    def __init__(self, gateway: Gateway, store: Database, session: str) -> None:
        self._gateway = gateway
        self._ledger = Ledger(store)
        self._session = session
        self._made: dict[str, str] = {}
        self.jobs = JobStore(store)
        self.engine = VideoEngine(
            self.jobs, self._call, Fetcher(gateway).fetch, gateway.config.provider, account=self._account
        )

    async def film(
        self,
        request: VideoRequest,
        model: str,
        target: Target,
        *,
        folder: Path,
        notebook: str,
        cell: str = "",
        fresh: bool = False,
    ) -> AsyncGenerator[Job, None]:
        """Yield the job that makes this video, now and after each change.

        A request that this session has made is not made again, and neither is one of the same notebook that an
        earlier kernel left unfinished. Leaving early leaves the job running.

        Args:
            request: What is to be filmed.
            model: The model as the user named it.
            target: Who is to make it.
            folder: Where the file lands.
            notebook: Path of the notebook.
            cell: Id of the cell.
            fresh: Make it again although it is known.

        Raises:
            VeError: It can't be made, as for `VideoEngine.submit` and `VideoEngine.watch`.
        """
        key = film_key(request, model)
        asked = msgspec.structs.replace(request, model=target.model)
        job_id = None if fresh else self._known(key, asked, target, notebook)
        if job_id is None:
            self._gateway.config.key(target.provider)
            stem = "" if fresh else file_stem(request.prompt, key[:8])
            job = await self.engine.submit(
                asked, target.provider, folder=folder, notebook=notebook, cell=cell, stem=stem
            )
            job_id = job.id
        self._made[key] = job_id
        async with aclosing(self.engine.watch(job_id)) as news:
            async for job in news:
                yield job

    def _known(self, key: str, asked: VideoRequest, target: Target, notebook: str) -> str | None:
        job = self.jobs.get(self._made.get(key, ""))
        if job is not None and (not job.finished or (job.state == "succeeded" and Path(job.path).is_file())):
            return job.id
        return next(
            (
                job.id
                for job in self.jobs.unfinished()
                if notebook
                and job.notebook == notebook
                and job.provider == target.provider
                and job.request == asked
            ),
            None,
        )

    def price(self, request: VideoRequest, target: Target) -> float | None:
        """Return what a video would cost, in US dollars; None where that isn't known."""
        price = self._gateway.config.price(target)
        if price is None:
            return None
        each = None if price.second is None or request.seconds is None else price.second * request.seconds
        total = price.request if each is None else each + (price.request or 0.0)
        return None if total is None else total * (request.count or 1)

    async def _call(self, wire: WireRequest, provider: Provider) -> tuple[int, Mapping[str, str], bytes]:
        reply = await self._gateway.call(wire, provider, deadlines=CREATE)
        try:
            return reply.status, reply.headers, await reply.read(64 * ERROR_LIMIT)
        finally:
            await reply.aclose()

    def _account(self, job: Job) -> float | None:
        """Write a made video into the books, once however often it is told; returns its cost."""
        target = Target(job.provider, job.model)
        usage = Usage(seconds=job.seconds or job.request.seconds or 0.0, cost=job.cost)
        spent = catalog.cost(usage, self._gateway.config.price(target))
        self._ledger.add(
            Entry(
                at=time.time(),
                provider=job.provider,
                model=job.model,
                kind="video",
                usage=usage,
                cost=spent.amount,
                notebook=job.notebook,
                session=self._session,
                request_id=job.provider_job_id,
                id=job.id,
            )
        )
        return spent.amount
