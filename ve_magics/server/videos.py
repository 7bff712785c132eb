"""Videos over HTTP: ordered, asked after, listed, fetched, changed and deleted, whoever makes them.

The jobs are those that notebooks have: written down before anything is sent, in the same store, driven by the same
engine. Each belongs to the holder of the token that ordered it, and nobody else can tell that it exists.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs

import msgspec

from ve_magics.dialects.videos.contract import VideoServerDialect
from ve_magics.dialects.videos.openai_videos import server_dialect as openai_videos
from ve_magics.dialects.videos.video_generations import VideoGenerationsServer
from ve_magics.dialects.videos.video_generations import server_dialect as video_generations
from ve_magics.engine.session import Session
from ve_magics.errors import BadRequestError, UnknownModelError, UnsupportedError, VeError
from ve_magics.jobs import Job
from ve_magics.server.access import Grant
from ve_magics.server.accounts import Accounts, book_of
from ve_magics.server.files import send_file
from ve_magics.server.following import Following
from ve_magics.server.http import Receive, Reply, Scope, read_body, unless_left
from ve_magics.server.metrics import Metrics
from ve_magics.server.orders import Ordered, Orders
from ve_magics.server.paths import Place
from ve_magics.server.refusals import conflict, encoded, unknown_video
from ve_magics.server.trail import plain

VIDEO_BODY = 20 * 1024 * 1024
"""Most bytes of an order, its pictures included: they are written down with it."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?", re.ASCII)
_PICTURES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_SOON, _LATE = 0.25, 5.0


class Teller(Protocol):
    """Tells failures in a client's own form."""

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body of a failure."""


def teller(place: Place | None, otherwise: Teller) -> Teller:
    """Return who tells failures at a place: the video format that is spoken there, or somebody else."""
    return otherwise if place is None or place.video is None else _speaks(place)


def _speaks(place: Place) -> VideoServerDialect:
    return video_generations if place.what in ("generations", "generation") else openai_videos


@dataclass(slots=True)
class Visit:
    """One request about videos.

    Attributes:
        place: What is asked.
        grant: What its token allows.
        scope: The connection.
        headers: Names in lower case.
        body: The bytes of an order.
    """

    place: Place
    grant: Grant
    scope: Scope
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def method(self) -> str:
        """How it is asked."""
        method: str = self.scope["method"]
        return method

    @property
    def owner(self) -> str:
        """Whose jobs it may see."""
        return book_of(self.grant.name)

    @property
    def query(self) -> dict[str, str]:
        """Its query; of a repeated name the last."""
        found = parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}

    @property
    def origin(self) -> str:
        """The server's address, as the client knows it."""
        host = self.headers.get("host", "")
        if not _HOST.fullmatch(host):
            host = ":".join(map(str, self.scope.get("server") or ("127.0.0.1",)))
        secure = self.headers.get("x-forwarded-proto", "").strip().lower() == "https"
        return f"{'https' if secure else self.scope.get('scheme', 'http')}://{host}"


