"""JSON as servers write it, not always as the book has it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from ve_magics.dialects.nesting import MAX_DEPTH, too_deep

_LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def decode_json(text: str | bytes) -> Any:
    """Return the JSON value; forgives NaN, halves of surrogate pairs, a byte order mark and bytes that are no UTF-8.

    Raises:
        ValueError: It is no JSON, or nested too deep.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace").removeprefix("\ufeff").strip()
        try:
            value = json.loads(_LONE_SURROGATE.sub(r"\\ufffd", text))
        except (ValueError, RecursionError):
            raise ValueError("no JSON") from None
    if _holders(text) > MAX_DEPTH and too_deep(value):
        raise ValueError("nested too deep")
    return value


def believed_count(number: float | None) -> int:
    """Return a number of tokens that a provider tells; 0 where it makes no sense."""
    return int(number) if number is not None and 0 < number < 1e12 else 0


def believed_cost(number: float | None) -> float | None:
    """Return the US dollars that a provider tells; None where they make no sense."""
    return number if number is not None and 0 <= number < 1e9 else None


def _holders(text: str | bytes) -> int:
    """Return how many lists and objects there can be at most."""
    if isinstance(text, bytes):
        return text.count(b"[") + text.count(b"{")
    return text.count("[") + text.count("{")
