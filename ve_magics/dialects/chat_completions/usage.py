"""Token counts, as the many servers of chat completions write them, and as OpenAI writes them.

Servers disagree on whether cached tokens are part of `prompt_tokens` and reasoning part of `completion_tokens`.
The sums tell: parts that don't fit into their whole were counted beside it.
"""

from __future__ import annotations

from typing import Any

from ve_magics.messages import Usage

_BARE = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})


def _count(source: dict[str, Any], *names: str) -> int:
    for name in names:
        value = source.get(name)
        if isinstance(value, (int, float)) and 0 < value < 1e12:
            return int(value)
    return 0


def _details(wire: dict[str, Any], *names: str) -> dict[str, Any]:
    found = (wire[name] for name in names if wire.get(name))
    details = next(found, None)
    return details if isinstance(details, dict) else {}


def decode_usage(wire: Any) -> Usage | None:
    """Return the counts of a `usage` object, or None where it holds none."""
    if not isinstance(wire, dict):
        return None
    input_ = _count(wire, "prompt_tokens", "input_tokens")
    output = _count(wire, "completion_tokens", "output_tokens")
    total = _count(wire, "total_tokens")
    if input_ and output and wire.keys() <= _BARE:
        return Usage(input=input_, output=output)
    read = _details(wire, "prompt_tokens_details", "input_tokens_details")
    made = _details(wire, "completion_tokens_details", "output_tokens_details")
    cached = _count(read, "cached_tokens") or _count(
        wire, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens"
    )
    written = _count(read, "cache_write_tokens", "cache_creation_tokens") or _count(
        wire, "cache_creation_input_tokens"
    )
    reasoning = _count(made, "reasoning_tokens") or _count(wire, "reasoning_tokens")
    if cached + written > input_:
        input_ += cached + written
    if reasoning and (reasoning > output or total == input_ + output + reasoning):
        output += reasoning
    if not output and total > input_:
        output = total - input_
    cost = wire.get("cost")
    priced = isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost < 1e9
    if not (input_ or output or priced):
        return None
    return Usage(
        input=input_,
        cached=cached,
        cache_write=written,
        output=output,
        reasoning=reasoning,
        input_audio=_count(read, "audio_tokens"),
        output_audio=_count(made, "audio_tokens"),
        cost=float(cost) if priced and cost is not None else None,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object that tells these counts; `cost` is added where it is known."""
    wire: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": usage.input_audio,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.output_audio,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if usage.cost is not None:
        wire["cost"] = usage.cost
    return wire
