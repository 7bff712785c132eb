"""What a stream yields, and the fold that makes an answer of it.

Streamed, whole, cached and replayed answers are the same events: a decoder makes them from bytes, `events_of`
makes them from a whole answer, an encoder writes them to a user of the server, a display shows them.

An answer is a list of parts. Every delta names the choice and the part that it grows; part numbers rise from 0
in the order in which the parts begin, and parts may grow in turns (parallel tool calls do). The order of a well
formed stream: `Started`, then deltas, one `Finished` per choice, then `UsageReported` where there are counts.
`UsageReported` may come more than once: the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from .messages import (
    Audio,
    ChatResponse,
    Choice,
    Extra,
    File,
    FinishReason,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)


class Started(msgspec.Struct, frozen=True, tag="started", omit_defaults=True):
    """The answer begins: ids and names as the provider gives them."""

    id: str = ""
    model: str = ""
    created: int = 0
    dialect: str = ""
    extra: Extra = {}


class TextDelta(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """More words of an answer.

    Attributes:
        logprobs: Token log probabilities in OpenAI's form.
        annotations: Citations and the like, as the provider gave them.
    """

    text: str
    part: int = 0
    choice: int = 0
    logprobs: tuple[Any, ...] = ()
    annotations: tuple[Any, ...] = ()


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning", omit_defaults=True):
    """More of what the model thinks."""

    text: str
    part: int = 0
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal", omit_defaults=True):
    """More of the model's words for not answering."""

    text: str
    part: int = 0
    choice: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call", omit_defaults=True):
    """A tool call begins (`id` and `name` are set) or its arguments grow (both are empty)."""

    part: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    custom: bool = False
    choice: int = 0


class PartAdded(msgspec.Struct, frozen=True, tag="part", omit_defaults=True):
    """A part that comes whole: a picture, sound, a file, something opaque."""

    value: Part
    part: int
    choice: int = 0


class StateDelta(msgspec.Struct, frozen=True, tag="state", omit_defaults=True):
    """The provider's opaque memory of a part; a part that has none yet begins as empty reasoning."""

    state: State
    part: int
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, tag="finished", omit_defaults=True):
    """A choice has ended.

    Attributes:
        detail: The provider's own word for the reason, or its explanation.
    """

    reason: FinishReason
    detail: str = ""
    choice: int = 0
    extra: Extra = {}


class UsageReported(msgspec.Struct, frozen=True, tag="usage", omit_defaults=True):
    """The counts so far; the last one counts."""

    usage: Usage


class Passthrough(msgspec.Struct, frozen=True, tag="passthrough", omit_defaults=True):
    """A piece of the stream that only its own dialect understands.

    Attributes:
        name: The SSE event's name; empty where it has none.
        data: JSON value, kept as it came.
    """

    dialect: str
    name: str
    data: Any


class Restarted(msgspec.Struct, frozen=True, tag="restarted", omit_defaults=True):
    """The answer broke off and starts over on another target: forget every part that came.

    Attributes:
        target: `provider/model` that answers from here on.
        reason: Why the one before broke off.
    """

    target: str
    reason: str


Event = (
    Started
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | PartAdded
    | StateDelta
    | Finished
    | UsageReported
    | Passthrough
    | Restarted
)

DELIVERS = (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, PartAdded)
"""Events that show something to the user: after the first of them nothing may be spliced in silence."""


class _Growing:
    """One part while it grows."""

    __slots__ = ("annotations", "call", "kind", "pieces", "state", "whole")

    def __init__(self, kind: type[Part]) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.annotations: list[Any] = []
        self.state: State | None = None
        self.call: ToolCallDelta | None = None
        self.whole: Part | None = None

    def part(self) -> Part:
        text = "".join(self.pieces)
        if self.whole is not None:
            return self.whole if self.state is None else msgspec.structs.replace(self.whole, state=self.state)
        if self.call is not None:
            return ToolCall(self.call.id, self.call.name, text, self.call.custom, self.state)
        if self.kind is Reasoning:
            return Reasoning(text, self.state)
        if self.kind is Refusal:
            return Refusal(text, self.state)
        return Text(text, tuple(self.annotations), self.state)


