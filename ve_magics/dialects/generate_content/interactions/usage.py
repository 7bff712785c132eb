"""Token counts of an interaction: output leaves out thoughts, input has cached tokens in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.generate_content.usage import count
from ve_magics.dialects.generate_content.wire import rows
from ve_magics.messages import Usage


def _audio(split: Any) -> int:
    return sum(count(row, "tokens") for row in rows(split) if str(row.get("modality")).lower() == "audio")


def decode_usage(wire: Any) -> Usage | None:
    """Return the counts of a `usage` object, or None where it holds none."""
    if not isinstance(wire, Mapping):
        return None
    thoughts = count(wire, "total_thought_tokens")
    read, made = count(wire, "total_input_tokens"), count(wire, "total_output_tokens") + thoughts
    if not (read or made):
        return None
    return Usage(
        input=read,
        cached=count(wire, "total_cached_tokens"),
        output=made,
        reasoning=thoughts,
        input_audio=_audio(wire.get("input_tokens_by_modality")),
        output_audio=_audio(wire.get("output_tokens_by_modality")),
    )
