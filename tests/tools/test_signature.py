"""A function's parameters as JSON Schema, and the model's arguments checked against them."""

from __future__ import annotations

import dataclasses
import enum
import functools
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from ve_magics.errors import ArgumentsError, ToolArgumentsError
from ve_magics.tools import FunctionTool, as_tool, tool


class Unit(enum.Enum):
    """A unit."""

    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclasses.dataclass
class Place:
    """A place."""

    name: str
    height: float = 0.0


class Inner(pydantic.BaseModel):
    """A part of a model."""

    count: int


class Order(pydantic.BaseModel):
    """A pydantic model with a part."""

    what: str
    inner: Inner | None = None


class Row(TypedDict):
    """A TypedDict."""

    key: str


def everything(  # type: ignore[no-untyped-def]  # a parameter without a type is tried too
    city: str,
    days: Annotated[int, "how many"] = 3,
    unit: Unit = Unit.CELSIUS,
    place: Place | None = None,
    orders: list[Order] = [],  # noqa: B006 - never changed
    row: Row | None = None,
    kind: Literal["a", "b"] = "a",
    path: Path | None = None,
    *rest: int,
    share: Annotated[float, pydantic.Field(ge=0, le=1, description="from 0 to 1")] = 0.5,
    size: Annotated[int, msgspec.Meta(gt=0)] = 1,
    untold=7,
    **more: int,
) -> Any:
    """Do it.

    Args:
        city: Where.
        days: Not this: the type says it.
    """
    return {name: value for name, value in locals().items() if name not in ("rest", "more")}


TOOL = FunctionTool(everything)


def properties() -> dict[str, Any]:
    assert TOOL.spec.parameters is not None
    return dict(TOOL.spec.parameters["properties"])


def test_schema_says_types_defaults_and_words() -> None:
    """Types, choices, bounds, defaults and descriptions reach the model; what has no default is required."""
    found = properties()
    assert found["city"] == {"type": "string", "description": "Where."}
    assert found["days"] == {"type": "integer", "description": "how many", "default": 3}
    assert found["kind"] == {"enum": ["a", "b"], "default": "a"}
    assert found["share"] == {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "from 0 to 1",
        "default": 0.5,
    }
    assert found["size"]["exclusiveMinimum"] == 0
    assert found["untold"] == {"default": 7}
    assert "default" not in found["place"], "None needs not be said"
    assert TOOL.spec.parameters is not None
    assert TOOL.spec.parameters["required"] == ["city"]
    assert TOOL.spec.parameters["additionalProperties"] is False
    assert not {"rest", "more"} & found.keys()


def test_parts_of_models_join_one_table() -> None:
    """Classes that bring a schema of their own put its parts where everybody's parts are."""
    assert TOOL.spec.parameters is not None
    assert TOOL.spec.parameters["$defs"].keys() == {"Unit", "Place", "Inner", "Row"}
    order = properties()["orders"]["items"]
    assert {"$ref": "#/$defs/Inner"} in order["properties"]["inner"]["anyOf"]


def test_arguments_become_python_objects() -> None:
    """Each value arrives as what its hint names, and what was left out keeps the function's own default."""
    given = {
        "city": "Oslo",
        "days": "4",
        "unit": "fahrenheit",
        "place": {"name": "x"},
        "orders": [{"what": "tea", "inner": {"count": 2}}],
        "row": {"key": "k"},
        "path": "a/b",
        "share": 1,
    }
    found = TOOL.bind(given)()
    assert found == {
        "city": "Oslo",
        "days": 4,
        "unit": Unit.FAHRENHEIT,
        "place": Place("x"),
        "orders": [Order(what="tea", inner=Inner(count=2))],
        "row": {"key": "k"},
        "kind": "a",
        "path": Path("a/b"),
        "share": 1.0,
        "size": 1,
        "untold": 7,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "city missing."),
        ({"city": "x", "town": 1}, "there is no parameter town."),
        ({"city": 1}, "city: Expected `str`, got `int`."),
        ({"city": "x", "share": 2}, "share: Expected `float` <= 1.0."),
        ({"city": "x", "kind": "c"}, "kind: Invalid enum value 'c'."),
        (
            {"city": "x", "orders": [{"inner": {"count": "n"}}]},
            "orders[0]: what: Field required; inner.count:",
        ),
        ({"city": "x", "path": 1}, "path: Expected `str`"),
    ],
)
def test_misfits_are_told_with_their_place(given: dict[str, Any], said: str) -> None:
    """What doesn't fit is said with its place and with what the tool takes, so that the model can do better."""
    with pytest.raises(ToolArgumentsError) as caught:
        TOOL.bind(given)
    assert caught.value.message.startswith("everything: ")
    assert said in caught.value.message
    assert "It takes city, days (optional)" in caught.value.message


def test_function_without_parameters_says_so() -> None:
    """A tool that takes nothing has an empty schema and says so to a model that sends something."""

    def now() -> str:
        return "noon"

    made = FunctionTool(now)
    assert made.spec.parameters == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert made.bind({})() == "noon"
    with pytest.raises(ToolArgumentsError, match="It takes no arguments"):
        made.bind({"zone": 1})