class _GrowingChoice:
    __slots__ = ("detail", "extra", "finish", "logprobs", "parts")

    def __init__(self) -> None:
        self.parts: dict[int, _Growing] = {}
        self.finish: FinishReason | None = None
        self.detail = ""
        self.logprobs: list[Any] = []
        self.extra: Extra = {}


class Accumulator:
    """Folds events into the answer that they make. Feed it every event of one stream; ask at any time."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.started = Started()
        self.usage: Usage | None = None
        self._choices: dict[int, _GrowingChoice] = {}

    def add(self, event: Event) -> None:
        """Take one event; `Restarted` forgets all that came before."""
        match event:
            case TextDelta():
                part = self._part(event.choice, event.part, Text)
                part.pieces.append(event.text)
                part.annotations.extend(event.annotations)
                if event.logprobs:
                    self._choices[event.choice].logprobs.extend(event.logprobs)
            case ReasoningDelta():
                self._part(event.choice, event.part, Reasoning).pieces.append(event.text)
            case ToolCallDelta():
                part = self._part(event.choice, event.part, ToolCall)
                if part.call is None:
                    part.call = event
                part.pieces.append(event.arguments)
            case RefusalDelta():
                self._part(event.choice, event.part, Refusal).pieces.append(event.text)
            case PartAdded():
                self._part(event.choice, event.part, type(event.value)).whole = event.value
            case StateDelta():
                self._part(event.choice, event.part, Reasoning).state = event.state
            case Finished():
                choice = self._choice(event.choice)
                choice.finish, choice.detail, choice.extra = event.reason, event.detail, event.extra
            case UsageReported():
                self.usage = event.usage
            case Started():
                self.started = event
            case Restarted():
                self._reset()

    def _choice(self, index: int) -> _GrowingChoice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _GrowingChoice()
        return choice

    def _part(self, choice: int, part: int, kind: type[Part]) -> _Growing:
        parts = self._choice(choice).parts
        growing = parts.get(part)
        if growing is None:
            growing = parts[part] = _Growing(kind)
        return growing

    @property
    def text(self) -> str:
        """The first choice's words so far."""
        choice = self._choices.get(0)
        if choice is None:
            return ""
        texts = ("".join(p.pieces) for _, p in sorted(choice.parts.items()) if p.kind is Text)
        return "".join(texts)

    @property
    def complete(self) -> bool:
        """True where every choice that began has ended, and at least one did."""
        return bool(self._choices) and all(choice.finish for choice in self._choices.values())

    def response(self) -> ChatResponse:
        """Return the answer as it stands now."""
        choices = tuple(
            Choice(
                Message("assistant", tuple(part.part() for _, part in sorted(choice.parts.items()))),
                choice.finish,
                choice.detail,
                tuple(choice.logprobs),
                index,
                choice.extra,
            )
            for index, choice in sorted(self._choices.items())
        )
        started = self.started
        return ChatResponse(
            id=started.id,
            model=started.model,
            choices=choices,
            usage=self.usage,
            created=started.created,
            dialect=started.dialect,
            extra=started.extra,
        )


def accumulate(events: Iterable[Event]) -> ChatResponse:
    """Fold the events of one whole stream into its answer."""
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator.response()


def events_of(response: ChatResponse) -> Iterator[Event]:
    """Yield the events of which `accumulate` makes this answer again."""
    yield Started(response.id, response.model, response.created, response.dialect, response.extra)
    for choice in response.choices:
        logprobs = choice.logprobs
        for index, part in enumerate(choice.message.parts):
            match part:
                case Text():
                    yield TextDelta(part.text, index, choice.index, logprobs, part.annotations)
                    logprobs = ()
                case Reasoning():
                    if part.text or part.state is None:
                        yield ReasoningDelta(part.text, index, choice.index)
                case Refusal():
                    yield RefusalDelta(part.text, index, choice.index)
                case ToolCall():
                    yield ToolCallDelta(index, part.id, part.name, part.arguments, part.custom, choice.index)
                case _:
                    yield PartAdded(part, index, choice.index)
            if part.state is not None and not isinstance(part, (Image, Audio, File, ToolResult, Opaque)):
                yield StateDelta(part.state, index, choice.index)
        if choice.finish is not None:
            yield Finished(choice.finish, choice.detail, choice.index, choice.extra)
    if response.usage is not None:
        yield UsageReported(response.usage)
