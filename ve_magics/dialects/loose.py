"""JSON as servers write it, not always as the book has it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def decode_json(text: str) -> Any:
    """Return the JSON value; forgives NaN and halves of surrogate pairs.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        try:
            return json.loads(_LONE_SURROGATE.sub(r"\\ufffd", text))
        except (ValueError, RecursionError):
            raise ValueError("no JSON") from None
