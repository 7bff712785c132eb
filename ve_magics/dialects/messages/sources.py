"""Pictures and documents: bytes, addresses and file ids, written and read as `source` objects."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ve_magics.dialects.fields import Fields, bad
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.errors import UnsupportedError
from ve_magics.messages import File, Image
from ve_magics.providers import Provider

Wire = dict[str, Any]

_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)
_TEXTUAL = ("application/json", "application/xml", "application/yaml", "application/javascript")


def encode_image(image: Image, provider: Provider) -> Wire:
    """Return an `image` block. `detail` is a hint for other models and has no field here.

    Raises:
        UnsupportedError: It has neither bytes nor an address that the provider loads, nor a file id.
    """
    if image.data:
        media_type = image.media_type or _sniff(image.data)
        source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(image.data).decode()}
    elif image.url:
        source = _address(image.url, provider, "image.url")
    elif image.file_id:
        source = {"type": "file", "file_id": image.file_id}
    else:
        raise UnsupportedError("image.data", NAME, message="A picture without content can't be sent.")
    return {"type": "image", "source": source}


def _sniff(data: bytes) -> str:
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    raise UnsupportedError("image.media_type", NAME, hint="Name the picture's media type.")


def _address(url: str, provider: Provider, field: str) -> Wire:
    if not provider.quirks.image_urls:
        raise UnsupportedError(field, provider.name, hint="Give the bytes instead of the address.")
    return {"type": "url", "url": url}


def encode_file(file: File, provider: Provider) -> Wire:
    """Return a `document` block.

    Raises:
        UnsupportedError: It is neither a PDF nor text.
    """
    if file.data:
        source = _document(file)
    elif file.url:
        source = _address(file.url, provider, "file.url")
    elif file.file_id:
        source = {"type": "file", "file_id": file.file_id}
    else:
        raise UnsupportedError("file.data", NAME, message="A document without content can't be sent.")
    wire: Wire = {"type": "document", "source": source}
    return wire | {"title": file.name} if file.name else wire


def _document(file: File) -> Wire:
    media_type = file.media_type.partition(";")[0].strip().lower()
    if media_type == "application/pdf" or (not media_type and file.data.startswith(b"%PDF")):
        data = base64.b64encode(file.data).decode()
        return {"type": "base64", "media_type": "application/pdf", "data": data}
    if not media_type or media_type.startswith("text/") or media_type in _TEXTUAL:
        try:
            return {"type": "text", "media_type": "text/plain", "data": file.data.decode("utf-8-sig")}
        except UnicodeDecodeError:
            pass
    raise UnsupportedError("file.media_type", NAME, hint="Give the document as PDF or as UTF-8 text.")


def decode_image(fields: Fields) -> Image | None:
    """Return the picture of an `image` block, or None where its source is of a kind that is not known here."""
    source = Fields(fields.rest.get("source"), fields.at("source"))
    match source.text("type"):
        case "base64":
            media_type = source.need_text("media_type")
            image = Image(_bytes(source), media_type)
        case "url":
            image = Image(url=source.need_text("url"))
        case "file":
            image = Image(file_id=source.need_text("file_id"))
        case None:
            raise source.missing("type")
        case _:
            return None
    return Image(image.data, image.media_type, image.url, image.file_id, extra=_left(fields, source))


def decode_file(fields: Fields) -> File | None:
    """Return the file of a `document` block, or None where its source is of a kind that is not known here."""
    source = Fields(fields.rest.get("source"), fields.at("source"))
    match source.text("type"):
        case "base64":
            media_type = source.need_text("media_type")
            file = File(_bytes(source), media_type)
        case "text":
            source.take("media_type")
            file = File(source.need_text("data").encode("utf-8", "replace"), "text/plain")
        case "url":
            file = File(url=source.need_text("url"))
        case "file":
            file = File(file_id=source.need_text("file_id"))
        case None:
            raise source.missing("type")
        case _:
            return None
    name = fields.text("title") or ""
    return File(file.data, file.media_type, name, file.url, file.file_id, extra=_left(fields, source))


def _bytes(source: Fields) -> bytes:
    text = source.need_text("data")
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        raise bad(f"{source.at('data')} is no base64.", source.at("data")) from None


def _left(fields: Fields, source: Fields) -> Wire:
    """Return the fields that nobody took."""
    fields.take("source")
    return fields.rest | ({"source": source.rest} if source.rest else {})
