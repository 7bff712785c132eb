"""Bounds how deep JSON from outside may be nested, so that no code that walks through it can run out of stack."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 100
"""How deep lists and objects may be nested."""


def too_deep(value: Any) -> bool:
    """Whether a JSON value is nested deeper than that."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
    return bool(level)