class VideoEndpoints:
    """Answers requests about videos.

    Args:
        session: Configuration and jobs.
        accounts: Who has spent what.
        metrics: What is counted.
        body_limit: Most bytes of an order.
        body_seconds: Seconds in which it must have come.
    """

    def __init__(
        self,
        session: Session,
        accounts: Accounts,
        metrics: Metrics,
        *,
        body_limit: int = VIDEO_BODY,
        body_seconds: float = 60.0,
    ) -> None:
        self._session = session
        self._metrics = metrics
        self._limit = min(body_limit, VIDEO_BODY)
        self._seconds = body_seconds
        self._orders = Orders(session, accounts)
        self.following = Following(session, metrics)

    async def answer(
        self,
        place: Place,
        grant: Grant,
        scope: Scope,
        headers: Mapping[str, str],
        receive: Receive,
        reply: Reply,
    ) -> None:
        """Answer one request.

        Raises:
            VeError: It can't be done.
            ClientLeftError: The client left, or reads nothing any more.
        """
        visit = Visit(place, grant, scope, headers)
        if visit.method == "POST":
            coding = headers.get("content-encoding", "identity").strip().lower()
            if coding not in ("identity", ""):
                raise encoded(coding)
            visit.body = await read_body(receive, headers, limit=self._limit, seconds=self._seconds)
        await unless_left(receive, reply, self._do(visit, reply))

    async def _do(self, visit: Visit, reply: Reply) -> None:
        match visit.place.what, visit.method:
            case ("videos" | "generations", "POST"):
                await self._film(visit, reply)
            case ("remix", _):
                await self._remix(visit, reply)
            case ("videos", _):
                await self._list(visit, reply)
            case ("content", _):
                await self._content(visit, reply)
            case (_, "DELETE"):
                await self._delete(visit, reply)
            case _:
                job = self.following.as_known(self._own(visit))
                await self._tell(visit, job, reply)

    async def _film(self, visit: Visit, reply: Reply) -> None:
        request = _speaks(visit.place).decode_create_request(visit.body, visit.headers)
        key = visit.headers.get("idempotency-key", "")
        await self._begun(visit, await self._orders.film(visit.grant, request, key), reply)

    async def _remix(self, visit: Visit, reply: Reply) -> None:
        parent = self._own(visit)
        request = _speaks(visit.place).decode_remix_request(visit.body, visit.headers, parent.id)
        key = visit.headers.get("idempotency-key", "")
        await self._begun(visit, await self._orders.remix(visit.grant, parent, request, key), reply)

    async def _begun(self, visit: Visit, ordered: Ordered, reply: Reply) -> None:
        if ordered.fresh:
            self._metrics.ordered(f"{ordered.job.provider}/{ordered.job.model}")
        price = "unknown" if ordered.price is None else f"{ordered.price:.9f}"
        self.following.follow(ordered.job)
        await self._tell(visit, ordered.job, reply, ("x-ve-estimate-usd", price))

    async def _list(self, visit: Visit, reply: Reply) -> None:
        query = openai_videos.decode_list_query(visit.query)
        if query.after:
            self._find(visit, query.after)
        jobs = self._session.filming.jobs.page(
            visit.owner, after=query.after, limit=query.limit + 1, newest_first=query.newest_first
        )
        shown = tuple(_as_asked(self.following.as_known(job)) for job in jobs[: query.limit])
        await reply.whole(200, openai_videos.encode_jobs(shown, more=len(jobs) > query.limit))

    async def _content(self, visit: Visit, reply: Reply) -> None:
        job = self.following.as_known(self._own(visit))
        variant = visit.query.get("variant", "video")
        if variant not in ("video", "thumbnail"):
            raise BadRequestError(
                "variant is video or thumbnail.", status=400, code="invalid_value", param="variant"
            )
        path = _file(job, variant)
        media_type = "video/mp4" if variant == "video" else _PICTURES.get(path.suffix, "image/png")
        _, refusal = openai_videos.encode_error(
            conflict("The file doesn't have this part.", "invalid_range", status=416)
        )
        try:
            self._metrics.sent += await send_file(
                reply,
                path,
                media_type,
                method=visit.method,
                asked=visit.headers,
                headers=(("x-content-type-options", "nosniff"), *_trail(job)),
                refuse=refusal,
            )
        except OSError:
            if reply.begun:
                raise
            raise conflict("The file is no longer here.", "expired", status=410) from None

    async def _delete(self, visit: Visit, reply: Reply) -> None:
        job = self._own(visit)
        if not job.finished:
            raise conflict("A video that is being made can't be deleted.", "video_in_progress")
        try:
            await self._session.filming.engine.delete(job.id)
        except (UnknownModelError, UnsupportedError):  # its provider is no longer configured
            self._session.filming.jobs.remove(job.id)
        await asyncio.to_thread(_remove, self._orders.folder, job.id)
        await reply.whole(200, openai_videos.encode_deleted(job.id))

    def _own(self, visit: Visit) -> Job:
        return self._find(visit, visit.place.video or "")

    def _find(self, visit: Visit, name: str) -> Job:
        """Return one of the holder's own jobs.

        Raises:
            NotFoundError: There is none of that name, or it is somebody else's.
        """
        job = self._session.filming.jobs.get(name) if _ID.fullmatch(name) else None
        if job is None or job.notebook != visit.owner:
            raise unknown_video(name)
        return job

    async def _tell(self, visit: Visit, job: Job, reply: Reply, *headers: tuple[str, str]) -> None:
        speaks, shown = _speaks(visit.place), _as_asked(job)
        if isinstance(speaks, VideoGenerationsServer):
            body = speaks.encode_job(shown, origin=visit.origin)
        else:
            body = speaks.encode_job(shown)
        wait = () if job.finished else (("openai-poll-after-ms", str(_pause(job))),)
        await reply.whole(200, body, headers=(*_trail(job), *headers, *wait))


def _as_asked(job: Job) -> Job:
    """Return a job whose model has the name by which its holder asked for it."""
    request = msgspec.structs.replace(job.request, model=job.cell or job.model)
    return msgspec.structs.replace(job, request=request)


def _trail(job: Job) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell who makes a video, and what it cost."""
    target = (("x-ve-target", plain(f"{job.provider}/{job.model}")),)
    if job.state != "succeeded":
        return target
    return (*target, ("x-ve-cost-usd", "unknown" if job.cost is None else f"{job.cost:.9f}"))


def _pause(job: Job) -> int:
    """Return in how many milliseconds it is worth to ask again: the longer it takes, the less it matters."""
    return round(1000 * min(_LATE, max(_SOON, (time.time() - job.created) / 10)))


def _remove(folder: Path, job_id: str) -> None:
    """Remove all files of a job, which are named after it."""
    for path in folder.glob(f"{job_id}[.-]*"):
        with suppress(OSError):
            path.unlink()


def _file(job: Job, variant: str) -> Path:
    """Return a job's file.

    Raises:
        BadRequestError: It isn't there yet, or never will be.
    """
    if not job.finished:
        raise conflict(f"The video is not ready yet: it is {job.state}.", "video_not_ready")
    if job.state == "expired":
        raise conflict(
            "The video has expired at its provider before it could be fetched.", "expired", status=410
        )
    if job.state != "succeeded":
        why = job.failure.message if job.failure else f"It was {job.state}."
        raise conflict(f"There is no video: {why}", "video_failed", status=404)
    found = job.path if variant == "video" else job.poster
    if not found:
        raise conflict("This video has no thumbnail.", "no_thumbnail", status=404)
    return Path(found)
