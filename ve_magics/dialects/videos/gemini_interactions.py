"""Films through Gemini's Interactions API (Google's API reference): asked for in the background, then polled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects import google_faults as faults
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.videos import google_files
from ve_magics.dialects.videos.contract import Source, Variant
from ve_magics.dialects.videos.limits import Limits
from ve_magics.dialects.videos.pictures import picture_bytes, picture_type
from ve_magics.dialects.videos.polled import PolledVideos, get
from ve_magics.dialects.videos.reading import epoch, job_failure, objects, text
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.dialects.videos.veo.answers import decode_answer
from ve_magics.dialects.videos.veo.table import bare
from ve_magics.errors import DecodeError
from ve_magics.jobs import Job, JobFailure, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

NAME = "gemini_interactions_videos"

_ASPECTS, _RESOLUTIONS = ("16:9", "9:16"), ("360p", "720p", "1080p", "4k")

LIMITS: dict[str, Limits] = {
    "gemini-omni-1.1-flash": Limits(span=(3, 10), aspects=_ASPECTS, resolutions=_RESOLUTIONS),
    "gemini-omni-1.2-flash": Limits(span=(3, 15), aspects=_ASPECTS, resolutions=_RESOLUTIONS),
}
"""By model; other models are their provider's business."""

_SILENT = {
    "budget_exceeded": "The budget of the interaction was used up.",
    "incomplete": "The interaction ended before the video was done.",
    "requires_action": "The model asks for an action that nobody can take here.",
}
"""What is said of a failure that names no reason."""


class GeminiInteractionsVideos(PolledVideos):
    """The client's side of films through the Interactions API."""

    name = NAME
    no_words = {  # noqa: RUF012 - a constant of the class, as the base declares it
        "last_frame": "Give the first frame, and say in the prompt how it ends.",
        "seed": "Leave the seed out.",
        "audio": "Say in the prompt what is to be heard.",
        "negative_prompt": "Say in the prompt what is to be there.",
        "count": "Ask once for each video.",
    }
    limits = LIMITS

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(msgspec.structs.replace(shaped(request), model=bare(request.model)))
        for field, picture in _pictures(request):
            _content(picture, field, loads=True)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's arguments
        """Return the call that has a video made, or changed; raises as the contract says."""
        self.check(request)
        loads = provider.quirks.image_urls
        pictures = [_content(picture, field, loads=loads) for field, picture in _pictures(request)]
        body: dict[str, Any] = {"model": bare(request.model)} if request.model else {}
        said = {"type": "text", "text": request.prompt}
        body["input"] = [*pictures, said] if pictures else request.prompt
        body["background"] = True
        if request.remix_of:
            body["previous_interaction_id"] = request.remix_of
        body["response_format"] = [_format(shaped(request))]
        body["generation_config"] = {"video_config": {"task": _task(request)}}
        extra = {name: value for name, value in request.extra.items() if name != "task"}
        return WireRequest("/interactions", msgspec.json.encode(with_extra(body, extra)))

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; raises as the contract says."""
        return decode_answer(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an interaction says; raises `StatusError` where there is an error and no interaction."""
        fault = None if value.get("id") else faults.decode_fault(value)
        if fault is not None:
            raise fault
        if not value.get("id") and not value.get("status"):
            raise DecodeError("The provider's answer is no interaction.")
        return _decode_interaction(value)

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return get(_path(job))

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return where the file may be had: at the addresses that were named, or inside the answer to a poll."""
        if variant != "video":
            return ()
        return google_files.sources(job, provider, self.encode_poll(job), _find_film)

    def encode_cancel(self, job: Job) -> WireRequest | None:
        """Return the call that stops a job."""
        return WireRequest(f"{_path(job)}/cancel")

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a job deleted."""
        return WireRequest(_path(job), method="DELETE", headers=())


dialect = GeminiInteractionsVideos()
"""The client's side."""


def _path(job: Job) -> str:
    return f"/interactions/{quote(job.provider_job_id, safe='')}"


def _pictures(request: VideoRequest) -> list[tuple[str, Image]]:
    first = [("first_frame", request.first_frame)] if request.first_frame else []
    return [*first, *(("references", picture) for picture in request.references)]


def _content(picture: Image, field: str, *, loads: bool) -> dict[str, Any]:
    """Return a picture as the API has it: a file that it knows or loads by itself, or bytes."""
    address = (
        picture.url
        if picture.url.startswith("gs://") or (loads and picture.url.startswith("https://"))
        else ""
    )
    uri = "" if picture.data else picture.file_id or address
    if uri:
        return {"type": "image", "uri": uri, "mime_type": picture_type(picture)}
    data, kind = picture_bytes(picture, field, NAME)
    return {"type": "image", "data": data, "mime_type": kind}


def _task(request: VideoRequest) -> str:
    """Return what is to be done; `extend` and `upscale` can only be said in the provider's own words."""
    own = request.extra.get("task")
    if isinstance(own, str):
        return own
    if request.remix_of:
        return "edit"
    if request.references:
        return "reference_to_video"
    return "image_to_video" if request.first_frame else "text_to_video"


def _format(request: VideoRequest) -> dict[str, Any]:
    """Return what the film is to be; it is never sent inline, for that ends at a few megabytes."""
    wire: dict[str, Any] = {"type": "video", "delivery": "uri"}
    if request.aspect:
        wire["aspect_ratio"] = request.aspect
    if request.seconds is not None:
        wire["duration"] = f"{request.seconds:g}s"
    if request.resolution:
        wire["resolution"] = request.resolution
    return wire


def _decode_interaction(value: Mapping[str, Any]) -> JobReply:
    word = text(value.get("status"))
    state = remote_state(word) if word else "queued"
    films = _films(value)
    urls = tuple(url for url in (text(film.get("uri")) for film in films) if url)
    inside = any(text(film.get("data")) for film in films)
    if state == "succeeded" and not urls and not inside:
        state = "failed"
    return JobReply(
        provider_job_id=text(value.get("id")),
        state=state,
        raw_status=word,
        failure=_failure(value, word) if state == "failed" else None,
        urls=urls,
        created=epoch(value.get("created")),
        model=text(value.get("model")),
        handle={google_files.INSIDE: True} if inside else {},
    )


def _outputs(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the model has put out, piece by piece."""
    steps = [step for step in objects(value.get("steps")) if step.get("type") == "model_output"]
    return [item for step in steps for item in objects(step.get("content"))]


def _films(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    top = objects([value.get("output_video")])
    return top or [item for item in _outputs(value) if item.get("type") == "video"]


def _find_film(value: object) -> str:
    films = _films(value) if isinstance(value, dict) else []
    return next((data for data in (text(film.get("data")) for film in films) if data), "")


def _failure(value: Mapping[str, Any], word: str) -> JobFailure:
    """Return why there is no film: the errors, else what the model said instead."""
    errors = objects(value.get("errors")) or objects([value.get("error")])
    if errors:
        return job_failure(text(errors[0].get("message")), text(errors[0].get("code")))
    said = " ".join(text(item.get("text")) for item in _outputs(value) if item.get("type") == "text").strip()
    said = said or text(value.get("output_text")).strip() or _SILENT.get(word, "")
    kind = "quota" if word == "budget_exceeded" else "job" if not said or word in _SILENT else ""
    return job_failure(said or "The interaction ended without a video.", kind=kind)
