"""Answering users who ask for videos in OpenAI's format."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.videos.contract import ListQuery
from ve_magics.dialects.videos.forms import decode_form
from ve_magics.dialects.videos.limits import dimensions
from ve_magics.errors import ArgumentsError, BadRequestError, StatusError, VeError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?;base64,")
_INNER = re.compile(r"(\w+)\[(\w+)\]")
_KNOWN = frozenset(("prompt", "model", "seconds", "size", "seed", "n", "negative_prompt", "input_reference"))
_STATUSES = {
    "queued": "queued",
    "submitting": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "unknown": "in_progress",
}
_CODES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
MAX_SEED = 2**63 - 1
"""Largest seed that is taken."""


class OpenAIVideosServer:
    """The server's side of OpenAI's video format."""

    def decode_create_request(self, body: bytes, headers: Mapping[str, str]) -> VideoRequest:
        """Read a user's create call, form or JSON; raises as the contract says. Unknown fields become `extra`."""
        fields, picture = _decode_body(body, headers)
        if picture is None:
            picture = _picture(fields.get("input_reference"))
        size = _string(fields, "size")
        if size:
            try:
                dimensions(size)
            except ArgumentsError as error:
                raise _wrong(error.message, "size") from error
        return VideoRequest(
            prompt=_prompt(fields),
            model=_string(fields, "model"),
            seconds=_seconds(fields.get("seconds")),
            size=size,
            first_frame=picture,
            seed=_whole(fields, "seed", 0, MAX_SEED),
            count=_whole(fields, "n", 1, 100),
            negative_prompt=_string(fields, "negative_prompt"),
            extra={name: value for name, value in fields.items() if name not in _KNOWN},
        )

    def decode_remix_request(self, body: bytes, headers: Mapping[str, str], job_id: str) -> VideoRequest:
        """Read a user's wish to have a job changed; raises as the contract says."""
        fields, _ = _decode_body(body, headers)
        extra = {name: value for name, value in fields.items() if name != "prompt"}
        return VideoRequest(prompt=_prompt(fields), remix_of=job_id, extra=extra)

    def decode_list_query(self, query: Mapping[str, str]) -> ListQuery:
        """Read which part of the list is wanted; raises as the contract says."""
        order = query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise _wrong("order is asc or desc.", "order")
        limit = _whole(query, "limit", 1, 100)
        return ListQuery(query.get("after", ""), 20 if limit is None else limit, order == "desc")

    def encode_job(self, job: Job) -> bytes:
        """Return a job as its users see it, under our own id."""
        return msgspec.json.encode(_encode_video(job))

    def encode_jobs(self, jobs: tuple[Job, ...], *, more: bool) -> bytes:
        """Return a part of the list."""
        return msgspec.json.encode(
            {
                "object": "list",
                "data": [_encode_video(job) for job in jobs],
                "first_id": jobs[0].id if jobs else None,
                "last_id": jobs[-1].id if jobs else None,
                "has_more": more,
            }
        )

    def encode_deleted(self, job_id: str) -> bytes:
        """Return the confirmation that a job was deleted."""
        return msgspec.json.encode({"id": job_id, "object": "video.deleted", "deleted": True})

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body of a failure."""
        status = error.http_status
        kind = _CODES.get(status, "invalid_request_error" if 400 <= status < 500 else "server_error")
        code = error.code if isinstance(error, StatusError) else None
        told = {
            "message": str(error),
            "type": kind,
            "param": getattr(error, "param", None) or getattr(error, "field", None),
            "code": code or getattr(error, "kind", None),
        }
        return status, msgspec.json.encode({"error": told})


def _encode_video(job: Job) -> dict[str, Any]:
    status = _STATUSES.get(job.state, "failed")
    if job.state == "running" and job.remote == "queued":
        status = "queued"
    failure = None
    if status == "failed":
        told = job.failure
        failure = {
            "code": (told.code or told.kind) if told else job.state,
            "message": told.message if told else f"The video was {job.state}.",
        }
    seconds = job.seconds if job.seconds is not None else job.request.seconds
    done = job.state == "succeeded"
    video: dict[str, Any] = {
        "id": job.id,
        "object": "video",
        "model": job.model,
        "status": status,
        "progress": 100 if done else min(99, int((job.progress or 0.0) * 100)),
        "created_at": int(job.created),
        "completed_at": int(job.updated) if done else None,
        "expires_at": None,
        "prompt": job.request.prompt,
        "seconds": f"{seconds:g}" if seconds is not None else "",
        "size": job.size or job.request.size,
        "remixed_from_video_id": job.parent or None,
        "error": failure,
    }
    if job.revised_prompt:
        video["revised_prompt"] = job.revised_prompt
    return video


def _decode_body(body: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], Image | None]:
    """Return the fields of a form or a JSON object, and the picture where one was uploaded."""
    content_type = headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        try:
            return msgspec.json.decode(body, type=dict[str, Any]), None
        except msgspec.DecodeError as error:
            raise _wrong("The body is neither a form nor a JSON object.", None) from error
    fields: dict[str, Any] = {}
    picture = None
    for part in decode_form(content_type, body):
        inner = _INNER.fullmatch(part.name)
        if part.name == "input_reference" and (part.filename or part.media_type.startswith("image/")):
            picture = Image(part.data, part.media_type)
        elif inner:
            outer = fields.setdefault(inner[1], {})
            if not isinstance(outer, dict):
                raise _wrong(f"{inner[1]} is given twice.", inner[1])
            outer[inner[2]] = part.text
        else:
            fields[part.name] = part.text
    return fields, picture


def _picture(value: object) -> Image | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value) if value.startswith("{") else {"image_url": value}
        except msgspec.DecodeError:
            value = None
    found = value if isinstance(value, dict) else {}
    file_id, url = found.get("file_id"), found.get("image_url")
    if isinstance(url, dict):
        url = url.get("url")
    if isinstance(file_id, str) and file_id:
        return Image(file_id=file_id)
    if isinstance(url, str):
        head = _DATA_URL.match(url)
        if head:
            try:
                return Image(base64.b64decode(url[head.end() :], validate=True), head[1] or "")
            except binascii.Error as error:
                raise _wrong("The picture is no base64.", "input_reference") from error
        if url.startswith(("https://", "http://")):
            return Image(url=url)
    raise _wrong("input_reference is a file, an image_url or a file_id.", "input_reference")


def _prompt(fields: Mapping[str, Any]) -> str:
    prompt = _string(fields, "prompt")
    if not prompt.strip():
        raise _wrong("prompt is missing.", "prompt")
    return prompt


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{name} is a string.", name)
    return value


def _seconds(value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        seconds = float(value) if isinstance(value, (str, int, float)) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise _wrong('seconds is a length such as "8".', "seconds")
    return seconds


def _whole(fields: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        number = int(value) if isinstance(value, (str, int)) else least - 1
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise _wrong(f"{name} is a whole number from {least} to {most}.", name)
    return number


def _wrong(message: str, param: str | None) -> BadRequestError:
    return BadRequestError(message, status=400, code="invalid_value", param=param)
