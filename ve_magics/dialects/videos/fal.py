"""fal's queue: the model is the path, and the answer names the addresses that go on (fal documentation).

A job that has completed says so without a word about its file: the result is asked for next, at an address of its
own, and tells in its turn whether the model could do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import failure, is_html
from ve_magics.dialects.videos.inputs import Words, encode_inputs, words_of
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json
from ve_magics.dialects.videos.reading import decode_object, inner, job_failure, objects, text, web_urls
from ve_magics.dialects.videos.refusals import told
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

COMPLETED = "COMPLETED"
"""The queue's word for a job whose result may be asked for."""

_QUEUE = ("IN_QUEUE", "IN_PROGRESS", COMPLETED)
_CALLS = ("status", "response", "cancel")
_COMMON = Words(first_frame="image_url", last_frame="end_image_url", references="image_urls")
_VEO = (4, 6, 8)
_FAMILIES = (
    (
        "first-last-frame",
        Words(first_frame="first_frame_url", last_frame="last_frame_url", spelling="unit", lengths=_VEO),
    ),
    (
        "veo",
        Words(first_frame="image_url", last_frame="", references="image_urls", spelling="unit", lengths=_VEO),
    ),
    ("kling", Words(first_frame="image_url", last_frame="tail_image_url", spelling="text")),
    (
        "luma",
        Words(first_frame="image_url", last_frame="end_image_url", spelling="unit", audio="", lengths=(5, 9)),
    ),
    (
        "hailuo",
        Words(
            first_frame="image_url", last_frame="end_image_url", spelling="text", audio="", lengths=(6, 10)
        ),
    ),
    (
        "seedance",
        Words(
            first_frame="image_url",
            last_frame="end_image_url",
            references="reference_image_urls",
            spelling="text",
        ),
    ),
    ("pixverse", Words(first_frame="image_url", last_frame="end_image_url", spelling="text", audio="")),
    ("sora", Words(first_frame="image_url", last_frame="", audio="")),
    (
        "vidu",
        Words(
            first_frame="image_url", last_frame="end_image_url", references="reference_image_urls", audio=""
        ),
    ),
)
"""What families of models call their inputs, by a mark in the model's path."""

_ONCE = "Ask once for each video."
_ADDRESS = "Ask a model that takes a video, with its address as the field `video_url`."


class Fal(PolledVideos):
    """The client's side of fal's queue."""

    name = "fal"
    no_words: ClassVar = {"count": _ONCE, "remix_of": _ADDRESS}

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

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; errors come in two shapes."""
        fault = _fault(status, headers, body)
        if fault is not None:
            raise failure(status, fault.message, codes=(fault.code,), param=fault.param, headers=headers)
        return decode_object(status, headers, body)

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; a result that is an error means that the job failed."""
        fault = _fault(status, headers, body)
        if fault is None or not fault.of_run:
            return super().decode_poll(status, headers, body)
        failed = job_failure(fault.message, fault.code)
        if headers.get("x-fal-retryable") == "true":
            failed = msgspec.structs.replace(failed, hint="Run the cell again; it may well succeed.")
        return JobReply(state="failed", raw_status=COMPLETED, failure=failed)

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


class _Fault(msgspec.Struct, frozen=True):
    """An error in one of the two shapes: a model's list of details, or a sentence with a type of its own."""

    message: str
    code: str = ""
    param: str | None = None
    of_run: bool = False
    """Whether it is a run's own end, and not a refusal of the call."""


def _fault(status: int, headers: Mapping[str, str], body: bytes) -> _Fault | None:
    """Return the error that an answer tells; None where it is good, or something else than fal's."""
    if status < 400 or is_html(body):
        return None
    value = told(body)
    marked = "x-fal-retryable" in headers
    details = objects(value.get("detail"))
    if details:
        where = details[0].get("loc")
        steps = where if isinstance(where, list) else []
        param = ".".join(text(step) for step in steps if step != "body")
        return _Fault(text(details[0].get("msg")), text(details[0].get("type")), param or None, of_run=True)
    kind = text(value.get("error_type")) or headers.get("x-fal-error-type", "")
    word = text(value.get("status"))
    message = text(value.get("detail")) or text(value.get("message")) or word
    return _Fault(message, kind or word, of_run=marked or bool(kind)) if message or kind else None
