"""Fields that a dialect doesn't know, on their way out again."""

from __future__ import annotations

from typing import Any

from ve_magics.messages import Extra


def with_extra(wire: dict[str, Any], extra: Extra) -> dict[str, Any]:
    """Add fields that are not known here; objects on both sides are joined, and what is known wins."""
    for name, value in extra.items():
        if name not in wire:
            wire[name] = value
        elif isinstance(wire[name], dict) and isinstance(value, dict):
            wire[name] = with_extra(dict(wire[name]), value)
    return wire
