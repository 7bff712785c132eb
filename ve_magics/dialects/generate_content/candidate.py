"""One candidate of a reply: parts in, events out.

Words arrive in pieces, everything else whole. What stands beside a part (its thought signature above all) is the
part's opaque state. A signed piece is a part of its own, because a signature must go back exactly where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ve_magics.dialects.generate_content.evidence import decode_citations, decode_logprobs
from ve_magics.dialects.generate_content.media import decode_media
from ve_magics.dialects.generate_content.wire import NAME, SIGNATURE, made_id
from ve_magics.errors import BadRequestError, DecodeError, RequestError, ServerError
from ve_magics.events import Event, Finished, PartAdded, ReasoningDelta, StateDelta, TextDelta, ToolCallDelta
from ve_magics.messages import FinishReason, Opaque, Part, State

FINISHES: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "JAILBREAK": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""Finish and block reasons. Any other one is a stop where something was said, and an error where nothing was."""

USUAL: dict[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "error": "OTHER",
}
"""The word that each reason is told by where there is no better one."""

_KNOWN = frozenset({"index", "content", "finishReason", "logprobsResult"})
_BODIES = frozenset({"text", "thought", "functionCall", "inlineData", "fileData"})
_CALL = frozenset({"id", "name", "args"})


class CandidateReader:
    """Reads one candidate.

    Attributes:
        plain: Number of the text part that goes on where a chunk holds nothing but words, else -1.
        finish: The provider's word for why it ended, once there is one.
        extra: Fields that are not known here.
    """

    __slots__ = (
        "_beside",
        "_ids",
        "_index",
        "_kind",
        "_logprobs",
        "_next",
        "_origin",
        "_text",
        "extra",
        "finish",
        "plain",
    )

    def __init__(self, index: int, origin: str) -> None:
        self._index = index
        self._origin = origin
        self._next = 0
        self._text = -1
        self._kind: type[TextDelta | ReasoningDelta] | None = None
        self._beside: Mapping[str, Any] = {}
        self._ids: set[str] = set()
        self._logprobs: tuple[Any, ...] = ()
        self.plain = -1
        self.finish = ""
        self.extra: dict[str, Any] = {}

    def take(self, wire: Mapping[str, Any], reply_id: str) -> list[Event]:
        """Return the events of one chunk of the candidate."""
        events: list[Event] = []
        self._logprobs += decode_logprobs(wire.get("logprobsResult"))
        content = wire.get("content")
        parts = content.get("parts") if isinstance(content, Mapping) else None
        for position, part in enumerate(parts if isinstance(parts, list) else []):
            if isinstance(part, Mapping):
                self._part(part, reply_id, events, first=position == 0)
        if self._logprobs and self._text >= 0:
            self._flush_logprobs(events)
        finish = wire.get("finishReason")
        if isinstance(finish, str) and finish:
            self.finish = finish
        for field in wire.keys() - _KNOWN:
            if wire[field] is not None:
                self.extra[field] = wire[field]
        return events

    def _number(self) -> int:
        number = self._next
        self._next = number + 1
        self._kind = None
        self.plain = -1
        return number

    def _part(self, part: Mapping[str, Any], reply_id: str, events: list[Event], *, first: bool) -> None:
        beside = {name: value for name, value in part.items() if name not in _BODIES and value is not None}
        thought = part.get("thought") is True
        if isinstance(part.get("text"), str):
            self._words(part["text"], beside, events, thought=thought, first=first)
            return
        if isinstance(part.get("functionCall"), Mapping):
            number = self._call(part["functionCall"], beside, reply_id, events)
        else:
            number = self._number()
            whole: Part | None = None if thought else decode_media(part)
            if whole is None:
                data = {name: value for name, value in part.items() if name != SIGNATURE}
                beside = {name: value for name, value in beside.items() if name == SIGNATURE}
                whole = Opaque(NAME, data)
            if beside:
                whole = msgspec.structs.replace(whole, state=State(self._origin, NAME, beside))
            events.append(PartAdded(whole, number, self._index))
            return
        if beside:
            events.append(StateDelta(State(self._origin, NAME, beside), number, self._index))

    def _words(
        self, text: str, beside: dict[str, Any], events: list[Event], *, thought: bool, first: bool
    ) -> None:
        kind = ReasoningDelta if thought else TextDelta
        signed = SIGNATURE in beside
        goes_on = first and not signed and self._kind is kind and beside == self._beside
        if not text and (goes_on or not beside):
            return
        number = self._next - 1 if goes_on else self._number()
        if thought:
            events.append(ReasoningDelta(text, number, self._index))
        else:
            self._text = number
            events.append(TextDelta(text, number, self._index, self._logprobs))
            self._logprobs = ()
        if beside and not goes_on:
            events.append(StateDelta(State(self._origin, NAME, beside), number, self._index))
        self._kind, self._beside = (None if signed else kind), beside
        self.plain = number if self._kind is TextDelta and not beside else -1

    def _call(
        self, call: Mapping[str, Any], beside: dict[str, Any], reply_id: str, events: list[Event]
    ) -> int:
        if call.get("partialArgs") or call.get("willContinue"):
            raise DecodeError("The reply holds a function call in fragments, which nobody asked for.")
        id_ = call.get("id")
        if not isinstance(id_, str) or not id_ or id_ in self._ids:
            id_ = made_id(self._ids, reply_id, self._index, len(self._ids))
        self._ids.add(id_)
        args = call.get("args")
        arguments = "{}" if args is None else msgspec.json.encode(args).decode()
        number = self._number()
        events.append(ToolCallDelta(number, id_, str(call.get("name") or ""), arguments, choice=self._index))
        more = {name: value for name, value in call.items() if name not in _CALL and value is not None}
        if more:
            beside["functionCall"] = more
        return number

    def _flush_logprobs(self, events: list[Event]) -> None:
        events.append(TextDelta("", self._text, self._index, self._logprobs))
        self._logprobs = ()

    @property
    def failed(self) -> bool:
        """Whether the candidate ended without an answer and for no good reason."""
        return self._reason() == "error"

    def _reason(self) -> FinishReason:
        reason = FINISHES.get(self.finish)
        if reason == "stop" and self._ids:
            return "tool_calls"
        if reason is None:
            return ("tool_calls" if self._ids else "stop") if self._next else "error"
        return reason

    def fault(self) -> RequestError:
        """Return the error that a failed candidate is raised as."""
        message = self.extra.get("finishMessage")
        text = f"The model stopped with {self.finish}" + (f": {message}" if message else ".")
        failure = BadRequestError if self.finish == "MISSING_THOUGHT_SIGNATURE" else ServerError
        return failure(text, status=200, code=self.finish)

    def close(self) -> Iterator[Event]:
        """Yield the last events of the candidate."""
        events: list[Event] = []
        if self._logprobs:
            self._text = self._number() if self._text < 0 else self._text
            self._flush_logprobs(events)
        citations = decode_citations(self.extra.get("groundingMetadata"))
        if citations and self._text >= 0:
            events.append(TextDelta("", self._text, self._index, (), citations))
        yield from events
        reason = self._reason()
        detail = "" if self.finish == USUAL[reason] else self.finish
        yield Finished(reason, detail, self._index, self.extra)
