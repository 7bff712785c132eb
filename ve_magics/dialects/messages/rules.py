"""What the models of the Messages API accept: they differ in thinking, sampling, forced tools and caching.

The rules follow the names of Anthropic's model families and versions. A name that is not theirs has no rules: its
provider knows best.
"""

from __future__ import annotations

import re

import msgspec

_MODEL = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d+)(?:[-.](\d{1,2})(?!\d))?", re.IGNORECASE)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a model accepts.

    Attributes:
        sampling: `free`; `one` of temperature and top_p; `default` values only.
        forced_tools: Whether a tool call can be forced.
        budget: Whether thinking can be given a budget of tokens.
        adaptive: Whether it thinks as much as it sees fit when asked to; None where that is not known.
        levels: Whether it knows effort.
        silent: Whether thinking can be switched off.
        cacheable: Tokens that a prefix must have to be cached.
        max_tokens: Upper bound of an answer where the request names none.
    """

    sampling: str = "free"
    forced_tools: bool = True
    budget: bool = True
    adaptive: bool | None = None
    levels: bool = True
    silent: bool = True
    cacheable: int = 1024
    max_tokens: int = 8192


_OPEN = Rules()
_ADAPTIVE = Rules(sampling="default", budget=False, adaptive=True, cacheable=512, max_tokens=16_384)
_STRICT = msgspec.structs.replace(_ADAPTIVE, forced_tools=False, silent=False)
_FOUR_SIX = Rules(adaptive=True, max_tokens=16_384)
_FOUR_FIVE = Rules(adaptive=False, levels=False, cacheable=4096, max_tokens=16_384)


def rules_of(model: str) -> Rules:
    """Return the rules of a model by its name, wherever the family stands in it."""
    found = _MODEL.search(model)
    if found is None:
        return _OPEN
    family, version = found[1].lower(), (int(found[2]), int(found[3] or 0))
    if version >= (5, 0):
        return _five(family, version)
    if version >= (4, 7):
        return msgspec.structs.replace(_ADAPTIVE, cacheable=2048 if version == (4, 7) else 1024)
    if version >= (4, 6):
        return msgspec.structs.replace(_FOUR_SIX, cacheable=4096 if family == "opus" else 1024)
    if family == "opus":
        return msgspec.structs.replace(_FOUR_FIVE, levels=version >= (4, 5))
    if family == "sonnet":
        return msgspec.structs.replace(_FOUR_FIVE, sampling="one", cacheable=1024)
    return _FOUR_FIVE


def _five(family: str, version: tuple[int, int]) -> Rules:
    if family == "haiku":
        return _ADAPTIVE
    strict_from = (5, 1) if family in ("fable", "mythos") else (5, 5)
    if version >= strict_from:
        return _STRICT
    return msgspec.structs.replace(_ADAPTIVE, cacheable=1024) if family == "sonnet" else _ADAPTIVE
