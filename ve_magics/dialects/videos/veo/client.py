"""Asking for a film with a long-running operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.generate_content import faults, models
from ve_magics.dialects.videos import google_files
from ve_magics.dialects.videos.contract import Source, Variant, VideoPage
from ve_magics.dialects.videos.limits import check_limits, check_prompt
from ve_magics.dialects.videos.pictures import picture_bytes
from ve_magics.dialects.videos.reading import text
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.veo.answers import decode_answer, decode_operation, find_film
from ve_magics.dialects.videos.veo.table import LIMITS, NAME
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

_OF_INSTANCE = ("video", "mask")
"""Fields of the provider that stand beside the prompt and not among the parameters."""

_MODEL = re.compile(r"(?:^|/)models/([^/]+)/operations/")


class Veo:
    """The client's side of Veo's long-running operations."""

    name = NAME
    honours_keys = False

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        if not request.model:
            raise UnsupportedError("model", self.name, message="Veo is asked under the name of a model.")
        if request.remix_of:
            raise UnsupportedError("remix_of", self.name)
        if request.count not in (None, 1):
            raise UnsupportedError("count", self.name, hint="Ask once for each video.")
        if request.seconds is not None and request.seconds != int(request.seconds):
            raise UnsupportedError("seconds", self.name, hint="A length is a whole number of seconds.")
        for field, picture in _pictures(request):
            picture_bytes(picture, field, self.name)
        check_limits(shaped(request), LIMITS.get(models.bare(request.model)), self.name)

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
        return WireRequest(models.path(request.model, "predictLongRunning"), msgspec.json.encode(body))

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        value = decode_answer(status, headers, body)
        if not text(value.get("name")):
            raise faults.decode_fault(value) or DecodeError(
                "The provider's answer holds no name of an operation."
            )
        return decode_operation(value)

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is: Vertex AI wants it told to the model."""
        name = job.provider_job_id
        if name.startswith("models/"):
            return WireRequest(f"/{quote(name, safe='/-._~')}", method="GET", headers=())
        found = _MODEL.search(name)
        path = models.path(found[1] if found else job.model, "fetchPredictOperation")
        return WireRequest(path, msgspec.json.encode({"operationName": name}))

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        return decode_operation(decode_answer(status, headers, body))

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[Source, ...]:
        """Return where the file may be had: at the addresses that were named, or inside the answer to a poll."""
        if variant != "video":
            return ()
        return google_files.sources(job, provider, self.encode_poll(job), find_film)

    def encode_cancel(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def encode_delete(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no such call."""
        return None

    def decode_done(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Read the answer to a call that has none; raises as the contract says."""
        decode_answer(status, headers, body)

    def encode_list(self, after: str = "") -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: there is no list."""
        return None

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        """Read a list that there is none of; raises as the contract says."""
        decode_answer(status, headers, body)
        return VideoPage(())


def _pictures(request: VideoRequest) -> list[tuple[str, Image]]:
    """Return all pictures with the fields that hold them."""
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    given = [(field, picture) for field, picture in frames if picture]
    return [*given, *(("references", picture) for picture in request.references)]


def _picture(picture: Image) -> dict[str, Any]:
    data, media_type = picture_bytes(picture, "first_frame", NAME)
    return {"bytesBase64Encoded": data, "mimeType": media_type}


def _parameters(request: VideoRequest) -> dict[str, Any]:
    known: dict[str, Any] = {
        "aspectRatio": request.aspect or None,
        "resolution": request.resolution or None,
        "durationSeconds": int(request.seconds) if request.seconds is not None else None,
        "sampleCount": 1,
        "negativePrompt": request.negative_prompt or None,
        "seed": request.seed,
        "generateAudio": request.audio,
    }
    given = {name: value for name, value in known.items() if value is not None}
    return {**given, **{name: value for name, value in request.extra.items() if name not in _OF_INSTANCE}}
