"""Asking for a film with a long-running operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects import google_faults as faults
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos import google_files
from ve_magics.dialects.videos.contract import Source, Variant
from ve_magics.dialects.videos.pictures import picture_bytes, picture_type
from ve_magics.dialects.videos.polled import PolledVideos
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.dialects.videos.veo.answers import decode_answer, decode_operation, find_film
from ve_magics.dialects.videos.veo.table import LIMITS, NAME, bare
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

_OF_INSTANCE = ("video", "mask")
"""Fields of the provider that stand beside the prompt and not among the parameters."""

_MODEL = re.compile(r"(?:^|/)models/([^/]+)/operations/")


class Veo(PolledVideos):
    """The client's side of Veo's long-running operations."""

    name = NAME
    no_words = {  # noqa: RUF012 - a constant of the class, as the base declares it
        "count": "Ask once for each video.",
        "remix_of": "Give the film itself in the provider's own words, with the field `video`.",
    }
    limits = LIMITS

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        super().check(msgspec.structs.replace(shaped(request), model=bare(request.model)))
        if not request.model:
            raise UnsupportedError("model", self.name, message="Veo is asked under the name of a model.")
        whole_seconds(request, self.name)
        for field, picture in _pictures(request):
            _picture(picture, field)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:  # noqa: ARG002 - the contract's arguments
        """Return the call that has a video made; raises as the contract says."""
        self.check(request)
        instance: dict[str, Any] = {"prompt": request.prompt}
        if request.first_frame:
            instance["image"] = _picture(request.first_frame)
        if request.last_frame:
            instance["lastFrame"] = _picture(request.last_frame)
        if request.references:
            instance["referenceImages"] = [
                {"image": _picture(picture), "referenceType": "asset"} for picture in request.references
            ]
        outer = {name: value for name, value in request.extra.items() if name in _OF_INSTANCE}
        body = {"instances": [{**instance, **outer}], "parameters": _parameters(shaped(request))}
        return WireRequest(_path(request.model, "predictLongRunning"), msgspec.json.encode(body))

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the JSON object of a good answer; raises as the contract says."""
        return decode_answer(status, headers, body)

    def decode_reply(self, value: Mapping[str, Any]) -> JobReply:
        """Return what an operation says; raises `StatusError` where there is an error and no operation."""
        fault = None if value.get("name") else faults.decode_fault(value)
        if fault is not None:
            raise fault
        if not value.get("name") and "done" not in value:
            raise DecodeError("The provider's answer is no operation.")
        return decode_operation(value)

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is: Vertex AI wants it told to the model."""
        name = job.provider_job_id
        if name.startswith("models/"):
            return WireRequest(f"/{quote(name, safe='/-._~')}", method="GET", headers=())
        found = _MODEL.search(name)
        path = _path(found[1] if found else job.model, "fetchPredictOperation")
        return WireRequest(path, msgspec.json.encode({"operationName": name}))

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return where the file may be had: at the addresses that were named, or inside the answer to a poll."""
        if variant != "video":
            return ()
        return google_files.sources(job, provider, self.encode_poll(job), find_film)


def _path(model: str, method: str) -> str:
    return f"/models/{quote(bare(model), safe='-._~@')}:{method}"


def _pictures(request: VideoRequest) -> list[tuple[str, Image]]:
    """Return all pictures with the fields that hold them."""
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    given = [(field, picture) for field, picture in frames if picture]
    return [*given, *(("references", picture) for picture in request.references)]


def _picture(picture: Image, field: str = "first_frame") -> dict[str, Any]:
    """Return a picture as bytes with their type, or as a file in a bucket."""
    if picture.url.startswith("gs://") and not picture.data:
        return {"gcsUri": picture.url, "mimeType": picture_type(picture)}
    data, kind = picture_bytes(picture, field, NAME)
    return {"bytesBase64Encoded": data, "mimeType": kind}


def _parameters(request: VideoRequest) -> dict[str, Any]:
    known: dict[str, Any] = {
        "aspectRatio": request.aspect or None,
        "resolution": request.resolution or None,
        "durationSeconds": whole_seconds(request, NAME),
        "sampleCount": 1,
        "negativePrompt": request.negative_prompt or None,
        "seed": request.seed,
        "generateAudio": request.audio,
    }
    given = {name: value for name, value in known.items() if value is not None}
    return {**given, **{name: value for name, value in request.extra.items() if name not in _OF_INSTANCE}}
