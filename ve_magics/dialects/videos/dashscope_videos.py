"""Alibaba DashScope's asynchronous video synthesis (Wan).

The picture that a video begins with is `img_url` for older models and an entry of `media` for newer ones; models named
`kf2v` go between two pictures and have a path of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.limits import Limits, check_limits, check_prompt, dimensions
from ve_magics.dialects.videos.pictures import encode_picture
from ve_magics.dialects.videos.reading import decode_object, inner, job_failure, number, text, web_urls
from ve_magics.dialects.videos.refusals import refused, told
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import TaskDialect, check_said, needed_id, present, whole_seconds
from ve_magics.errors import ErrorKind, UnsupportedError
from ve_magics.jobs import Job, JobReply, RemoteState, VideoRequest
from ve_magics.providers import Provider

LIFETIME = 24 * 3600.0
"""Seconds after which a task and its video are gone."""

POLL_AFTER = 15.0
"""Seconds between two questions that the provider asks for."""

_CODES: tuple[tuple[ErrorKind, re.Pattern[str]], ...] = (
    ("content_filter", re.compile(r"DataInspection|IPInfringement", re.IGNORECASE)),
    ("authentication", re.compile(r"InvalidApiKey", re.IGNORECASE)),
    (
        "quota",
        re.compile(
            r"Arrearage|AllocationQuota\.FreeTierOnly|PrepaidBillOverdue|PostpaidBillOverdue", re.IGNORECASE
        ),
    ),
    ("rate_limit", re.compile(r"Throttling|LimitRequests|RateQuota", re.IGNORECASE)),
    ("model_not_found", re.compile(r"ModelNot|model_not_found", re.IGNORECASE)),
    ("permission", re.compile(r"AccessDenied|Unpurchased", re.IGNORECASE)),
    ("bad_request", re.compile(r"InvalidParameter|InvalidURL|BadRequest|Unsupported", re.IGNORECASE)),
    ("timeout", re.compile(r"Timeout", re.IGNORECASE)),
    ("server", re.compile(r"InternalError|SystemError", re.IGNORECASE)),
)
"""What codes mean that hold these words; they go on after a point, with what it is about."""

_OLD = Limits(
    seconds=(5,), resolutions=("480P", "720P"), prompt=800, lacks=("audio", "last_frame", "references")
)
LIMITS: dict[str, Limits] = {
    "wanx2.1-t2v-turbo": msgspec.structs.replace(_OLD, lacks=(*_OLD.lacks, "first_frame")),
    "wanx2.1-t2v-plus": msgspec.structs.replace(
        _OLD, resolutions=("720P",), lacks=(*_OLD.lacks, "first_frame")
    ),
    "wanx2.1-i2v-turbo": msgspec.structs.replace(_OLD, seconds=(3, 4, 5)),
    "wanx2.1-i2v-plus": msgspec.structs.replace(_OLD, resolutions=("720P",)),
    "wanx2.1-kf2v-plus": Limits(
        seconds=(5,), resolutions=("720P",), prompt=800, lacks=("audio", "references")
    ),
}
"""By model; other models are their provider's business."""

_HINTS = {"count": "Ask once for each video.", "remix_of": ""}
_OF_INPUT = frozenset(
    {
        "audio_url",
        "first_frame_url",
        "function",
        "img_url",
        "last_frame_url",
        "media",
        "negative_prompt",
        "reference_url",
        "reference_urls",
        "reference_video_urls",
        "template",
    }
)
"""Fields of the provider that stand under `input`; all others stand under `parameters`."""

_PATH = "/services/aigc/video-generation/video-synthesis"
_BETWEEN_FRAMES = "/services/aigc/image2video/video-synthesis"
_BEIJING = timezone(timedelta(hours=8))
_VERSION = re.compile(r"wanx?(\d+)\.(\d+)")
_MEDIA_SINCE = (2, 7)


