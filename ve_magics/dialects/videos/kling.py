"""Kling's own video interface, as its maker serves it and gateways pass it on.

A task is made and asked after under the same path, which depends on what is given: a text, a first or last frame, or
pictures of what is to appear. Every answer is an envelope whose `code` is 0 where all is well, whatever the HTTP
status. The call carries our own key of the job as `external_task_id`, by which the task can be found at the provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
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
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import TaskDialect, check_said, needed_id, present, whole_seconds
from ve_magics.errors import ErrorKind, UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

CODES: dict[str, ErrorKind] = {
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004"), "authentication"),
    **dict.fromkeys(("1100", "1101", "1102"), "quota"),
    **dict.fromkeys(("1103", "1304"), "permission"),
    **dict.fromkeys(("1200", "1201", "1202"), "bad_request"),
    "1203": "model_not_found",
    **dict.fromkeys(("1300", "1301"), "content_filter"),
    **dict.fromkeys(("1302", "1303"), "rate_limit"),
    **dict.fromkeys(("5000", "5001", "5002"), "server"),
}
"""What the envelope's codes mean; the billing ones come with HTTP 429, and waiting doesn't help there."""

_ASPECTS = ("16:9", "9:16", "1:1")
_OLD = Limits(seconds=(5, 10), aspects=_ASPECTS, prompt=2500, lacks=("audio",))
LIMITS: dict[str, Limits] = {
    **dict.fromkeys(
        (
            "kling-v1",
            "kling-v1-5",
            "kling-v1-6",
            "kling-v2-master",
            "kling-v2-1",
            "kling-v2-1-master",
            "kling-v2-5-turbo",
        ),
        _OLD,
    ),
    "kling-v2-6": msgspec.structs.replace(_OLD, lacks=()),
}
"""By model; other models are their provider's business."""

_MODE = "Its own field `mode` chooses it: std or pro."
_HINTS = {
    "size": f"Ask for an aspect ratio instead. {_MODE}",
    "resolution": _MODE,
    "seed": "",
    "count": "Ask once for each video.",
    "remix_of": "",
}
_MOST_REFERENCES = 4
_POLICY = re.compile(r"risk control|sensitive|safety|violat|违规|审核", re.IGNORECASE)


class Kling(TaskDialect):
    """The client's side of Kling's format."""

    name = "kling"

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        check_said(request, self.name, _HINTS)
        framed = request.first_frame is not None or request.last_frame is not None
        if framed and request.references and not _is_omni(request):
            raise UnsupportedError("references", self.name, hint="It takes frames or references, not both.")
        if len(request.references) > _MOST_REFERENCES and not _is_omni(request):
            raise UnsupportedError(
                "references", self.name, message=f"It takes {_MOST_REFERENCES} references at most."
            )
        if _kind(request) == "image2video" and request.aspect:
            raise UnsupportedError("aspect", self.name, hint="The video has the shape of its picture.")
        check_limits(request, LIMITS.get(request.model), self.name)
        whole_seconds(request, self.name)
        _pictures(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        seconds = whole_seconds(request, self.name)
        fields = (
            ("model_name", request.model),
            ("prompt", request.prompt),
            ("negative_prompt", request.negative_prompt),
            *_pictures(request).items(),
            ("duration", "" if seconds is None else str(seconds)),
            ("aspect_ratio", request.aspect),
            ("sound", {None: None, True: "on", False: "off"}[request.audio]),
            ("external_task_id", key),
        )
        return WireRequest(
            f"/v1/videos/{_kind(request)}", msgspec.json.encode({**present(fields), **request.extra})
        )

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        reply = self.decode_poll(status, headers, body)
        needed_id(reply.provider_job_id)
        return reply

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        path = f"/v1/videos/{_kind(job.request)}/{quote(job.provider_job_id, safe='')}"
        return WireRequest(path, method="GET", headers=())

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        return _reply(inner(self.read(status, headers, body), "data"))

    def encode_find(self, job: Job) -> WireRequest:
        """Return the call that asks for the task with our key: it stands where the task's own id does."""
        return self.encode_poll(msgspec.structs.replace(job, provider_job_id=job.key))

    def decode_find(self, job: Job, status: int, headers: Mapping[str, str], body: bytes) -> JobReply | None:
        """Return the task where it says that it has our key, and None for any other; raises as the contract says."""
        data = inner(self.read(status, headers, body), "data")
        if not job.key or inner(data, "task_info").get("external_task_id") != job.key:
            return None
        needed_id(text(data.get("task_id")))
        return _reply(data)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the envelope of a good answer; raises as the base says."""
        said = told(body)
        code = text(said.get("code"))
        if code in CODES or (status < 300 and code not in ("", "0")):
            raise refused(
                status,
                headers,
                text(said.get("message")),
                code,
                CODES.get(code),
                request_id=text(said.get("request_id")),
            )
        return decode_object(status, headers, body)


def _is_omni(request: VideoRequest) -> bool:
    return re.search(r"omni|video-o\d", request.model) is not None


def _kind(request: VideoRequest) -> str:
    """Return the part of the path that says what a video is made of."""
    if _is_omni(request):
        return "omni-video"
    if request.references:
        return "multi-image2video"
    return "image2video" if request.first_frame or request.last_frame else "text2video"


def _pictures(request: VideoRequest) -> dict[str, object]:
    """Return the fields that hold the pictures of a request."""
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    given = [(field, encode_picture(one, field, Kling.name, bare=True)) for field, one in frames if one]
    shown = [encode_picture(one, "references", Kling.name, bare=True) for one in request.references]
    if _is_omni(request):
        ends = {"first_frame": "first_frame", "last_frame": "end_frame"}
        placed = [{"image_url": picture, "type": ends[field]} for field, picture in given]
        return {"image_list": [*placed, *({"image_url": picture} for picture in shown)]}
    names = {"first_frame": "image", "last_frame": "image_tail"}
    return {"image_list": [{"image": picture} for picture in shown], **{names[f]: p for f, p in given}}


def _reply(data: Mapping[str, Any]) -> JobReply:
    """Return what the provider says of a task."""
    word = text(data.get("task_status"))
    state = remote_state(word) if word else "queued"
    videos = objects(inner(data, "task_result").get("videos"))
    why = text(data.get("task_status_msg"))
    return JobReply(
        provider_job_id=text(data.get("task_id")),
        state=state,
        raw_status=word,
        failure=job_failure(why, kind="content_filter" if _POLICY.search(why) else "")
        if state == "failed"
        else None,
        urls=web_urls(*(video.get("url") for video in videos)),
        created=epoch(data.get("created_at")),
        seconds=number(videos[0].get("duration")) if videos else None,
    )


dialect = Kling()
"""The client's side."""
