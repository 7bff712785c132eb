"""Binary content inside JSON: data URLs, in and out."""

from __future__ import annotations

import base64
import binascii


def encode_data_url(media_type: str, data: bytes) -> str:
    """Return the bytes as a data URL."""
    return f"data:{media_type or 'application/octet-stream'};base64,{base64.b64encode(data).decode()}"


def decode_data_url(url: str) -> tuple[str, bytes]:
    """Return media type and bytes of a base64 data URL; the type is empty where it is none."""
    head, comma, tail = url.partition(",")
    if not comma or head[:5].lower() != "data:" or not head.lower().endswith(";base64"):
        return "", b""
    try:
        data = base64.b64decode("".join(tail.split()), validate=True)
    except (binascii.Error, ValueError):
        return "", b""
    media_type = head[5:].split(";", 1)[0].strip().lower()
    return media_type or "application/octet-stream", data
