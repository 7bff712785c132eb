"""What a model can make, as data, and the nearest thing that it can where it can't make what is asked.

A model that is not listed has no limits here: its provider decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from ve_magics.errors import ArgumentsError, UnsupportedError
from ve_magics.jobs import VideoRequest

_SIZE = re.compile(r"([1-9]\d{1,4})[x×*]([1-9]\d{1,4})", re.IGNORECASE)
_ASPECT = re.compile(r"([1-9]\d{0,3}(?:\.\d+)?):([1-9]\d{0,3}(?:\.\d+)?)")
_LINES = re.compile(r"([1-9]\d{2,3})p", re.IGNORECASE)
_PLAIN = VideoRequest(prompt="")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one model can make; nothing means no limit.

    Attributes:
        seconds: Lengths that it makes.
        span: Shortest and longest length, where any between them will do.
        sizes: Sizes as `WIDTHxHEIGHT`.
        aspects: Aspect ratios.
        resolutions: For example `720p`.
        prompt: Longest prompt in characters.
        lacks: Fields of `VideoRequest` that it doesn't know although its dialect can say them.
    """

    seconds: tuple[float, ...] = ()
    span: tuple[float, float] | None = None
    sizes: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    prompt: int = 0
    lacks: tuple[str, ...] = ()


def dimensions(size: str) -> tuple[int, int]:
    """Return width and height in pixels of a size such as `1280x720`.

    Raises:
        ArgumentsError: It is none.
    """
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise ArgumentsError(f"{size!r} is not a size.", hint="Write width and height, for example 1280x720.")
    return int(found[1]), int(found[2])


def size_of(request: VideoRequest) -> str:
    """Return the size that is asked for, worked out from aspect ratio and resolution where it isn't named.

    Only one of the two is enough: the other is 16:9 or 720p then.

    Raises:
        ArgumentsError: One of them can't be read.
    """
    if request.size:
        width, height = dimensions(request.size)
        return f"{width}x{height}"
    if not request.aspect and not request.resolution:
        return ""
    aspect = _ASPECT.fullmatch(request.aspect.strip() or "16:9")
    lines = _LINES.fullmatch(request.resolution.strip() or "720p")
    if aspect is None:
        raise ArgumentsError(f"{request.aspect!r} is not an aspect ratio.", hint="For example 16:9.")
    if lines is None:
        raise ArgumentsError(f"{request.resolution!r} is not a resolution.", hint="For example 720p.")
    ratio, short = float(aspect[1]) / float(aspect[2]), int(lines[1])
    long = 2 * round(short * max(ratio, 1 / ratio) / 2)
    return f"{long}x{short}" if ratio >= 1 else f"{short}x{long}"


def check_prompt(request: VideoRequest) -> None:
    """Look whether there is anything to film.

    Raises:
        ArgumentsError: The prompt is empty.
    """
    if not request.prompt.strip():
        raise ArgumentsError("There is no prompt.", hint="Write what the video is to show.")


def check_limits(request: VideoRequest, limits: Limits | None, dialect: str) -> None:
    """Look at a request before money is spent on it.

    Args:
        request: What is to be filmed.
        limits: What the model can make, or None where that is not known.
        dialect: Who says no.

    Raises:
        UnsupportedError: The model can't make it; the hint names the nearest allowed value.
    """
    if limits is None:
        return
    model = request.model or "The model"
    for field in limits.lacks:
        if getattr(request, field) != getattr(_PLAIN, field):
            raise UnsupportedError(field, dialect, message=f"{model} doesn't know {field!r}.")
    if limits.prompt and len(request.prompt) > limits.prompt:
        raise UnsupportedError(
            "prompt",
            dialect,
            message=f"The prompt has {len(request.prompt)} characters; {model} takes {limits.prompt}.",
        )
    if request.seconds is not None:
        _check_seconds(request.seconds, limits, model, dialect)
    size = size_of(request) if limits.sizes else ""
    if size and size not in limits.sizes:
        best = min(limits.sizes, key=lambda allowed: _distance(size, allowed))
        raise _refusal("size", size, best, limits.sizes, model, dialect)
    if limits.aspects and request.aspect and request.aspect not in limits.aspects:
        near = min(limits.aspects, key=lambda allowed: abs(_log_ratio(request.aspect) - _log_ratio(allowed)))
        raise _refusal("aspect", request.aspect, near, limits.aspects, model, dialect)
    if limits.resolutions and request.resolution and request.resolution not in limits.resolutions:
        close = min(limits.resolutions, key=lambda allowed: abs(_lines(request.resolution) - _lines(allowed)))
        raise _refusal("resolution", request.resolution, close, limits.resolutions, model, dialect)


def _check_seconds(seconds: float, limits: Limits, model: str, dialect: str) -> None:
    if limits.seconds and seconds not in limits.seconds:
        best = min(limits.seconds, key=lambda allowed: (abs(allowed - seconds), allowed))
        values = [f"{value:g}" for value in limits.seconds]
        raise _refusal("seconds", f"{seconds:g}", f"{best:g}", values, model, dialect)
    if limits.span is not None and not limits.span[0] <= seconds <= limits.span[1]:
        least, most = limits.span
        near = f"{least if seconds < least else most:g}"
        raise _refusal("seconds", f"{seconds:g}", near, [f"{least:g} to {most:g}"], model, dialect)


def _refusal(
    field: str, value: str, nearest: str, allowed: Sequence[str], model: str, dialect: str
) -> UnsupportedError:
    return UnsupportedError(
        field,
        dialect,
        message=f"{model} can't make a video with {field} {value}.",
        hint=f"The nearest is {nearest}; allowed: {', '.join(allowed)}.",
    )


def _distance(one: str, other: str) -> float:
    """Return how far two sizes are apart; another shape weighs more than another number of pixels."""
    (width, height), (other_width, other_height) = dimensions(one), dimensions(other)
    shape = abs(math.log(width / height) - math.log(other_width / other_height))
    return 4 * shape + abs(math.log(width * height) - math.log(other_width * other_height))


def _log_ratio(aspect: str) -> float:
    found = _ASPECT.fullmatch(aspect)
    return math.log(float(found[1]) / float(found[2])) if found else 0.0


def _lines(resolution: str) -> int:
    digits = re.match(r"\d+", resolution)
    lines = int(digits[0]) if digits else 0
    return lines * 540 if resolution.upper().endswith("K") else lines
