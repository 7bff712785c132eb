"""Writes the parts of an answer as content blocks that stream one after the other.

On this wire one block is open at a time. Parts that grow in turns (parallel tool calls do) wait until the block
before them is whole: a call is, once its arguments are a JSON object; words and thoughts, once something else begins.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.failures import seal
from ve_magics.dialects.messages.content import encode_call, own_fields, unsayable
from ve_magics.dialects.messages.sealed import Places, encode_thought
from ve_magics.dialects.messages.sources import Wire
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.dialects.sse import encode_event
from ve_magics.events import (
    PartAdded,
    Passthrough,
    ReasoningDelta,
    RefusalDelta,
    StateDelta,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.messages import Opaque, Part, Reasoning, Refusal, Text, ToolCall

Growth = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | PartAdded | StateDelta

_KINDS: dict[type, type[Part]] = {
    TextDelta: Text,
    ReasoningDelta: Reasoning,
    RefusalDelta: Refusal,
    ToolCallDelta: ToolCall,
    StateDelta: Reasoning,
}


def frame(name: str, fields: Wire) -> bytes:
    """Return one event of the stream."""
    return encode_event(msgspec.json.encode({"type": name, **fields}), name)


class _Open:
    """The block that is open.

    Attributes:
        part: Number of the part that it tells.
        kind: What the part is.
        index: Number of the block.
        waiting: The start of a call, while fields may still come that belong in it.
        begun: Whether the start of a call went out.
        arguments: What was told of a call's arguments.
        head: The bytes before a delta's words.
    """

    __slots__ = ("arguments", "begun", "head", "index", "kind", "part", "waiting")

    def __init__(self, part: int, kind: type[Part], index: int, delta: str, field: str) -> None:
        self.part = part
        self.kind = kind
        self.index = index
        self.waiting: Wire | None = None
        self.begun = False
        self.arguments: list[str] = []
        self.head = (
            "event: content_block_delta\n"
            f'data: {{"type":"content_block_delta","index":{index},"delta":{{"type":"{delta}","{field}":'
        ).encode()

    def say(self, words: str) -> bytes:
        """Return the delta that adds these words."""
        return self.head + msgspec.json.encode(words) + b"}}\n\n"

    def whole(self) -> bool:
        """Whether nothing more can come of it."""
        if self.kind is not ToolCall:
            return True
        text = "".join(self.arguments)
        if not text.rstrip().endswith("}"):
            return False
        try:
            return isinstance(msgspec.json.decode(text), dict)
        except (msgspec.DecodeError, RecursionError):
            return False


class BlockStream:
    """Writes the blocks of one answer.

    Attributes:
        same: Whether the answer was read from this dialect, so that what only it knows goes through.
        refused: Whether the model refused in words of its own.
    """

    def __init__(self) -> None:
        self.same = False
        self.refused = False
        self._open: _Open | None = None
        self._count = 0
        self._blocks: dict[int, tuple[int, type[Part]]] = {}
        self._held: dict[int, list[Growth]] = {}
        self._places = Places()

    def encode(self, event: Growth) -> bytes:
        """Return the bytes of one event; empty while its part waits for the block before it."""
        current = self._open
        if current is None or event.part == current.part:
            written = self._write(event)
            if self._held and self._open is not None and self._open.whole():
                written += self._release()
            return written
        if event.part not in self._held and isinstance(event, StateDelta) and event.part in self._blocks:
            self._place(event)
            return b""
        if self._held or not current.whole():
            self._held.setdefault(event.part, []).append(event)
            return b""
        return self._write(event)

    def _release(self) -> bytes:
        """Write the parts that waited, up to one that is not whole yet."""
        written = b""
        while self._held and (self._open is None or self._open.whole()):
            part = next(iter(self._held))
            written += b"".join([self._write(event) for event in self._held.pop(part)])
        return written

    def flush(self) -> bytes:
        """Write all that waited, and what has no block of its own; the answer has ended."""
        written = b""
        while self._held:
            part = next(iter(self._held))
            written += b"".join([self._write(event) for event in self._held.pop(part)])
        written += self._close()
        sealed = self._places.block()
        self._places = Places()
        return written + self._add(sealed) if sealed else written

    def encode_unknown(self, event: Passthrough) -> bytes:
        """Write a piece of the stream as it came; what belongs to a block needs one that is open."""
        fields: Wire = {**event.data}
        name = event.name or str(fields.get("type", ""))
        if name.startswith("content_block_"):
            if self._open is None:
                return b""
            return self._begin_call() + encode_event(
                msgspec.json.encode({**fields, "index": self._open.index}), name
            )
        return encode_event(msgspec.json.encode(fields), name)

    def _write(self, event: Growth) -> bytes:
        match event:
            case TextDelta():
                return self._say(event, event.text, event.annotations if self.same else ())
            case ReasoningDelta():
                return self._think(event)
            case RefusalDelta():
                self.refused = True
                return self._say(event, event.text, ())
            case ToolCallDelta():
                return self._call(event)
            case StateDelta():
                return self._state(event)
        return self._part(event)

    def _enter(self, event: Growth, block: Wire | None, delta: str, field: str) -> tuple[_Open, bytes]:
        """Return the part's open block; where there is none, the one that is open is closed and a new one begins."""
        if self._open is not None and self._open.part == event.part:
            return self._open, b""
        written = self._close()
        kind = _KINDS[type(event)]
        opened = self._open = _Open(event.part, kind, self._count, delta, field)
        self._blocks[event.part] = (self._count, kind)
        self._count += 1
        if block is not None:
            written += frame("content_block_start", {"index": opened.index, "content_block": block})
        return opened, written

    def _say(self, event: TextDelta | RefusalDelta, text: str, citations: tuple[Any, ...]) -> bytes:
        if not text and not citations:
            self._blocks.setdefault(event.part, (-1, _KINDS[type(event)]))
            return b""
        opened, written = self._enter(event, {"type": "text", "text": ""}, "text_delta", "text")
        for citation in citations:
            delta = {"type": "citations_delta", "citation": citation}
            written += frame("content_block_delta", {"index": opened.index, "delta": delta})
        return written + opened.say(text) if text else written

    def _think(self, event: ReasoningDelta) -> bytes:
        if not event.text:
            return b""
        opened, written = self._enter(event, encode_thought("", None), "thinking_delta", "thinking")
        return written + opened.say(event.text)

    def _call(self, event: ToolCallDelta) -> bytes:
        """Write more of a call; its start waits for what may still belong to it."""
        opened, written = self._enter(event, None, "input_json_delta", "partial_json")
        if not opened.begun and opened.waiting is None:
            opened.waiting = encode_call(ToolCall(event.id, event.name), {})
        if not event.arguments:
            return written
        opened.arguments.append(event.arguments)
        return written + self._begin_call() + opened.say(event.arguments)

    def _begin_call(self) -> bytes:
        """Write the start of the call that is open, once."""
        if self._open is None or self._open.waiting is None:
            return b""
        block, self._open.waiting = self._open.waiting, None
        self._open.begun = True
        return frame("content_block_start", {"index": self._open.index, "content_block": block})

    def _state(self, event: StateDelta) -> bytes:
        if event.part not in self._blocks:
            closed = self._close()
            self._blocks[event.part] = (self._count, Reasoning)
            return closed + self._add(encode_thought("", event.state))
        current = self._open
        if current is not None and current.part == event.part:
            if current.kind is Reasoning:
                delta = {"type": "signature_delta", "signature": seal(event.state)}
                return frame("content_block_delta", {"index": current.index, "delta": delta})
            own = own_fields(event.state, same=self.same)
            if current.waiting is not None and own:
                with_extra(current.waiting, own)
                return b""
        self._place(event)
        return b""

    def _place(self, event: StateDelta) -> None:
        index, kind = self._blocks[event.part]
        if index < 0:
            empty = Refusal("", event.state) if kind is Refusal else Text("", state=event.state)
            self._places.add_part(self._count, empty)
        else:
            self._places.add_state(index, kind, event.state)

    def _part(self, event: PartAdded) -> bytes:
        part = event.value
        if not isinstance(part, Opaque):
            raise unsayable(part)
        closed = self._close()
        if part.dialect != NAME or not isinstance(part.data, dict):
            self._places.add_part(self._count, part)
            return closed
        if part.state is not None:
            self._places.add_state(self._count, Opaque, part.state)
        self._blocks[event.part] = (self._count, Opaque)
        return closed + self._add(part.data)

    def _add(self, block: Wire) -> bytes:
        """Write a block that comes whole; an object of input is told as a delta, as clients expect it."""
        index = self._count
        self._count += 1
        input_ = block.get("input")
        if not isinstance(input_, dict):
            return frame("content_block_start", {"index": index, "content_block": block}) + _stop(index)
        start = frame("content_block_start", {"index": index, "content_block": {**block, "input": {}}})
        words = msgspec.json.encode(input_).decode() if input_ else ""
        return (
            start + _Open(index, Opaque, index, "input_json_delta", "partial_json").say(words) + _stop(index)
        )

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        begun = self._begin_call()
        index, self._open = self._open.index, None
        return begun + _stop(index)


def _stop(index: int) -> bytes:
    return frame("content_block_stop", {"index": index})
