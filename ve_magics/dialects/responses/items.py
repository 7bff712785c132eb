"""One item of a response while it grows: deltas and finished items in, events out.

An item may come as deltas, as a finished item, or as both; what a finished item adds to its deltas is told, nothing
twice.
"""

from __future__ import annotations

import binascii
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ve_magics.dialects.responses.naming import NAME
from ve_magics.events import (
    Event,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    StateDelta,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.messages import Image, Opaque, State

Wire = Mapping[str, Any]
Numbers = Callable[[], int]
"""Gives the number of the next part."""

_MESSAGE = frozenset({"type", "id", "role", "status", "content"})
_CALL = frozenset({"type", "id", "status", "call_id", "name", "arguments", "input"})


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in a list; nothing where it is none."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def _fields(wire: Wire, known: frozenset[str]) -> dict[str, Any]:
    """Return the fields of an item that have no place of their own."""
    return {name: value for name, value in wire.items() if name not in known and value is not None}


class Item(ABC):
    """What all items have in common.

    Attributes:
        wire: The item as it was last seen.
        closed: True once it is finished.
    """

    __slots__ = ("_numbers", "_origin", "closed", "wire")

    def __init__(self, wire: Wire, origin: str, numbers: Numbers) -> None:
        self.wire = wire
        self.closed = False
        self._origin = origin
        self._numbers = numbers

    def _state(self, data: Any) -> State:
        return State(self._origin, NAME, data)

    @abstractmethod
    def close(self, wire: Wire, events: list[Event]) -> None:
        """Take the finished item and tell what its deltas have left out."""


class Words:
    """The text of one content part, or a refusal."""

    __slots__ = ("annotations", "fields", "length", "logprobs", "part", "refusal")

    def __init__(self, part: int, fields: dict[str, Any], *, refusal: bool) -> None:
        self.part = part
        self.fields = fields
        self.refusal = refusal
        self.length = self.annotations = self.logprobs = 0

    def delta(self, text: str, logprobs: list[Any], annotations: list[Any]) -> Event:
        """Return the event that more text makes."""
        self.length += len(text)
        if self.refusal:
            return RefusalDelta(text, self.part)
        self.logprobs += len(logprobs)
        self.annotations += len(annotations)
        return TextDelta(text, self.part, 0, tuple(logprobs), tuple(annotations))


class MessageItem(Item):
    """A message: texts and refusals by their index in its content."""

    __slots__ = ("words",)

    def __init__(self, wire: Wire, origin: str, numbers: Numbers) -> None:
        super().__init__(wire, origin, numbers)
        self.words: dict[int, Words] = {}

    def delta(
        self,
        index: int,
        text: str,
        events: list[Event],
        *,
        refusal: bool = False,
        logprobs: list[Any] | None = None,
        annotations: list[Any] | None = None,
    ) -> None:
        """Add to a content part, which begins with the first thing that is said in it."""
        if not (text or logprobs or annotations):
            return
        words = self.words.get(index)
        if words is None:
            fields = _fields(self.wire, _MESSAGE)
            words = self.words[index] = Words(self._numbers(), fields, refusal=refusal)
            if fields:
                events += (words.delta("", [], []), StateDelta(self._state(fields), words.part))
        events.append(words.delta(text, logprobs or [], annotations or []))

    def close(self, wire: Wire, events: list[Event]) -> None:
        """Tell what is missing of each content part, and what the item says of itself."""
        self.wire = wire
        content = wire.get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        strange: list[dict[str, Any]] = []
        for index, part in enumerate(objects(content)):
            refusal = part.get("type") == "refusal"
            text = part.get("refusal" if refusal else "text")
            if isinstance(text, str) and part.get("type") in ("output_text", "text", "refusal"):
                seen = self.words.get(index) or Words(0, {}, refusal=refusal)
                rest = text[seen.length :]
                logprobs = list(objects(part.get("logprobs")))[seen.logprobs :]
                annotations = list(objects(part.get("annotations")))[seen.annotations :]
                if rest or logprobs or annotations:
                    self.delta(
                        index, rest, events, refusal=refusal, logprobs=logprobs, annotations=annotations
                    )
            else:
                strange.append(part)
        fields = _fields(wire, _MESSAGE)
        late = [words.part for words in self.words.values() if words.fields != fields]
        events += (StateDelta(self._state(fields), number) for number in late)
        for part in strange:
            message = {"type": "message", "role": "assistant", **fields, "content": [part]}
            events.append(PartAdded(Opaque(NAME, message, self._state(None)), self._numbers()))


class ReasoningItem(Item):
    """What the model thought: its summary, or the thought itself where the server shows it."""

    __slots__ = ("_length", "_part", "_voice")

    def __init__(self, wire: Wire, origin: str, numbers: Numbers) -> None:
        super().__init__(wire, origin, numbers)
        self._part = -1
        self._voice = ""
        self._length = 0

    def _begin(self) -> int:
        if self._part < 0:
            self._part = self._numbers()
        return self._part

    def delta(self, voice: str, text: str, events: list[Event]) -> None:
        """Add to the thought; of `summary` and `content` only the one that spoke first is told."""
        self._voice = self._voice or voice
        if text and voice == self._voice:
            self._length += len(text)
            events.append(ReasoningDelta(text, self._begin()))

    def close(self, wire: Wire, events: list[Event]) -> None:
        """Tell what is missing, and keep the whole item where it can go back to its origin."""
        said = {
            voice: "".join(str(part.get("text") or "") for part in objects(wire.get(voice)))
            for voice in ("summary", "content")
        }
        voice = self._voice or ("summary" if said["summary"] else "content")
        self.delta(voice, said[voice][self._length :], events)
        if wire.get("encrypted_content") or said["content"]:
            events.append(StateDelta(self._state(dict(wire)), self._begin()))


class CallItem(Item):
    """A tool call. `call_id` links it to its result; the item's own `id` doesn't."""

    __slots__ = ("_custom", "_field", "_id", "_length", "_part", "_waiting")

    def __init__(self, wire: Wire, origin: str, numbers: Numbers, id_: str) -> None:
        super().__init__(wire, origin, numbers)
        self._custom = wire.get("type") == "custom_tool_call"
        self._field = "input" if self._custom else "arguments"
        self._id = id_
        self._part = -1
        self._length = 0
        self._waiting = ""

    def begin(self, events: list[Event]) -> None:
        """Tell that the call begins, as soon as its name is known."""
        name = self.wire.get("name")
        if isinstance(name, str) and name:
            self._start(name, events)
        self.delta(self._text(self.wire), events)

    def _start(self, name: str, events: list[Event]) -> None:
        self._part = self._numbers()
        events.append(ToolCallDelta(self._part, self._id, name, self._waiting, self._custom))

    def delta(self, text: str, events: list[Event]) -> None:
        """Add to the arguments."""
        self._length += len(text)
        if self._part < 0:
            self._waiting += text
        elif text:
            events.append(ToolCallDelta(self._part, arguments=text))

    def _text(self, wire: Wire) -> str:
        value = wire.get(self._field)
        if value is None or isinstance(value, str):
            return value or ""
        return msgspec.json.encode(value).decode()

    def close(self, wire: Wire, events: list[Event]) -> None:
        """Tell the rest of the arguments; a function's call without any has an empty object."""
        if self._part < 0:
            name = wire.get("name")
            self._start(name if isinstance(name, str) else "", events)
        self.delta(self._text(wire)[self._length :], events)
        if not self._length and not self._custom:
            self.delta("{}", events)
        fields = _fields(wire, _CALL)
        if fields:
            events.append(StateDelta(self._state(fields), self._part))


class OtherItem(Item):
    """What the provider did by itself, or what nobody knows yet: it comes whole."""

    __slots__ = ()

    def close(self, wire: Wire, events: list[Event]) -> None:
        """Tell the item: a picture where it holds one, else as it came."""
        part = self._picture(wire) or Opaque(NAME, dict(wire), self._state(None))
        events.append(PartAdded(part, self._numbers()))

    def _picture(self, wire: Wire) -> Image | None:
        result = wire.get("result")
        if wire.get("type") != "image_generation_call" or not isinstance(result, str) or not result:
            return None
        try:
            data = binascii.a2b_base64(result)
        except binascii.Error:
            return None
        kind = wire.get("output_format")
        rest = {name: value for name, value in wire.items() if name != "result"}
        return Image(data, f"image/{kind if isinstance(kind, str) else 'png'}", state=self._state(rest))
