"""Reads one reply, streamed or whole, from OpenAI and from those who speak its Responses format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ve_magics.dialects.failures import mask
from ve_magics.dialects.openai_faults import decode_fault
from ve_magics.dialects.reply import ReplyReader, decode_piece
from ve_magics.dialects.responses.items import (
    CallItem,
    MessageItem,
    OtherItem,
    ReasoningItem,
    Words,
    objects,
)
from ve_magics.dialects.responses.naming import NAME
from ve_magics.dialects.responses.output import OutputReader
from ve_magics.dialects.responses.usage import decode_usage
from ve_magics.dialects.sse import ServerSentEvent
from ve_magics.errors import DecodeError, RequestError, StatusError, TransportError
from ve_magics.events import Event, Finished, Passthrough, Started, TextDelta, UsageReported
from ve_magics.messages import FinishReason

_KNOWN = frozenset(
    {
        "id",
        "object",
        "created_at",
        "model",
        "output",
        "usage",
        "status",
        "error",
        "incomplete_details",
        "instructions",
        "tools",
    }
)
"""Fields of a response that are read, or repeat what was asked at length."""

_SILENT = frozenset(
    {
        "response.in_progress",
        "response.queued",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.refusal.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "response.reasoning_text.done",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.done",
    }
)
"""Events that say nothing which another one doesn't."""

_CUTS: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
    "steered": "stop",
}
"""Reasons for an incomplete response."""

_INPUT_CODE = re.compile(
    r"(?:invalid|unsupported|empty)_.*image|(?:empty|invalid)_image|image_|failed_to_download"
)
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


class _TextEvent(msgspec.Struct, gc=False):
    """The one event that comes a thousand times."""

    delta: str
    item_id: str
    output_index: int
    content_index: int
    logprobs: list[Any] = []


_decode_text = msgspec.json.Decoder(_TextEvent).decode


