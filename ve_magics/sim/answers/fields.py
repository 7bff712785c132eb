"""Which fields a prompt names where it asks for JSON in words only."""

from __future__ import annotations

import re

from ve_magics.sim.answers.hints import split_name
from ve_magics.sim.answers.prose import listed

_QUOTED = re.compile(
    r"[\"'`“]([A-Za-z_][\w-]{0,30}|[\u4e00-\u9fff]{1,8})[\"'`”](?=\s*[:：,，、)\]}]|\s+(?:and|or)\b|\s*和|\s*$|\s*\.)"
)
_LISTED = re.compile(
    r"\b(?:keys?|fields?|properties|attributes)\b:?\s+(?:the\s+)?((?:[a-z_][\w]*(?:\s*,\s*(?:and\s+)?"
    r"|\s+and\s+))*[a-z_][\w]*)"
    r"|(?:字段|键|包含|属性)[：:为是]?\s*((?:[\w\u4e00-\u9fff]{1,12}[、，,和])*[\w\u4e00-\u9fff]{1,12})",
    re.IGNORECASE,
)
_NUMBERS = frozenset(
    listed(
        "age year count number price amount total quantity score rating population 年龄 价格 数量 总价 人口 年份"
    )
)
_LISTS = frozenset(listed("tags keywords items steps names examples points ingredients 标签 关键词 步骤"))


def wanted(text: str) -> tuple[str, ...]:
    """Return the names of the fields that a prompt asks for; none where it names none."""
    quoted = _QUOTED.findall(text)
    if quoted:
        return tuple(dict.fromkeys(quoted))
    for found in _LISTED.finditer(text):
        names = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+|[、，,和]", found[1] or found[2])
        kept = [name for name in names if name and name.lower() not in ("json", "the", "a", "an", "object")]
        if kept:
            return tuple(dict.fromkeys(kept))
    return ()


def kind(name: str) -> dict[str, object]:
    """Return a schema for a field of which only the name is known."""
    last = (split_name(name) or [""])[-1]
    if last in _NUMBERS:
        return {"type": "number"}
    if last in _LISTS:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "boolean"} if name.startswith(("is_", "has_", "是否")) else {"type": "string"}
