"""The text that a model sent as a call's arguments, as a JSON object: bounded in size and in depth."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.errors import ToolArgumentsError

MOST_ARGUMENTS = 100_000
"""Characters of one call's arguments."""
DEEPEST = 64
"""How deep they may be nested."""


def decode_arguments(text: str) -> dict[str, Any]:
    """Return the object that a call's arguments are; no text at all is an empty one.

    Raises:
        ToolArgumentsError: It is too long, nested too deep, no JSON, or no object; the message is for the model.
    """
    if len(text) > MOST_ARGUMENTS:
        raise ToolArgumentsError(
            f"The arguments are {len(text):,} characters long, more than {MOST_ARGUMENTS:,}. Nothing was run."
        )
    if not text.strip():
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ToolArgumentsError(f"The arguments are not valid JSON: {error}. Nothing was run.") from None
    except RecursionError:
        raise ToolArgumentsError("The arguments are nested too deep. Nothing was run.") from None
    if not isinstance(value, dict):
        raise ToolArgumentsError("The arguments must be a JSON object. Nothing was run.")
    if _deeper(value, DEEPEST):
        raise ToolArgumentsError("The arguments are nested too deep. Nothing was run.")
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether a JSON value is nested deeper than so many levels."""
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for one in layer
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not layer:
            return False
    return True
