"""Answering users who ask in the aggregators' format."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from ve_magics.dialects.videos.fields import (
    MAX_SEED,
    decode_body,
    picture_field,
    prompt_field,
    seconds_field,
    size_field,
    string_field,
    whole_field,
    wrong,
)
from ve_magics.dialects.videos.limits import dimensions
from ve_magics.dialects.videos.openai_videos.server import OpenAIVideosServer, encode_video, failure_code
from ve_magics.errors import ArgumentsError, VeError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image

MOST_IMAGES = 16
"""Most pictures of one request."""

_KNOWN = frozenset(
    (
        "prompt",
        "model",
        "image",
        "images",
        "input_reference",
        "size",
        "width",
        "height",
        "aspect_ratio",
        "resolution",
        "duration",
        "seconds",
        "seed",
        "n",
        "negative_prompt",
        "response_format",
    )
)
_MOST_PIXELS = 16_384
_LEAST_PICTURE = 64


class VideoGenerationsServer(OpenAIVideosServer):
    """The server's side of the aggregators' format; what it has no call for is answered as in OpenAI's."""

    def decode_create_request(self, body: bytes, headers: Mapping[str, str]) -> VideoRequest:
        """Read a user's create call, JSON or form; raises as the contract says. Unknown fields become `extra`."""
        fields, uploaded = decode_body(body, headers)
        if fields.get("response_format") not in (None, "", "url"):
            raise wrong("response_format is url.", "response_format")
        first = uploaded or next(
            (_picture(fields[name], name) for name in ("image", "input_reference") if fields.get(name)), None
        )
        references = _pictures(fields.get("images"))
        if first is None and len(references) == 1:
            first, references = references[0], ()
        length = "duration" if fields.get("duration") not in (None, "") else "seconds"
        return VideoRequest(
            prompt=prompt_field(fields),
            model=string_field(fields, "model"),
            seconds=seconds_field(fields.get(length), length),
            size=_size(fields),
            aspect=string_field(fields, "aspect_ratio"),
            resolution=string_field(fields, "resolution"),
            first_frame=first,
            references=references,
            seed=whole_field(fields, "seed", 0, MAX_SEED),
            count=whole_field(fields, "n", 1, 100),
            negative_prompt=string_field(fields, "negative_prompt"),
            extra={name: value for name, value in fields.items() if name not in _KNOWN},
        )

    def encode_job(self, job: Job, *, origin: str = "") -> bytes:
        """Return a job as its users see it, under our own id.

        One object has what each reader of this format looks for: `id` and `task_id`, `url` and `data[0].url`.

        Args:
            job: The job.
            origin: Address of our server without a slash at the end, for the file's address.
        """
        video = {**encode_video(job), "task_id": job.id, "format": "mp4", "metadata": _metadata(job)}
        if job.state == "succeeded":
            address = f"{origin}/v1/videos/{job.id}/content"
            datum = {"url": address}
            if job.revised_prompt:
                datum["revised_prompt"] = job.revised_prompt
            video |= {"url": address, "data": [datum]}
        return msgspec.json.encode(video)

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body of a failure."""
        told = {
            "code": failure_code(error) or "invalid_request",
            "message": str(error),
            "data": None,
        }
        return error.http_status, msgspec.json.encode(told)


def _picture(value: object, name: str) -> Image | None:
    """Return a picture; in this format it may be plain base64 too."""
    if isinstance(value, str) and len(value) >= _LEAST_PICTURE and ":" not in value:
        try:
            return Image(base64.b64decode(value, validate=True))
        except ValueError:
            pass
    return picture_field(value, name)


def _pictures(value: object) -> tuple[Image, ...]:
    if value in (None, ""):
        return ()
    if not isinstance(value, list) or len(value) > MOST_IMAGES:
        raise wrong(f"images is a list of at most {MOST_IMAGES}.", "images")
    found = [_picture(item, "images") for item in value]
    return tuple(picture for picture in found if picture is not None)


def _size(fields: Mapping[str, Any]) -> str:
    width = whole_field(fields, "width", 16, _MOST_PIXELS)
    height = whole_field(fields, "height", 16, _MOST_PIXELS)
    if (width is None) != (height is None):
        raise wrong("width and height come together.", "width" if width is None else "height")
    return size_field(fields) or (f"{width}x{height}" if width else "")


def _metadata(job: Job) -> dict[str, Any]:
    """Return what is known of the film itself."""
    seconds = job.seconds if job.seconds is not None else job.request.seconds
    found: dict[str, Any] = {"duration": seconds, "seed": job.request.seed}
    with suppress(ArgumentsError):  # some providers name a size in words
        found["width"], found["height"] = dimensions(job.size or job.request.size)
    return {name: value for name, value in found.items() if value is not None}
