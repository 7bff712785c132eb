"""What differs between model families, by how their names begin. Names age within weeks, so these tables stay small."""

from __future__ import annotations

from urllib.parse import quote

from ve_magics.messages import Effort

INTERACTIONS: tuple[str, ...] = ("gemini-omni-",)
"""Models that are asked through the Interactions API only."""

BUDGETED: tuple[str, ...] = ("gemini-2.5-",)
"""Models that count their thinking in tokens; all others know levels."""

SIGNED: tuple[str, ...] = ("gemini-3", "gemini-4", "gemini-flash-", "gemini-pro-")
"""Models that refuse a function call in their history that has no thought signature."""

LEVELS: dict[Effort, str] = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
"""Thinking level of each effort: the nearest there is."""

BUDGETS: dict[Effort, int] = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
"""Thinking budget of each effort in tokens, as Google's own OpenAI-compatible endpoint sets them."""

EFFORTS: dict[str, Effort] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
"""Effort of each thinking level."""


def bare(model: str) -> str:
    """Return a model's name without the folder that it may stand in."""
    return model.rpartition("/")[2]


def speaks_interactions(model: str) -> bool:
    """Whether the model must be asked through the Interactions API."""
    return bare(model).startswith(INTERACTIONS)


def budgeted(model: str) -> bool:
    """Whether the model counts its thinking in tokens."""
    return bare(model).startswith(BUDGETED)


def wants_signatures(model: str) -> bool:
    """Whether the model refuses a function call in its history that has no thought signature."""
    return bare(model).startswith(SIGNED)


def path(model: str, method: str) -> str:
    """Return the path at which a model is asked; names that have a folder keep it."""
    name = quote(model, safe="/-._~@")
    return f"/{name}:{method}" if "/" in model else f"/models/{name}:{method}"
