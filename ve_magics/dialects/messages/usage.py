"""Token counts: on this wire `input_tokens` leaves out what was read from the cache and written to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.messages import Usage

_KNOWN = frozenset(
    {
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "cache_creation",
        "output_tokens",
        "output_tokens_details",
    }
)


def _count(source: Any, name: str) -> int:
    value = source.get(name) if isinstance(source, Mapping) else None
    return int(value) if isinstance(value, (int, float)) and 0 < value < 1e12 else 0


def merge_usage(usage: dict[str, Any], wire: Any) -> dict[str, Any]:
    """Add a later `usage` object, whose counts replace the earlier ones, and return its fields that aren't counts."""
    if not isinstance(wire, Mapping):
        return {}
    usage.update((name, value) for name, value in wire.items() if value is not None)
    return {name: value for name, value in wire.items() if name not in _KNOWN and value is not None}


def decode_usage(wire: Mapping[str, Any]) -> Usage | None:
    """Return the counts of a `usage` object, or None where it holds none."""
    split = wire.get("cache_creation")
    hour = _count(split, "ephemeral_1h_input_tokens")
    written = _count(wire, "cache_creation_input_tokens") or hour + _count(split, "ephemeral_5m_input_tokens")
    cached = _count(wire, "cache_read_input_tokens")
    input_ = _count(wire, "input_tokens") + written + cached
    output = _count(wire, "output_tokens")
    if not (input_ or output):
        return None
    return Usage(
        input=input_,
        cached=cached,
        cache_write=written,
        cache_write_1h=min(hour, written),
        output=output,
        reasoning=min(_count(wire.get("output_tokens_details"), "thinking_tokens"), output),
    )


def encode_usage(usage: Usage | None) -> dict[str, Any]:
    """Return the `usage` object that tells these counts; zeros where there are none."""
    usage = usage or Usage()
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": max(0, usage.cache_write - usage.cache_write_1h),
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }
