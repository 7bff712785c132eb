"""Reads one reply, streamed or whole, from Anthropic or from any server that imitates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.messages.blocks import Blocks, passed
from ve_magics.dialects.messages.faults import decode_event_fault, decode_fault
from ve_magics.dialects.messages.usage import decode_usage, merge_usage
from ve_magics.dialects.messages.vocabulary import FINISHES, NAME, STOPS
from ve_magics.dialects.reply import ReplyReader, decode_piece
from ve_magics.dialects.sse import ServerSentEvent
from ve_magics.errors import DecodeError, StatusError
from ve_magics.events import Event, Finished, ReasoningDelta, Started, TextDelta, UsageReported

_MESSAGE = frozenset({"id", "type", "role", "model", "content", "usage"})
_STOP = frozenset({"stop_reason", "stop_sequence", "stop_details"})


class _Delta(msgspec.Struct):
    """A delta of one of the kinds that a stream consists of; other kinds are read in full."""

    type: str
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _Grown(msgspec.Struct):
    type: str
    index: int
    delta: _Delta


_GROWN = msgspec.json.Decoder(_Grown)


class ReplyDecoder(ReplyReader):
    """Reads one reply. See `contract.Decoder`.

    Args:
        origin: Name of the provider that answers.
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    what = "message"

    def __init__(self, origin: str, *, stream: bool) -> None:
        super().__init__(stream=stream)
        self._blocks = Blocks(origin)
        self._started = False
        self._stop: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}

    @property
    def _begun(self) -> bool:
        return self._started

    @property
    def _finished(self) -> bool:
        return bool(self._stop.get("stop_reason"))

    def _piece(self, piece: ServerSentEvent, events: list[Event]) -> None:
        if piece.event == "content_block_delta" and self._grow(piece.data, events):
            return
        data = piece.data.strip()
        if not data or piece.event == "ping" or data.startswith("[DONE]"):
            return
        try:
            value = decode_piece(data)
        except DecodeError:
            if piece.event != "error":
                raise
            value = {"type": "error", "error": data}
        if not isinstance(value, dict):
            raise DecodeError(f"The stream holds a {type(value).__name__} where an object was due.")
        self._event(piece.event, value, events)

    def _grow(self, data: str, events: list[Event]) -> bool:
        """Read the delta of an open block the short way, and return whether it was one of the common kind."""
        try:
            grown = _GROWN.decode(data)
        except (msgspec.DecodeError, RecursionError):
            return False
        block = self._blocks.open.get(grown.index)
        if block is None or grown.type != "content_block_delta":
            return False
        delta = grown.delta
        match delta.type, block.kind:
            case "text_delta", "text" if block.part >= 0 and delta.text:
                events.append(TextDelta(delta.text, block.part))
            case "input_json_delta", "tool_use":
                self._blocks.grow(block, delta.partial_json, events)
            case "thinking_delta", "thinking" if block.part >= 0 and delta.thinking:
                events.append(ReasoningDelta(delta.thinking, block.part))
            case _:
                return False
        return True

    def _event(self, name: str, value: dict[str, Any], events: list[Event]) -> None:
        kind = value.get("type")
        if name == "error" or kind == "error" or (kind is None and value.get("error")):
            raise decode_event_fault(value)
        index = value.get("index")
        at = index if type(index) is int else 0
        match kind:
            case "message_start" if isinstance(value.get("message"), dict):
                self._start(value["message"], events)
            case "content_block_start" if isinstance(value.get("content_block"), dict):
                self._begin(events)
                self._blocks.start(at, value["content_block"], events)
            case "content_block_delta" if isinstance(value.get("delta"), dict):
                self._begin(events)
                if not self._blocks.delta(at, value["delta"], events):
                    events.append(passed(name, value))
            case "content_block_stop":
                self._blocks.stop(at, events)
            case "message_delta":
                self._delta(value, events)
            case "message_stop":
                self._begin(events)
                self._close(events)
            case "message" if isinstance(value.get("content"), list):
                self._whole(value, events)
            case "ping":
                pass
            case _:
                self._begin(events)
                events.append(passed(name, value))

    def _begin(self, events: list[Event]) -> None:
        """Begin an answer whose `message_start` never came."""
        if not self._started:
            self._start({}, events)

    def _start(self, message: Mapping[str, Any], events: list[Event]) -> None:
        if self._started:
            return
        self._started = True
        extra = {name: value for name, value in message.items() if name not in _MESSAGE | _STOP}
        extra = {name: value for name, value in extra.items() if value is not None}
        more = merge_usage(self._usage, message.get("usage"))
        if more:
            extra["usage"] = more
        id_, model = message.get("id"), message.get("model")
        self._blocks.reply_id = id_ if isinstance(id_, str) else ""
        model = model if isinstance(model, str) else ""
        events.append(Started(self._blocks.reply_id, model, dialect=NAME, extra=extra))
        usage = decode_usage(self._usage)
        if usage is not None:
            events.append(UsageReported(usage))

    def _delta(self, value: Mapping[str, Any], events: list[Event]) -> None:
        """Take the reason for which the answer ends; it comes before the end itself."""
        self._begin(events)
        delta = value.get("delta")
        if isinstance(delta, Mapping):
            for name, item in delta.items():
                if item is not None:
                    (self._stop if name in _STOP else self._extra)[name] = item
        more = merge_usage(self._usage, value.get("usage"))
        if more:
            self._extra["usage"] = more
        for name in value.keys() - {"type", "delta", "usage"}:
            self._extra.setdefault("message_delta", {})[name] = value[name]

    def _whole(self, message: dict[str, Any], events: list[Event]) -> None:
        """Read a message that came in one piece."""
        self._start({name: value for name, value in message.items() if name != "content"}, events)
        for index, block in enumerate(message["content"]):
            if isinstance(block, dict):
                self._blocks.start(index, block, events)
                self._blocks.stop(index, events)
        self._stop = {name: message[name] for name in _STOP if message.get(name) is not None}
        self._close(events)

    def _answer(self, value: Any, events: list[Event]) -> bool:
        fault = decode_fault(value)
        if fault is not None:
            raise fault
        if not isinstance(value, dict) or not isinstance(value.get("content"), list):
            return False
        self._whole(value, events)
        return True

    def _fault(self, value: Any) -> StatusError | None:
        return decode_fault(value)

    def _close(self, events: list[Event]) -> None:
        self._over = True
        self._blocks.close(events)
        word = self._stop.pop("stop_reason", None)
        word = word if isinstance(word, str) else ""
        reason = FINISHES.get(word, "stop")
        if reason == "stop" and self._blocks.called and word != "pause_turn":
            reason = "tool_calls"
        details = self._stop.get("stop_details")
        told = details.get("explanation") if isinstance(details, Mapping) else None
        plain = word in ("", reason, STOPS[reason])
        detail = told if isinstance(told, str) and told else "" if plain else word
        events.append(Finished(reason, detail, extra={**self._stop, **self._extra}))
        usage = decode_usage(self._usage)
        if usage is not None:
            events.append(UsageReported(usage))
