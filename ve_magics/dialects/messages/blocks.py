"""The content blocks of a reply: their starts, deltas and stops become parts and the events that make them grow.

A whole reply is read in the same way, as blocks that start with everything in them and stop at once. Blocks that
nobody knows here, a provider's own tools among them, become opaque parts, put together from their deltas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.loose import decode_json
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.events import (
    Event,
    PartAdded,
    Passthrough,
    ReasoningDelta,
    StateDelta,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.messages import Opaque, State

_TOOL_USE = frozenset({"type", "id", "name", "input"})
_DIRECT = {"type": "direct"}


class Block:
    """One content block while it grows.

    Attributes:
        kind: Its type on the wire.
        part: Number of the part that it makes, or -1 while it has none.
    """

    __slots__ = ("cited", "data", "kind", "part", "pieces", "signature")

    def __init__(self, data: dict[str, Any]) -> None:
        kind = data.get("type")
        self.kind = kind if isinstance(kind, str) else ""
        self.part = -1
        self.data = data
        self.pieces: list[str] = []
        self.signature = ""
        self.cited = False


class Blocks:
    """The blocks of one reply.

    Attributes:
        called: Whether the model asked for a tool of the user's.
        open: Blocks that have not stopped, by index.
    """

    __slots__ = ("_ids", "_next", "_origin", "called", "open", "reply_id")

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._next = 0
        self._ids: set[str] = set()
        self.reply_id = ""
        self.called = False
        self.open: dict[int, Block] = {}

    def _number(self, block: Block) -> int:
        if block.part < 0:
            block.part = self._next
            self._next += 1
        return block.part

    def start(self, index: int, data: dict[str, Any], events: list[Event]) -> None:
        """Begin a block; an index that comes again ends the block that had it before."""
        if index in self.open:
            self.stop(index, events)
        block = self.open[index] = Block(data)
        match block.kind:
            case "text":
                for citation in data.get("citations") or ():
                    self._cite(block, citation, events)
                self.text(block, data.get("text"), events)
            case "thinking":
                self.think(block, data.get("thinking"), events)
                self._sign(block, data.get("signature"))
            case "tool_use":
                self._call(block, events)

    def delta(self, index: int, delta: Mapping[str, Any], events: list[Event]) -> bool:
        """Grow a block and return whether the delta was understood."""
        block = self.open.get(index)
        kind = delta.get("type")
        if block is None:
            data: dict[str, Any] = {
                "type": "thinking" if kind in ("thinking_delta", "signature_delta") else "text"
            }
            if kind not in ("text_delta", "thinking_delta", "signature_delta", "citations_delta"):
                return False
            block = self.open[index] = Block(data)
        match block.kind, kind:
            case "text", "text_delta":
                self.text(block, delta.get("text"), events)
            case "text", "citations_delta":
                self._cite(block, delta.get("citation"), events)
            case "thinking", "thinking_delta":
                self.think(block, delta.get("thinking"), events)
            case "thinking", "signature_delta":
                self._sign(block, delta.get("signature"))
            case "tool_use", "input_json_delta":
                self.grow(block, delta.get("partial_json"), events)
            case (("text" | "thinking" | "tool_use"), _):
                return False
            case _, "input_json_delta":
                if isinstance(delta.get("partial_json"), str):
                    block.pieces.append(delta["partial_json"])
            case _:
                _merge(block.data, delta)
        return True

    def text(self, block: Block, text: Any, events: list[Event]) -> None:
        """Tell more words of a text block."""
        if isinstance(text, str) and text:
            events.append(TextDelta(text, self._number(block)))

    def think(self, block: Block, text: Any, events: list[Event]) -> None:
        """Tell more of a thought."""
        if isinstance(text, str) and text:
            events.append(ReasoningDelta(text, self._number(block)))

    def grow(self, block: Block, text: Any, events: list[Event]) -> None:
        """Tell more of a call's arguments."""
        if isinstance(text, str) and text:
            block.pieces.append("")
            events.append(ToolCallDelta(block.part, arguments=text))

    def _cite(self, block: Block, citation: Any, events: list[Event]) -> None:
        if isinstance(citation, Mapping):
            block.cited = True
            events.append(TextDelta("", self._number(block), annotations=(dict(citation),)))

    def _sign(self, block: Block, signature: Any) -> None:
        if isinstance(signature, str):
            block.signature += signature

    def _call(self, block: Block, events: list[Event]) -> None:
        self.called = True
        part = self._number(block)
        id_, name = block.data.get("id"), block.data.get("name")
        if not isinstance(id_, str) or not id_ or id_ in self._ids:
            id_ = f"toolu_{self.reply_id}_{part}"
        self._ids.add(id_)
        events.append(ToolCallDelta(part, id_, name if isinstance(name, str) else ""))
        state = _unknown(block.data)
        if state:
            events.append(StateDelta(State(self._origin, NAME, state), part))

    def stop(self, index: int, events: list[Event]) -> None:
        """End a block and tell what was held back until then: whole parts, opaque states."""
        block = self.open.pop(index, None)
        if block is None:
            return
        state: Any
        match block.kind:
            case "text":
                if not block.cited:
                    return
                state = None
            case "thinking":
                if block.part < 0 and not block.signature:
                    return
                signed = {"signature": block.signature} if block.signature else {}
                state = {name: value for name, value in block.data.items() if name != "thinking"} | signed
            case "redacted_thinking":
                state = block.data
            case "tool_use":
                self._arguments(block, events)
                return
            case _:
                events.append(PartAdded(self._opaque(block), self._number(block)))
                return
        events.append(StateDelta(State(self._origin, NAME, state), self._number(block)))

    def _arguments(self, block: Block, events: list[Event]) -> None:
        """Tell the arguments that came whole in the block's start, where none came in pieces."""
        if block.pieces:
            return
        input_ = block.data.get("input")
        text = input_ if isinstance(input_, str) and input_ else msgspec.json.encode(input_ or {}).decode()
        events.append(ToolCallDelta(block.part, arguments=text))

    def _opaque(self, block: Block) -> Opaque:
        data = block.data
        if block.pieces:
            text = "".join(block.pieces)
            try:
                data["input"] = decode_json(text) if text else {}
            except ValueError:
                data["input"] = {"INVALID_JSON": text}
        return Opaque(NAME, data, State(self._origin, NAME, None))

    def close(self, events: list[Event]) -> None:
        """End every block that is still open, in order."""
        for index in sorted(self.open):
            self.stop(index, events)


def _unknown(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call holds beyond the known fields; that the model itself calls is what calls do anyway."""
    return {
        name: value
        for name, value in data.items()
        if name not in _TOOL_USE and value is not None and not (name == "caller" and value == _DIRECT)
    }


def _merge(data: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Grow a block that nobody knows here: words and lists are joined, objects united, the rest replaced."""
    for name, value in delta.items():
        held = data.get(name)
        if name == "type" or value is None:
            continue
        if (isinstance(held, str) and isinstance(value, str)) or (
            isinstance(held, list) and isinstance(value, list)
        ):
            data[name] = held + value  # type: ignore[operator]  # both are of one kind
        elif isinstance(held, dict) and isinstance(value, dict):
            data[name] = {**held, **value}
        else:
            data[name] = value


def passed(name: str, value: Mapping[str, Any]) -> Passthrough:
    """Return a piece of the stream that nobody understands here."""
    return Passthrough(NAME, name, dict(value))
