"""Values that fit a JSON Schema."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.messages import ChatRequest, OutputFormat, Text, user
from ve_magics.sim.answers.engine import reply
from ve_magics.sim.answers.patterns import example

TEXT = (
    "Ada Lovelace is 36 years old, lives in London and writes to ada@lovelace.org. She loves mathematics. "
    "Meet on 2026-03-14 at 10:30, phone +44 20 7946 0958, see https://example.com/ada."
)


def filled(schema: Any, text: str = TEXT) -> Any:
    """Return the value that is answered under a schema."""
    output = OutputFormat("json_schema", schema, "answer")
    part = reply(ChatRequest(model="tutor", messages=(user(text),), output=output)).parts[0]
    assert isinstance(part, Text)
    return json.loads(part.text)


def check(value: Any, schema: Any, root: Any) -> None:
    """Fail where a value doesn't fit a schema: the few words of JSON Schema that are made here."""
    if "$ref" in schema:
        return check(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        for option in schema["anyOf"]:
            try:
                return check(value, option, root)
            except AssertionError:
                continue
        raise AssertionError(value)
    if "enum" in schema:
        assert value in schema["enum"]
    kind = schema.get("type")
    if kind == "object":
        assert isinstance(value, dict)
        assert set(schema.get("required", ())) <= value.keys()
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                check(value[name], inner, root)
    elif kind == "array":
        assert isinstance(value, list)
        assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
        for item in value:
            check(item, schema.get("items", {}), root)
    elif kind == "string":
        assert isinstance(value, str)
        assert schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6)
    elif kind in ("integer", "number"):
        assert isinstance(value, int if kind == "integer" else int | float)
        assert not isinstance(value, bool)
        assert schema.get("minimum", -1e300) <= value <= schema.get("maximum", 1e300)
    elif kind == "boolean":
        assert isinstance(value, bool)
    elif kind == "null":
        assert value is None
    return None


NAMES = st.sampled_from(
    ["name", "age", "city", "tags", "score", "isActive", "email", "items", "note", "价格", "start_date"]
)


def schemas() -> st.SearchStrategy[Any]:
    """Draw schemas of the kinds that models are given."""
    bounded = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(
        lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[0] + pair[1]}
    )
    leaves = st.one_of(
        bounded,
        st.just({"type": "string"}),
        st.tuples(st.integers(0, 30), st.integers(0, 10)).map(
            lambda pair: {"type": "string", "minLength": pair[0], "maxLength": pair[0] + pair[1]}
        ),
        st.just({"type": "number"}),
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.lists(st.sampled_from(["red", "green", 3, None, "celsius"]), min_size=1).map(
            lambda o: {"enum": o}
        ),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.dictionaries(NAMES, inner, max_size=4).map(
                lambda fields: {"type": "object", "properties": fields, "required": list(fields)}
            ),
            st.tuples(inner, st.integers(0, 4), st.integers(0, 4)).map(
                lambda t: {"type": "array", "items": t[0], "minItems": t[1], "maxItems": t[1] + t[2]}
            ),
            st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        ),
        max_leaves=8,
    )


@settings(max_examples=200)
@given(schemas(), st.sampled_from([TEXT, "", "hello", "张伟今年28岁，住在上海，价格：35元"]))
def test_whatever_the_schema_the_value_fits(schema: Any, text: str) -> None:
    """Types, bounds, lengths, enums and required fields hold."""
    check(filled(schema, text), schema, schema)


def test_values_are_taken_from_the_text() -> None:
    """Names, numbers, dates and addresses land in the fields that ask for them."""
    value = filled(
        {
            "type": "object",
            "properties": {
                "full_name": {"type": "string"},
                "age": {"type": "integer"},
                "email": {"type": "string", "format": "email"},
                "city": {"type": "string"},
                "country": {"type": "string"},
                "date": {"type": "string", "format": "date"},
                "at": {"type": "string", "format": "date-time"},
                "phone": {"type": "string"},
                "website": {"type": "string", "format": "uri"},
                "sentiment": {"enum": ["negative", "neutral", "positive"]},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                "likes_math": {"type": "boolean"},
            },
        }
    )
    assert value == {
        "full_name": "Ada Lovelace",
        "age": 36,
        "email": "ada@lovelace.org",
        "city": "London",
        "country": "United Kingdom",
        "date": "2026-03-14",
        "at": "2026-03-14T10:30:00Z",
        "phone": "+44 20 7946 0958",
        "website": "https://example.com/ada",
        "sentiment": "positive",
        "confidence": 0.9,
        "likes_math": True,
    }


def test_chinese_texts_fill_chinese_fields() -> None:
    """Names, ages, cities and labelled prices are found in Chinese too."""
    fields = {"姓名": "string", "年龄": "integer", "城市": "string", "价格": "number"}
    schema = {"type": "object", "properties": {name: {"type": kind} for name, kind in fields.items()}}
    assert filled(schema, "张伟今年28岁，住在上海，价格：35元") == {
        "姓名": "张伟",
        "年龄": 28,
        "城市": "上海",
        "价格": 35,
    }


