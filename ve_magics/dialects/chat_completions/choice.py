"""One choice of a reply: deltas in, events out.

A whole message is read as one delta that holds everything. The end of a choice is told only when the reply has
ended, because some servers send more after the finish reason.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from ve_magics.dialects.chat_completions.calls import Calls
from ve_magics.dialects.chat_completions.think import ThinkSplitter
from ve_magics.dialects.data_urls import decode_data_url
from ve_magics.events import (
    Event,
    Finished,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    StateDelta,
    TextDelta,
)
from ve_magics.messages import Audio, FinishReason, Image, Opaque, Part, State

NAME = "chat_completions"

_DELTA = frozenset(
    {
        "role",
        "content",
        "refusal",
        "tool_calls",
        "function_call",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "annotations",
        "audio",
        "images",
    }
)
_AUDIO = frozenset({"id", "data", "transcript", "format"})

FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "network_error": "error",
    "abort": "error",
}
"""Finish reasons as servers write them; the first five are the book's, save for `error`."""


_WORDS = frozenset({"role", "content"})


class ChoiceReader:
    """Reads one choice.

    Attributes:
        plain: Number of the text part that grows where nothing but text needs to be looked at, else -1.
        finish: The provider's word for why it ended, once there is one.
        pending: True while the server itself says, by a null reason, that the choice has not ended: then an end of
            the stream, whatever announces it, has cut it.
        began: True once a delta came.
        extra: Fields that are not known here; `message` holds those of the message.
    """

    __slots__ = (
        "_annotations",
        "_audio",
        "_calls",
        "_details",
        "_index",
        "_logprobs",
        "_next",
        "_origin",
        "_reasoning",
        "_refusal",
        "_state_part",
        "_text",
        "_think",
        "began",
        "extra",
        "finish",
        "pending",
        "plain",
    )

    def __init__(self, index: int, origin: str) -> None:
        self._index = index
        self._origin = origin
        self._next = 0
        self._text = self._reasoning = self._refusal = self._state_part = -1
        self._think = ThinkSplitter()
        self._calls = Calls(index)
        self._details: list[dict[str, Any]] = []
        self._logprobs: tuple[Any, ...] = ()
        self._annotations: tuple[Any, ...] = ()
        self._audio: _Sound | None = None
        self.plain = -1
        self.finish = ""
        self.pending = False
        self.began = False
        self.extra: dict[str, Any] = {}

    def _number(self) -> int:
        number = self._next
        self._next = number + 1
        return number

    def logprobs(self, wire: Mapping[str, Any]) -> None:
        """Take the log probabilities of the tokens that the next delta holds."""
        content = wire.get("content")
        if isinstance(content, list):
            self._logprobs += tuple(content)
        refusal = wire.get("refusal")
        if isinstance(refusal, list) and refusal:
            held = self.extra.setdefault("logprobs", {}).setdefault("refusal", [])
            held.extend(refusal)

    def delta(self, delta: Mapping[str, Any], reply_id: str, *, whole: bool = False) -> list[Event]:
        """Return the events of one delta, or of a whole message."""
        events: list[Event] = []
        rest = delta.keys() - _WORDS
        self.began = self.began or bool(rest) or "content" in delta
        content = delta.get("content")
        if isinstance(content, str) and not (self._annotations or self._logprobs) and not _more(delta, rest):
            self._content(content, events)
            return events
        thought = self._thought(delta)
        if thought:
            self._release(events)
            self._reason(thought, events)
        annotations = delta.get("annotations")
        if isinstance(annotations, list):
            self._annotations += tuple(annotations)
        if isinstance(content, str):
            self._content(content, events)
        elif isinstance(content, list):
            for item in content:
                self._typed(item, events)
        if self._text >= 0 and (self._annotations or self._logprobs):
            self._say("", events)
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            if self._refusal < 0:
                self._refusal = self._number()
            events.append(RefusalDelta(refusal, self._refusal, self._index))
        images = delta.get("images")
        for image in images if isinstance(images, list) else ():
            self._typed(image, events)
        if isinstance(delta.get("audio"), dict):
            if self._audio is None:
                self._audio = _Sound(self._number())
            self._audio.add(delta["audio"], self.extra)
        self._tools(delta, reply_id, events, whole=whole)
        for field in delta.keys() - _DELTA:
            if delta[field] is not None:
                self.extra.setdefault("message", {})[field] = delta[field]
        return events

    def _thought(self, delta: Mapping[str, Any]) -> str:
        """Return the reasoning text of a delta and keep what must go back to the provider."""
        text = delta.get("reasoning_content") or delta.get("reasoning")
        details = delta.get("reasoning_details")
        said: list[str] = []
        if isinstance(details, list) and details:
            if self._state_part < 0:
                self._state_part = self._reasoning if self._reasoning >= 0 else self._number()
                self._reasoning = self._state_part
            said = [_merge(self._details, detail) for detail in details if isinstance(detail, dict)]
        return text if isinstance(text, str) else "".join(said)

    def _reason(self, text: str, events: list[Event]) -> None:
        if self._reasoning < 0:
            self._reasoning = self._number()
        self._text = self.plain = -1
        events.append(ReasoningDelta(text, self._reasoning, self._index))

    def _content(self, text: str, events: list[Event]) -> None:
        if not text:
            return
        if not self._think.open:
            self._say(text, events)
            return
        for thought, piece in self._think.feed(text):
            if thought:
                self._reason(piece, events)
            else:
                self._say(piece, events)

    def _say(self, text: str, events: list[Event]) -> None:
        if self._text < 0:
            self._text = self._number()
        self._reasoning = -1
        self.plain = self._text
        events.append(TextDelta(text, self._text, self._index, self._logprobs, self._annotations))
        self._logprobs = self._annotations = ()

    def _typed(self, item: Any, events: list[Event]) -> None:
        """Read one item of a content list."""
        if isinstance(item, str):
            self._content(item, events)
            return
        if not isinstance(item, dict):
            return
        kind = item.get("type")
        if kind in ("text", "output_text") and isinstance(item.get("text"), str):
            self._content(item["text"], events)
        elif kind in ("thinking", "reasoning"):
            thought = _joined(item.get("thinking") or item.get("text"))
            if thought:
                self._reason(thought, events)
        elif kind == "refusal" and isinstance(item.get("refusal"), str):
            events += self.delta({"refusal": item["refusal"]}, "")
        else:
            self._release(events)
            events.append(PartAdded(_part(item), self._number(), self._index))

    def _tools(self, delta: Mapping[str, Any], reply_id: str, events: list[Event], *, whole: bool) -> None:
        fragments = delta.get("tool_calls")
        old = delta.get("function_call")
        if isinstance(old, dict) and not fragments:
            fragments = [{"index": 0, "function": old}]
        if not isinstance(fragments, list):
            return
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._release(events)
                self._reasoning = -1
                events += self._calls.take(fragment, self._next, reply_id, whole=whole)
                self._next = max(self._next, self._calls.all[-1].part + 1)

    def _release(self, events: list[Event]) -> None:
        """Give out text that was held back because it might have been the mark of a thought."""
        if self._think.open:
            for thought, piece in self._think.flush():
                (self._reason if thought else self._say)(piece, events)

    def close(self) -> Iterator[Event]:
        """Yield the last events of the choice: what was held back, its states, its end."""
        events: list[Event] = []
        self._release(events)
        if self._logprobs or self._annotations:
            self._say("", events)
        yield from events
        yield from self._calls.flush()
        if self._audio is not None:
            yield PartAdded(self._audio.part(), self._audio.number, self._index)
        if self._details:
            yield StateDelta(State(self._origin, NAME, self._details), self._state_part, self._index)
        for call in self._calls.all:
            if call.extra:
                yield StateDelta(State(self._origin, NAME, call.extra), call.part, self._index)
        reason = FINISHES.get(self.finish.lower(), "stop")
        if reason == "stop" and self._calls.all:
            reason = "tool_calls"
        detail = "" if self.finish in ("", reason) else self.finish
        yield Finished(reason, detail, self._index, self.extra)