class DashScopeVideos(TaskDialect):
    """The client's side of DashScope's format."""

    name = "dashscope_videos"

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        check_said(request, self.name, _HINTS)
        if request.size and (request.aspect or request.resolution):
            field = "aspect" if request.aspect else "resolution"
            raise UnsupportedError(
                field, self.name, hint="It takes a size, or an aspect ratio and a resolution."
            )
        check_limits(_shouted(request), LIMITS.get(request.model), self.name)
        _input(request)
        _parameters(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's arguments
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        body: dict[str, Any] = {"model": request.model, "input": _input(request)}
        if parameters := _parameters(request):
            body["parameters"] = parameters
        headers = (("content-type", "application/json"), ("x-dashscope-async", "enable"))
        path = _BETWEEN_FRAMES if "kf2v" in request.model else _PATH
        return WireRequest(path, msgspec.json.encode(present(body.items())), headers=headers)

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        reply = self.decode_poll(status, headers, body)
        needed_id(reply.provider_job_id)
        return reply

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return WireRequest(_task(job), method="GET", headers=())

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        value = self.read(status, headers, body)
        output = inner(value, "output")
        word, code = text(output.get("task_status")), text(output.get("code"))
        state: RemoteState = "expired" if word == "UNKNOWN" else remote_state(word) if word else "queued"
        ended = _beijing(output.get("end_time"))
        usage = inner(value, "usage")
        return JobReply(
            provider_job_id=text(output.get("task_id")),
            state=state,
            raw_status=word,
            failure=job_failure(text(output.get("message")), code, kind=_class(code) or "")
            if state == "failed"
            else None,
            urls=web_urls(output.get("video_url")),
            created=_beijing(output.get("submit_time")),
            expires_at=ended + LIFETIME if state == "succeeded" and ended is not None else None,
            seconds=number(usage.get("video_duration", usage.get("duration"))),
            poll_after=POLL_AFTER if state in ("queued", "running") else None,
            prompt=text(output.get("orig_prompt")),
            revised_prompt=text(output.get("actual_prompt")),
        )

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job; the provider refuses it once the job runs."""
        return WireRequest(f"{_task(job)}/cancel")

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the object of a good answer; raises as the base says."""
        said = told(body)
        code = text(said.get("code"))
        if code and not inner(said, "output"):
            message = text(said.get("message"))
            raise refused(
                status, headers, message, code, _class(code), request_id=text(said.get("request_id"))
            )
        return decode_object(status, headers, body)


def _task(job: Job) -> str:
    return f"/tasks/{quote(job.provider_job_id, safe='')}"


def _class(code: str) -> ErrorKind | None:
    return next((kind for kind, words in _CODES if words.search(code)), None)


def _takes_media(model: str) -> bool:
    """Whether a model takes its pictures as a list of what is what."""
    found = _VERSION.search(model)
    return found is not None and (int(found[1]), int(found[2])) >= _MEDIA_SINCE


def _input(request: VideoRequest) -> dict[str, Any]:
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    given = [(field, encode_picture(one, field, DashScopeVideos.name)) for field, one in frames if one]
    shown = [encode_picture(one, "references", DashScopeVideos.name) for one in request.references]
    pictures: dict[str, Any]
    if _takes_media(request.model):
        roles = [*given, *(("reference_image", picture) for picture in shown)]
        pictures = {"media": [{"type": role, "url": picture} for role, picture in roles]}
    elif request.last_frame or "kf2v" in request.model:
        pictures = {**{f"{field}_url": picture for field, picture in given}, "reference_urls": shown}
    else:
        pictures = {"img_url": given[0][1] if given else "", "reference_urls": shown}
    plain = {"prompt": request.prompt, "negative_prompt": request.negative_prompt, **pictures}
    return {**present(plain.items()), **_extra(request, "input")}


def _parameters(request: VideoRequest) -> dict[str, Any]:
    size = ""
    if request.size:
        width, height = dimensions(request.size)
        size = f"{width}*{height}"
    plain = (
        ("size", size),
        ("resolution", _shouted(request).resolution),
        ("ratio", request.aspect.strip()),
        ("duration", whole_seconds(request, DashScopeVideos.name)),
        ("seed", request.seed),
        ("audio", request.audio),
    )
    return {**present(plain), **_extra(request, "parameters")}


def _extra(request: VideoRequest, part: str) -> dict[str, Any]:
    """Return the provider's own fields that belong into this part of the body."""
    loose = {
        name: value
        for name, value in request.extra.items()
        if name not in ("input", "parameters") and (name in _OF_INPUT) == (part == "input")
    }
    return {**loose, **inner(request.extra, part)}


def _shouted(request: VideoRequest) -> VideoRequest:
    """Return the request with its resolution as the provider writes it."""
    return msgspec.structs.replace(request, resolution=request.resolution.strip().upper())


def _beijing(value: object) -> float | None:
    """Return seconds since 1970 of a time that is written without a zone, as in Beijing."""
    try:
        then = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return (then if then.tzinfo else then.replace(tzinfo=_BEIJING)).timestamp()


dialect = DashScopeVideos()
"""The client's side."""
