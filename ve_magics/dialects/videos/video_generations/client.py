"""Asking a gateway for a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Source, Variant
from ve_magics.dialects.videos.limits import size_of
from ve_magics.dialects.videos.openai_videos.answers import decode_object, decode_reply
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json, said
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

_METADATA = "Give it in the field `metadata`, in the words of the model's maker."


class VideoGenerations(PolledVideos):
    """The client's side of the aggregators' video format."""

    name = "video_generations"
    no_words: ClassVar = {
        "last_frame": _METADATA,
        "negative_prompt": _METADATA,
        "audio": _METADATA,
        "remix_of": "Write a new prompt.",
    }

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(request)
        if request.first_frame and request.references:
            raise UnsupportedError("references", self.name, hint="Give a first frame or references.")
        whole_seconds(request, self.name)
        size_of(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        first = request.first_frame
        fields = said(
            model=request.model,
            prompt=request.prompt,
            image=picture_address(first, provider, "first_frame", self.name) if first else "",
            images=[
                picture_address(picture, provider, "references", self.name) for picture in request.references
            ],
            size=size_of(request),
            duration=whole_seconds(request, self.name),
            seed=request.seed,
            n=request.count,
        )
        return post_json("/video/generations", {**fields, **request.extra})

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get(f"/video/generations/{quote(job.provider_job_id, safe='')}")

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return where the file may be had: the addresses that the gateway named, then its content call."""
        if variant != "video":
            return ()
        path = f"/videos/{quote(job.provider_job_id, safe='')}/content"
        own = WireRequest(path, method="GET", headers=(), stream=True)
        return (*super().encode_fetch(job, provider, variant), own)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer, out of its envelope where it has one."""
        return decode_object(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what a task says; its own id is `task_id` where it has two."""
        return decode_reply(value, {}, ids=("task_id", "id"))
