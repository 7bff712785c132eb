"""Small tables of the world, for lists that a JSON Schema asks for: planets, mountains, rivers, countries."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ve_magics.sim.answers.almanac import CAPITALS


class Table(NamedTuple):
    """Records about one kind of thing.

    Attributes:
        keys: The pattern of the words that ask for it.
        fields: What the names of a field may hold, by the value's place in a row.
        rows: The records; a text is a pair of English and Chinese.
    """

    keys: str
    fields: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


_NAME = r"name|title|名"
PLANETS = Table(
    r"\bplanets?\b|行星",
    (_NAME, r"diameter|直径", r"distance|距离", r"kind|type|class|类", r"year|orbit|period|公转|周期"),
    (
        (("Mercury", "水星"), 4_879, 57.9, ("rocky", "岩石行星"), 88),
        (("Venus", "金星"), 12_104, 108.2, ("rocky", "岩石行星"), 225),
        (("Earth", "地球"), 12_756, 149.6, ("rocky", "岩石行星"), 365),
        (("Mars", "火星"), 6_792, 228.0, ("rocky", "岩石行星"), 687),
        (("Jupiter", "木星"), 142_984, 778.5, ("gas giant", "气态巨行星"), 4_331),
        (("Saturn", "土星"), 120_536, 1_432.0, ("gas giant", "气态巨行星"), 10_747),
        (("Uranus", "天王星"), 51_118, 2_867.0, ("ice giant", "冰巨星"), 30_589),
        (("Neptune", "海王星"), 49_528, 4_515.0, ("ice giant", "冰巨星"), 59_800),
    ),
)
"""Diameters in km, distances from the sun in millions of km, years in days."""

MOUNTAINS = Table(
    r"\bmountains?\b|\bpeaks?\b|高峰|山峰|高山",
    (_NAME, r"height|elevation|altitude|metres|meters|高|海拔", r"country|where|location|place|国|在"),
    (
        (("Mount Everest", "珠穆朗玛峰"), 8_849, ("China and Nepal", "中国和尼泊尔")),
        (("K2", "乔戈里峰"), 8_611, ("China and Pakistan", "中国和巴基斯坦")),
        (("Kangchenjunga", "干城章嘉峰"), 8_586, ("India and Nepal", "印度和尼泊尔")),
        (("Lhotse", "洛子峰"), 8_516, ("China and Nepal", "中国和尼泊尔")),
        (("Makalu", "马卡鲁峰"), 8_485, ("China and Nepal", "中国和尼泊尔")),
    ),
)
"""Heights in metres."""

RIVERS = Table(
    r"\brivers?\b|河流|河$|大河",
    (_NAME, r"length|long|km|长", r"continent|region|where|洲|在"),
    (
        (("Nile", "尼罗河"), 6_650, ("Africa", "非洲")),
        (("Amazon", "亚马孙河"), 6_400, ("South America", "南美洲")),
        (("Yangtze", "长江"), 6_300, ("Asia", "亚洲")),
        (("Yellow River", "黄河"), 5_464, ("Asia", "亚洲")),
        (("Mekong", "湄公河"), 4_350, ("Asia", "亚洲")),
        (("Danube", "多瑙河"), 2_850, ("Europe", "欧洲")),
    ),
)
"""Lengths in km."""

COUNTRIES = Table(
    r"\bcountries\b|\bcapitals\b|国家|首都",
    (r"name|country|国", r"capital|city|首都"),
    tuple(((name.title(), chinese), (city, city_zh)) for name, (city, chinese, city_zh) in CAPITALS.items()),
)
TABLES = (PLANETS, MOUNTAINS, RIVERS, COUNTRIES)


def asked_for(text: str) -> Table | None:
    """Return the table that a text asks for; None where it asks for none."""
    return next((table for table in TABLES if re.search(table.keys, text, re.IGNORECASE)), None)


def filled(item: Any, table: Table, row: Sequence[Any], schema: Mapping[str, Any], *, chinese: bool) -> Any:
    """Return an item of a list with what a record knows of it.

    Args:
        item: What fits the schema so far: a text, or an object.
        table: The table.
        row: One of its rows.
        schema: The item's schema, without references.
        chinese: In which language.
    """
    if isinstance(item, str):
        return _said(row[0], chinese=chinese)
    if not isinstance(item, dict):
        return item
    return {name: _known(name, value, table, row, schema, chinese=chinese) for name, value in item.items()}


def _known(
    name: str, value: Any, table: Table, row: Sequence[Any], schema: Mapping[str, Any], *, chinese: bool
) -> Any:
    field = (schema.get("properties") or {}).get(name) or {}
    for pattern, known in zip(table.fields, row, strict=True):
        if not re.search(pattern, name, re.IGNORECASE):
            continue
        if isinstance(known, tuple) and isinstance(value, str):
            said: Any = next(
                (one for one in known if one in field.get("enum", ())), _said(known, chinese=chinese)
            )
        elif not isinstance(known, tuple) and isinstance(value, int | float) and not isinstance(value, bool):
            said = round(known) if field.get("type") == "integer" else known
        else:
            return value
        return said if said in field.get("enum", (said,)) else value
    return value


def _said(pair: tuple[str, str], *, chinese: bool) -> str:
    return pair[1 if chinese else 0]
