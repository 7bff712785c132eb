"""A Python function as a tool: `@tool`, or a function that a line names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, overload

import msgspec

from ve_magics.errors import ArgumentsError
from ve_magics.messages import Tool
from ve_magics.tools.docstrings import described
from ve_magics.tools.output import MOST_TEXT
from ve_magics.tools.signature import Signature

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}").fullmatch
MOST_SECONDS = 60.0
"""How long a tool may take where it doesn't say."""
_LONGEST_DESCRIPTION = 4_000


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a tool besides its signature.

    Attributes:
        approve: Whether each call has to be approved: it costs money, or changes something.
        untrusted: Whether it gives back what strangers wrote: pages, mails, documents.
        in_cell: Whether it runs in the cell's own thread, without a time limit: for what can't leave that thread.
        timeout: Seconds that a call may take.
        limit: Characters of a result that the model gets.
    """

    approve: bool = False
    untrusted: bool = False
    in_cell: bool = False
    timeout: float = MOST_SECONDS
    limit: int = MOST_TEXT


class FunctionTool:
    """A function that a model may call. Python calls it as before.

    Args:
        function: The function.
        name: What the model calls it; the function's own name where empty.
        description: What it does, for the model; from the docstring where empty.
        marks: What holds for it besides.

    Attributes:
        spec: What the model is told of it.
        is_async: Whether its result has to be awaited.

    Raises:
        ArgumentsError: It can't be a tool: its name, or the type of a parameter.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        description: str = "",
        marks: Marks | None = None,
    ) -> None:
        if isinstance(function, type) or not callable(function):
            raise ArgumentsError(f"{function!r:.80} is no function.", hint="Give a function to be a tool.")
        own = name or str(getattr(function, "__name__", type(function).__name__))
        if not NAME(own):
            raise ArgumentsError(
                f"{own!r:.80} can't be the name of a tool.",
                hint='Models know tools by ASCII letters, digits, _ and -: @tool(name="…")',
            )
        self.function = function
        self.marks = marks or Marks()
        said = described(inspect.getdoc(function))
        self._signature = Signature(function, own, said.parameters)
        what = description or said.summary or own.replace("_", " ")
        self.spec = Tool(own, what[:_LONGEST_DESCRIPTION], self._signature.schema)
        called: Any = function
        while hasattr(called, "func"):
            called = called.func
        called = called if inspect.isroutine(called) else type(called).__call__
        self.is_async = inspect.iscoroutinefunction(called)
        self.__name__ = own
        self.__doc__ = getattr(function, "__doc__", None)
        self.__wrapped__ = function

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.spec.name

    def read(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return what the model's arguments are for Python: positional arguments, and those by name.

        Raises:
            ToolArgumentsError: They don't fit.
        """
        return self._signature.read(arguments)

    def bind(self, arguments: Mapping[str, Any]) -> Callable[[], Any]:
        """Return the call that the model's arguments make, ready to be made.

        Raises:
            ToolArgumentsError: They don't fit.
        """
        positional, named = self.read(arguments)
        return lambda: self.function(*positional, **named)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function itself."""
        return self.function(*arguments, **named)

    def __repr__(self) -> str:
        return f"<tool {self.name}{inspect.signature(self.function)}>"


@overload
def tool(function: Callable[..., Any]) -> FunctionTool: ...
@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    approve: bool = False,
    untrusted: bool = False,
    in_cell: bool = False,
    timeout: float = MOST_SECONDS,
    limit: int = MOST_TEXT,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    *,
    name: str = "",
    description: str = "",
    approve: bool = False,
    untrusted: bool = False,
    in_cell: bool = False,
    timeout: float = MOST_SECONDS,
    limit: int = MOST_TEXT,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a function a tool that a model may call: `@tool`, or `@tool(approve=True)`.

    What the model is told comes from the type hints and the docstring (the styles of Google, numpy and reST).

    Args:
        function: The function, sync or async.
        name: What the model calls it; the function's own name where empty.
        description: What it does, for the model; from the docstring where empty.
        approve: Whether each call has to be approved, because it costs money or changes something.
        untrusted: Whether it gives back what strangers wrote; the model is then told that this is data.
        in_cell: Whether it runs in the cell's own thread, without a time limit.
        timeout: Seconds that a call may take. A thread can't be ended: one that takes longer is left alone, and the
            model is told that there was no result.
        limit: Characters of a result that the model gets.

    Raises:
        ArgumentsError: It can't be a tool: its name, or the type of a parameter.
    """
    marks = Marks(approve=approve, untrusted=untrusted, in_cell=in_cell, timeout=timeout, limit=limit)

    def made(function: Callable[..., Any]) -> FunctionTool:
        return FunctionTool(function, name=name, description=description, marks=marks)

    return made if function is None else made(function)


def as_tool(value: Any) -> FunctionTool:
    """Return a value as a tool: one that is one, or a plain function.

    Raises:
        ArgumentsError: It can't be a tool.
    """
    return value if isinstance(value, FunctionTool) else FunctionTool(value)
