"""Token counts: `candidatesTokenCount` leaves out thoughts, `promptTokenCount` has cached tokens in it.

Imitators count thoughts into the candidates, or cached tokens beside the prompt. The sums tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.generate_content.wire import rows
from ve_magics.messages import Usage


def count(source: Any, name: str) -> int:
    """Return a count, 0 where there is none that makes sense."""
    value = source.get(name) if isinstance(source, Mapping) else None
    return int(value) if isinstance(value, (int, float)) and 0 < value < 1e12 else 0


def _audio(details: Any) -> int:
    return sum(count(row, "tokenCount") for row in rows(details) if row.get("modality") == "AUDIO")


def decode_usage(wire: Any) -> Usage | None:
    """Return the counts of a `usageMetadata` object, or None where it holds none."""
    if not isinstance(wire, Mapping):
        return None
    prompt, cached = count(wire, "promptTokenCount"), count(wire, "cachedContentTokenCount")
    output, thoughts = count(wire, "candidatesTokenCount"), count(wire, "thoughtsTokenCount")
    total = count(wire, "totalTokenCount")
    if cached > prompt:
        prompt += cached
    prompt += count(wire, "toolUsePromptTokenCount")
    if not (thoughts <= output and total == prompt + output):
        output += thoughts
    if not output and total > prompt:
        output = total - prompt
    if not (prompt or output):
        return None
    return Usage(
        input=prompt,
        cached=cached,
        output=output,
        reasoning=thoughts,
        input_audio=_audio(wire.get("promptTokensDetails")),
        output_audio=_audio(wire.get("candidatesTokensDetails")),
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usageMetadata` object that tells these counts, zeros left out as Google does."""
    wire: dict[str, Any] = {
        "promptTokenCount": usage.input,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.input + usage.output,
        "promptTokensDetails": _details(usage.input, usage.input_audio),
        "candidatesTokensDetails": _details(usage.output - usage.reasoning, usage.output_audio),
    }
    return {name: value for name, value in wire.items() if value}


def _details(all_: int, audio: int) -> list[dict[str, Any]]:
    """Return the counts by modality, where they are not all of text."""
    if not audio:
        return []
    split = (("TEXT", all_ - audio), ("AUDIO", audio))
    return [{"modality": name, "tokenCount": number} for name, number in split if number > 0]
