"""Inputs of hosted models: one request in the words of the model that is run, for services that run anybody's models.

Such a service passes on an object of inputs, and each model has names of its own for the same things.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from ve_magics.dialects.videos.limits import Limits, check_limits
from ve_magics.dialects.videos.polled import said
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.tasks import whole_seconds
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import VideoRequest
from ve_magics.messages import Image


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a family of models calls its inputs; an empty name means that it has no such input.

    Attributes:
        first_frame: The picture that a video begins with.
        last_frame: The picture that it ends with.
        references: A list of pictures of what is to appear.
        seconds: The length.
        spelling: How a length is written: a whole number, the same as text, or text with an `s` after it.
        audio: Whether to make sound.
        lengths: Seconds that it makes; empty where the model decides.
    """

    first_frame: str
    last_frame: str
    references: str = ""
    seconds: str = "duration"
    spelling: Literal["number", "text", "unit"] = "number"
    audio: str = "generate_audio"
    lengths: tuple[float, ...] = ()


def words_of(model: str, families: Sequence[tuple[str, Words]], common: Words) -> Words:
    """Return the words of the first family whose mark stands in a model's name, or the common ones."""
    return next((words for mark, words in families if mark in model.lower()), common)


def encode_inputs(
    request: VideoRequest, words: Words, dialect: str, address: Callable[[Image, str], str]
) -> dict[str, Any]:
    """Return a request as the inputs of a model.

    Args:
        request: What is to be filmed.
        words: What the model calls its inputs.
        dialect: Who says no.
        address: Returns a picture's address; told the picture and the field of the request that holds it.

    Raises:
        UnsupportedError: The model has no such input, or can't make this length.
    """
    check_limits(request, Limits(seconds=words.lengths), dialect)
    fields = said(
        prompt=request.prompt, negative_prompt=request.negative_prompt, seed=request.seed, **_shape(request)
    )
    seconds = whole_seconds(request, dialect)
    length = {"number": seconds, "text": f"{seconds}", "unit": f"{seconds}s"}[words.spelling]
    named = (
        (
            "first_frame",
            words.first_frame,
            address(request.first_frame, "first_frame") if request.first_frame else "",
        ),
        (
            "last_frame",
            words.last_frame,
            address(request.last_frame, "last_frame") if request.last_frame else "",
        ),
        ("references", words.references, [address(picture, "references") for picture in request.references]),
        ("seconds", words.seconds, length if seconds is not None else None),
        ("audio", words.audio, request.audio),
    )
    for field, name, value in named:
        if value in (None, "", []):
            continue
        if not name:
            hint = "Give it under the model's own name for it, as a field of the provider."
            raise UnsupportedError(field, dialect, hint=hint)
        fields[name] = value
    return {**fields, **request.extra}


def _shape(request: VideoRequest) -> dict[str, str]:
    shape = shaped(request)
    return {"aspect_ratio": shape.aspect, "resolution": shape.resolution}
