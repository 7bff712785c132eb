"""Videos in OpenAI's format: ordered, asked after, fetched, listed, changed and deleted."""

from __future__ import annotations

import hashlib
import re

from ve_magics.dialects.videos.limits import dimensions
from ve_magics.dialects.videos.openai_videos import server_dialect
from ve_magics.errors import ArgumentsError, BadRequestError, NotFoundError
from ve_magics.jobs import VideoRequest
from ve_magics.sim import models
from ve_magics.sim.counters import Counters
from ve_magics.sim.exchange import Answer, Request
from ve_magics.sim.faults import ANSWERED, BREAKS, FILMING, Fault, Faults, strike
from ve_magics.sim.settings import Settings
from ve_magics.sim.studio import Shot, Studio

SECONDS = 4.0
SIZE = "1280x720"
LONGEST = 30.0
SMALLEST, LARGEST = 128, 4096
PIECE = 64 * 1024
"""Bytes of a file that are sent at a time."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class VideoDesk:
    """Answers requests for videos.

    Args:
        settings: How it behaves.
        counters: Counted up.
        faults: Decides who meets which fault.
        studio: Makes the films.
    """

    def __init__(self, settings: Settings, counters: Counters, faults: Faults, studio: Studio) -> None:
        self._settings = settings
        self._counters = counters
        self._faults = faults
        self._studio = studio
        self._shots: dict[str, Shot] = {}
        self._keys: dict[str, str] = {}
        self._orders: dict[str, int] = {}

    @property
    def shots(self) -> tuple[Shot, ...]:
        """Every video that is known, oldest first."""
        return tuple(self._shots.values())

    async def create(self, request: Request, out: Answer) -> None:
        """Take an order."""
        order = server_dialect.decode_create_request(request.body, request.headers)
        name = models.check(order.model, models.VIDEO, default="film")
        fault = self._fault(request, name)
        if not await strike(fault, self._settings, out):
            return
        if (order.count or 1) != 1:
            raise _wrong("This simulator makes one video an order.", "n")
        width, height = _size(order)
        seconds = SECONDS if order.seconds is None else order.seconds
        if seconds > LONGEST:
            raise _wrong(f"A video lasts at most {LONGEST:g} seconds, not {seconds:g}.", "seconds")
        await self._order(request, out, name, order, (seconds, width, height, order.seed or 0), fault)

    async def remix(self, request: Request, out: Answer, name: str) -> None:
        """Take an order for another version of a finished video."""
        order = server_dialect.decode_remix_request(request.body, request.headers, name)
        parent = self._find(name)
        fault = self._fault(request, "")
        if not await strike(fault, self._settings, out):
            return
        if self._studio.stand(parent).status != "completed":
            raise _wrong("Only a completed video can be remixed.", "video_id")
        form = (parent.seconds, parent.width, parent.height, parent.seed + 1)
        await self._order(request, out, models.plain(parent.model), order, form, fault)

    async def _order(
        self,
        request: Request,
        out: Answer,
        model: str,
        order: VideoRequest,
        form: tuple[float, int, int, int],
        fault: Fault | None,
    ) -> None:
        key = request.headers.get("idempotency-key", "")
        if self._settings.idempotent and key in self._keys:
            await self._tell(out, self._shots[self._keys[key]])
            return
        asked = f"{model}\n{order.prompt}\n{form}\n{order.remix_of}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(asked, digest_size=8).hexdigest()
        number = self._orders[digest] = self._orders.get(digest, 0) + 1
        shot = Shot(
            f"video_sim{digest}{number:04d}",
            order.prompt,
            models.shown(model),
            *form,
            born=self._settings.clock(),
            created=self._settings.now(),
            fault=fault,
            parent=order.remix_of or None,
        )
        self._shots[shot.id] = shot
        if key:
            self._keys[key] = shot.id
        self._counters.videos_created += 1
        self._studio.begin(shot)
        if shot.kind == "lost":
            raise ConnectionResetError("the simulator was asked to lose its answer")
        await self._tell(out, shot)

    async def get(self, request: Request, out: Answer, name: str) -> None:
        """Tell how far a video is."""
        if await strike(self._fault(request, ""), self._settings, out):
            await self._tell(out, self._find(name))

    async def list(self, request: Request, out: Answer) -> None:
        """Tell which videos there are."""
        query = server_dialect.decode_list_query(request.query)
        if not await strike(self._fault(request, ""), self._settings, out):
            return
        shots = list(reversed(self.shots)) if query.newest_first else list(self.shots)
        if query.after:
            shots = shots[shots.index(self._find(query.after)) + 1 :]
        page = shots[: query.limit]
        await out.value(
            {
                "object": "list",
                "data": [self.row(shot) for shot in page],
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
                "has_more": len(shots) > len(page),
            }
        )

    async def delete(self, request: Request, out: Answer, name: str) -> None:
        """Delete a video that has ended."""
        shot = self._find(name)
        if not await strike(self._fault(request, ""), self._settings, out):
            return
        if self._studio.stand(shot).status not in ("completed", "failed"):
            raise BadRequestError("A video that is being made can't be deleted.", status=409)
        del self._shots[name]
        await out.whole(200, server_dialect.encode_deleted(name))

    async def content(self, request: Request, out: Answer, name: str) -> None:
        """Send a video's file, or its poster, whole or in part."""
        shot = self._find(name)
        fault = self._fault(request, "", also=("reset-midstream",))
        if not await strike(fault, self._settings, out):
            return
        stand = self._studio.stand(shot)
        if stand.status != "completed":
            raise BadRequestError(f"The video is not ready: it is {stand.status}.", status=409)
        if stand.gone:
            raise NotFoundError("The video has expired and its file was deleted.", status=404, code="expired")
        variant = request.query.get("variant", "video")
        if variant not in ("video", "thumbnail"):
            raise _wrong("variant is video or thumbnail.", "variant")
        data = shot.data if variant == "video" else await self._studio.poster(shot)
        media_type = "video/mp4" if variant == "video" else "image/png"
        shot.downloads += 1
        self._counters.downloads += 1
        breaks = fault is not None or (
            shot.fault is not None
            and shot.kind == "download"
            and (shot.fault.times is None or shot.downloads <= shot.fault.times)
        )
        await send_file(request, out, data, media_type, breaks=breaks)

    def row(self, shot: Shot) -> dict[str, object]:
        """Return a video as its object in OpenAI's form."""
        stand = self._studio.stand(shot)
        failure = stand.failure
        return {
            "id": shot.id,
            "object": "video",
            "model": shot.model,
            "status": stand.status,
            "progress": stand.progress,
            "created_at": int(shot.created),
            "completed_at": stand.completed,
            "expires_at": stand.expires,
            "prompt": shot.prompt,
            "seconds": f"{shot.seconds:g}",
            "size": f"{shot.width}x{shot.height}",
            "remixed_from_video_id": shot.parent,
            "error": {"code": failure[0], "message": failure[1]} if failure else None,
        }

    async def _tell(self, out: Answer, shot: Shot) -> None:
        pause = max(50, round(self._settings.video_seconds * 1000 / 8))
        await out.value(self.row(shot), headers={"openai-poll-after-ms": str(pause)})

    def _find(self, name: str) -> Shot:
        shot = self._shots.get(name)
        if shot is None:
            raise NotFoundError(f"Video with id '{name}' not found.", status=404, code="not_found")
        return shot

    def _fault(self, request: Request, model: str, also: tuple[str, ...] = ()) -> Fault | None:
        fault = self._faults.meet(request, model)
        if fault is None:
            return None
        if fault.kind not in ANSWERED.keys() | BREAKS | FILMING | {"silence", *also}:
            raise _wrong(f"The fault {fault.kind!r} is not one of videos.", "model")
        self._counters.faults += 1
        return fault