def _more(delta: Mapping[str, Any], rest: AbstractSet[str]) -> bool:
    """Whether a delta's other fields say anything: those that are known and empty don't."""
    return bool(rest) and (not rest <= _DELTA or any(delta[name] for name in rest))


def _merge(details: list[dict[str, Any]], detail: Mapping[str, Any]) -> str:
    """Add a fragment of OpenRouter's reasoning details to the list and return the words that it adds."""
    last = details[-1] if details else None
    words = detail.get("text") or detail.get("summary")
    words = words if isinstance(words, str) else ""
    if (
        last is not None
        and last.get("type") == detail.get("type")
        and last.get("index") == detail.get("index")
        and (not detail.get("id") or last.get("id") in (None, detail["id"]))
        and detail.get("index") is not None
    ):
        for name, value in detail.items():
            if name in ("text", "summary", "data") and isinstance(value, str):
                last[name] = (last.get(name) or "") + value
            elif value is not None:
                last[name] = value
    else:
        details.append(dict(detail))
    return words


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    texts = (item.get("text") for item in value if isinstance(item, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _part(item: Mapping[str, Any]) -> Part:
    image = item.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if item.get("type") == "image_url" and isinstance(url, str):
        media_type, data = decode_data_url(url)
        return Image(data, media_type) if media_type else Image(url=url)
    return Opaque(NAME, dict(item))


class _Sound:
    """Sound while it grows."""

    __slots__ = ("_fields", "_pieces", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._pieces: list[str] = []
        self._fields: dict[str, str] = {}

    def add(self, wire: Mapping[str, Any], extra: dict[str, Any]) -> None:
        """Take one `audio` delta; what is not known goes into `extra` under its place."""
        if isinstance(wire.get("data"), str):
            self._pieces.append(wire["data"])
        for name in ("id", "format"):
            if isinstance(wire.get(name), str):
                self._fields[name] = wire[name]
        if isinstance(wire.get("transcript"), str):
            self._fields["transcript"] = self._fields.get("transcript", "") + wire["transcript"]
        for name in wire.keys() - _AUDIO:
            extra.setdefault("message", {}).setdefault("audio", {})[name] = wire[name]

    def part(self) -> Audio:
        """Return the sound; its bytes are what could be read."""
        try:
            data = b"".join(binascii.a2b_base64(piece) for piece in self._pieces)
        except binascii.Error:
            data = _lenient("".join(self._pieces))
        fields = self._fields
        return Audio(data, fields.get("format", ""), fields.get("transcript", ""), fields.get("id", ""))


def _lenient(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""
