"""SiliconFlow's videos: submitted and asked for by POST, with code numbers for refusals (SiliconFlow API reference)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import failure
from ve_magics.dialects.videos.limits import Limits, size_of
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, post_json, said
from ve_magics.dialects.videos.reading import decode_object, inner, job_failure, objects, text, web_urls
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.providers import Provider

DEFAULT_SIZE = "1280x720"
"""The size where none is named, for the interface wants one."""

_CODES = {
    "20012": "model_not_found",
    "30001": "insufficient_quota",
    "50505": "server_overloaded",
    "50603": "rate_limit_exceeded",
}
"""What the code numbers mean."""

_WAN = Limits(sizes=("1280x720", "720x1280", "960x960"), lacks=("seconds",))


class SiliconFlowVideos(PolledVideos):
    """The client's side of SiliconFlow's videos."""

    name = "siliconflow_videos"
    no_words: ClassVar = {
        "seconds": "Leave the length out: the model's own is made.",
        "count": "Ask once for each video.",
        "last_frame": "Give the first frame only.",
        "audio": "The films are silent.",
        "remix_of": "Write a new prompt.",
    }
    limits: ClassVar = {"Wan-AI/Wan2.2-T2V-A14B": _WAN, "Wan-AI/Wan2.2-I2V-A14B": _WAN}

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(request)
        if request.references:
            raise UnsupportedError("references", self.name, hint="Give one picture, as the first frame.")
        size_of(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        image = request.first_frame
        fields = said(
            model=request.model,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            image_size=size_of(request) or DEFAULT_SIZE,
            seed=request.seed,
            image=picture_address(image, provider, "first_frame", self.name) if image else "",
        )
        return post_json("/video/submit", {**fields, **request.extra})

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return post_json("/video/status", {"requestId": job.provider_job_id})

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; the code number of a refusal wins over its status."""
        if status >= 300:
            try:
                value = msgspec.json.decode(body)
            except (msgspec.DecodeError, RecursionError):
                value = None
            code = text(value.get("code")) if isinstance(value, dict) else ""
            if code in _CODES:
                codes = (_CODES[code], code)
                raise failure(status, text(value.get("message")), codes=codes, headers=headers)
        return decode_object(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an answer says."""
        word = text(value.get("status"))
        state = remote_state(word) if word else "queued"
        return JobReply(
            provider_job_id=text(value.get("requestId")),
            state=state,
            raw_status=word,
            failure=job_failure(text(value.get("reason"))) if state == "failed" else None,
            urls=web_urls(*(video.get("url") for video in objects(inner(value, "results").get("videos")))),
        )


dialect = SiliconFlowVideos()
"""The client's side."""
