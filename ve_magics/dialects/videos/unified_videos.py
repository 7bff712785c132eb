"""The aggregators' other video format (`/video/create` and `/video/query`), one for the models of many makers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.limits import dimensions
from ve_magics.dialects.videos.openai_videos.answers import decode_object, decode_reply
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json, said
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider


class UnifiedVideos(PolledVideos):
    """The client's side of `/video/create`."""

    name = "unified_videos"
    no_words: ClassVar = {
        "count": "Ask once for each video.",
        "resolution": "Give an aspect ratio, and `enable_upsample` as a field of the provider.",
        "seed": "Leave the seed out: results are not repeatable.",
        "negative_prompt": "Say in the prompt what is to be there.",
        "audio": "Say in the prompt what is to be heard.",
        "remix_of": "Write a new prompt.",
    }

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(request)
        if request.last_frame and not request.first_frame:
            raise UnsupportedError("last_frame", self.name, hint="Give a first frame with it.")
        if request.first_frame and request.references:
            raise UnsupportedError("references", self.name, hint="Give frames or references.")
        whole_seconds(request, self.name)
        if request.size:
            dimensions(request.size)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says. Frames go as a list."""
        self.check(request)

        def shown(picture: Image, field: str) -> str:
            return picture_address(picture, provider, field, self.name)

        frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
        images = [shown(picture, field) for field, picture in frames if picture is not None]
        fields = said(
            model=request.model,
            prompt=request.prompt,
            images=images or [shown(picture, "references") for picture in request.references],
            aspect_ratio=request.aspect,
            duration=whole_seconds(request, self.name),
            size=request.size,
        )
        return post_json("/video/create", {**fields, **request.extra})

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get("/video/query", id=job.provider_job_id)

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer, out of its envelope where it has one."""
        return decode_object(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what a job says; a step's end is the job's where the file is there."""
        return decode_reply(value, {})


dialect = UnifiedVideos()
"""The client's side."""
