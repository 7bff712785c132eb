"""Lists of records that a schema asks for: what is known of the world, in the fields that the schema names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.messages import ChatRequest, File, Message, OutputFormat, Part, Text
from ve_magics.sim.answers.engine import reply
from ve_magics.sim.answers.records import PLANETS, TABLES


def filled(text: str, schema: dict[str, Any], *before: Message) -> Any:
    """Return the JSON that answers a question."""
    messages = (*before, Message("user", (Text(text),)))
    output = OutputFormat(kind="json_schema", schema=schema)
    (part,) = reply(ChatRequest(model="sim/tutor", messages=messages, output=output)).parts
    assert isinstance(part, Text)
    return json.loads(part.text)


def listed(**fields: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list of records."""
    return {"type": "array", "items": {"type": "object", "properties": fields, "required": [*fields]}}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def test_all_planets_with_their_fields() -> None:
    """As many as are asked for, each with what is known, of the kind that the schema allows."""
    kinds = {"type": "string", "enum": ["rocky", "gas giant", "ice giant"]}
    planets = filled(
        "The eight planets of the solar system", listed(name=TEXT, kind=kinds, diameter_km=WHOLE)
    )
    assert [planet["name"] for planet in planets] == [row[0][0] for row in PLANETS.rows]
    assert planets[4] == {"name": "Jupiter", "kind": "gas giant", "diameter_km": 142_984}


def test_in_chinese() -> None:
    """The same in Chinese, where the question is."""
    planets = filled("太阳系的八大行星", listed(名称=TEXT, 直径=WHOLE))
    assert len(planets) == 8
    assert planets[2] == {"名称": "地球", "直径": 12_756}


def test_only_so_many_and_only_names() -> None:
    """A number in the question is kept to, and a list of texts holds names."""
    assert filled("Three rivers of the world", {"type": "array", "items": TEXT}) == [
        "Nile",
        "Amazon",
        "Yangtze",
    ]


def test_what_the_schema_forbids_is_not_forced() -> None:
    """A value that is not among the allowed ones stays what the schema allows."""
    kinds = {"type": "string", "enum": ["big", "small"]}
    planets = filled("The eight planets", listed(name=TEXT, kind=kinds, year=TEXT))
    assert {planet["kind"] for planet in planets} <= {"big", "small"}
    assert all(isinstance(planet["year"], str) for planet in planets)


@pytest.mark.parametrize("table", TABLES)
def test_rows_fill_their_fields(table: Any) -> None:
    """Every row of every table holds one value for each of its fields, and texts in both languages."""
    assert all(len(row) == len(table.fields) for row in table.rows)
    assert all(len(cell) == 2 for row in table.rows for cell in row if isinstance(cell, tuple))


def test_correction_is_read_with_its_question() -> None:
    """Told that its answer can't be used, it answers the question again, in that question's language."""
    schema = {"type": "object", "properties": {"姓名": TEXT, "城市": TEXT}, "required": ["姓名", "城市"]}
    before = (Message("user", (Text("王小明住在杭州。"),)), Message("assistant", (Text("{}"),)))
    again = "That answer can't be used: missing. Answer again, with the corrected JSON and nothing else."
    assert filled(again, schema, *before) == {"姓名": "王小明", "城市": "杭州"}


@pytest.mark.parametrize(
    ("review", "mood", "reason"),
    [
        ("We sat outside. The soup was cold!", "bad", "The soup was cold!"),
        ("We came on a Tuesday.", "mixed", "We came on a Tuesday."),
    ],
)
def test_reason_of_a_feeling_is_quoted(review: str, mood: str, reason: str) -> None:
    """The reason for a feeling is the sentence that shows it."""
    schema = {
        "type": "object",
        "properties": {"mood": {"type": "string", "enum": ["good", "bad", "mixed"]}, "reason": TEXT},
        "required": ["mood", "reason"],
    }
    told = filled(f"What does this customer think? {review}", schema)
    assert told == {"mood": mood, "reason": reason}


@pytest.mark.parametrize(
    ("media_type", "read"), [("text/plain", True), ("application/json", True), ("application/pdf", False)]
)
def test_plain_files_are_read(media_type: str, read: bool) -> None:
    """The words of a text file that comes along are part of the question; those of other kinds are not."""
    parts: tuple[Part, ...] = (
        Text("Summarise this file in one sentence."),
        File(
            data=b"The ferry runs every twenty minutes. Dogs need a ticket on the ferry.",
            media_type=media_type,
        ),
    )
    (part,) = reply(ChatRequest(model="sim/tutor", messages=(Message("user", parts),))).parts
    assert isinstance(part, Text)
    assert ("ferry" in part.text) == read
