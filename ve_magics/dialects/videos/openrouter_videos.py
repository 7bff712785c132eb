"""OpenRouter's videos: create and poll by id, a cost in dollars, files that need the key (OpenRouter API reference)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import failure
from ve_magics.dialects.videos.contract import Source, Variant
from ve_magics.dialects.videos.limits import Limits, dimensions, size_of
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json, said
from ve_magics.dialects.videos.reading import decode_object, epoch, inner, job_failure, number, text, web_urls
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

POLL_AFTER = 10.0
"""Seconds between two polls that OpenRouter asks for."""

_RESOLUTIONS = ("360p", "480p", "720p", "768p", "1080p", "1K", "2K", "4K")
_SPELLING = {name.lower(): name for name in _RESOLUTIONS}


class OpenRouterVideos(PolledVideos):
    """The client's side of OpenRouter's videos."""

    name = "openrouter_videos"
    no_words: ClassVar = {
        "count": "Ask once for each video.",
        "negative_prompt": "Say in the prompt what is to be there.",
    }
    any_model = Limits(
        aspects=("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "9:21"), resolutions=_RESOLUTIONS
    )

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(_spelled(request))
        whole_seconds(request, self.name)
        if request.size and (request.aspect or request.resolution):
            raise UnsupportedError("size", self.name, hint="Give the size, or aspect and resolution.")
        if request.size:
            dimensions(request.size)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made or changed; raises as the contract says."""
        self.check(request)

        def shown(picture: Image, field: str) -> dict[str, Any]:
            address = picture_address(picture, provider, field, self.name)
            return {"type": "image_url", "image_url": {"url": address}}

        frames = [
            {**shown(picture, field), "frame_type": field}
            for field, picture in (("first_frame", request.first_frame), ("last_frame", request.last_frame))
            if picture is not None
        ]
        fields = said(
            model=request.model,
            prompt=request.prompt,
            duration=whole_seconds(request, self.name),
            resolution=_spelled(request).resolution,
            aspect_ratio=request.aspect,
            size=size_of(request) if request.size else "",
            frame_images=frames,
            input_references=[shown(picture, "references") for picture in request.references],
            generate_audio=request.audio,
            seed=request.seed,
            previous_job_id=request.remix_of,
        )
        return post_json("/videos", {**fields, **request.extra})

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get(_path(job))

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return where the file may be had: signed addresses, those that need the key, then the content call."""
        if variant != "video":
            return ()
        own = WireRequest(
            f"{_path(job)}/content", method="GET", headers=(), query=(("index", "0"),), stream=True
        )
        return (*super().encode_fetch(job, provider, variant), own)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; an error inside one is told by its own status."""
        if status >= 300 or b'"error"' in body:
            _refuse(status, headers, body)
        return decode_object(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what a video object says."""
        word = text(value.get("status"))
        state = remote_state(word) if word else "queued"
        unsigned = value.get("unsigned_urls")
        signed = value.get("urls")
        urls = [
            *(signed if isinstance(signed, list) else ()),
            *(unsigned if isinstance(unsigned, list) else ()),
        ]
        return JobReply(
            provider_job_id=text(value.get("id")),
            state=state,
            raw_status=word,
            failure=job_failure(text(value.get("error"))) if state == "failed" else None,
            urls=web_urls(*urls),
            expires_at=epoch(value.get("expires_at")),
            cost=number(inner(value, "usage").get("cost")),
            poll_after=POLL_AFTER if state in ("queued", "running") else None,
        )


dialect = OpenRouterVideos()
"""The client's side."""


def _path(job: Job) -> str:
    return f"/videos/{quote(job.provider_job_id, safe='')}"


def _spelled(request: VideoRequest) -> VideoRequest:
    """Return the request with its resolution in OpenRouter's spelling: `4K` with a capital letter."""
    word = request.resolution.strip()
    return msgspec.structs.replace(request, resolution=_SPELLING.get(word.lower(), word))


def _refuse(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise what an error object tells: its type is the most telling, and its code stands for the HTTP status."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return
    error = inner(value, "error")
    if not error or (status < 300 and value.get("id")):
        return
    code = number(error.get("code"))
    if status < 300 and code is not None and 400 <= code < 600:
        status = int(code)
    kind = text(inner(error, "metadata").get("error_type"))
    raise failure(status, text(error.get("message")), codes=(kind, text(error.get("code"))), headers=headers)
