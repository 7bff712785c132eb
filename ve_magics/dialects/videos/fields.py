"""Fields of a user's call for a video, each refused by its name where it can't be used."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.fields import decode_object
from ve_magics.dialects.videos.forms import decode_form
from ve_magics.dialects.videos.limits import dimensions
from ve_magics.errors import ArgumentsError, BadRequestError
from ve_magics.messages import Image

MAX_SEED = 2**63 - 1
"""Largest seed that is taken."""

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?;base64,")
_INNER = re.compile(r"(\w+)\[(\w+)\]")


def decode_body(body: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], Image | None]:
    """Return the fields of a form or a JSON object, and the picture where one was uploaded as `input_reference`.

    Raises:
        BadRequestError: It is neither, or names a field twice.
    """
    content_type = headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        try:
            return decode_object(body), None
        except BadRequestError as error:
            raise wrong(f"The body is neither a form nor a JSON object. {error.message}", None) from error
    fields: dict[str, Any] = {}
    picture = None
    for part in decode_form(content_type, body):
        inner = _INNER.fullmatch(part.name)
        if part.name == "input_reference" and (part.filename or part.media_type.startswith("image/")):
            picture = Image(part.data, part.media_type)
        elif inner:
            outer = fields.setdefault(inner[1], {})
            if not isinstance(outer, dict):
                raise wrong(f"{inner[1]} is given twice.", inner[1])
            outer[inner[2]] = part.text
        else:
            fields[part.name] = part.text
    return fields, picture


def picture_field(value: object, name: str = "input_reference") -> Image | None:
    """Return the picture that a field's value names: an address, a data address, or an object with one or a file's id.

    Raises:
        BadRequestError: It names none.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value) if value.startswith("{") else {"image_url": value}
        except msgspec.DecodeError:
            value = None
    found = value if isinstance(value, dict) else {}
    file_id, url = found.get("file_id"), found.get("image_url")
    if isinstance(url, dict):
        url = url.get("url")
    if isinstance(file_id, str) and file_id:
        return Image(file_id=file_id)
    if isinstance(url, str):
        head = _DATA_URL.match(url)
        if head:
            try:
                return Image(base64.b64decode(url[head.end() :], validate=True), head[1] or "")
            except ValueError as error:
                raise wrong("The picture is no base64.", name) from error
        if url.startswith(("https://", "http://")):
            return Image(url=url)
    raise wrong(f"{name} is a file, an image_url or a file_id.", name)


def prompt_field(fields: Mapping[str, Any]) -> str:
    """Return the prompt.

    Raises:
        BadRequestError: It is empty or no string.
    """
    prompt = string_field(fields, "prompt")
    if not prompt.strip():
        raise wrong("prompt is missing.", "prompt")
    return prompt


def string_field(fields: Mapping[str, Any], name: str) -> str:
    """Return a string; an empty one where it is missing.

    Raises:
        BadRequestError: It is no string.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(f"{name} is a string.", name)
    return value


def size_field(fields: Mapping[str, Any]) -> str:
    """Return the size; an empty one where it is missing.

    Raises:
        BadRequestError: It is none.
    """
    size = string_field(fields, "size")
    if size:
        try:
            dimensions(size)
        except ArgumentsError as error:
            raise wrong(error.message, "size") from error
    return size


def seconds_field(value: object, name: str = "seconds") -> float | None:
    """Return a length in seconds, given as a number or as text; None where it is missing.

    Raises:
        BadRequestError: It is none, or longer than an hour.
    """
    if value is None or value == "":
        return None
    try:
        seconds = float(value) if isinstance(value, (str, int, float)) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise wrong(f'{name} is a length such as "8".', name)
    return seconds


def whole_field(fields: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """Return a whole number, given as a number or as text; None where it is missing.

    Raises:
        BadRequestError: It is none, or out of bounds.
    """
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        number = int(value) if isinstance(value, (str, int)) else least - 1
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise wrong(f"{name} is a whole number from {least} to {most}.", name)
    return number


def wrong(message: str, param: str | None) -> BadRequestError:
    """Return the refusal of a field."""
    return BadRequestError(message, status=400, code="invalid_value", param=param)
