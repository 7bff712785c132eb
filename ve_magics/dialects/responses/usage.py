"""Token counts of a response, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.messages import Usage


def _count(source: Any, name: str) -> int:
    value = source.get(name) if isinstance(source, Mapping) else None
    return int(value) if isinstance(value, (int, float)) and 0 < value < 1e12 else 0


def decode_usage(wire: Any) -> Usage | None:
    """Return the counts of a `usage` object, or None where it holds none."""
    if not isinstance(wire, Mapping):
        return None
    read = wire.get("input_tokens_details")
    input_, output = _count(wire, "input_tokens"), _count(wire, "output_tokens")
    cost = wire.get("cost")
    priced = isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost < 1e9
    if not (input_ or output or priced):
        return None
    return Usage(
        input=input_,
        cached=_count(read, "cached_tokens"),
        cache_write=_count(read, "cache_write_tokens"),
        output=output,
        reasoning=_count(wire.get("output_tokens_details"), "reasoning_tokens"),
        cost=float(cost) if priced and cost is not None else None,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object that tells these counts; `cost` is added where it is known."""
    wire: dict[str, Any] = {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
    if usage.cost is not None:
        wire["cost"] = usage.cost
    return wire