class ReplyDecoder(ReplyReader):
    """Reads one reply. See `contract.Decoder`.

    Args:
        origin: Name of the provider that answers.
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    what = "response"

    def __init__(self, origin: str, *, stream: bool) -> None:
        super().__init__(stream=stream)
        self._output = OutputReader(origin)
        self._hot: tuple[str, int, int] = ("", -1, -1)
        self._words: Words | None = None
        self._started = False
        self._extra: dict[str, Any] = {}
        self._deltas: dict[str, Callable[[dict[str, Any], str, list[Event]], None]] = {
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._refusal,
            "response.output_text.annotation.added": self._annotation,
            "response.reasoning_summary_text.delta": self._summary,
            "response.reasoning_text.delta": self._thought,
            "response.function_call_arguments.delta": self._arguments,
            "response.custom_tool_call_input.delta": self._input,
        }

    @property
    def _begun(self) -> bool:
        return self._started

    @property
    def _finished(self) -> bool:
        return False

    def _close(self, events: list[Event]) -> None:  # noqa: ARG002 - all events are out by then
        self._over = True

    def _plain(self, data: str, events: list[Event]) -> bool:
        """Read one more piece of the text that grows already; False where it needs a closer look."""
        words = self._words
        if words is None:
            return False
        try:
            event = _decode_text(data)
        except msgspec.DecodeError:
            return False
        if event.logprobs or (event.item_id, event.output_index, event.content_index) != self._hot:
            return False
        text = event.delta
        if text:
            words.length += len(text)
            events.append(TextDelta(text, words.part))
        return True

    def _piece(self, piece: ServerSentEvent, events: list[Event]) -> None:
        if piece.event == "response.output_text.delta" and self._plain(piece.data, events):
            return
        data = piece.data.strip()
        if data.startswith("[DONE]"):
            raise TransportError("The stream ended before the answer was finished.")
        if not data:
            return
        try:
            value = decode_piece(data)
        except DecodeError:
            if piece.event != "error":
                raise
            value = data
        self._event(value, piece.event, events)

    def _answer(self, value: Any, events: list[Event]) -> bool:
        if not isinstance(value, dict) or not isinstance(value.get("output"), list):
            return False
        self._response(value, events)
        return True

    def _fault(self, value: Any) -> StatusError | None:
        return decode_fault(value)

    def _event(self, value: Any, name: str, events: list[Event]) -> None:
        """Read one event of a stream."""
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or not kind:
            kind = name
        if kind == "error" or not isinstance(value, dict):
            raise decode_fault(value, named=True) or _no_response(str(value))
        response = value.get("response")
        if kind in _TERMINAL:
            self._response(response if isinstance(response, dict) else {}, events, kind)
        elif kind == "response.created":
            self._start(response if isinstance(response, dict) else {}, events)
        elif kind in self._deltas:
            self._start({}, events)
            self._deltas[kind](value, str(value.get("delta") or ""), events)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._start({}, events)
            self._item(value, kind, events)
        elif isinstance(value.get("output"), list):
            self._response(value, events)
        elif not kind:
            raise decode_fault(value) or _no_response(str(value))
        elif kind not in _SILENT:
            self._start({}, events)
            events.append(Passthrough(NAME, kind, value))

    def _item(self, value: dict[str, Any], kind: str, events: list[Event]) -> None:
        wire = value.get("item")
        if not isinstance(wire, dict):
            return
        self._words = None
        place = value.get("output_index")
        if kind.endswith("done"):
            self._output.close(wire, place, events)
        elif isinstance(self._output.add(wire, place, events), OtherItem):
            events.append(Passthrough(NAME, kind, value))

    def _message(self, value: dict[str, Any], events: list[Event]) -> tuple[MessageItem, int]:
        index = value.get("content_index")
        item = self._output.find(value, MessageItem, {"type": "message"}, events)
        return item, index if isinstance(index, int) else 0

    def _text(self, value: dict[str, Any], text: str, events: list[Event]) -> None:
        item, index = self._message(value, events)
        item.delta(index, text, events, logprobs=list(objects(value.get("logprobs"))))
        words = item.words.get(index)
        id_, place = value.get("item_id"), value.get("output_index")
        if words is not None and not words.refusal and isinstance(id_, str) and isinstance(place, int):
            self._words, self._hot = words, (id_, place, index)

    def _refusal(self, value: dict[str, Any], text: str, events: list[Event]) -> None:
        item, index = self._message(value, events)
        item.delta(index, text, events, refusal=True)

    def _annotation(self, value: dict[str, Any], _: str, events: list[Event]) -> None:
        item, index = self._message(value, events)
        item.delta(index, "", events, annotations=list(objects([value.get("annotation")])))

    def _summary(self, value: dict[str, Any], text: str, events: list[Event]) -> None:
        item = self._output.find(value, ReasoningItem, {"type": "reasoning"}, events)
        item.delta("summary", text, events)

    def _thought(self, value: dict[str, Any], text: str, events: list[Event]) -> None:
        item = self._output.find(value, ReasoningItem, {"type": "reasoning"}, events)
        item.delta("content", text, events)

    def _arguments(self, value: dict[str, Any], text: str, events: list[Event]) -> None:
        self._output.find(value, CallItem, {"type": "function_call"}, events).delta(text, events)

    def _input(self, value: dict[str, Any], text: str, events: list[Event]) -> None:
        self._output.find(value, CallItem, {"type": "custom_tool_call"}, events).delta(text, events)

    def _start(self, response: Mapping[str, Any], events: list[Event]) -> None:
        if self._started:
            return
        self._started = True
        created = response.get("created_at")
        self._output.reply_id = str(response.get("id") or "")
        self._extra = _unknown(response)
        events.append(
            Started(
                self._output.reply_id,
                str(response.get("model") or ""),
                int(created) if isinstance(created, (int, float)) and 0 < created < 1e12 else 0,
                NAME,
                self._extra,
            )
        )

    def _response(self, response: dict[str, Any], events: list[Event], kind: str = "") -> None:
        """Read a response that has ended, in whichever way."""
        status = response.get("status") or kind.removeprefix("response.") or "completed"
        error = response.get("error")
        if status in ("failed", "cancelled") or error:
            raise _failed(error, str(status))
        if status in ("in_progress", "queued"):
            raise DecodeError("The provider answers in the background; its answer isn't there yet.")
        first = not self._started
        self._start(response, events)
        self._output.finish(response.get("output"), events)
        finish: FinishReason = "tool_calls" if self._output.called else "stop"
        detail = ""
        if status == "incomplete":
            details = response.get("incomplete_details")
            detail = str(details.get("reason") or "") if isinstance(details, dict) else ""
            finish = _CUTS.get(detail, "length")
        news = {} if first else {k: v for k, v in _unknown(response).items() if self._extra.get(k) != v}
        events.append(
            Finished(finish, detail if detail not in ("max_output_tokens", finish) else "", 0, news)
        )
        usage = decode_usage(response.get("usage"))
        if usage is not None:
            events.append(UsageReported(usage))
        self._close(events)


def _unknown(response: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in response.items() if name not in _KNOWN and value is not None}


def _failed(error: Any, status: str) -> RequestError:
    """Return the failure that a response's `error` tells."""
    if not isinstance(error, dict):
        error = {"message": str(error or f"The response {status.replace('cancelled', 'was cancelled')}.")}
        error["code"] = "cancelled" if status == "cancelled" else "server_error"
    elif _INPUT_CODE.match(str(error.get("code") or "")) and "policy" not in error["code"]:
        error = {**error, "type": "invalid_request"}
    return decode_fault({"error": error}, named=True) or _no_response(str(error))


def _no_response(text: str) -> DecodeError:
    return DecodeError(f"The reply is no response: {mask(text, limit=120)}")
