"""Pictures and files that a cell sends along: read, checked, and refused before anything is sent."""

from __future__ import annotations

import io
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

_ADDRESS = ("http://", "https://")
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
        source: A URL, a path, or the name of a variable that holds one, or bytes, or can show itself as PNG or JPEG
            (a PIL image, a matplotlib figure or its axes).
        directory: Where paths start.
        namespace: The notebook's variables.

    Raises:
        ArgumentsError: There is no such picture, it isn't one, or it is too large.
    """
    data: bytes | None = None
    if source.isidentifier() and source in namespace:
        value = namespace[source]
        if isinstance(value, (str, Path)):
            return image(str(value), directory=directory, namespace={})
        data = picture_of(value)
        if data is None:
            raise ArgumentsError(
                f"The variable {source} is not a picture.",
                hint="Give bytes, a PIL image or a figure, or put a table into the prompt: {{ "
                + source
                + " }}",
            )
        if len(data) > IMAGE_LIMIT:
            raise ArgumentsError(
                f"--image {source} is larger than {IMAGE_LIMIT >> 20} MiB.", hint="Make it smaller."
            )
    elif source.startswith(_ADDRESS):
        return Image(url=source)
    else:
        data = _read(source, directory, IMAGE_LIMIT, "--image")
    media_type = image_type(data)
    if not media_type:
        raise ArgumentsError(f"{source} is not a picture.", hint="Models take PNG, JPEG, GIF and WebP.")
    return Image(data=data, media_type=media_type)


def file(source: str, *, directory: Path, namespace: Mapping[str, Any]) -> File | Image:
    """Return the document that `--file` names; a picture where the variable that it names holds one.

    Args:
        source: A URL, a path, or the name of a variable: a path, a data frame (sent as CSV), words, bytes, a PIL image
            or a matplotlib figure.
        directory: Where paths start.
        namespace: The notebook's variables.

    Raises:
        ArgumentsError: There is no such file, it is too large, or the variable holds nothing that can be sent as one.
    """
    if source.isidentifier() and source in namespace:
        value = namespace[source]
        if not isinstance(value, Path):
            return _held(source, value)
        source = str(value)
    if source.startswith(_ADDRESS):
        return File(url=source)
    data = _read(source, directory, FILE_LIMIT, "--file")
    media_type = mimetypes.guess_type(source)[0] or "application/octet-stream"
    return File(data=data, media_type=media_type, name=Path(source).name)


def _held(name: str, value: Any) -> File | Image:
    """Return what a variable holds as a document."""
    write = getattr(value, "to_csv", None) or getattr(value, "write_csv", None)
    if callable(write) and not isinstance(value, type):
        found: File | Image = File(data=str(write()).encode(), media_type="text/csv", name=f"{name}.csv")
    elif isinstance(value, str):
        found = File(data=value.encode(), media_type="text/plain", name=f"{name}.txt")
    elif (data := picture_of(value)) is None:
        raise ArgumentsError(
            f"The variable {name} can't be sent as a file.",
            hint="Give a path, a data frame, words, bytes or a picture, or put it into the prompt: {{ "
            + name
            + " }}",
        )
    elif media_type := image_type(data):
        found = Image(data=data, media_type=media_type)
    elif data.startswith(b"%PDF-"):
        found = File(data=data, media_type="application/pdf", name=f"{name}.pdf")
    else:
        found = File(data=data, media_type=_plain_or_unknown(data), name=name)
    if len(found.data) > FILE_LIMIT:
        raise ArgumentsError(f"--file {name} is larger than {FILE_LIMIT >> 20} MiB.", hint="Make it smaller.")
    return found


def _plain_or_unknown(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def picture_of(value: Any) -> bytes | None:
    """Return how a value shows itself as a picture, as bytes; None where it doesn't."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, io.BytesIO):
        return value.getvalue()
    for method in ("_repr_png_", "_repr_jpeg_"):
        show = getattr(value, method, None)
        if callable(show):
            data = show()
            if isinstance(data, bytes):
                return data
    savefig = getattr(value, "savefig", None) or getattr(getattr(value, "figure", None), "savefig", None)
    if callable(savefig):
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
