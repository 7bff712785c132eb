"""A function's parameters as JSON Schema, and as a reader of the arguments that a model sends."""

from __future__ import annotations

import inspect
import pathlib
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from ve_magics.errors import ArgumentsError, ToolArgumentsError

_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
_NOT_OFFERED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Signature:
    """The parameters of one function that a model may fill.

    Args:
        function: The function.
        name: What the tool is called, for errors.
        described: What each parameter means, by its name.

    Attributes:
        schema: JSON Schema of the arguments.

    Raises:
        ArgumentsError: A parameter has a type that no JSON value can be read as.
    """

    def __init__(self, function: Callable[..., Any], name: str, described: Mapping[str, str]) -> None:
        self._name = name
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            raise ArgumentsError(f"The tool {name} has no signature that can be read.") from None
        except Exception as error:  # noqa: BLE001 - newer Pythons evaluate the type hints only now
            raise _unusable(name, error) from None
        self._parameters = [one for one in parameters if one.kind not in _NOT_OFFERED]
        hints = _hints(function, name)
        definitions: dict[str, Any] = {}
        fields: list[tuple[str, Any, Any]] = []
        properties: dict[str, Any] = {}
        for one in self._parameters:
            kind = _plain(hints.get(one.name, Any))
            properties[one.name] = self._property(one, kind, described.get(one.name, ""), definitions)
            if one.default is inspect.Parameter.empty:
                fields.append((one.name, kind, msgspec.NODEFAULT))
            else:
                fields.append((one.name, Union[kind, msgspec.UnsetType], msgspec.UNSET))  # noqa: UP007 - kind is a value
        renamed = {one[0]: f"p{number}" for number, one in enumerate(fields)}
        self._fields = renamed
        self._struct = msgspec.defstruct(
            "Arguments",
            [(renamed[field], kind, default) for field, kind, default in fields],
            rename={new: old for old, new in renamed.items()},
            forbid_unknown_fields=True,
            kw_only=True,
        )
        self.schema: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": [one.name for one in self._parameters if one.default is inspect.Parameter.empty],
            "additionalProperties": False,
        }
        if definitions:
            self.schema["$defs"] = definitions

    def _property(
        self, parameter: inspect.Parameter, kind: Any, said: str, definitions: dict[str, Any]
    ) -> dict[str, Any]:
        def custom(other: Any) -> dict[str, Any]:
            return _custom_schema(other, definitions)

        try:
            (schema,), known = msgspec.json.schema_components(
                [kind], schema_hook=custom, ref_template="#/$defs/{name}"
            )
        except TypeError:
            raise ArgumentsError(
                f"The tool {self._name} can't be offered: no JSON value makes its parameter"
                f" {parameter.name!r} ({_named(kind)}).",
                hint="Use str, int, float, bool, list, dict, Literal, an Enum, a dataclass, a TypedDict or a pydantic"
                " model.",
            ) from None
        definitions.update(known)
        found = dict(schema)
        if said and "description" not in found:
            found["description"] = said
        if parameter.default is not inspect.Parameter.empty and parameter.default is not None:
            with suppress(TypeError, ValueError, msgspec.MsgspecError):
                found["default"] = msgspec.json.decode(msgspec.json.encode(parameter.default))
        return found

    def read(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return what the function is to be called with: positional arguments and those by name.

        Args:
            arguments: The JSON object that the model sent.

        Raises:
            ToolArgumentsError: They don't fit; the message says where, for the model.
        """
        try:
            values = self._converted(arguments)
        except ValueError as error:
            raise ToolArgumentsError(f"{self._name}: {self._misfit(str(error), arguments)}") from None
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for one in self._parameters:
            value = getattr(values, self._fields[one.name])
            if one.kind is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(one.default if value is msgspec.UNSET else value)
            elif value is not msgspec.UNSET:
                named[one.name] = value
        return positional, named

    def _converted(self, arguments: Mapping[str, Any]) -> Any:
        """Return the values; numbers and truths that came as text are taken where text doesn't fit."""
        try:
            return msgspec.convert(arguments, self._struct, dec_hook=_custom_value)
        except ValueError:
            return msgspec.convert(arguments, self._struct, strict=False, dec_hook=_custom_value)

    def _misfit(self, said: str, arguments: Mapping[str, Any]) -> str:
        required = self.schema["required"]
        missing = [name for name in required if name not in arguments]
        unknown = [name for name in arguments if name not in self.schema["properties"]]
        if missing:
            said = f"{', '.join(missing)} missing."
        elif unknown:
            said = f"there is no parameter {', '.join(map(str, unknown[:5]))[:200]}."
        else:
            what, _, where = said.partition(" - at `$.")
            said = f"{where.rstrip('`') or 'the arguments'}: {what}."
        takes = [name if name in required else f"{name} (optional)" for name in self.schema["properties"]]
        return f"{said} It takes {', '.join(takes) or 'no arguments'}."


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    target: Any = function
    while hasattr(target, "func"):
        target = target.func
    if not isinstance(target, types.FunctionType | types.MethodType) and not inspect.isbuiltin(target):
        target = type(target).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except Exception as error:  # noqa: BLE001 - a hint in quotes is code, which may raise anything
        raise _unusable(name, error) from None


def _unusable(name: str, error: Exception) -> ArgumentsError:
    return ArgumentsError(
        f"The tool {name} can't be offered: {type(error).__name__} in its type hints: {error}.",
        hint="Define the type in a cell of its own above.",
    )


def _plain(kind: Any) -> Any:
    """Return a type whose notes say what msgspec understands: a text describes, bounds bound."""
    if get_origin(kind) is not Annotated:
        return kind
    inner, *notes = get_args(kind)
    kept: list[Any] = []
    said: dict[str, Any] = {}
    for note in notes:
        if isinstance(note, msgspec.Meta):
            kept.append(note)
        elif isinstance(note, str):
            said["description"] = note
        else:
            for one in (note, *(getattr(note, "metadata", None) or ())):
                for word in ("description", *_BOUNDS):
                    if (value := getattr(one, word, None)) is not None:
                        said[word] = value
    if said:
        kept.append(msgspec.Meta(**said))
    found = inner
    for meta in kept:
        found = Annotated[found, meta]
    return found


def _custom_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a class that brings its own; its parts join the others' definitions."""
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return {"type": "string"}
    made = getattr(kind, "model_json_schema", None)
    if not callable(made):
        raise TypeError(f"{_named(kind)} brings no schema")
    schema = dict(made(ref_template="#/$defs/{model}"))
    definitions.update(schema.pop("$defs", {}))
    return schema


def _custom_value(kind: Any, value: Any) -> Any:
    """Return an object of a class that reads JSON itself.

    Raises:
        ValueError: The value doesn't fit.
    """
    if issubclass(kind, pathlib.PurePath):
        if not isinstance(value, str):
            raise ValueError("Expected `str`")
        return kind(value)
    try:
        return kind.model_validate(value)
    except ValueError as error:
        problems = getattr(error, "errors", None)
        if not callable(problems):
            raise
        said = (f"{'.'.join(map(str, one['loc'])) or 'the value'}: {one['msg']}" for one in problems())
        raise ValueError("; ".join(said)) from None


def _named(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
