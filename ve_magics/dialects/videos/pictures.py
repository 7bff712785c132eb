"""Pictures in a request for a video: as base64, as data addresses, or as an address that the provider loads."""

from __future__ import annotations

import base64

from ve_magics.dialects.data_urls import encode_data_url
from ve_magics.errors import UnsupportedError
from ve_magics.messages import Image


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
