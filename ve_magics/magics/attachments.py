"""Pictures and files that a cell sends along: read, checked, and refused before anything is sent."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ve_magics.errors import ArgumentsError
from ve_magics.messages import File, Image

IMAGE_LIMIT = 20 * 1024 * 1024
"""Most bytes of a picture."""

FILE_LIMIT = 50 * 1024 * 1024
"""Most bytes of a document."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def image_type(data: bytes) -> str:
    """Return the media type of a picture's bytes; empty where they are no picture that models take."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def image(source: str, *, directory: Path, namespace: Mapping[str, Any]) -> Image:
    """Return the picture that `--image` names.

    Args:
        source: A URL, a path, or the name of a variable that holds bytes or can show itself as PNG or JPEG (a PIL
            image, a matplotlib figure).
        directory: Where paths start.
        namespace: The notebook's variables.

    Raises:
        ArgumentsError: There is no such picture, it isn't one, or it is too large.
    """
    if source.startswith(("http://", "https://")):
        return Image(url=source)
    data: bytes | None = None
    if source.isidentifier() and source in namespace:
        data = picture_of(namespace[source])
        if data is None:
            raise ArgumentsError(
                f"The variable {source} is not a picture.", hint="Give bytes, a PIL image or a figure."
            )
    else:
        data = _read(source, directory, IMAGE_LIMIT, "--image")
    media_type = image_type(data)
    if not media_type:
        raise ArgumentsError(f"{source} is not a picture.", hint="Models take PNG, JPEG, GIF and WebP.")
    return Image(data=data, media_type=media_type)


def file(source: str, *, directory: Path) -> File:
    """Return the document that `--file` names, a path or a URL.

    Raises:
        ArgumentsError: There is no such file, or it is too large.
    """
    if source.startswith(("http://", "https://")):
        return File(url=source)
    data = _read(source, directory, FILE_LIMIT, "--file")
    media_type = mimetypes.guess_type(source)[0] or "application/octet-stream"
    return File(data=data, media_type=media_type, name=Path(source).name)


def picture_of(value: Any) -> bytes | None:
    """Return how a value shows itself as a picture, as bytes; None where it doesn't."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    for method in ("_repr_png_", "_repr_jpeg_"):
        show = getattr(value, method, None)
        if callable(show):
            data = show()
            if isinstance(data, bytes):
                return data
    savefig = getattr(value, "savefig", None)
    if callable(savefig):
        import io

        buffer = io.BytesIO()
        savefig(buffer, format="png")
        return buffer.getvalue()
    return None


def _read(source: str, directory: Path, limit: int, flag: str) -> bytes:
    path = (directory / Path(source).expanduser()).resolve()
    try:
        size = path.stat().st_size
        if size > limit:
            raise ArgumentsError(
                f"{flag} {source} is larger than {limit >> 20} MiB.", hint="Make it smaller."
            )
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or error.__class__.__name__
        raise ArgumentsError(
            f"{flag} {source} can't be read: {reason}.", hint=f"Looked for {path}."
        ) from None
