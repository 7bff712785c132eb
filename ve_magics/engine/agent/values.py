"""What an agent works with: tools on offer, limits, and what happens while it runs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ve_magics.engine.trace import Trace
from ve_magics.errors import UserError
from ve_magics.events import Event
from ve_magics.messages import ChatResponse, Tool, ToolCall
from ve_magics.tools import Output

Arguments = Mapping[str, Any]
Why = Literal["answered", "steps", "stuck"]
"""Why a course ended: with an answer, at the limit of steps, or because no call led anywhere."""
Approval = Literal["ask", "auto"]
Source = Literal["run", "cache", "recording", "refused"]
"""Where a call's result came from."""


class ApprovalError(UserError):
    """A call needs a yes, and nobody is there to say it; nothing was run."""


@dataclass(frozen=True, slots=True)
class Situation:
    """In which a tool is called.

    Attributes:
        agent: Who calls it.
        call: The call.
        tell: Takes what happens inside the tool, for the trace.
        here: Runs a function in the cell's own thread and returns its result.
    """

    agent: str
    call: ToolCall
    tell: Callable[[Happening], None]
    here: Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One tool as an agent has it.

    Attributes:
        spec: What the model is told.
        run: Calls it.
        approve: Whether each call has to be approved: it costs money, has effects, or nobody knows.
        named: Whether the user's own cell named it, so that `--approve auto` may approve it.
        always: Whether only a person may approve it.
        untrusted: Whether it gives back what strangers wrote.
        check: Raises `ToolArgumentsError` where arguments don't fit, before anybody is asked about them.
        price: Returns what a call would cost in US dollars; None where that isn't known.
        known: Tells whether a call's result is there already, so that it costs nothing and changes nothing.
        remembers: Whether it remembers its own results, so that a replay may call it.
        limit: Characters of a result that the model gets.
        rules: What the system prompt says where it is on offer.
    """

    spec: Tool
    run: Callable[[Arguments, Situation], Awaitable[Output]]
    approve: bool = False
    named: bool = True
    always: bool = False
    untrusted: bool = False
    check: Callable[[Arguments], object] = field(default=lambda _: None)
    price: Callable[[Arguments], float | None] = field(default=lambda _: 0.0)
    known: Callable[[Arguments], bool] = field(default=lambda _: False)
    remembers: bool = False
    limit: int = 20_000
    rules: str = ""

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.spec.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far an agent goes.

    Attributes:
        steps: Questions to the model, the last one, in which it may call nothing, not counted.
        calls: Calls of one step that are run; the rest is dropped.
        same: How often the very same call is made.
        futile: Steps in a row of which no call could be made, before the agent is told to answer.
        step_text: Characters of all results of one step together.
    """

    steps: int = 12
    calls: int = 16
    same: int = 3
    futile: int = 3
    step_text: int = 120_000


# What happens, in the order in which it happens


@dataclass(frozen=True, slots=True)
class StepBegan:
    """An agent asks its model.

    Attributes:
        agent: Who; empty for the one that the cell began.
        number: Which of its steps, from 1.
    """

    agent: str
    number: int


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the model's answer has come."""

    agent: str
    event: Event


@dataclass(frozen=True, slots=True)
class StepEnded:
    """The model has answered.

    Attributes:
        trace: Where the answer came from, who gave it and what it cost.
    """

    agent: str
    number: int
    response: ChatResponse
    trace: Trace
    seconds: float


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A tool is called, or is about to be."""

    agent: str
    number: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class CallMoved:
    """A call says how far it is.

    Attributes:
        text: One line.
    """

    agent: str
    call: ToolCall
    text: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call has its result."""

    agent: str
    number: int
    call: ToolCall
    output: Output
    seconds: float
    source: Source


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the reader of the trace should know."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that only the cell's own thread can do: ask its reader, run code in the notebook.

    Attributes:
        perform: Does it; called once, in that thread.
    """

    perform: Callable[[], None]


Happening = StepBegan | Said | StepEnded | CallBegan | CallMoved | CallEnded | Noted | Errand


def shown_arguments(call: ToolCall, limit: int = 200) -> str:
    """Return a call's arguments on one line, for a reader."""
    try:
        value = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        text = ", ".join(f"{name}={json.dumps(one, ensure_ascii=False)}" for name, one in value.items())
    else:
        text = call.arguments
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
