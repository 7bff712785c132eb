"""A size says the same as its aspect ratio and its resolution."""

from __future__ import annotations

import pytest

from ve_magics.dialects.videos.shapes import aspect_of, resolution_of, shaped
from ve_magics.errors import ArgumentsError
from ve_magics.jobs import VideoRequest


@pytest.mark.parametrize(
    ("size", "aspect", "resolution"),
    [
        ("1280x720", "16:9", "720p"),
        ("720x1280", "9:16", "720p"),
        ("1920*1080", "16:9", "1080p"),
        ("3840x2160", "16:9", "4k"),
        ("1000x1000", "1:1", "1000p"),
    ],
)
def test_a_size_has_a_shape(size: str, aspect: str, resolution: str) -> None:
    """The ratio is in smallest numbers and the resolution is the shorter side."""
    request = shaped(VideoRequest(prompt="p", size=size))
    assert (request.size, request.aspect, request.resolution) == ("", aspect, resolution)
    width, height = (int(number) for number in size.replace("*", "x").split("x"))
    assert (aspect_of(width, height), resolution_of(width, height)) == (aspect, resolution)


def test_what_is_named_stays() -> None:
    """Aspect ratio and resolution win over the size; case and spaces don't matter."""
    request = shaped(VideoRequest(prompt="p", size="1280x720", aspect=" 9:16 ", resolution=" 1080P"))
    assert (request.aspect, request.resolution) == ("9:16", "1080p")
    plain = VideoRequest(prompt="p")
    assert shaped(plain) == plain


def test_a_size_that_is_none_is_refused() -> None:
    """The error shows how a size is written."""
    with pytest.raises(ArgumentsError, match="1280x720"):
        shaped(VideoRequest(prompt="p", size="big"))
