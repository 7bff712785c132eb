"""FFmpeg, as the judge of what is encoded."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import pytest

from ve_magics.sim.film.h264 import Picture

Decode = Callable[[bytes], list[Picture]]
Crop = Callable[[Picture, int, int], Picture]


def _decode(film: bytes) -> list[Picture]:
    pictures = []
    with av.open(io.BytesIO(film)) as container:
        for frame in container.decode(video=0):
            planes = []
            for plane, shift in zip(frame.planes, (0, 1, 1), strict=True):
                raw, wide, high = bytes(plane), frame.width >> shift, frame.height >> shift
                planes.append(b"".join(raw[row * plane.line_size :][:wide] for row in range(high)))
            pictures.append(Picture(*planes))
    return pictures


def _crop(picture: Picture, width: int, height: int) -> Picture:
    planes = []
    for plane, shift in zip(picture, (0, 1, 1), strict=True):
        stride = -(-width // 16) * 16 >> shift
        planes.append(b"".join(plane[row * stride :][: width >> shift] for row in range(height >> shift)))
    return Picture(*planes)


@pytest.fixture(scope="session")
def decode() -> Decode:
    """Return the planes of each picture in an MP4 file."""
    return _decode


@pytest.fixture(scope="session")
def crop() -> Crop:
    """Return the visible part of a padded picture, by width and height."""
    return _crop
