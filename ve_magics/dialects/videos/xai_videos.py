"""xAI's videos: a request id to poll, one word for waiting and working, cost in ticks (xAI API reference)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.limits import Limits
from ve_magics.dialects.videos.pictures import picture_address
from ve_magics.dialects.videos.polled import PolledVideos, get, post_json, said
from ve_magics.dialects.videos.reading import fraction, inner, job_failure, number, text, web_urls
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.jobs import Job, JobFailure, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

TICKS = 10**10
"""So many ticks are one US dollar."""

_ASPECTS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")


class XaiVideos(PolledVideos):
    """The client's side of xAI's videos."""

    name = "xai_videos"
    no_words: ClassVar = {
        "count": "Ask once for each video.",
        "last_frame": "Give the first frame only.",
        "negative_prompt": "Say in the prompt what is to be there.",
        "seed": "Leave the seed out: results are not repeatable.",
        "audio": "Say in the prompt what is to be heard.",
        "remix_of": "Give the video's address in the provider's own words, with the field `video`.",
    }
    limits: ClassVar = {
        "grok-imagine-video": Limits(span=(1, 15), aspects=_ASPECTS, resolutions=("480p", "720p"))
    }
    any_model = Limits(aspects=_ASPECTS, resolutions=("480p", "720p", "1080p"))

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(shaped(request))
        whole_seconds(request, self.name)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's argument
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)

        def shown(picture: Image, field: str) -> dict[str, str]:
            return {"url": picture_address(picture, provider, field, self.name)}

        shape = shaped(request)
        fields = said(
            model=request.model,
            prompt=request.prompt,
            duration=whole_seconds(request, self.name),
            aspect_ratio=shape.aspect,
            resolution=shape.resolution,
            image=shown(request.first_frame, "first_frame") if request.first_frame else None,
            reference_images=[shown(picture, "references") for picture in request.references],
        )
        return post_json("/videos/generations", {**fields, **request.extra})

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get(f"/videos/{quote(job.provider_job_id, safe='')}")

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an answer says; a film that moderation took away is a failure."""
        word = text(value.get("status"))
        state = remote_state(word) if word else "queued"
        video = inner(value, "video")
        urls = web_urls(video.get("url"))
        failure = _failure(value) if state == "failed" else None
        if state == "succeeded" and not urls and video.get("respect_moderation") is False:
            state = "failed"
            failure = job_failure("The provider's moderation took the video away.", kind="content_filter")
        progress = number(value.get("progress"))
        ticks = number(inner(value, "usage").get("cost_in_usd_ticks"))
        return JobReply(
            provider_job_id=text(value.get("request_id")),
            state=state,
            raw_status=word,
            progress=None if progress is None else fraction(progress / 100),
            failure=failure,
            urls=urls,
            cost=None if ticks is None else ticks / TICKS,
            seconds=number(video.get("duration")) or None,
            model=text(value.get("model")),
        )


dialect = XaiVideos()
"""The client's side."""


def _failure(value: Mapping[str, Any]) -> JobFailure:
    error = inner(value, "error")
    return job_failure(text(error.get("message")) or text(value.get("error")), text(error.get("code")))
