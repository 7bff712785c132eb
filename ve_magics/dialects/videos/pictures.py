"""Pictures in a request for a video: as base64, as data addresses, or as an address that the provider loads."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from ve_magics.dialects.data_urls import encode_data_url
from ve_magics.errors import UnsupportedError
from ve_magics.messages import Image
from ve_magics.providers import Provider

_STARTS = ((b"\x89PNG", "image/png"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))
_ENDINGS = {"png": "image/png", "gif": "image/gif", "webp": "image/webp", "heic": "image/heic"}


def encode_picture(picture: Image, field: str, dialect: str, *, bare: bool = False) -> str:
    """Return a picture as its address, or as text that holds it.

    Args:
        picture: The picture.
        field: Which field of the request holds it.
        dialect: Who asks.
        bare: Whether its base64 goes without the head of a data URL.

    Raises:
        UnsupportedError: It is known by the id of a file only.
    """
    if picture.url:
        return picture.url
    if not picture.data:
        raise UnsupportedError(field, dialect, hint="Give the picture itself or its address.")
    if bare:
        return base64.b64encode(picture.data).decode()
    return encode_data_url(picture.media_type, picture.data)


def picture_address(picture: Image, provider: Provider, field: str, dialect: str) -> str:
    """Return a picture as one address: that of its file at the provider, a data address, or its own.

    Raises:
        UnsupportedError: The provider loads no pictures from the web, or there is no picture.
    """
    if picture.file_id:
        return picture.file_id
    if picture.data:
        return encode_data_url(picture_type(picture), picture.data)
    if picture.url and provider.quirks.image_urls:
        return picture.url
    raise UnsupportedError(field, dialect, hint="Give the picture itself.")


def picture_bytes(picture: Image, field: str, dialect: str) -> tuple[str, str]:
    """Return a picture's bytes in base64, and its media type.

    Raises:
        UnsupportedError: It is given as an address.
    """
    if not picture.data:
        raise UnsupportedError(field, dialect, hint="Give the picture itself.")
    return base64.b64encode(picture.data).decode(), picture_type(picture)


def picture_type(picture: Image) -> str:
    """Return the media type of a picture; where it isn't told, what its bytes or its address look like."""
    if picture.media_type:
        return picture.media_type
    ending = urlsplit(picture.url).path.rpartition(".")[2].lower()
    found = (kind for start, kind in _STARTS if picture.data.startswith(start))
    return next(found, "") or _ENDINGS.get(ending, "image/jpeg")
