"""How a request is written: flat fields in the older interface, a list of contents in the newer one."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.videos.limits import check_limits, check_prompt
from ve_magics.dialects.videos.minimax.table import LIMITS, NAME, SHORT_ONLY, SHORTER, is_newer
from ve_magics.dialects.videos.pictures import encode_picture
from ve_magics.dialects.videos.shapes import shaped
from ve_magics.dialects.videos.tasks import check_said, present, whole_seconds
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import VideoRequest

_NEITHER = {
    "seed": "",
    "count": "Ask once for each video.",
    "negative_prompt": "Say it in the prompt.",
    "audio": "",
    "remix_of": "",
}
_OLDER = {
    **_NEITHER,
    "size": "Ask for a resolution: 768p or 1080p.",
    "aspect": "The video is 16:9, or has the shape of its picture.",
}


def check(request: VideoRequest) -> None:
    """Look at a request before money is spent on it.

    Raises:
        ArgumentsError: It has no prompt.
        UnsupportedError: It can't be said or made; the hint names the nearest allowed value.
    """
    check_prompt(request)
    newer = is_newer(request.model)
    check_said(request, NAME, _NEITHER if newer else _OLDER)
    shape = _shaped(request)
    check_limits(shape, LIMITS.get(request.model), NAME)
    whole_seconds(request, NAME)
    if not newer and shape.resolution in SHORT_ONLY and (request.seconds or 0) > SHORTER:
        raise UnsupportedError(
            "seconds",
            NAME,
            message=f"{request.model} makes no {request.seconds:g} seconds in {shape.resolution}.",
            hint=f"The nearest is {SHORTER}; or ask for 768p.",
        )
    _pictures(request)


def encode_wish(request: VideoRequest) -> dict[str, Any]:
    """Return the body of the call that has a video made; raises as `check`."""
    shape = _shaped(request)
    seconds = whole_seconds(request, NAME)
    given = _pictures(request)
    if is_newer(request.model):
        pictures = [
            {
                "type": "image_url",
                "image_url": {"url": picture},
                "role": "reference_image" if field == "references" else field,
            }
            for field, picture in given
        ]
        fields: tuple[tuple[str, object], ...] = (
            ("content", [{"type": "text", "text": request.prompt}, *pictures]),
            ("ratio", shape.aspect),
        )
    else:
        frames = [(f"{field}_image", picture) for field, picture in given if field != "references"]
        shown = [picture for field, picture in given if field == "references"]
        subject = [{"type": "character", "image": shown}] if shown else None
        fields = (("prompt", request.prompt), *frames, ("subject_reference", subject))
    both = (("model", request.model), *fields, ("duration", seconds), ("resolution", shape.resolution))
    return {**present(both), **request.extra}


def _pictures(request: VideoRequest) -> list[tuple[str, str]]:
    """Return each picture of a request, with the field that holds it."""
    frames = (("first_frame", request.first_frame), ("last_frame", request.last_frame))
    return [
        *((field, encode_picture(one, field, NAME)) for field, one in frames if one),
        *(("references", encode_picture(one, "references", NAME)) for one in request.references),
    ]


def _shaped(request: VideoRequest) -> VideoRequest:
    """Return the request with its resolution as the provider writes it."""
    shape = shaped(request)
    return msgspec.structs.replace(shape, resolution=shape.resolution.upper())
