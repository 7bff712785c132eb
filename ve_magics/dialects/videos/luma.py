"""Luma's generations: the Agents API, and the older Dream Machine for its own models (Luma API reference)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.videos.limits import Limits
from ve_magics.dialects.videos.pictures import picture_bytes
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json, said
from ve_magics.dialects.videos.reading import epoch, inner, job_failure, objects, text, web_urls
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, JobFailure, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

NAME = "luma"

_LEGACY = Limits(
    seconds=(5, 9),
    aspects=("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"),
    resolutions=("540p", "720p", "1080p", "4k"),
)
LIMITS: dict[str, Limits] = {
    "ray-3.2": Limits(
        seconds=(5, 10),
        aspects=("9:16", "3:4", "1:1", "4:3", "16:9", "21:9"),
        resolutions=("360p", "540p", "720p", "1080p"),
        prompt=6000,
    ),
    "ray-2": _LEGACY,
    "ray-flash-2": _LEGACY,
}
"""By model; other models are their provider's business."""

_OLD = frozenset(("ray-2", "ray-flash-2"))
"""The models of the Dream Machine."""

_NAMED_FRAMES, _RATE = 5, 24
"""Seconds of the longest film whose frames have names, and frames a second."""

_KINDS = {
    "content_moderated": "content_filter",
    "budget_exhausted": "quota",
    "rate_limited": "rate_limit",
    "image_too_large": "bad_request",
    "unsupported_format": "bad_request",
    "corrupt_input": "bad_request",
    "invalid_request": "bad_request",
    "generation_failed": "job",
    "output_not_found": "job",
}
"""What a failure's code means."""


class Luma(PolledVideos):
    """The client's side of Luma's generations."""

    name = NAME
    no_words = {  # noqa: RUF012 - a constant of the class, as the base declares it
        "count": "Ask once for each video.",
        "seed": "Leave the seed out.",
        "negative_prompt": "Say in the prompt what is to be there.",
        "audio": "Its films have no sound.",
        "references": "Give a first and a last frame.",
    }
    limits = LIMITS

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(shaped(request))
        if request.remix_of and request.model in _OLD:
            raise UnsupportedError("remix_of", self.name, message=f"{request.model} can't change a video.")
        if request.remix_of and request.seconds is not None:
            raise UnsupportedError(
                "seconds", self.name, message="A changed video is as long as the one that it is made of."
            )

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made, or changed; raises as the contract says."""
        self.check(request)
        shape = shaped(request)
        duration = f"{request.seconds:g}s" if request.seconds is not None else ""
        plain = said(model=request.model, prompt=request.prompt, aspect_ratio=shape.aspect)
        if request.model in _OLD:
            frames = said(
                frame0=_address(request.first_frame, "first_frame", provider),
                frame1=_address(request.last_frame, "last_frame", provider),
            )
            fields = {
                **plain,
                **said(duration=duration, resolution=shape.resolution, keyframes=frames or None),
            }
            return post_json("/generations", {**fields, **request.extra})
        video = said(duration=duration, resolution=shape.resolution, **_frames(request, provider))
        if request.remix_of:
            plain |= {"type": "video_edit", "source": {"generation_id": request.remix_of}}
        else:
            plain |= {"type": "video"}
        return post_json("/generations", with_extra({**plain, **said(video=video or None)}, request.extra))

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get(_path(job))

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what a generation says; raises `DecodeError` where there is none."""
        word = text(value.get("state"))
        if not word and not value.get("id"):
            raise DecodeError("The provider's answer is no generation.")
        state = remote_state(word) if word else "queued"
        films = [item.get("url") for item in objects(value.get("output")) if item.get("type") == "video"]
        return JobReply(
            provider_job_id=text(value.get("id")),
            state=state,
            raw_status=word,
            failure=_failure(value) if state == "failed" else None,
            urls=web_urls(*films, inner(value, "assets").get("video")),
            created=epoch(value.get("created_at")),
            model=text(value.get("model")),
        )

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a generation of the Dream Machine deleted; the Agents API has none."""
        return WireRequest(_path(job), method="DELETE", headers=()) if job.model in _OLD else None


dialect = Luma()
"""The client's side."""


def _path(job: Job) -> str:
    return f"/generations/{quote(job.provider_job_id, safe='')}"


def _frames(request: VideoRequest, provider: Provider) -> dict[str, Any]:
    """Return the frames: by name, or by their places in a longer film, where Luma takes no names."""
    given = {
        name: _reference(picture, field, provider)
        for name, field, picture in (
            ("start_frame", "first_frame", request.first_frame),
            ("end_frame", "last_frame", request.last_frame),
        )
        if picture
    }
    if not given or request.seconds is None or request.seconds <= _NAMED_FRAMES or request.remix_of:
        return given
    places = {"start_frame": 0, "end_frame": round(request.seconds * _RATE)}
    return {"keyframes": [*given.values()], "keyframe_indexes": [places[name] for name in given]}


def _reference(picture: Image, field: str, provider: Provider) -> dict[str, str]:
    """Return a picture as the Agents API has it: bytes with their type, a file's id, or an address."""
    if picture.file_id:
        return {"file_id": picture.file_id}
    if picture.url and not picture.data and provider.quirks.image_urls:
        return {"url": picture.url}
    data, kind = picture_bytes(picture, field, NAME)
    return {"data": data, "media_type": kind}


def _address(picture: Image | None, field: str, provider: Provider) -> dict[str, str] | None:
    """Return a picture as the Dream Machine has it: an address and nothing else."""
    if picture is None:
        return None
    if not picture.url or not provider.quirks.image_urls:
        raise UnsupportedError(
            field, NAME, hint="Give the address of the picture: this model loads it from there."
        )
    return {"type": "image", "url": picture.url}


def _failure(value: Mapping[str, Any]) -> JobFailure:
    code, reason = text(value.get("failure_code")), text(value.get("failure_reason"))
    kind = _KINDS.get(code, "content_filter" if "moderation" in reason.lower() else "")
    return job_failure(reason, code, kind=kind)
