"""Names that the wire uses, and how it writes binary content."""

from __future__ import annotations

import base64
import binascii
from typing import Any

NAME = "generate_content"

STEPS = "interactions"
"""The form of the Interactions API: what its states and unknown fields are stamped with."""

SIGNATURE = "thoughtSignature"

_URL_SAFE = str.maketrans("-_", "+/")


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def encode_bytes(data: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(data).decode()


def decode_bytes(text: str) -> bytes:
    """Return the bytes of base64 in either alphabet, with or without its padding.

    Raises:
        ValueError: It is no base64.
    """
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    text = text.rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def made_id(taken: set[str], reply_id: str, choice: int, number: int) -> str:
    """Return an id for a call that came without one: the same for the same reply, and new among those taken."""
    letters = "".join(letter for letter in reply_id if letter.isalnum() and letter.isascii())[-24:]
    while (made := "_".join(filter(None, ("call", letters, str(choice), str(number))))) in taken:
        number += 1
    return made
