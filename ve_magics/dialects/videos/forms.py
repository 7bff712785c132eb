"""`multipart/form-data` (RFC 7578), both ways, bounded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from ve_magics.errors import BadRequestError

MAX_PARTS = 128
"""Most parts that a form may have."""

MAX_HEADER = 8192
"""Most bytes of a part's header."""

_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*([a-zA-Z]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]*))")
_QUOTED = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class FormPart(msgspec.Struct, frozen=True):
    """One field of a form.

    Attributes:
        name: The field's name.
        data: Its bytes.
        filename: Empty unless it is a file.
        media_type: Empty unless the part names one.
    """

    name: str
    data: bytes
    filename: str = ""
    media_type: str = ""

    @property
    def text(self) -> str:
        """The bytes as text.

        Raises:
            BadRequestError: They are no UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _wrong("The field is not UTF-8 text.", self.name) from error


def encode_form(parts: Sequence[FormPart]) -> tuple[str, bytes]:
    """Return the content type and the body of a form. The same parts always make the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.name.encode() + b"\0" + part.data + b"\0")
    boundary = f"form-{digest.hexdigest()[:40]}"
    pieces: list[bytes] = []
    for part in parts:
        filename = f'; filename="{_quoted(part.filename)}"' if part.filename else ""
        media_type = f"\r\nContent-Type: {part.media_type}" if part.media_type else ""
        header = f'Content-Disposition: form-data; name="{_quoted(part.name)}"{filename}{media_type}'
        pieces += (f"--{boundary}\r\n{header}\r\n\r\n".encode(), part.data, b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def decode_form(content_type: str, body: bytes) -> tuple[FormPart, ...]:
    """Return the fields of a form, in order.

    Raises:
        BadRequestError: The body is no form, has too many parts, or ends early.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _wrong("The form's content type names no boundary.")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode()
    _, *pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)
    parts: list[FormPart] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return tuple(parts)
        if len(parts) == MAX_PARTS:
            raise _wrong(f"The form has more than {MAX_PARTS} parts.")
        parts.append(_part(piece))
    raise _wrong("The form ends early.")


def _part(piece: bytes) -> FormPart:
    header, blank, data = piece.partition(b"\r\n\r\n")
    if not blank or len(header) > MAX_HEADER:
        raise _wrong("A part of the form has no proper header.")
    fields: dict[str, str] = {}
    for line in header.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    parameters = {
        match[1].lower(): _unquoted(match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(fields.get("content-disposition", ""))
    }
    if "name" not in parameters:
        raise _wrong("A part of the form has no name.")
    return FormPart(parameters["name"], data, parameters.get("filename", ""), fields.get("content-type", ""))


def _quoted(text: str) -> str:
    return "".join(_QUOTED.get(character, character) for character in text)


def _unquoted(text: str) -> str:
    text = re.sub(r"\\(.)", r"\1", text)
    for character, code in _QUOTED.items():
        text = text.replace(code, character)
    return text


def _wrong(message: str, param: str | None = None) -> BadRequestError:
    return BadRequestError(message, status=400, code="invalid_request", param=param)
