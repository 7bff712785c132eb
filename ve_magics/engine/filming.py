"""Video in a session: who makes it, what is known of it already, and what it costs.

The video engine drives jobs and knows nothing of sessions. Here it gets the gateway's calls, the books and the
recording, and a request that was made before is not paid again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

import msgspec

from ve_magics import catalog
from ve_magics.dialects.contract import WireRequest
from ve_magics.engine import kernels
from ve_magics.engine.budget import Purse
from ve_magics.engine.director import Directed
from ve_magics.engine.fetching import Fetcher
from ve_magics.engine.gateway import ERROR_LIMIT, Gateway
from ve_magics.engine.shots import Direct, Shot, as_asked, film_key, ordered, there, unfetched
from ve_magics.engine.transport import Deadlines
from ve_magics.engine.video import VideoEngine, file_stem
from ve_magics.errors import BudgetError, StoreError, VeError
from ve_magics.jobs import PATIENCE, UNFINISHED, Job, Timing, VideoRequest
from ve_magics.messages import Usage
from ve_magics.providers import Provider
from ve_magics.routing import Target
from ve_magics.store.database import Database
from ve_magics.store.jobs import JobStore
from ve_magics.store.ledger import Entry, Ledger

CREATE = Deadlines(connect=10, first_token=180, silence=60, total=300)
"""Limits of a call about a job, in seconds: some providers answer a create call only after minutes."""

ANSWER_LIMIT = 1024 * ERROR_LIMIT
"""Bytes of the longest answer about a job: some providers put the whole film into it."""


SIDE_BY_SIDE = 4
"""Videos of one cell that are made at the same time."""


class Filming:
    """The videos of one session.

    Args:
        gateway: Carries calls.
        store: Where jobs are written down.
        session: The session's id.
        purse: The budgets; None where there are none.
        timing: How patient to be with providers.
        lease_seconds: How long a job stays with a kernel of which nobody can tell that it died.
    """

    def __init__(
        self,
        gateway: Gateway,
        store: Database,
        session: str,
        *,
        purse: Purse | None = None,
        timing: Timing = PATIENCE,
        lease_seconds: float = 20.0,
    ) -> None:
        self._gateway = gateway
        self._ledger = Ledger(store)
        self._session = session
        self._purse = purse
        self._made: dict[str, str] = {}
        self._resumed: set[str] = set()
        self.jobs = JobStore(store)
        self.engine = VideoEngine(
            self.jobs,
            self._call,
            Fetcher(gateway).fetch,
            gateway.config.provider,
            account=self._account,
            owner=kernels.own(),
            timing=timing,
            lease_seconds=lease_seconds,
            dead=(lambda _: False) if store.shared else kernels.surely_dead,
        )

    async def resume(self, notebook: str) -> None:
        """Go on with the jobs that earlier kernels of a notebook left behind; does so once."""
        if notebook not in self._resumed:
            self._resumed.add(notebook)
            await self.engine.resume_all(notebook)

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
        take: int = 1,
        direct: Direct | None = None,
        parent: Job | None = None,
    ) -> AsyncGenerator[Job, None]:
        """Yield the job that makes this video, now and after each change.

        A request that this session has made is not made again, and neither is one of the same notebook that an
        earlier kernel left unfinished, or that was finished without being shown. Where only the file didn't come, it
        is fetched again. Leaving early leaves the job running.

        Args:
            request: What is to be filmed.
            model: The model as the user named it.
            target: Who is to make it.
            folder: Where the file lands.
            notebook: Path of the notebook.
            cell: Id of the cell.
            fresh: Make it again although it is known.
            take: Which of several videos of the same request.
            direct: Writes the prompt of a video that is not there yet; None sends the user's own.
            parent: The job whose video it changes; `request.remix_of` is only what it is called then.

        Raises:
            BudgetError: It could pass a limit; nothing was sent.
            VeError: It can't be made, as for `VideoEngine.submit` and `VideoEngine.watch`.
        """
        await self.resume(notebook)
        key = film_key(request, model, take, directed=direct is not None)
        asked = as_asked(request, target, parent)
        job_id = None if fresh else self._known(key, asked, target, notebook, directed=direct is not None)
        if job_id is None:
            self.engine.check(asked, target.provider)
            self._gateway.config.key(target.provider)
            stem = "" if fresh else file_stem(request.prompt, key[:8])
            self._check_budget([(request, parent)], target)
            directed = Directed(asked) if direct is None else await direct(asked)
            job = await self.engine.submit(
                directed.request,
                target.provider,
                folder=folder,
                notebook=notebook,
                cell=cell,
                stem=stem,
                said=directed.said,
                parent=parent.id if parent is not None else "",
            )
            job_id = job.id
        elif unfetched(self.jobs.get(job_id)):
            await self.engine.retry(job_id)
        self._made[key] = job_id
        async with aclosing(self.engine.watch(job_id)) as news:
            async for job in news:
                yield job

    async def films(
        self,
        request: VideoRequest,
        model: str,
        target: Target,
        *,
        count: int,
        folder: Path,
        notebook: str,
        cell: str = "",
        fresh: bool = False,
        direct: Direct | None = None,
        parent: Job | None = None,
        others: Sequence[Target] = (),
    ) -> AsyncGenerator[tuple[Job | None, ...], None]:
        """Yield the jobs that make several videos of one request, now and after each change; None for one not begun.

        At most four are made at the same time. The arguments are those of `film`, and how many.

        Raises:
            BudgetError: They could pass a limit together; nothing was sent.
            VeError: One of them can't be made; the others were waited for.
        """
        shots = [Shot(request, take, direct, parent) for take in range(1, count + 1)]
        reel = self.reel(
            shots,
            model,
            target,
            folder=folder,
            notebook=notebook,
            cell=cell,
            fresh=fresh,
            limit=SIDE_BY_SIDE,
            others=others,
        )
        async with aclosing(reel):
            async for jobs in reel:
                yield jobs

    async def reel(
        self,
        shots: Sequence[Shot],
        model: str,
        target: Target,
        *,
        folder: Path,
        notebook: str,
        cell: str = "",
        fresh: bool = False,
        limit: int = SIDE_BY_SIDE,
        again: int = 0,
        others: Sequence[Target] = (),
        errors: dict[int, VeError] | None = None,
    ) -> AsyncGenerator[tuple[Job | None, ...], None]:
        """Yield the jobs that make several videos, now and after each change; None for one not begun.

        Args:
            shots: What is to be filmed.
            model: The model as the user named it.
            target: Who is to make it.
            folder: Where the files land.
            notebook: Path of the notebook.
            cell: Id of the cell.
            fresh: Make them again although they are known.
            limit: So many are made at the same time at most.
            again: How often a shot that failed by no fault of its own is ordered anew.
            others: Who is asked, in order, where that one refuses the order: its key or credit is no good, the model is
                gone, or it is overloaded. An order that may have been taken is never given to another.
            errors: Filled with what kept a shot from being ordered, by its number from 0; None raises it.

        Raises:
            BudgetError: They could pass a limit together; nothing was sent.
            VeError: One of them can't be made; the others were waited for.
        """
        await self.resume(notebook)
        missing: list[tuple[VideoRequest, Job | None]] = []
        for request, take, direct, parent in shots:
            asked = as_asked(request, target, parent)
            key = film_key(request, model, take, directed=direct is not None)
            known = None if fresh else self._known(key, asked, target, notebook, directed=direct is not None)
            if known is None:
                if errors is None:
                    self.engine.check(asked, target.provider)
                missing.append((request, parent))
            else:
                self._made[key] = known
        self._check_budget(missing, target)
        jobs: list[Job | None] = [None] * len(shots)
        free, changed = asyncio.Semaphore(limit), asyncio.Event()

        async def make(number: int, shot: Shot) -> None:
            def order(to: Target) -> AsyncGenerator[Job, None]:
                return self.film(
                    shot.request,
                    model,
                    to,
                    folder=folder,
                    notebook=notebook,
                    cell=cell,
                    fresh=fresh,
                    take=shot.take,
                    direct=shot.direct,
                    parent=shot.parent,
                )

            targets = [target, *(others if shot.parent is None else ())]
            async with free, aclosing(ordered(order, targets, again)) as news:
                async for job in news:
                    jobs[number] = job
                    changed.set()

        def ended(_: object) -> None:
            changed.set()

        makers = [asyncio.create_task(make(number, shot)) for number, shot in enumerate(shots)]
        for maker in makers:
            maker.add_done_callback(ended)
        try:
            while not all(maker.done() for maker in makers):
                await changed.wait()
                changed.clear()
                if any(jobs):
                    yield tuple(jobs)
            for number, maker in enumerate(makers):
                error = maker.exception()
                if errors is None or not isinstance(error, VeError):
                    maker.result()
                else:
                    errors[number] = error
            yield tuple(jobs)
        finally:
            for maker in makers:
                maker.cancel()
            await asyncio.gather(*makers, return_exceptions=True)

    async def order(self, request: VideoRequest, target: Target, *, folder: Path, notebook: str) -> Job:
        """Order a video, and return its job before anything is sent; it is driven on by itself.

        Args:
            request: What is to be filmed, its prompt sent as it is.
            target: Who is to make it.
            folder: Where the file lands.
            notebook: Whose job it is.

        Raises:
            BudgetError: It could pass a limit; nothing was sent.
            VeError: It can't be made, as for `VideoEngine.submit`.
        """
        asked = as_asked(request, target, None)
        self.engine.check(asked, target.provider)
        self._gateway.config.key(target.provider)
        self._check_budget([(request, None)], target)
        return await self.engine.submit(asked, target.provider, folder=folder, notebook=notebook)

    def show(self, job: Job) -> None:
        """Remember that a cell has shown a job's video: in a later kernel the same cell has a new one made."""
        with suppress(StoreError):
            self.engine.note_seen(job.id)

    def check(self, request: VideoRequest, target: Target) -> None:
        """Look whether a video can be ordered, before anybody is asked anything.

        Raises:
            ArgumentsError: The request can't be read.
            UnsupportedError: Its provider doesn't make it; the hint names the nearest allowed value.
        """
        self.engine.check(as_asked(request, target, None), target.provider)

    def has(self, request: VideoRequest, model: str, target: Target, notebook: str) -> bool:
        """Tell whether a video, its prompt the user's own, is made or in the making, so that nothing would be paid."""
        asked = msgspec.structs.replace(request, model=target.model)
        key = film_key(request, model, directed=False)
        return self._known(key, asked, target, notebook, directed=False) is not None

    def _known(
        self, key: str, asked: VideoRequest, target: Target, notebook: str, *, directed: bool
    ) -> str | None:
        job = self.jobs.get(self._made.get(key, ""))
        if job is not None and (not job.finished or there(job) or unfetched(job)):
            return job.id
        claimed = set(self._made.values())
        left = [
            job.id
            for job in (self.jobs.find(notebook=notebook) if notebook else ())
            if job.id not in claimed
            and (notebook.endswith(".ipynb") or not kernels.another(self.jobs.owner(job.id)))
            and job.provider == target.provider
            and (directed or not job.said)
            and msgspec.structs.replace(job.request, prompt=job.said or job.request.prompt) == asked
            and (not job.finished or unfetched(job) or (there(job) and not job.seen))
        ]
        return left[-1] if left else None

    def _check_budget(self, orders: Sequence[tuple[VideoRequest, Job | None]], target: Target) -> None:
        """Look whether these videos, each with the job that it changes, may be ordered together.

        Raises:
            BudgetError: They could pass a limit, or nobody knows what they cost.
        """
        if self._purse is None or not self._purse.limited or not orders:
            return
        prices = [self.price(request, target, parent) for request, parent in orders]
        known = [price for price in prices if price is not None]
        if len(known) < len(prices) and not self._purse.limits.allow_unknown:
            hint = (
                f'Give its price in your configuration: [prices."{target}"] second = … in dollars,'
                " or set allow_unknown = true under [budget]."
            )
            if any(request.seconds is None for request, _ in orders):
                hint = f"Name a length: --seconds N. {hint}"
            raise BudgetError(
                f"There is a budget, and nobody knows what this video of {target} costs.", hint=hint
            )
        with self._purse.reserved(sum(known) if known else None, str(target)):
            return

    def committed(self, notebook: str | None = None) -> float:
        """Return the US dollars that videos in the making will cost, as far as that is known.

        Args:
            notebook: Only this notebook's.
        """
        prices = (
            self.price(job.request, Target(job.provider, job.model), self._parent(job))
            for job in self.jobs.find(notebook=notebook, states=UNFINISHED)
            if job.remote != "succeeded"  # those are in the ledger
        )
        return sum(price for price in prices if price is not None)

    def price(self, request: VideoRequest, target: Target, parent: Job | None = None) -> float | None:
        """Return what a video would cost, in US dollars; None where that isn't known.

        Args:
            request: What is to be filmed.
            target: Who is to make it.
            parent: The job whose video it changes: where it names no length, it lasts as long.
        """
        price = self._gateway.config.price(target)
        if price is None:
            return None
        seconds = request.seconds if request.seconds is not None or parent is None else _length(parent)
        if price.second == 0:
            seconds = seconds or 0.0  # free, however long it is
        each = None if price.second is None or seconds is None else price.second * seconds
        total = price.request if each is None else each + (price.request or 0.0)
        return None if total is None else total * (request.count or 1)

    def _parent(self, job: Job) -> Job | None:
        return self.jobs.get(job.parent) if job.parent else None

    async def _call(self, wire: WireRequest, provider: Provider) -> tuple[int, Mapping[str, str], bytes]:
        reply = await self._gateway.call(wire, provider, deadlines=CREATE)
        try:
            return reply.status, reply.headers, await reply.read(ANSWER_LIMIT)
        finally:
            await reply.aclose()

    def _account(self, job: Job) -> float | None:
        """Write a made video into the books, once however often it is told; returns its cost."""
        target = Target(job.provider, job.model)
        parent = self._parent(job)
        seconds = _length(job) or (_length(parent) if parent is not None else None)
        usage = Usage(seconds=seconds or 0.0, cost=job.cost)
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


def _length(job: Job) -> float | None:
    """Return how many seconds a job's video lasts, as it is or as it was ordered; None where nobody said."""
    return job.seconds if job.seconds is not None else job.request.seconds
