"""Pictures go out as each provider takes them, or not at all."""

from __future__ import annotations

import msgspec
import pytest

from ve_magics.dialects.videos.pictures import encode_picture, picture_address, picture_bytes, picture_type
from ve_magics.errors import UnsupportedError
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS, Quirks

RUNWAY = PROVIDERS["runway"]
BLIND = msgspec.structs.replace(RUNWAY, quirks=Quirks(image_urls=False))
PNG = Image(b"\x89PNG")


def test_a_picture_is_its_file_its_bytes_or_its_address() -> None:
    """In this order; an address only where the provider loads it by itself."""
    assert (
        picture_address(Image(file_id="runway://1", url="https://p.test/a"), RUNWAY, "f", "d") == "runway://1"
    )
    assert picture_address(PNG, RUNWAY, "f", "d") == "data:image/png;base64,iVBORw=="
    assert picture_address(Image(url="https://p.test/a"), RUNWAY, "f", "d") == "https://p.test/a"
    for picture, provider in ((Image(url="https://p.test/a"), BLIND), (Image(), RUNWAY)):
        with pytest.raises(UnsupportedError) as caught:
            picture_address(picture, provider, "last_frame", "d")
        assert caught.value.field == "last_frame"


def test_bytes_come_with_their_type() -> None:
    """An address has no bytes."""
    assert picture_bytes(PNG, "f", "d") == ("iVBORw==", "image/png")
    with pytest.raises(UnsupportedError):
        picture_bytes(Image(url="https://p.test/a"), "f", "d")


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (Image(b"x", "image/avif"), "image/avif"),
        (Image(b"GIF89a"), "image/gif"),
        (Image(b"RIFF....WEBP"), "image/webp"),
        (Image(b"\xff\xd8\xff"), "image/jpeg"),
        (Image(url="https://p.test/A.PNG?x=1"), "image/png"),
        (Image(url="https://p.test/a"), "image/jpeg"),
    ],
)
def test_a_picture_looks_like_something(picture: Image, kind: str) -> None:
    """Its own word, then its first bytes, then its address; a photograph otherwise."""
    assert picture_type(picture) == kind


def test_a_picture_is_text() -> None:
    """An address as it is, bytes with or without the head; a file's id alone can't be shown."""
    assert encode_picture(Image(url="https://p.test/a"), "f", "d") == "https://p.test/a"
    assert encode_picture(PNG, "f", "d", bare=True) == "iVBORw=="
    assert encode_picture(Image(b"\x89PNG", "image/png"), "f", "d") == "data:image/png;base64,iVBORw=="
    with pytest.raises(UnsupportedError):
        encode_picture(Image(file_id="1"), "f", "d")
