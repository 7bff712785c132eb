"""What `--schema` names, as JSON Schema for the model and as a reader of its answer.

Classes are known by what they can do: pydantic models bring their own schema, everything else that has types (Struct,
dataclass, TypedDict, `list[...]`) goes through msgspec, and a dict is JSON Schema itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, get_origin

import msgspec

from ve_magics.catalog import nearest
from ve_magics.errors import ArgumentsError

_LIST_OF = re.compile(r"list\[\s*(\w+)\s*\]")
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_PLAIN: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class Schema(msgspec.Struct, frozen=True):
    """A form that an answer must have.

    Attributes:
        name: For the provider: letters, digits, `_` and `-`.
        sent: JSON Schema of an object, as the model gets it.
        strict: Whether a provider can enforce it word for word.
        key: Where the value stands in that object; empty where it is the object itself.
        read: Turns a JSON value into the notebook's own object; raises ValueError with what does not fit.
    """

    name: str
    sent: Mapping[str, Any]
    strict: bool
    key: str
    read: Callable[[Any], Any]

    def parsed(self, value: Any) -> Any:
        """Return the notebook's object for what the model answered.

        Raises:
            ValueError: It doesn't fit; the message says where.
        """
        return self.read(self.bare(value))

    def bare(self, value: Any) -> Any:
        """Return the value without the object that it was sent in."""
        return (
            value[self.key] if self.key and isinstance(value, Mapping) and {*value} == {self.key} else value
        )


def schema_named(name: str, namespace: Mapping[str, Any]) -> Schema:
    """Return the schema that a line names.

    Args:
        name: A variable, or `str`, `int`, `float` or `bool`, or `list[…]` of one.
        namespace: The notebook's variables.

    Raises:
        ArgumentsError: There is no such variable, or it isn't a schema.
    """
    several = _LIST_OF.fullmatch(name.strip())
    variable = several[1] if several else name.strip()
    if variable not in namespace and variable not in _PLAIN:
        near = nearest(
            variable, (known for known, value in namespace.items() if isinstance(value, (type, dict)))
        )
        raise ArgumentsError(
            f"--schema: there is no variable {variable!r}.",
            hint=f"Did you mean {near[0]}?" if near else "Define the class above, then name it.",
        )
    schema, read = _of(namespace.get(variable, _PLAIN.get(variable)), variable)
    if several:
        schema, read = _list_of(schema, read)
    return _sendable(variable, schema, read)


Read = Callable[[Any], Any]


def _of(value: Any, name: str) -> tuple[dict[str, Any], Read]:
    if isinstance(value, Mapping):
        if not {"type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum"} & value.keys():
            raise ArgumentsError(
                f"--schema: {name} is a dict, but not JSON Schema.",
                hint='Write it like {"type": "object", "properties": {…}}',
            )
        plain = dict(value)
        return plain, lambda data: _checked(data, plain)
    if callable(getattr(value, "model_json_schema", None)) and callable(
        getattr(value, "model_validate", None)
    ):
        return dict(value.model_json_schema()), lambda data: _validated(value, data)
    if get_origin(value) is list and (args := get_args(value)) and hasattr(args[0], "model_json_schema"):
        return _list_of(*_of(args[0], name))
    if not isinstance(value, type) and get_origin(value) is None:
        raise _unusable(name, value)
    try:
        return dict(msgspec.json.schema(value)), lambda data: msgspec.convert(data, value)
    except TypeError:
        raise _unusable(name, value) from None


def _unusable(name: str, value: Any) -> ArgumentsError:
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    return ArgumentsError(
        f"--schema: {name} ({kind}) has no schema.",
        hint="Give a pydantic model, a dataclass, a TypedDict, a msgspec Struct, or JSON Schema in a dict.",
    )


def _validated(model: Any, data: Any) -> Any:
    try:
        return model.model_validate(data)
    except ValueError as error:
        problems = getattr(error, "errors", None)
        if not callable(problems):
            raise
        said = (
            f"{'.'.join(str(step) for step in problem['loc']) or 'the value'}: {problem['msg']}"
            for problem in problems()
        )
        raise ValueError("; ".join(said)) from None


def _list_of(schema: dict[str, Any], read: Read) -> tuple[dict[str, Any], Read]:
    schema = dict(schema)
    definitions = schema.pop("$defs", None)
    several: dict[str, Any] = {"type": "array", "items": schema}
    if definitions:
        several["$defs"] = definitions

    def read_all(data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise ValueError(f"the value: a list is expected, not {type(data).__name__}")
        found = []
        for index, item in enumerate(data):
            try:
                found.append(read(item))
            except ValueError as error:
                raise ValueError(f"item {index}: {error}") from None
        return found

    return several, read_all


def _sendable(name: str, schema: dict[str, Any], read: Read) -> Schema:
    """Return a schema as providers take it: an object, closed and all of it required where that can be said."""
    definitions = schema.get("$defs", {})
    reference = schema.get("$ref", "")
    if reference.startswith("#/$defs/") and reference.removeprefix("#/$defs/") in definitions:
        schema = {**definitions[reference.removeprefix("#/$defs/")], "$defs": definitions}
    key = ""
    if schema.get("type") != "object":
        key = "items" if schema.get("type") == "array" else "value"
        inner = {word: value for word, value in schema.items() if word != "$defs"}
        schema = {
            "type": "object",
            "properties": {key: inner},
            "required": [key],
            "additionalProperties": False,
        }
        if definitions:
            schema["$defs"] = definitions
    closed = _closed(schema)
    label = _NOT_A_NAME.sub("_", name)[:64]
    return Schema(label, schema if closed is None else closed, closed is not None, key, read)


def _closed(schema: Any) -> Any:
    """Return a schema whose objects are closed and whose properties are all required; None where it can't be."""
    if not isinstance(schema, Mapping):
        return None
    if {"allOf", "oneOf", "not", "if", "prefixItems", "patternProperties"} & schema.keys():
        return None
    closed = {word: value for word, value in schema.items() if word not in ("title", "default")}
    if "$ref" in closed:
        closed = {"$ref": closed["$ref"]}
    if schema.get("type") == "object" or "properties" in schema:
        if not schema.get("properties") or schema.get("additionalProperties", False) is not False:
            return None
        closed |= {"additionalProperties": False, "required": [*schema["properties"]]}
    for word in ("properties", "$defs"):
        if word in schema and word in closed | {"$defs": 0}:
            inner = {name: _closed(value) for name, value in schema[word].items()}
            if None in inner.values():
                return None
            closed[word] = inner
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
        if closed["items"] is None:
            return None
    if "anyOf" in schema:
        closed["anyOf"] = [_closed(value) for value in schema["anyOf"]]
        if None in closed["anyOf"]:
            return None
    return closed


