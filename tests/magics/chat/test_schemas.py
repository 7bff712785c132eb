"""`--schema`: classes and JSON Schema, as the model gets them and as they read its answer."""

from __future__ import annotations

import dataclasses
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat.schemas import schema_named


class Town(pydantic.BaseModel):
    """A town."""

    name: str
    people: int = 0


class River(msgspec.Struct):
    """A river."""

    name: str
    length: float


@dataclasses.dataclass
class Lake:
    """A lake."""

    name: str
    deep: bool


class Hill(TypedDict):
    """A hill."""

    name: str


class Tree(msgspec.Struct):
    """A tree."""

    name: str
    children: list[Tree] = []


class Loose(msgspec.Struct):
    """It holds what no provider can enforce."""

    facts: dict[str, int]


PLAIN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "size": {"type": ["integer", "null"], "minimum": 1},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}
NAMES: dict[str, Any] = {
    "Town": Town,
    "River": River,
    "Lake": Lake,
    "Hill": Hill,
    "Tree": Tree,
    "Loose": Loose,
    "PLAIN": PLAIN,
    "Towns": list[Town],
    "Rivers": list[River],
    "Names": list[str],
    "value": 7,
    "empty": {},
    "function": len,
    "Odd": type("Odd", (), {}),
}


@pytest.mark.parametrize(
    ("name", "answered", "value"),
    [
        ("Town", {"name": "Ur", "people": 3}, Town(name="Ur", people=3)),
        ("River", {"name": "Po", "length": 652}, River("Po", 652.0)),
        ("Lake", {"name": "Como", "deep": True}, Lake("Como", deep=True)),
        ("Hill", {"name": "Palatine"}, {"name": "Palatine"}),
        ("Tree", {"name": "a", "children": [{"name": "b"}]}, Tree("a", [Tree("b")])),
        ("PLAIN", {"name": "ab"}, {"name": "ab"}),
        ("list[Town]", {"items": [{"name": "Ur"}]}, [Town(name="Ur")]),
        ("list[River]", {"items": []}, []),
        ("list[PLAIN]", [{"name": "ab"}], [{"name": "ab"}]),
        ("Towns", {"items": [{"name": "Ur"}]}, [Town(name="Ur")]),
        ("Rivers", {"items": [{"name": "Po", "length": 1}]}, [River("Po", 1.0)]),
        ("Names", {"items": ["a"]}, ["a"]),
    ],
)
def test_answers_become_the_notebooks_objects(name: str, answered: Any, value: Any) -> None:
    """What fits becomes an object of the class; lists come in an object and out of it again."""
    assert schema_named(name, NAMES).parsed(answered) == value


@pytest.mark.parametrize(
    ("name", "answered", "said"),
    [
        ("Town", {"people": "many"}, "name: Field required; people: Input should be a valid integer"),
        ("River", {"name": "Po"}, "missing required field `length`"),
        ("list[Town]", {"items": [{"name": "Ur"}, {}]}, "item 1: name: Field required"),
        ("list[Town]", {"name": "Ur"}, "a list is expected, not dict"),
        (
            "PLAIN",
            {"size": 0.5},
            "the value: 'name' is missing; the value.size: integer or null is expected, not float",
        ),
        (
            "PLAIN",
            {"name": "a", "kind": "c"},
            "characters are too few or too many; the value.kind: 'c' is none of",
        ),
        ("PLAIN", {"name": "ab", "size": 0}, "the value.size: 0 is out of bounds"),
        ("PLAIN", {"name": "ab", "size": True}, "integer or null is expected, not bool"),
        ("PLAIN", {"name": "ab", "more": 1}, "'more' is too much"),
        ("PLAIN", {"name": "ab", "tags": ["a", 1]}, "the value.tags[1]: string is expected, not int"),
        ("PLAIN", {"name": "ab", "tags": ["a", "b", "c"]}, "3 items are too few or too many"),
        ("PLAIN", {"name": "ab", "next": {"name": "c"}}, "none of the 2 allowed forms fits"),
        ("PLAIN", [], "object is expected, not list"),
    ],
)
def test_misfits_say_where(name: str, answered: Any, said: str) -> None:
    """What doesn't fit is told by field, in words that the model can use too."""
    with pytest.raises(ValueError) as caught:
        schema_named(name, NAMES).parsed(answered)
    assert said in str(caught.value)
    assert "pydantic.dev" not in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "object", "allOf": [{"required": ["a"]}]}, {"a": 1}, {}),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": "1"}),
        ({"type": "object", "properties": {"a": False}}, {}, {"a": 1}),
        ({"type": "object", "properties": {"a": {"const": 1}}}, {"a": 1}, {"a": 2}),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/n"}},
                "$defs": {"n": {"type": "number"}},
            },
            {"a": 1.5},
            {"a": []},
        ),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 2.0}, {"a": 2.5}),
        ({"type": "object", "properties": {"a": {"$ref": "#/nowhere/b"}}}, {"a": 2.0}, []),
    ],
)
def test_json_schema_is_held(schema: dict[str, Any], good: Any, bad: Any) -> None:
    """A dict of JSON Schema is checked here, since not every provider enforces it."""
    read = schema_named("S", {"S": schema})
    assert read.parsed(good) == good
    with pytest.raises(ValueError):
        read.parsed(bad)