def _size(order: VideoRequest) -> tuple[int, int]:
    try:
        width, height = dimensions(order.size or SIZE)
    except ArgumentsError as error:
        raise _wrong(str(error), "size") from error
    if any(side % 2 or not SMALLEST <= side <= LARGEST for side in (width, height)):
        raise _wrong(f"Both sides of a size are even and {SMALLEST} to {LARGEST}.", "size")
    return width, height


def _wrong(message: str, param: str) -> BadRequestError:
    return BadRequestError(message, status=400, code="invalid_value", param=param)


async def send_file(request: Request, out: Answer, data: bytes, media_type: str, *, breaks: bool) -> None:
    """Send a file, or the part of it that the request's `range` names.

    Args:
        request: Whose headers tell what is wanted.
        out: Where it goes.
        data: The file.
        media_type: Its type.
        breaks: Whether the connection breaks in its middle.

    Raises:
        ConnectionResetError: It breaks.
    """
    tag = f'"{hashlib.blake2b(data, digest_size=8).hexdigest()}"'
    headers = {"content-type": media_type, "accept-ranges": "bytes", "etag": tag}
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", tag) != tag:
        wanted = ""
    status, start, end = 200, 0, len(data)
    if (found := _RANGE.fullmatch(wanted.strip())) and (found[1] or found[2]):
        start = int(found[1]) if found[1] else max(0, len(data) - int(found[2]))
        end = min(len(data), int(found[2]) + 1) if found[1] and found[2] else len(data)
        status = 206
        if start >= end:
            await out.whole(416, b"", headers={"content-range": f"bytes */{len(data)}"})
            return
        headers["content-range"] = f"bytes {start}-{end - 1}/{len(data)}"
    await out.begin(status, {**headers, "content-length": str(end - start)})
    middle = start + (end - start) // 2
    for at in range(start, end, PIECE):
        if breaks and at + PIECE > middle:
            await out.write(data[at:middle])
            raise ConnectionResetError("the simulator was asked to break the download")
        await out.write(data[at : min(end, at + PIECE)])
    await out.end()
