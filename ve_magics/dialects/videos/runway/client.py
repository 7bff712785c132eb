"""Asking Runway for a film."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.limits import check_limits, check_prompt, size_of
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, said
from ve_magics.dialects.videos.reading import epoch, fraction, job_failure, text, web_urls
from ve_magics.dialects.videos.runway.table import FILMS, NAME
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, JobFailure, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

VERSION = (("x-runway-version", "2024-11-06"),)
"""The header without which Runway answers nothing."""

_JSON = (("content-type", "application/json"),)
_INPUT_FAULTS = ("INPUT_PREPROCESSING", "ASSET")


class Runway(PolledVideos):
    """The client's side of Runway's tasks."""

    name = NAME

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        if not request.model:
            raise UnsupportedError("model", self.name, message="Runway wants to be told the model.")
        if request.remix_of:
            raise UnsupportedError("remix_of", self.name)
        if request.count not in (None, 1):
            raise UnsupportedError("count", self.name, hint="Ask once for each video.")
        whole_seconds(request, self.name)
        film = FILMS.get(request.model)
        if film is None:
            size_of(request)
            return
        limits = film.picture if _framed(request) else film.text
        if limits is None:
            raise UnsupportedError(
                "first_frame",
                self.name,
                message=f"{request.model} films from a picture only.",
                hint="Give a first frame.",
            )
        if request.last_frame and not request.first_frame and "last_frame" not in limits.lacks:
            raise UnsupportedError("last_frame", self.name, hint="Give a first frame too.")
        check_limits(shaped(request) if film.named else request, limits, self.name)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)

        def shown(picture: Image, field: str) -> str:
            return picture_address(picture, provider, field, self.name)

        frames = [
            {"uri": shown(picture, field), "position": position}
            for field, position, picture in (
                ("first_frame", "first", request.first_frame),
                ("last_frame", "last", request.last_frame),
            )
            if picture
        ]
        fields = said(
            model=request.model,
            promptText=request.prompt,
            promptImage=frames[0]["uri"] if len(frames) == 1 and request.first_frame else frames,
            references=[{"uri": shown(picture, "references")} for picture in request.references],
            **_shape(request),
            seed=request.seed,
            negativePrompt=request.negative_prompt,
            audio=request.audio,
        )
        path = "/image_to_video" if frames else "/text_to_video"
        return WireRequest(path, msgspec.json.encode({**fields, **request.extra}), headers=(*_JSON, *VERSION))

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return WireRequest(_path(job), method="GET", headers=VERSION)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what a task says; raises `DecodeError` where there is none."""
        word = text(value.get("status"))
        if not word and not value.get("id"):
            raise DecodeError("The provider's answer is no task.")
        state = remote_state(word) if word else "queued"
        output = value.get("output")
        return JobReply(
            provider_job_id=text(value.get("id")),
            state=state,
            raw_status=word,
            progress=fraction(value.get("progress")),
            failure=_failure(value) if state == "failed" else None,
            urls=web_urls(*output) if isinstance(output, list) else (),
            created=epoch(value.get("createdAt")),
            poll_after=5.0 if state in ("queued", "running") else None,
        )

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job."""
        return WireRequest(_path(job), method="DELETE", headers=VERSION)

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a finished job deleted."""
        return WireRequest(_path(job), method="DELETE", headers=VERSION)


def _path(job: Job) -> str:
    return f"/tasks/{quote(job.provider_job_id, safe='')}"


def _framed(request: VideoRequest) -> bool:
    return request.first_frame is not None or request.last_frame is not None


def _shape(request: VideoRequest) -> dict[str, Any]:
    """Return length and shape as the model takes them: pixels with a colon, or an aspect ratio with a resolution."""
    film = FILMS.get(request.model)
    duration = whole_seconds(request, NAME)
    if film is not None and film.named:
        named = shaped(request)
        return {"ratio": named.aspect, "resolution": named.resolution, "duration": duration}
    size = size_of(request).replace("x", ":")
    if film is not None:
        size = size or (film.picture_size if _framed(request) else film.size)
        duration = film.seconds if duration is None else duration
    return {"ratio": size, "duration": duration}


def _failure(value: Mapping[str, Any]) -> JobFailure:
    """Return why a task failed; the words of its code, divided by points, tell the kind."""
    code = text(value.get("failureCode"))
    words = code.split(".")
    kind = "bad_request" if words[0] in _INPUT_FAULTS else ""
    if "INTERNAL" in words:
        kind = "job"
    if "SAFETY" in words:
        kind = "content_filter"
    return job_failure(text(value.get("failure")), code, kind=kind)