@pytest.mark.parametrize("name", ["Town", "River", "Lake", "Hill", "Tree", "PLAIN", "list[Town]", "Names"])
def test_what_is_sent_can_be_enforced(name: str) -> None:
    """An object at the root, every object closed and every property required, as strict schemas demand."""
    schema = schema_named(name, NAMES)
    assert schema.strict
    assert schema.sent["type"] == "object"

    def check(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("type") == "object":
                assert part["additionalProperties"] is False
                assert part["required"] == list(part["properties"])
            assert "default" not in part
            for inner in part.values():
                check(inner)
        elif isinstance(part, list):
            for inner in part:
                check(inner)

    check(schema.sent)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"oneOf": []}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": True}}},
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "object"}]}}},
        {
            "type": "object",
            "properties": {"a": {"type": "object", "additionalProperties": True, "properties": {"b": {}}}},
        },
    ],
)
def test_what_no_provider_can_enforce_goes_as_it_is(schema: dict[str, Any]) -> None:
    """A schema with open parts is sent untouched and not called strict."""
    read = schema_named("S", {"S": schema})
    assert not read.strict
    assert read.sent == schema
    assert not schema_named("Loose", NAMES).strict


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("Twon", "there is no variable 'Twon'", "Did you mean Town?"),
        ("list[Zzzzzzz]", "there is no variable 'Zzzzzzz'", "Define the class above"),
        ("value", "value (int) has no schema", "Give a pydantic model"),
        ("function", "has no schema", "Give a pydantic model"),
        ("Odd", "Odd (Odd) has no schema", "Give a pydantic model"),
        ("empty", "empty is a dict, but not JSON Schema", "Write it like"),
    ],
)
def test_what_is_no_schema_is_refused(name: str, said: str, hint: str) -> None:
    """A name that is wrong, and a thing that has no schema, are told before anything is sent."""
    with pytest.raises(ArgumentsError) as caught:
        schema_named(name, NAMES)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_other_models_may_validate() -> None:
    """Any class with pydantic's two methods will do, whatever error it raises."""

    class Own:
        @staticmethod
        def model_json_schema() -> dict[str, Any]:
            return {"type": "object", "properties": {"a": {"type": "integer"}}}

        @staticmethod
        def model_validate(data: Any) -> Any:
            raise ValueError("never")

    with pytest.raises(ValueError, match="never"):
        schema_named("Own", {"Own": Own}).parsed({})


def test_plain_types_need_no_variable() -> None:
    """`list[str]` asks for a list of words; a variable of that name goes first."""
    words = schema_named("list[str]", {})
    assert words.parsed({"items": ["Ur", "Uruk"]}) == ["Ur", "Uruk"]
    with pytest.raises(ValueError, match="item 0"):
        words.parsed({"items": [1]})
    assert schema_named("int", {}).parsed({"value": 3}) == 3
    assert schema_named("str", {"str": int}).parsed({"value": 3}) == 3
