"""An order for a video, from what a client asks to a job that is written down: who makes it, for how much, and once."""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path
from typing import NamedTuple

import msgspec

from ve_magics.dialects.videos.registry import get_video_dialect
from ve_magics.engine.session import Session
from ve_magics.errors import BadRequestError, StoreError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.routing import Target
from ve_magics.server.access import Grant
from ve_magics.server.accounts import Accounts, book_of
from ve_magics.server.outstanding import film_price
from ve_magics.server.refusals import key_reused

_KEY = re.compile(r"[!-~]{1,255}")
_PICTURE = re.compile(r"image/[A-Za-z0-9.+-]{1,40}")


class Ordered(NamedTuple):
    """What came of an order.

    Attributes:
        job: The job that makes the video.
        price: US dollars that it should cost; None where that isn't known.
        fresh: False where the same order had come before.
    """

    job: Job
    price: float | None
    fresh: bool


class Orders:
    """Takes orders.

    Args:
        session: Configuration and jobs.
        accounts: Who has spent what.
    """

    def __init__(self, session: Session, accounts: Accounts) -> None:
        self._session = session
        self._accounts = accounts

    @property
    def folder(self) -> Path:
        """Where the files of all holders lie."""
        return self._session.data / "media"

    async def film(self, grant: Grant, request: VideoRequest, key: str) -> Ordered:
        """Have a video made.

        Args:
            grant: Who asks.
            request: What is to be filmed; its model as the client names it.
            key: The client's idempotency key; empty where it sent none.

        Raises:
            PermissionDeniedError: The holder may not use the model.
            BudgetError: It could pass a limit; nothing was sent.
            UserError: Nobody can make it.
            BadRequestError: The key belongs to another order, or the request can't be carried.
        """
        model = request.model or self._session.config.default("video").model
        grant.check_model(model)
        request = _sound(grant, request)
        before = self._before(grant, request, model, key)
        if before is not None:
            return await self._again(before)
        target = self._target(model, request)
        return await self._submit(grant, request, model, target, key)

    async def remix(self, grant: Grant, parent: Job, request: VideoRequest, key: str) -> Ordered:
        """Have a finished video changed by whoever made it.

        Args:
            grant: Who asks.
            parent: The holder's own job.
            request: What is to be changed.
            key: As for `film`.

        Raises:
            BadRequestError: The video isn't there, or as for `film`.
            VeError: As for `film`.
        """
        grant.check_model(parent.cell)
        asked = msgspec.structs.replace(_sound(grant, request), remix_of=parent.provider_job_id)
        before = self._before(grant, asked, parent.cell, key)
        if before is not None:
            return await self._again(before)
        if parent.state != "succeeded":
            raise BadRequestError(
                f"Only a video that is there can be remixed; this one is {parent.state}.",
                status=400,
                code="invalid_value",
                param="video_id",
            )
        target = Target(parent.provider, parent.model)
        return await self._submit(grant, asked, parent.cell, target, key, parent)

    def _before(self, grant: Grant, request: VideoRequest, model: str, key: str) -> Job | None:
        """Return the job of the same order, where one came under the same key."""
        if not key:
            return None
        if not _KEY.fullmatch(key):
            raise BadRequestError(
                "An idempotency key has 1 to 255 plain characters.",
                status=400,
                code="invalid_value",
                param="Idempotency-Key",
            )
        job = self._session.filming.jobs.get(_job_id(grant, key))
        if job is None:
            return None
        if (_plain(lightened(job.request)), job.cell) != (_plain(lightened(request)), model):
            raise key_reused()
        return job

    async def _again(self, job: Job) -> Ordered:
        """Return a job that was ordered before; where only its file didn't come, that is fetched again."""
        if job.state == "failed" and job.fetches:
            job = await self._session.filming.engine.retry(job.id)
        return Ordered(job, self._price(job), fresh=False)

    def _price(self, job: Job) -> float | None:
        jobs = self._session.filming.jobs
        parent = jobs.get(job.parent) if job.parent else None
        return film_price(self._session, job.request, Target(job.provider, job.model), parent)

    async def _submit(
        self,
        grant: Grant,
        request: VideoRequest,
        model: str,
        target: Target,
        key: str,
        parent: Job | None = None,
    ) -> Ordered:
        session = self._session
        session.config.key(target.provider)
        price = film_price(session, request, target, parent)
        hint = "" if request.seconds else "Name the length in `seconds`."
        job_id = _job_id(grant, key)
        self._accounts.reread(grant)  # a video that failed since costs nothing
        with self._accounts.reserved(grant, price, str(target), hint=hint):
            try:
                job = await session.filming.engine.submit(
                    msgspec.structs.replace(request, model=target.model),
                    target.provider,
                    folder=self.folder,
                    notebook=book_of(grant.name),
                    cell=model,
                    parent=parent.id if parent is not None else "",
                    job_id=job_id,
                    stem=job_id,
                )
            except StoreError:
                quicker = session.filming.jobs.get(job_id)  # another server, asked the same at the same time
                if quicker is None:
                    raise
                return Ordered(quicker, price, fresh=False)
        self._accounts.reread(grant)
        return Ordered(job, price, fresh=True)

    def _target(self, model: str, request: VideoRequest) -> Target:
        """Return the first target of a model that can make a video.

        Raises:
            UnsupportedError: None can; it says why the first one can't.
            UnknownModelError: Nobody serves the model.
        """
        config = self._session.config
        route = config.route(model)
        refusal: UnsupportedError | None = None
        for target in route.targets:
            name = config.provider(target.provider).video_dialect(target.model)
            if not name:
                continue
            try:
                get_video_dialect(name).check(msgspec.structs.replace(request, model=target.model))
            except UnsupportedError as error:
                refusal = refusal or error
            else:
                return target
        raise refusal or UnsupportedError(
            "video", route.targets[0].provider, message=f"{route.targets[0]} makes no videos."
        )


