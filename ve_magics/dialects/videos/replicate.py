"""Replicate's predictions: a model by owner and name, its inputs in its own words (Replicate HTTP API reference)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, urlsplit

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import failure
from ve_magics.dialects.videos.contract import VideoPage
from ve_magics.dialects.videos.inputs import Words, encode_inputs, words_of
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json
from ve_magics.dialects.videos.reading import (
    decode_object,
    epoch,
    inner,
    job_failure,
    objects,
    text,
    web_urls,
)
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

_MODEL = re.compile(r"([\w.-]*\w[\w.-]*)/([\w.-]*\w[\w.-]*)(?::([0-9a-f]{64}))?|([0-9a-f]{64})")
_WAIT = re.compile(r"resets in ~?(\d{1,5})\s*s")
_COMMON = Words(first_frame="image", last_frame="last_frame", references="reference_images")
_FAMILIES = (
    (
        "kwaivgi/kling",
        Words(first_frame="start_image", last_frame="end_image", references="reference_images"),
    ),
    (
        "minimax/",
        Words(first_frame="first_frame_image", last_frame="last_frame_image", audio="", lengths=(6, 10)),
    ),
    (
        "bytedance/seedance",
        Words(first_frame="image", last_frame="last_frame_image", references="reference_images"),
    ),
    ("luma/ray", Words(first_frame="start_image", last_frame="end_image", audio="")),
    (
        "google/veo",
        Words(first_frame="image", last_frame="last_frame", references="reference_images", lengths=(4, 6, 8)),
    ),
    ("openai/sora", Words(first_frame="input_reference", last_frame="", seconds="seconds", audio="")),
)
"""What families of models call their inputs, by how the model's name begins."""


class Replicate(PolledVideos):
    """The client's side of Replicate's predictions."""

    name = "replicate"
    no_words: ClassVar = {
        "count": "Ask once for each video.",
        "remix_of": "Ask a model that takes a video, with its address as the field `video`.",
    }

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(request)
        _named(request.model)
        self._inputs(request, None)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        model, version = _named(request.model)
        inputs = self._inputs(request, provider)
        if version:
            return post_json("/predictions", {"version": version, "input": inputs})
        return post_json(f"/models/{model}/predictions", {"input": inputs})

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

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get(_path(job))

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job."""
        return WireRequest(f"{_path(job)}/cancel", headers=())

    def encode_list(self, after: str = "") -> WireRequest | None:
        """Return the call that lists the newest jobs."""
        return get("/predictions", **({"cursor": after} if after else {}))

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        """Read a part of the list; raises as the contract says."""
        value = self.read(status, headers, body)
        cursor = parse_qs(_query(value.get("next"))).get("cursor", [""])
        replies = [self.decode_reply(item) for item in objects(value.get("results"))]
        return VideoPage(tuple(reply for reply in replies if reply.provider_job_id), cursor[0])

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; how long to wait stands in the sentence of a refusal."""
        wait = _WAIT.search(body[:2000].decode("utf-8", "replace")) if status == 429 else None
        if wait:
            message = text(decode_object(200, headers, body).get("detail"))
            raise failure(status, message, headers=headers, wait=float(wait[1]))
        return decode_object(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what a prediction says; one whose data are removed has expired."""
        word = text(value.get("status"))
        state = remote_state(word) if word else "queued"
        urls = _files(value.get("output"))
        if state == "succeeded" and not urls and value.get("data_removed") is True:
            state = "expired"
        return JobReply(
            provider_job_id=text(value.get("id")),
            state=state,
            raw_status=word,
            failure=job_failure(text(value.get("error"))) if state == "failed" else None,
            urls=urls,
            created=epoch(value.get("created_at")),
            prompt=text(inner(value, "input").get("prompt")),
            model=text(value.get("model")),
        )


dialect = Replicate()
"""The client's side."""


def _named(model: str) -> tuple[str, str]:
    """Return owner and name of a model, and the digest of a version; one of the two may be empty."""
    found = _MODEL.fullmatch(model)
    if found is None:
        raise UnsupportedError(
            "model",
            Replicate.name,
            message=f"{model or 'Nothing'} is no model of Replicate.",
            hint="A model is named OWNER/NAME, with :VERSION behind it for one that isn't official.",
        )
    return f"{found[1]}/{found[2]}" if found[1] else "", found[3] or found[4] or ""


def _path(job: Job) -> str:
    return f"/predictions/{quote(job.provider_job_id, safe='')}"


def _query(url: object) -> str:
    try:
        return urlsplit(text(url)).query
    except ValueError:
        return ""


def _files(output: object) -> tuple[str, ...]:
    """Return the addresses in an output: a text, a list of them, or an object that holds one."""
    if isinstance(output, dict):
        output = [output.get(name) for name in ("video", "url", "output")]
    return web_urls(*output) if isinstance(output, list) else web_urls(output)