def _checked(data: Any, schema: Mapping[str, Any]) -> Any:
    """Return a JSON value that fits a JSON Schema.

    Raises:
        ValueError: It doesn't.
    """
    problems = [*_misfits(data, schema, schema, "the value", 0)][:5]
    if problems:
        raise ValueError("; ".join(problems))
    return data


def _misfits(data: Any, schema: Any, root: Mapping[str, Any], where: str, depth: int) -> Iterator[str]:
    """Yield what in a JSON value doesn't fit: types, choices, bounds, what is missing and what is too much."""
    if schema is False:
        yield f"{where}: nothing is allowed here"
    if not isinstance(schema, Mapping) or depth > 64:
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield from _misfits(data, _referred(root, reference), root, where, depth + 1)
    for part in schema.get("allOf", ()):
        yield from _misfits(data, part, root, where, depth + 1)
    for word in ("anyOf", "oneOf"):
        options = schema.get(word)
        if options and all(any(True for _ in _misfits(data, one, root, where, depth + 1)) for one in options):
            yield f"{where}: none of the {len(options)} allowed forms fits"
    kinds = schema.get("type")
    names = [kinds] if isinstance(kinds, str) else kinds or []
    if names and not any(_is(data, name) for name in names):
        yield f"{where}: {' or '.join(names)} is expected, not {type(data).__name__}"
        return
    if "enum" in schema and data not in schema["enum"]:
        yield f"{where}: {data!r} is none of {schema['enum']}"
    if "const" in schema and data != schema["const"]:
        yield f"{where}: {data!r} is not {schema['const']!r}"
    match data:
        case dict():
            yield from _object_misfits(data, schema, root, where, depth)
        case list():
            if not schema.get("minItems", 0) <= len(data) <= schema.get("maxItems", len(data)):
                yield f"{where}: {len(data)} items are too few or too many"
            for index, item in enumerate(data):
                yield from _misfits(item, schema.get("items"), root, f"{where}[{index}]", depth + 1)
        case str():
            if not schema.get("minLength", 0) <= len(data) <= schema.get("maxLength", len(data)):
                yield f"{where}: {len(data)} characters are too few or too many"
        case int() | float() if not isinstance(data, bool):
            if not schema.get("minimum", data) <= data <= schema.get("maximum", data):
                yield f"{where}: {data} is out of bounds"


def _object_misfits(
    data: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], where: str, depth: int
) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in data:
            yield f"{where}: {name!r} is missing"
    for name, item in data.items():
        if name in properties:
            yield from _misfits(item, properties[name], root, f"{where}.{name}", depth + 1)
        elif (more := schema.get("additionalProperties")) is False:
            yield f"{where}: {name!r} is too much"
        else:
            yield from _misfits(item, more, root, f"{where}.{name}", depth + 1)


def _is(data: Any, kind: str) -> bool:
    if isinstance(data, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(data, float):
        return data.is_integer()
    return isinstance(data, _TYPES.get(kind, (object,)))


def _referred(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            found = (
                found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
            )
    return found
