"""The shape of a picture for providers that name aspect ratio and resolution instead of pixels."""

from __future__ import annotations

import math

import msgspec

from ve_magics.dialects.videos.limits import dimensions
from ve_magics.jobs import VideoRequest

_LONG = 2000
"""Lines from which on a resolution is named by thousands of columns."""


def aspect_of(width: int, height: int) -> str:
    """Return the aspect ratio in smallest whole numbers."""
    common = math.gcd(width, height)
    return f"{width // common}:{height // common}"


def resolution_of(width: int, height: int) -> str:
    """Return the resolution by the shorter side: `720p`, `4k`."""
    lines = min(width, height)
    return f"{lines}p" if lines < _LONG else f"{round(lines / 540)}k"


def shaped(request: VideoRequest) -> VideoRequest:
    """Return the request with aspect ratio and resolution in place of its size; what it names already stays.

    Raises:
        ArgumentsError: The size can't be read.
    """
    resolution = request.resolution.strip().lower()
    aspect = request.aspect.strip()
    if request.size:
        width, height = dimensions(request.size)
        resolution = resolution or resolution_of(width, height)
        aspect = aspect or aspect_of(width, height)
    return msgspec.structs.replace(request, size="", aspect=aspect, resolution=resolution)
