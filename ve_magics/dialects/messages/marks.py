"""Places Anthropic's cache marks where they pay: on a prefix that is long enough to be kept and likely to come again.

There may be four: after the tools, after the system text, and after the last two turns of the user, so that the turn
before finds what the one before it left.
"""

from __future__ import annotations

from typing import Any

from ve_magics.dialects.messages.sources import Wire

_BYTES_PER_TOKEN = 4
_PICTURE = 1500
"""Tokens of a picture, at most."""


def mark(body: Wire, *, ttl: str | None, least: int, again: bool) -> None:
    """Set the marks, unless the user has set some.

    Args:
        body: The request; its marked lists and blocks are replaced, never changed in place.
        ttl: How long the prefix is kept, "5m" or "1h"; None leaves it to the provider.
        least: Tokens that a prefix must have to be kept at all.
        again: Whether the conversation itself is likely to be sent again with more after it.
    """
    if _marked(body):
        return
    sign: Wire = {"type": "ephemeral"} | ({"ttl": ttl} if ttl else {})
    weight = _weight(body.get("tools"))
    if weight >= least:
        tools = body["tools"]
        body["tools"] = [*tools[:-1], {**tools[-1], "cache_control": sign}]
    system = body.get("system")
    if system:
        weight += _weight(system)
        if weight >= least:
            body["system"] = _signed(system, sign)
    if not again:
        return
    turns: list[Wire] = body["messages"]
    ends: list[int] = []
    for number, turn in enumerate(turns):
        weight += _weight(turn["content"])
        if turn["role"] == "user" and weight >= least:
            ends.append(number)
    for number in ends[-2:]:
        turns[number]["content"] = _signed(turns[number]["content"], sign)


def _signed(content: str | list[Wire], sign: Wire) -> list[Wire]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*blocks[:-1], {**blocks[-1], "cache_control": sign}]


def _marked(body: Wire) -> bool:
    """Whether the user has set a mark anywhere; blocks inside a tool's result count too."""
    level: list[Any] = [body, *body["messages"], body.get("tools"), body.get("system")]
    while level:
        items = [item for value in level for item in (value if isinstance(value, list) else [value])]
        objects = [item for item in items if isinstance(item, dict)]
        if any("cache_control" in item for item in objects):
            return True
        level = [item["content"] for item in objects if isinstance(item.get("content"), list)]
    return False


def _weight(value: Any) -> int:
    """Return about how many tokens a part of the request has."""
    match value:
        case str():
            return (
                len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
            ) // _BYTES_PER_TOKEN
        case {"type": "image", "source": {"type": "base64", "data": str(data)}}:
            return min(_PICTURE, len(data) // 8)
        case {"type": "document", "source": {"type": "base64", "data": str(data)}}:
            return len(data) // 100
        case dict():
            return sum(_weight(item) + 2 for item in value.values())
        case list():
            return sum(map(_weight, value))
        case _:
            return 0
