"""Volcengine Ark's tasks of content generation (Seedance)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import VideoPage
from ve_magics.dialects.videos.limits import Limits, check_limits, check_prompt
from ve_magics.dialects.videos.pictures import encode_picture
from ve_magics.dialects.videos.reading import (
    decode_object,
    epoch,
    inner,
    job_failure,
    number,
    objects,
    text,
    web_urls,
)
from ve_magics.dialects.videos.refusals import refused, told
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import TaskDialect, check_said, needed_id, present, whole_seconds
from ve_magics.errors import ErrorKind
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

LIFETIME = 24 * 3600.0
"""Seconds after which a video's address is dead."""

_CODES: tuple[tuple[ErrorKind, re.Pattern[str]], ...] = (
    ("content_filter", re.compile(r"sensitivecontent|policyviolation|riskdetected", re.IGNORECASE)),
    ("quota", re.compile(r"accountoverdue|quotaexceeded|setlimitexceeded", re.IGNORECASE)),
    ("authentication", re.compile(r"authenticationerror|missingauthentication", re.IGNORECASE)),
    ("rate_limit", re.compile(r"ratelimitexceeded|requestburst", re.IGNORECASE)),
    ("overloaded", re.compile(r"serveroverloaded", re.IGNORECASE)),
    ("model_not_found", re.compile(r"notfound|modelnotopen", re.IGNORECASE)),
    ("permission", re.compile(r"accessdenied|operationdenied", re.IGNORECASE)),
    ("bad_request", re.compile(r"invalidparameter|missingparameter", re.IGNORECASE)),
    ("server", re.compile(r"internalserviceerror", re.IGNORECASE)),
)
"""What codes mean that hold these words; they go on after a point, with what it is about."""

_RESOLUTIONS = ("480p", "720p", "1080p")
_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")
LIMITS: tuple[tuple[str, Limits], ...] = (
    (
        "doubao-seedance-1-0-pro",
        Limits(span=(2, 12), aspects=_RATIOS, resolutions=_RESOLUTIONS, lacks=("references", "audio")),
    ),
    (
        "doubao-seedance-1-0-lite",
        Limits(span=(2, 12), aspects=_RATIOS, resolutions=_RESOLUTIONS, lacks=("audio",)),
    ),
    ("doubao-seedance-1-5-pro", Limits(span=(4, 12), aspects=_RATIOS, resolutions=_RESOLUTIONS)),
)
"""By how a model's name begins; other models, and endpoints of one's own, are their provider's business."""

_PATH = "/contents/generations/tasks"
_PAGE = 50
_HINTS = {"count": "Ask once for each video.", "negative_prompt": "Say it in the prompt.", "remix_of": ""}


class ArkVideos(TaskDialect):
    """The client's side of Ark's format."""

    name = "ark_videos"

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        check_said(request, self.name, _HINTS)
        limits = next((found for start, found in LIMITS if request.model.startswith(start)), None)
        check_limits(shaped(request), limits, self.name)
        whole_seconds(request, self.name)
        _content(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's arguments
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        shape = shaped(request)
        fields = (
            ("model", request.model),
            ("content", _content(request)),
            ("resolution", shape.resolution),
            ("ratio", shape.aspect),
            ("duration", whole_seconds(request, self.name)),
            ("generate_audio", request.audio),
            ("seed", request.seed),
        )
        return WireRequest(_PATH, msgspec.json.encode({**present(fields), **request.extra}))

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
        return _reply(self.read(status, headers, body))

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job; the provider refuses it once the job runs."""
        return self.encode_delete(job)

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a finished job deleted."""
        return WireRequest(_task(job), method="DELETE", headers=())

    def encode_list(self, after: str = "") -> WireRequest | None:
        """Return the call that lists the newest jobs; `after` is the number of the page."""
        query = (("page_num", after or "1"), ("page_size", str(_PAGE)))
        return WireRequest(_PATH, method="GET", headers=(), query=query)

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        """Read a part of the list; raises as the contract says."""
        value = self.read(status, headers, body)
        return VideoPage(tuple(_reply(item) for item in objects(value.get("items")) if text(item.get("id"))))

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the object of a good answer; raises as the base says."""
        said = told(body)
        error = inner(said, "error")
        code = text(error.get("code"))
        if code and (status >= 300 or not text(said.get("id"))):
            raise refused(status, headers, text(error.get("message")), code, _class(code))
        return decode_object(status, headers, body)


def _task(job: Job) -> str:
    return f"{_PATH}/{quote(job.provider_job_id, safe='')}"


def _class(code: str) -> ErrorKind | None:
    return next((kind for kind, words in _CODES if words.search(code)), None)


def _content(request: VideoRequest) -> list[dict[str, Any]]:
    """Return the text and the pictures of a request, each with its part."""
    parts = (
        *((("first_frame", request.first_frame),) if request.first_frame else ()),
        *((("last_frame", request.last_frame),) if request.last_frame else ()),
        *(("references", picture) for picture in request.references),
    )
    pictures = [
        {
            "type": "image_url",
            "image_url": {"url": encode_picture(picture, field, ArkVideos.name)},
            "role": "reference_image" if field == "references" else field,
        }
        for field, picture in parts
    ]
    return [{"type": "text", "text": request.prompt}, *pictures]


def _reply(value: Mapping[str, Any]) -> JobReply:
    word = text(value.get("status"))
    state = remote_state(word) if word else "queued"
    error = inner(value, "error")
    code = text(error.get("code"))
    ended = epoch(value.get("updated_at"))
    return JobReply(
        provider_job_id=text(value.get("id")),
        state=state,
        raw_status=word,
        failure=job_failure(text(error.get("message")), code, kind=_class(code) or "")
        if state == "failed"
        else None,
        urls=web_urls(inner(value, "content").get("video_url")),
        created=epoch(value.get("created_at")),
        expires_at=ended + LIFETIME if state == "succeeded" and ended else None,
        seconds=number(value.get("duration")),
        model=text(value.get("model")),
    )


dialect = ArkVideos()
"""The client's side."""
