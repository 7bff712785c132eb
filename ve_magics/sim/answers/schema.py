"""Fills a JSON Schema with values that the text before it suggests, so that the result is valid."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ve_magics.sim.answers.hints import Hints
from ve_magics.sim.answers.patterns import example
from ve_magics.sim.answers.records import filled

DEEPEST = 12
"""How deep optional parts are filled; deeper, only what a schema demands."""

DEEPEST_LIST = 5
"""How deep lists are filled; deeper, only with what a schema demands, or a schema of trees would fill a forest."""

MOST_ITEMS = 5
Schema = Mapping[str, Any]


class Filler:
    """Fills one schema.

    Args:
        schema: The whole schema, to which its references refer.
        hints: Suggests values for its fields.
    """

    def __init__(self, schema: Schema, hints: Hints) -> None:
        self._root = schema
        self._hints = hints

    def fill(self) -> Any:
        """Return a value that fits the schema."""
        return self._value(self._root, "", 0)

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return None if schema is False else self._hints.words(name)
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if isinstance(options := schema.get("enum"), Sequence) and options:
            return self._hints.choice(options, name)
        if "default" in schema and depth > DEEPEST:
            return schema["default"]
        match self._kind(schema, depth):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return int(self._number(schema, name, whole=True))
            case "number":
                number = self._number(schema, name, whole=False)
                return int(number) if number == int(number) else number
            case "boolean":
                return self._hints.flag(name, str(schema.get("description", "")))
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """Return a schema without references and choices: merged with what it refers to."""
        for _ in range(32):
            rest = {
                key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")
            }
            if isinstance(reference := schema.get("$ref"), str):
                schema = {**self._referred(reference), **rest}
            elif isinstance(parts := schema.get("allOf"), Sequence) and parts:
                schema = _merged([rest, *(self._resolved(part, depth) for part in parts)])
            elif options := next((schema[key] for key in ("anyOf", "oneOf") if schema.get(key)), None):
                schema = _merged([rest, self._resolved(self._chosen(options, depth), depth)])
            else:
                break
        return schema

    def _chosen(self, options: Sequence[Any], depth: int) -> Schema:
        useful = [
            option for option in options if isinstance(option, Mapping) and option.get("type") != "null"
        ]
        if depth > DEEPEST:
            plain = [
                o
                for o in options
                if isinstance(o, Mapping) and o.get("type") not in ("object", "array", None)
            ]
            useful = plain or useful
        return useful[0] if useful else {"type": "null"}

    def _referred(self, reference: str) -> Schema:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if key:
                found = found.get(key, {}) if isinstance(found, Mapping) else {}
        return found if isinstance(found, Mapping) else {}

    def _kind(self, schema: Schema, depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, Sequence) and not isinstance(kind, str):
            kinds = [one for one in kind if one != "null"]
            if depth > DEEPEST and "null" in kind:
                return "null"
            kind = kinds[0] if kinds else "null"
        if isinstance(kind, str):
            return kind
        if "properties" in schema or "required" in schema:
            return "object"
        if "items" in schema or "prefixItems" in schema:
            return "array"
        return "number" if {"minimum", "maximum", "multipleOf"} & schema.keys() else "string"

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or ()
        filled: dict[str, Any] = {}
        for name, inner in properties.items():
            if depth <= DEEPEST or name in required:
                filled[name] = self._value(inner, name, depth + 1)
        for name in required:
            if name not in filled:
                filled[name] = self._value(schema.get("additionalProperties") or {}, name, depth + 1)
        if not filled and isinstance(schema.get("additionalProperties"), Mapping) and depth <= DEEPEST:
            filled["value"] = self._value(schema["additionalProperties"], "value", depth + 1)
        return filled

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        fixed = schema.get("prefixItems") or ()
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", MOST_ITEMS))
        items = [self._value(inner, name, depth + 1) for inner in fixed][:most]
        inner = schema.get("items", {})
        if inner is False:
            return items
        table = self._hints.table if depth <= DEEPEST else None
        if table is not None and "maxItems" not in schema:
            most = max(MOST_ITEMS, len(table.rows))
        wanted = min(most, max(least, len(items), self._hints.how_many(name) if depth <= DEEPEST_LIST else 0))
        if scenes := self._hints.scenes(name, wanted):
            return [_told(self._resolved(inner, depth), scene) for scene in scenes]
        if isinstance(inner, Mapping):
            inner = self._resolved(inner, depth)
            if isinstance(options := inner.get("enum"), Sequence):
                items += self._hints.choices(options, name, max(0, wanted - len(items)), least)
                return items
        unique = bool(schema.get("uniqueItems"))
        with self._hints.apart():
            for attempt in range(wanted * 3 + 3):
                if len(items) >= wanted:
                    break
                item = self._value(inner, name.removesuffix("s"), depth + 1)
                if table is not None and len(items) < len(table.rows) and isinstance(inner, Mapping):
                    item = filled(item, table, table.rows[len(items)], inner, chinese=self._hints.chinese)
                if unique and item in items:
                    item = _another(item, attempt)
                if not unique or item not in items:
                    items.append(item)
        return items

    def _number(self, schema: Schema, name: str, *, whole: bool) -> float:
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        step = 1.0 if whole else 0.01
        if isinstance(floor := schema.get("exclusiveMinimum"), int | float) and not isinstance(floor, bool):
            low = max(low, floor + (1 if whole else step))
        if isinstance(ceiling := schema.get("exclusiveMaximum"), int | float) and not isinstance(
            ceiling, bool
        ):
            high = min(high, ceiling - (1 if whole else step))
        if low > high:
            low = high = (schema.get("exclusiveMinimum", low) + schema.get("exclusiveMaximum", high)) / 2
        number = self._hints.number(name, low, high, whole=whole)
        multiple = schema.get("multipleOf")
        if isinstance(multiple, int | float) and multiple > 0:
            number = math.floor(number / multiple) * multiple
            if number < low:
                number = math.ceil(low / multiple) * multiple
            number = round(number, 10)
        return number

    def _string(self, schema: Schema, name: str) -> str:
        if isinstance(pattern := schema.get("pattern"), str):
            candidates = self._hints.candidates(name)
            found = next((text for text in candidates if _fits(pattern, text)), None)
            text = example(pattern) if found is None else found
        else:
            text = self._hints.string(name, str(schema.get("format", "")), str(schema.get("description", "")))
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        if len(text) < least:
            text = (text or "x") + " " + "x" * least
            text = text[:least]
        return text if most is None else text[: int(most)]


def _told(schema: Schema, scene: str) -> Any:
    """Return a scene as an item of a list: the words themselves, or an object whose every text is the scene."""
    if schema.get("type") != "object":
        return scene
    return {
        name: scene
        for name, inner in (schema.get("properties") or {}).items()
        if inner.get("type") == "string"
    }


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _merged(schemas: Sequence[Schema]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for schema in schemas:
        for key, value in schema.items():
            if key == "properties" and key in merged:
                merged[key] = {**merged[key], **value}
            elif key == "required" and key in merged:
                merged[key] = [*merged[key], *value]
            else:
                merged[key] = value
    return merged


def _another(item: Any, number: int) -> Any:
    if isinstance(item, str):
        return f"{item} {number + 2}"
    if isinstance(item, int | float) and not isinstance(item, bool):
        return item + number + 1
    if isinstance(item, dict):
        first = next(iter(item), None)
        return item if first is None else {**item, first: _another(item[first], number)}
    return not item if isinstance(item, bool) else item
