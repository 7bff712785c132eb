"""fal's queue: the model is the path, and the answer names the addresses that go on (fal documentation).

A job that has completed says so without a word about its file: the result is asked for next, at an address of its
own, and tells in its turn whether the model could do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import failure, is_html
from ve_magics.dialects.videos.inputs import Words, encode_inputs, words_of
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json
from ve_magics.dialects.videos.reading import decode_object, inner, job_failure, objects, text, web_urls
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import BadRequestError, UnsupportedError
from ve_magics.jobs import Job, JobFailure, JobReply, VideoRequest
from ve_magics.providers import Provider

COMPLETED = "COMPLETED"
"""The queue's word for a job whose result may be asked for."""

_QUEUE = ("IN_QUEUE", "IN_PROGRESS", COMPLETED)
_CALLS = ("status", "response", "cancel")
_COMMON = Words(first_frame="image_url", last_frame="end_image_url", references="image_urls")
_FAMILIES = (
    (
        "veo3.1/first-last-frame",
        Words(first_frame="first_frame_url", last_frame="last_frame_url", spelling="unit"),
    ),
    ("veo", Words(first_frame="image_url", last_frame="", references="image_urls", spelling="unit")),
    ("kling", Words(first_frame="image_url", last_frame="tail_image_url", spelling="text")),
    ("luma", Words(first_frame="image_url", last_frame="end_image_url", spelling="unit", audio="")),
    ("hailuo", Words(first_frame="image_url", last_frame="end_image_url", spelling="text", audio="")),
    (
        "seedance",
        Words(
            first_frame="image_url",
            last_frame="end_image_url",
            references="reference_image_urls",
            spelling="text",
        ),
    ),
    ("pixverse", Words(first_frame="image_url", last_frame="end_image_url", spelling="text")),
    ("sora", Words(first_frame="image_url", last_frame="", audio="")),
    (
        "vidu",
        Words(
            first_frame="image_url", last_frame="end_image_url", references="reference_image_urls", audio=""
        ),
    ),
)
"""What families of models call their inputs, by a mark in the model's path."""

_DEAD = ("ALREADY_COMPLETED", "NOT_FOUND")
_ONCE = "Ask once for each video."
_ADDRESS = "Ask a model that takes a video, with its address as the field `video_url`."


class Fal(PolledVideos):
    """The client's side of fal's queue."""

    name = "fal"
    no_words = {"count": _ONCE, "remix_of": _ADDRESS}  # noqa: RUF012 - a constant, as the base declares it

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(request)
        _path(request.model)
        self._inputs(request, None)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that puts a job in the queue; raises as the contract says."""
        self.check(request)
        return post_json(_path(request.model), self._inputs(request, provider))

    def _inputs(self, request: VideoRequest, provider: Provider | None) -> dict[str, Any]:
        words = words_of(request.model, _FAMILIES, _COMMON)
        return encode_inputs(
            request,
            words,
            self.name,
            lambda picture, field: (
                picture_address(picture, provider, field, self.name) if provider else field
            ),
        )

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an answer of the queue says, or a result."""
        word = text(value.get("status")).upper()
        if word not in _QUEUE:  # what the model made
            return _result(value)
        failed = value.get("error") or value.get("error_type")
        state = "failed" if failed else "running" if word == COMPLETED else remote_state(word)
        return JobReply(
            provider_job_id=text(value.get("request_id")),
            state=state,
            raw_status=word,
            failure=job_failure(text(value.get("error")), text(value.get("error_type"))) if failed else None,
            poll_after=0.0 if word == COMPLETED else None,
            handle={name: path for name in _CALLS if (path := _local(value.get(f"{name}_url")))},
        )

    def decode_object(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; errors come in two shapes."""
        found = _error(status, headers, body)
        if found is None:
            return decode_object(status, headers, body)
        message, code, param = found
        told = failure(status, message, codes=(code,), param=param, headers=headers)
        if code in _DEAD:
            told = BadRequestError(f"The job can't be stopped: {code}.", status=status, code=code)
        raise told

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; a result that is an error means that the job failed."""
        found = _error(status, headers, body)
        if found is not None and _final(found, headers):
            return JobReply(state="failed", raw_status=COMPLETED, failure=_failure(found, headers))
        return super().decode_poll(status, headers, body)

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is, or for the result of one that has completed."""
        return get(_address(job, "response" if job.raw_status == COMPLETED else "status"))

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that asks for a job to be stopped; one that runs may still end and be paid."""
        return WireRequest(_address(job, "cancel"), method="PUT", headers=())


dialect = Fal()
"""The client's side."""


def _path(model: str) -> str:
    """Return the path of a model such as `fal-ai/veo3.1/fast`."""
    parts = model.split("/")
    if len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        raise UnsupportedError(
            "model",
            Fal.name,
            message=f"{model or 'Nothing'} is no model of fal.",
            hint="A model is named by its path: OWNER/APP or OWNER/APP/PATH.",
        )
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _address(job: Job, call: str) -> str:
    """Return the path of a call about a job: the one that the queue named, else made of owner and app."""
    told = job.handle.get(call)
    if isinstance(told, str) and told.startswith("/"):
        return told
    owner_and_app = "/".join(_path(job.model).split("/")[:3])
    ending = "" if call == "response" else f"/{call}"
    return f"{owner_and_app}/requests/{quote(job.provider_job_id, safe='')}{ending}"


def _local(url: object) -> str:
    """Return the path of an address, for calls go to the provider that was asked and nowhere else."""
    try:
        path = urlsplit(text(url)).path
    except ValueError:
        return ""
    return path if path.startswith("/") else ""


def _result(value: Mapping[str, Any]) -> JobReply:
    videos = [value.get("video"), *(objects(value.get("videos")))]
    urls = web_urls(
        *(inner({"video": video}, "video").get("url") or video for video in videos), value.get("url")
    )
    return JobReply(
        state="succeeded", raw_status=COMPLETED, urls=urls, revised_prompt=text(value.get("actual_prompt"))
    )


def _error(status: int, headers: Mapping[str, str], body: bytes) -> tuple[str, str, str | None] | None:
    """Return message, code and field of an error in either shape; None where the answer is good or something else."""
    if status < 400 or is_html(body):
        return None
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    if not isinstance(value, dict):
        return None
    details = objects(value.get("detail"))
    if details:
        where = details[0].get("loc")
        param = ".".join(text(step) for step in where if step != "body") if isinstance(where, list) else ""
        return text(details[0].get("msg")), text(details[0].get("type")), param or None
    kind = text(value.get("error_type")) or headers.get("x-fal-error-type", "")
    return text(value.get("detail")) or text(value.get("message")), kind or text(value.get("status")), None


def _final(error: tuple[str, str, str | None], headers: Mapping[str, str]) -> bool:
    """Whether an error is a run's own end, and not a refusal of this call."""
    _, code, _ = error
    marked = "x-fal-retryable" in headers or "x-fal-error-type" in headers
    return marked or bool(code and code not in _DEAD)


def _failure(error: tuple[str, str, str | None], headers: Mapping[str, str]) -> JobFailure:
    message, code, _ = error
    told = job_failure(message, code)
    again = headers.get("x-fal-retryable") == "true"
    return msgspec.structs.replace(told, hint="Run the cell again; it may well succeed.") if again else told
