"""Asking MiniMax for a video, in whichever of its interfaces serves the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.minimax.table import CODES, NAME, TYPES, is_newer
from ve_magics.dialects.videos.minimax.wishes import check, encode_wish
from ve_magics.dialects.videos.reading import decode_object, inner, job_failure, number, text, web_urls
from ve_magics.dialects.videos.refusals import refused, told
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import TaskDialect, needed_id
from ve_magics.errors import ErrorKind
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

FILE = "file_id"
"""Key of a job's handle: the file in which the older interface left the video."""

_NUMBER = re.compile(r"\((\d{3,5})\)\s*$")


class MiniMax(TaskDialect):
    """The client's side of MiniMax's formats.

    The older interface ends with a file's id: the job goes on until that file's address has been asked for too.
    """

    name = NAME

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's arguments
        """Return the call that has a video made; raises as the contract says."""
        check(request)
        version = "v2" if is_newer(request.model) else "v1"
        return WireRequest(f"/{version}/video_generation", msgspec.json.encode(encode_wish(request)))

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        value = self.read(status, headers, body)
        return JobReply(provider_job_id=needed_id(text(value.get("task_id"))))

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is, or where the file lies that it has become."""
        if is_newer(job.model):
            path, query = f"/v2/query/video_generation/{quote(job.provider_job_id, safe='')}", None
        elif file := text(job.handle.get(FILE)):
            path, query = "/v1/files/retrieve", (FILE, file)
        else:
            path, query = "/v1/query/video_generation", ("task_id", job.provider_job_id)
        return WireRequest(path, method="GET", headers=(), query=(query,) if query else ())

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        value = self.read(status, headers, body)
        if isinstance(value.get("task"), dict):
            return _task(value["task"])
        if isinstance(value.get("file"), dict):
            return JobReply(
                state="succeeded", raw_status="Success", urls=web_urls(value["file"].get("download_url"))
            )
        return _query(value)

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job of the newer interface; the provider refuses it once the job runs."""
        return self.encode_delete(job)

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a finished job of the newer interface deleted; the older one has none."""
        if not is_newer(job.model):
            return None
        path = f"/v2/video_generation/{quote(job.provider_job_id, safe='')}"
        return WireRequest(path, method="DELETE", headers=())

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the object of a good answer; raises as the base says."""
        said = told(body)
        base = inner(said, "base_resp")
        code = text(base.get("status_code"))
        if code not in ("", "0") and not text(said.get("status")):
            request_id = headers.get("trace-id", "")
            message = text(base.get("status_msg"))
            raise refused(status, headers, message, code, CODES.get(code), request_id=request_id)
        error = inner(said, "error")
        if said.get("type") == "error":
            message, word = text(error.get("message")), text(error.get("type"))
            kind = _class(message) or TYPES.get(word)
            raise refused(status, headers, message, word, kind, request_id=text(said.get("request_id")))
        return decode_object(status, headers, body)


def _class(message: str) -> ErrorKind | None:
    """Return what the number at the end of a sentence of the newer interface means."""
    found = _NUMBER.search(message)
    return CODES.get(found[1]) if found else None


def _query(value: Mapping[str, Any]) -> JobReply:
    """Return what the older interface says of a task."""
    word, file = text(value.get("status")), text(value.get(FILE))
    state = remote_state(word) if word else "running"
    width, height = number(value.get("video_width")), number(value.get("video_height"))
    reply = JobReply(
        provider_job_id=text(value.get("task_id")),
        state=state,
        raw_status=word,
        size=f"{width:.0f}x{height:.0f}" if width and height else "",
    )
    if state == "succeeded" and file:
        return msgspec.structs.replace(reply, state="running", handle={FILE: file}, poll_after=0.0)
    if state == "failed":
        base = inner(value, "base_resp")
        code, message = text(base.get("status_code")), text(base.get("status_msg"))
        failure = (
            job_failure(message, code, kind=CODES.get(code, "")) if code not in ("", "0") else job_failure("")
        )
        return msgspec.structs.replace(reply, failure=failure)
    return reply


def _task(task: Mapping[str, Any]) -> JobReply:
    """Return what the newer interface says of a task."""
    word = text(task.get("status"))
    state = remote_state(word)
    error = inner(task, "error")
    message, code = text(error.get("message")), text(error.get("code"))
    kind = CODES.get(code) or TYPES.get(code) or _class(message)
    return JobReply(
        provider_job_id=text(task.get("id")),
        state=state,
        raw_status=word,
        failure=job_failure(message, code, kind=kind or "") if state == "failed" else None,
        urls=web_urls(inner(task, "content").get("url")),
        model=text(task.get("model")),
    )