def test_lists_hold_one_item_for_each_that_is_named() -> None:
    """Two people make two objects, in order."""
    person = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"people": {"type": "array", "items": {"$ref": "#/$defs/P"}}, "names": {"type": "array", "items": {"type": "string"}}}, "$defs": {"P": person}}  # fmt: skip
    value = filled(schema, "Ada Lovelace is 36 and Alan Turing is 41.")
    assert value["names"] == ["Ada Lovelace", "Alan Turing"]
    assert {"name": "Ada Lovelace", "age": 36} in value["people"]


def test_a_shot_is_directed() -> None:
    """Fields of a film shot are filled from the prompt, with light that fits it, in its language."""
    fields = ("subject", "action", "setting", "camera", "lighting", "mood", "style", "sound", "prompt")
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
    shot = filled(schema, "A red fox running through a snowy forest at dawn")
    assert shot["subject"] == "A red fox"
    assert shot["action"] == "running"
    assert "forest" in shot["setting"]
    assert "morning" in shot["lighting"]
    assert shot["prompt"].startswith("A red fox running")
    assert all(shot.values())
    chinese = filled(schema, "一只橘猫在月光下的屋顶上散步")
    assert "月光" in chinese["lighting"]
    assert all(re.search("[\u4e00-\u9fff]", words) for words in chinese.values())


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": 5}, 5),
        ({"type": ["string", "null"], "const": None}, None),
        ({"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"const": 1}}}]}, {"a": 1}),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False}, [1, 2]),
        ({"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6}, 5),
        ({"type": "integer", "minimum": 7, "maximum": 20, "multipleOf": 5}, 10),
        ({"type": "object", "additionalProperties": {"const": 3}}, {"value": 3}),
        ({"properties": {"a": {"const": 2}}}, {"a": 2}),
        ({"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 2}, ["x", "y"]),
        (
            {
                "type": "array",
                "items": {"type": "boolean"},
                "minItems": 2,
                "maxItems": 2,
                "uniqueItems": True,
            },
            [False, True],
        ),
    ],
)
def test_rarer_words_of_json_schema(schema: Any, expected: Any) -> None:
    """Constants, joined schemas, tuples, open bounds, steps and unique items are kept to."""
    assert filled(schema, "nothing to see") == expected


def test_endless_schemas_end() -> None:
    """A schema that refers to itself is filled to a finite depth."""
    node = {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}, "all": {"type": "array", "items": {"$ref": "#/$defs/N"}, "maxItems": 1}}, "required": ["value", "next"]}  # fmt: skip
    assert "value" in filled({"$ref": "#/$defs/N", "$defs": {"N": node}})


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{5}$",
        r"^[A-Z]{2}-\d+$",
        r"(red|green)",
        r"^\w+@\w+\.com$",
        r"[^abc]x?",
        r"^(\d)\1$",
        r"a.c",
        r"^\s*$",
        r"[\d\s]+?",
    ],
)
def test_examples_match_their_pattern(pattern: str) -> None:
    """A text is found for every usual pattern."""
    assert re.search(pattern, example(pattern))


def test_patterns_choose_from_the_text_first() -> None:
    """Where the text holds something that matches, that is taken; a broken pattern gives words."""
    schema = {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"}
    assert filled(schema, "Your order is QRS-1234, thank you") == "QRS-1234"
    assert re.fullmatch(r"[A-Z]{3}-\d{4}", filled(schema, "nothing"))
    assert example("(") == "example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Return JSON with keys name, age and city: Bob is 42 and lives in Berlin.",
            {"name": "Bob", "age": 42, "city": "Berlin"},
        ),
        ('Give me a JSON object with "title" and "tags" for: birds sing', None),
        ("用JSON返回，字段：姓名、年龄。张伟今年28岁。", {"姓名": "张伟", "年龄": 28}),
        ("What is HTTP? Answer as JSON.", None),
    ],
)
def test_json_without_a_schema_has_the_named_fields(text: str, expected: Any) -> None:
    """`json_object` gives an object with the fields that the words name."""
    output = OutputFormat("json_object")
    part = reply(ChatRequest(model="tutor", messages=(user(text),), output=output)).parts[0]
    assert isinstance(part, Text)
    value = json.loads(part.text)
    assert isinstance(value, dict)
    assert value
    if expected is not None:
        assert value == expected


def test_trees_stay_small() -> None:
    """A schema that refers to itself in a list is filled with a small tree that fits it."""
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        },
        "required": ["name", "children"],
    }
    schema = {"$defs": {"Node": node}, "$ref": "#/$defs/Node"}
    value = filled(schema)
    check(value, schema, schema)
    assert len(json.dumps(value)) < 5_000
