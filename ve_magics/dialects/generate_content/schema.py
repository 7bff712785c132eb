"""OpenAPI's kind of schema, which `parameters` and `responseSchema` hold, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.generate_content.names import camel

_NUMBERS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_DROPPED = frozenset({"nullable", "propertyOrdering"})


def json_schema(schema: Any) -> Any:
    """Return the JSON Schema of an OpenAPI schema: types in lower case, `nullable` as a type, counts as numbers."""
    if not isinstance(schema, Mapping):
        return schema
    wire = {camel(name): value for name, value in schema.items() if value is not None}
    found: dict[str, Any] = {}
    for name, value in wire.items():
        if name == "type" and isinstance(value, str):
            found[name] = value.lower()
        elif name == "properties" and isinstance(value, Mapping):
            found[name] = {field: json_schema(inner) for field, inner in value.items()}
        elif name == "anyOf" and isinstance(value, list):
            found[name] = [json_schema(inner) for inner in value]
        elif name == "items":
            found[name] = json_schema(value)
        elif name in _NUMBERS and isinstance(value, str) and value.isdecimal():
            found[name] = int(value)
        elif name not in _DROPPED:
            found[name] = value
    if wire.get("nullable") is True and "type" in found:
        found["type"] = [found["type"], "null"]
    return found
