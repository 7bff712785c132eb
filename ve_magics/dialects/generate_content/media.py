"""Pictures, sound and documents: `inlineData` with the bytes, `fileData` with an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ve_magics.dialects.generate_content.wire import decode_bytes, encode_bytes
from ve_magics.errors import UnsupportedError
from ve_magics.messages import Audio, File, Image
from ve_magics.providers import Provider

Media = Image | Audio | File

_SOUNDS = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}
"""Formats whose media type is not `audio/` and their name."""

_STARTS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)
_ENDINGS = {"png": "image/png", "gif": "image/gif", "webp": "image/webp", "heic": "image/heic"}

_VIDEO_HOSTS = ("youtube.com", "www.youtube.com", "youtu.be", "m.youtube.com")
"""Sites whose films Google reads by itself."""


def held(uri: str) -> bool:
    """Whether an address is that of a file which the provider already has."""
    return uri.startswith(("gs://", "files/")) or "/files/" in uri


def media_of(media_type: str, data: bytes = b"", uri: str = "", *, kind: str = "") -> Media:
    """Return the part that a media type and bytes or an address make.

    Args:
        media_type: For example `image/png`; empty where it is not known.
        data: The file's bytes.
        uri: The file's address or id.
        kind: What it is where the media type doesn't say it: image, audio, video, document.
    """
    file_id, url = (uri, "") if held(uri) else ("", uri)
    family = media_type.partition("/")[0] or kind
    if family == "image":
        return Image(data, media_type, url=url, file_id=file_id)
    if family == "audio" and not uri:
        return Audio(data, _SOUNDS.get(media_type) or media_type.removeprefix("audio/"))
    return File(data, media_type, url=url, file_id=file_id)


def decode_media(part: Mapping[str, Any]) -> Media | None:
    """Return the media of a reply's part, or None where it can't be read."""
    inline, file = part.get("inlineData"), part.get("fileData")
    if isinstance(inline, Mapping) and isinstance(inline.get("data"), str):
        try:
            return media_of(str(inline.get("mimeType") or ""), decode_bytes(inline["data"]))
        except ValueError:
            return None
    if isinstance(file, Mapping) and isinstance(file.get("fileUri"), str):
        return media_of(str(file.get("mimeType") or ""), uri=file["fileUri"])
    return None


def media_type(part: Media) -> str:
    """Return the media type of a part; empty where nothing tells it. A picture is taken for what it looks like."""
    if isinstance(part, Audio):
        return f"audio/{part.format or 'wav'}"
    if part.media_type or isinstance(part, File) or part.file_id:
        return part.media_type
    found = (kind for start, kind in _STARTS if part.data.startswith(start))
    ending = urlsplit(part.url).path.rpartition(".")[2].lower()
    return next(found, "") or _ENDINGS.get(ending, "image/jpeg")


def encode_media(part: Media, *, name: str = "") -> dict[str, Any] | None:
    """Return the part on the wire, or None where it holds neither bytes nor an address.

    Args:
        part: The picture, sound or document.
        name: The file's name, for those who want to know it.
    """
    if part.data:
        kind = media_type(part) or "application/octet-stream"
        wire = {"mimeType": kind, "data": encode_bytes(part.data)}
        return {"inlineData": wire | ({"displayName": name} if name else {})}
    uri = "" if isinstance(part, Audio) else part.file_id or part.url
    if not uri:
        return None
    kind = media_type(part)
    wire = {"mimeType": kind, "fileUri": uri} if kind else {"fileUri": uri}
    return {"fileData": wire | ({"displayName": name} if name else {})}


def check_address(part: Media, provider: Provider, field: str, *, same: bool) -> None:
    """Refuse an address that this provider doesn't load by itself: Google loads `https` only.

    Args:
        part: What may stand at an address.
        provider: Who would load it.
        field: What the error calls it.
        same: Whether the question came in this dialect; then the address goes through as it came.

    Raises:
        UnsupportedError: It must be given as bytes.
    """
    url = "" if same or isinstance(part, Audio) or part.data else part.url
    parts = urlsplit(url)
    loaded = parts.scheme == "https" and provider.quirks.image_urls
    if url and not loaded and parts.hostname not in _VIDEO_HOSTS:
        raise UnsupportedError(
            f"{field}.url", provider.name, hint="Give the file's bytes instead of its address."
        )