def test_positional_only_parameters_are_given_in_order() -> None:
    """Parameters that have no name for callers are given by place, a left out one by its default."""

    def divided(a: int, b: int = 2, /, c: int = 0) -> float:
        return a / b + c

    assert FunctionTool(divided).bind({"a": 8, "c": 1})() == 5


class Adder:
    """An object that is called."""

    def __call__(self, a: int) -> int:
        """Add ten."""
        return a + 10

    def method(self, a: int) -> int:
        """Add twenty."""
        return a + 20


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (Adder(), 11),
        (Adder().method, 21),
        (functools.partial(lambda n, a: n + a, 30), 31),
        (functools.partial(Adder(), 1), 11),
    ],
)
def test_any_callable_can_be_a_tool(function: Any, result: int) -> None:
    """Objects, methods and partials are tools like functions, where they have a name."""
    arguments = {"a": 1} if not (isinstance(function, functools.partial) and function.args == (1,)) else {}
    assert FunctionTool(function, name="adder").bind(arguments)() == result


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x, "can't be the name of a tool"),
        (int, "is no function"),
        ("word", "is no function"),
        (type("Odd", (), {"__call__": None})(), "no signature"),
    ],
)
def test_what_is_no_tool_is_refused(function: Any, said: str) -> None:
    """What has no name that models know tools by, and what is no function, is refused with what to do."""
    with pytest.raises(ArgumentsError, match=said):
        FunctionTool(function)


def test_types_without_json_are_refused() -> None:
    """A parameter that no JSON value can be is named, with what would do instead."""

    def bad(frame: Adder) -> None:
        """Take an object."""

    with pytest.raises(ArgumentsError, match=r"parameter 'frame' \(Adder\)") as caught:
        FunctionTool(bad)
    assert "pydantic" in caught.value.hint

    def worse(frames: list[Adder] | None) -> None:
        """Take objects."""

    with pytest.raises(ArgumentsError, match="'frames'"):
        FunctionTool(worse)


def test_types_that_nobody_knows_are_refused() -> None:
    """A hint that names nothing says where to define it."""

    def bad(a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821 - that nobody knows it is what is tried
        """Take nothing that is there."""

    with pytest.raises(ArgumentsError, match="Nowhere"):
        FunctionTool(bad)


def test_what_is_no_function_of_any_kind_is_refused() -> None:
    """`as_tool` takes functions and tools, and says of anything else that it is none."""
    assert as_tool(TOOL) is TOOL
    assert as_tool(Adder().method).name == "method"
    with pytest.raises(ArgumentsError, match="'word' is no function"):
        as_tool("word")


def test_function_without_a_signature_is_refused() -> None:
    """A function of another language that tells nothing of its parameters can't be offered."""
    with pytest.raises(ArgumentsError, match="no signature"):
        FunctionTool(getattr)


class Late:
    """A function whose signature can't be told because a type hint fails, as Python 3.14 finds out only then."""

    __name__ = "late"

    def __call__(self, a: int) -> None: ...

    @property
    def __signature__(self) -> Any:
        raise NameError("name 'Nowhere' is not defined")


def test_hints_that_fail_late_are_named() -> None:
    """A type hint that is evaluated only when the signature is asked for fails as clearly as one before."""
    with pytest.raises(ArgumentsError, match="NameError in its type hints: name 'Nowhere' is not defined"):
        FunctionTool(Late())


def test_builtin_functions_without_hints_take_anything() -> None:
    """A function with a signature but without hints is offered with parameters of any type."""
    made = FunctionTool(len, name="length")
    assert made.bind({"obj": [1, 2]})() == 2


def test_default_that_is_no_json_is_left_out() -> None:
    """A default that JSON can't say is kept to Python."""

    def odd(a: Any = Adder) -> Any:
        return a

    made = FunctionTool(odd)
    assert made.spec.parameters is not None
    assert made.spec.parameters["properties"]["a"] == {}
    assert made.bind({})() is Adder


def test_decorator_keeps_the_function() -> None:
    """Python calls a marked function as before, and it says what it is."""

    @tool(name="plus", description="Add.", approve=True, timeout=2)
    def add(a: int, b: int = 1) -> int:
        return a + b

    assert add(1, b=2) == 3
    assert (add.name, add.spec.description, add.marks.approve, add.marks.timeout) == ("plus", "Add.", True, 2)
    assert repr(add) == "<tool plus(a: 'int', b: 'int' = 1) -> 'int'>"
    assert tool(everything).spec == TOOL.spec


def test_async_functions_are_known() -> None:
    """Whether a result is awaited is known of functions, methods and partials."""

    async def later(a: int) -> int:
        return a

    assert FunctionTool(later).is_async
    assert FunctionTool(functools.partial(later, 1), name="later").is_async
    assert not TOOL.is_async


class Broken(pydantic.BaseModel):
    """A model that fails in its own way."""

    @classmethod
    def model_validate(cls, *_: Any, **__: Any) -> Any:
        """Fail without saying where."""
        raise ValueError("no such thing")


def test_model_that_fails_in_its_own_words_is_heard() -> None:
    """A class that says no without pydantic's list of problems is quoted."""

    def take(a: Broken) -> None:
        """Take it."""

    with pytest.raises(ToolArgumentsError, match="no such thing"):
        FunctionTool(take).bind({"a": {}})
