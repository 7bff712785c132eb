"""A world for video jobs: time that passes when nothing else happens, a provider that counts, and a power switch."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, VideoDialect
from ve_magics.dialects.videos.openai_videos import dialect
from ve_magics.engine.video import VideoEngine
from ve_magics.errors import ConfigError, TransportError
from ve_magics.jobs import Job, JobState, Timing, VideoRequest
from ve_magics.providers import PROVIDERS, Provider
from ve_magics.sim.film import film, poster
from ve_magics.store.database import open_memory
from ve_magics.store.jobs import JobStore

T = TypeVar("T")
REQUEST = VideoRequest(prompt="A red fox, 狐狸!", model="film", seconds=1)
LOST = "the provider does it, but its answer gets lost"


class Crash(BaseException):
    """The process was killed here."""


@cache
def clip() -> bytes:
    return film("fox", seconds=1, width=128, height=128, fps=2)


@cache
def picture() -> bytes:
    return poster("fox", width=128, height=128)


def quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Don't report the death of a process that was killed on purpose."""
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)


class Store(JobStore):
    """The real store, with a point before and after each write at which the process can die."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database, clock=lambda: world.now)
        self.world = world
        self.troubles: list[Exception] = []

    def _around(self, work: Callable[[], T]) -> T:
        self.world.point()
        result = work()
        self.world.point()
        return result

    def add(self, job: Job) -> None:
        self._around(lambda: JobStore.add(self, job))

    def move(self, job: Job) -> Job:
        if self.troubles and job.state == "running":
            raise self.troubles.pop()
        return self._around(lambda: JobStore.move(self, job))

    def lease(self, job_id: str, owner: str, seconds: float, *, instead_of: str = "") -> bool:
        return self._around(lambda: JobStore.lease(self, job_id, owner, seconds, instead_of=instead_of))

    def renew(self, owner: str, seconds: float) -> int:
        return self._around(lambda: JobStore.renew(self, owner, seconds))

    def release(self, job_id: str, owner: str) -> None:
        self._around(lambda: JobStore.release(self, job_id, owner))


class World:
    """Everything outside the engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1000.0
        self.database = open_memory()
        self.store = Store(self)
        self.waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self.points = 0
        self.crash_at: int | None = None
        self.dead = False
        self.videos: dict[str, dict[str, Any]] = {}
        self.creates = 0
        self.faults: dict[str, list[object]] = {}
        self.seen: list[str] = []
        self.states_at_create: list[JobState] = []
        self.keys: list[str] = []
        self.accounted: list[str] = []
        self.content: bytes = clip()
        self.thumbnail: bytes = picture()
        self.fetched: list[WireRequest | Link] = []
        self.listing = True
        self.provider_url = ""
        self.owners = 0
        self.ids = 0
        self.dialect: VideoDialect = dialect
        self.outside: set[asyncio.Task[Any]] = set()

    def point(self) -> None:
        """Die here if it is time."""
        self.points += 1
        if self.points == self.crash_at:
            self.dead = True
        if self.dead:
            raise Crash

    def engine(self, **options: Any) -> VideoEngine:
        self.owners += 1
        defaults: dict[str, Any] = {
            "dialect": self.get_dialect,
            "account": self.account,
            "owner": f"kernel-{self.owners}",
            "clock": lambda: self.now,
            "sleep": self.sleep,
            "random": lambda: 0.5,
            "new_id": self.new_id,
            "offload": self.offload,
        }
        return VideoEngine(self.store, self.call, self.fetch, self.provider, **{**defaults, **options})

    def get_dialect(self, name: str) -> VideoDialect:
        return {"openai_videos": self.dialect}[name]

    def provider(self, name: str) -> Provider:
        if name not in PROVIDERS:
            raise ConfigError(f"no provider {name}")
        return PROVIDERS[name]

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:08d}"

    async def offload(self, work: Callable[[], Any]) -> Any:
        return work()

    def account(self, job: Job) -> float | None:
        self.accounted.append(job.id)
        return 0.25

    async def sleep(self, seconds: float) -> None:
        self.point()
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self.waiting, (self.now + seconds, self.points, future))
        await future
        self.point()

    async def run(self, work: Awaitable[T] | Coroutine[Any, Any, T]) -> T:
        """Run this to its end; whenever everybody waits, time passes."""
        self.outside = self.outside or asyncio.all_tasks()
        asyncio.get_running_loop().set_exception_handler(quiet)
        task = asyncio.ensure_future(work)
        while not task.done() and not self.dead:
            for _ in range(30):
                await asyncio.sleep(0)
            if not task.done() and self.waiting:
                when, _, future = heapq.heappop(self.waiting)
                if not future.done():
                    self.now = max(self.now, when)
                    future.set_result(None)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise Crash
        return await task

    def revive(self) -> None:
        """Start a new process on the same disk."""
        self.dead, self.crash_at = False, None
        self.waiting.clear()

    def fault(self, kind: str) -> object:
        queue = self.faults.get(kind, [])
        return queue.pop(0) if queue else None

    async def call(self, wire: WireRequest, provider: Provider) -> tuple[int, Mapping[str, str], bytes]:
        """Answer as a provider does; each create call is counted."""
        self.point()
        await asyncio.sleep(0)
        name = wire.path.removeprefix("/videos").lstrip("/")
        kind = {"POST": "create", "DELETE": "delete"}.get(wire.method, "poll" if name else "list")
        self.seen.append(kind)
        fault = self.fault(kind)
        if isinstance(fault, BaseException):
            raise fault
        if isinstance(fault, tuple):
            return fault[0], {}, fault[1]
        answer = getattr(self, f"_{kind}")(wire, name)
        if fault == LOST:
            raise TransportError("the connection broke")
        self.point()
        await asyncio.sleep(0)
        self.point()
        return answer[0], {}, msgspec.json.encode(answer[1])

    def _create(self, wire: WireRequest, name: str) -> tuple[int, object]:
        self.states_at_create += [job.state for job in JobStore.find(self.store) if job.state == "submitting"]
        self.keys.append(dict(wire.headers)["idempotency-key"])
        self.creates += 1
        video = {
            "id": f"v{self.creates}",
            "prompt": REQUEST.prompt,
            "model": "film",
            "created_at": self.now,
            "polls": 0,
        }
        self.videos[f"v{self.creates}"] = video
        return 200, {**video, "status": "queued"}

    def _poll(self, wire: WireRequest, name: str) -> tuple[int, object]:
        if name not in self.videos:
            return 404, {"error": {"message": "no such video"}}
        video = self.videos[name]
        video["polls"] += 1
        status = ["queued", "in_progress", "completed"][min(2, video["polls"])]
        progress = {"queued": 0, "in_progress": 50, "completed": 100}[status]
        address = {"url": self.provider_url} if self.provider_url else {}
        return 200, {**video, "status": status, "progress": progress, **address}

    def _list(self, wire: WireRequest, name: str) -> tuple[int, object]:
        if not self.listing:
            return 404, {"error": {"message": "no list"}}
        return 200, {"data": [{**video, "status": "queued"} for video in self.videos.values()]}

    def _delete(self, wire: WireRequest, name: str) -> tuple[int, object]:
        return (
            (200, {"deleted": True}) if self.videos.pop(name, None) else (404, {"error": {"message": "gone"}})
        )

    def fetch(self, source: WireRequest | Link, provider: Provider) -> AsyncGenerator[bytes, None]:
        """Give the file's bytes in pieces."""
        self.fetched.append(source)
        return self._pieces(source)

    async def _pieces(self, source: WireRequest | Link) -> AsyncGenerator[bytes, None]:
        poster_wanted = isinstance(source, WireRequest) and bool(source.query)
        fault = self.fault("thumbnail" if poster_wanted else "content")
        if isinstance(fault, BaseException):
            raise fault
        content = self.thumbnail if poster_wanted else self.content
        if isinstance(fault, bytes):
            content = fault
        size = max(1, len(content) // 3)
        for start in range(0, len(content), size):
            self.point()
            await asyncio.sleep(0)
            yield content[start : start + size]
        self.point()

    async def kill(self) -> None:
        """Let the process die: nothing in it runs any more, and it can say goodbye to nobody."""
        self.dead = True
        others = asyncio.all_tasks() - self.outside
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.revive()


QUICK = Timing(submits=2, fetches=3, give_up=600)
