"""Answering users who ask for videos in OpenAI's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.videos.contract import ListQuery
from ve_magics.dialects.videos.fields import (
    MAX_SEED,
    decode_body,
    picture_field,
    prompt_field,
    seconds_field,
    size_field,
    string_field,
    whole_field,
    wrong,
)
from ve_magics.errors import StatusError, VeError
from ve_magics.jobs import Job, VideoRequest

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
_OWN_CODES = {402: "budget_exceeded", 404: "model_not_found"}


class OpenAIVideosServer:
    """The server's side of OpenAI's video format."""

    def decode_create_request(self, body: bytes, headers: Mapping[str, str]) -> VideoRequest:
        """Read a user's create call, form or JSON; raises as the contract says. Unknown fields become `extra`."""
        fields, picture = decode_body(body, headers)
        if picture is None:
            picture = picture_field(fields.get("input_reference"))
        return VideoRequest(
            prompt=prompt_field(fields),
            model=string_field(fields, "model"),
            seconds=seconds_field(fields.get("seconds")),
            size=size_field(fields),
            first_frame=picture,
            seed=whole_field(fields, "seed", 0, MAX_SEED),
            count=whole_field(fields, "n", 1, 100),
            negative_prompt=string_field(fields, "negative_prompt"),
            extra={name: value for name, value in fields.items() if name not in _KNOWN},
        )

    def decode_remix_request(self, body: bytes, headers: Mapping[str, str], job_id: str) -> VideoRequest:
        """Read a user's wish to have a job changed; raises as the contract says."""
        fields, _ = decode_body(body, headers)
        extra = {name: value for name, value in fields.items() if name != "prompt"}
        return VideoRequest(prompt=prompt_field(fields), remix_of=job_id, extra=extra)

    def decode_list_query(self, query: Mapping[str, str]) -> ListQuery:
        """Read which part of the list is wanted; raises as the contract says."""
        order = query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise wrong("order is asc or desc.", "order")
        limit = whole_field(query, "limit", 1, 100)
        return ListQuery(query.get("after", ""), 20 if limit is None else limit, order == "desc")

    def encode_job(self, job: Job) -> bytes:
        """Return a job as its users see it, under our own id."""
        return msgspec.json.encode(encode_video(job))

    def encode_jobs(self, jobs: tuple[Job, ...], *, more: bool) -> bytes:
        """Return a part of the list."""
        return msgspec.json.encode(
            {
                "object": "list",
                "data": [encode_video(job) for job in jobs],
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
        told = {
            "message": str(error),
            "type": kind,
            "param": getattr(error, "param", None) or getattr(error, "field", None),
            "code": failure_code(error),
        }
        return status, msgspec.json.encode({"error": told})


def failure_code(error: VeError) -> str | None:
    """Return the code that tells a failure; None where its message alone does."""
    code = error.code if isinstance(error, StatusError) else None
    return code or getattr(error, "kind", None) or _OWN_CODES.get(error.http_status)


def encode_video(job: Job) -> dict[str, Any]:
    """Return a job as a video object."""
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