def _job_id(grant: Grant, key: str) -> str:
    """Return the id of the one job that a holder's key stands for; a fresh one for no key."""
    if not key:
        return f"video_{secrets.token_hex(12)}"
    return f"video_{hashlib.sha256(b'%b %b' % (grant.name.encode(), key.encode())).hexdigest()[:24]}"


def lightened(request: VideoRequest) -> VideoRequest:
    """Return a request with the digests of its pictures in their place: enough to know it again."""
    frames = {
        name: _digest(getattr(request, name))
        for name in ("first_frame", "last_frame")
        if getattr(request, name) is not None
    }
    return msgspec.structs.replace(request, references=tuple(map(_digest, request.references)), **frames)


def _digest(picture: Image) -> Image:
    if not picture.data:
        return picture
    return msgspec.structs.replace(
        picture, data=b"", file_id=f"sha256-{hashlib.sha256(picture.data).hexdigest()}"
    )


def _plain(request: VideoRequest) -> VideoRequest:
    """Return a request without the model's name, which its provider spells otherwise."""
    return msgspec.structs.replace(request, model="")


def _sound(grant: Grant, request: VideoRequest) -> VideoRequest:
    """Return a request as it may go on.

    Raises:
        BadRequestError: It asks for several videos, for fields whose price nobody knows, or holds no picture.
    """
    if request.count not in (None, 1):
        raise BadRequestError("Ask once for each video.", status=400, code="invalid_value", param="n")
    if request.extra and (grant.models or grant.budget is not None):
        name = next(iter(request.extra))
        raise BadRequestError(
            f"This token has limits, and {name} could pass them: it is not known here.",
            status=400,
            code="unknown_parameter",
            param=name,
        )
    first = None if request.first_frame is None else _picture(request.first_frame)
    return msgspec.structs.replace(
        request, count=None, first_frame=first, references=tuple(map(_picture, request.references))
    )


def _picture(picture: Image) -> Image:
    kind = picture.media_type.strip().lower()
    if kind in ("", "application/octet-stream"):
        return msgspec.structs.replace(picture, media_type="")
    if not _PICTURE.fullmatch(kind):
        raise BadRequestError(
            "input_reference is no picture.", status=400, code="invalid_value", param="input_reference"
        )
    return msgspec.structs.replace(picture, media_type=kind)
