"""Writes a reply for a user of the server: whole, as an event stream, or as one JSON array.

Words go out as they come. A call is written whole, so from the first call of a candidate on everything is held back
until the candidate has ended: parallel calls grow in turns. The reason why a candidate ended waits for the counts,
because clients look for both in the last chunk, and for a candidate with content in every chunk.

A `Restarted` event can't be told: what was sent can't be taken back. Here it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ve_magics.dialects.generate_content.candidate import FINISHES, USUAL
from ve_magics.dialects.generate_content.evidence import encode_citations, encode_logprobs
from ve_magics.dialects.generate_content.faults import encode_fault
from ve_magics.dialects.generate_content.parts import encode_part
from ve_magics.dialects.generate_content.signatures import encode_placed, encode_signature, encode_whole
from ve_magics.dialects.generate_content.usage import encode_usage
from ve_magics.dialects.generate_content.wire import NAME, SIGNATURE
from ve_magics.errors import VeError
from ve_magics.events import (
    Accumulator,
    Event,
    Finished,
    PartAdded,
    Passthrough,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from ve_magics.messages import ChatRequest, Choice, Part, Refusal, Text, Usage

Wire = dict[str, Any]

_Said = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | PartAdded | StateDelta


class _Reply:
    """What all forms of a reply have in common: its head, and whether it may say what its dialect knows."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._options = options or {}
        self.start = Started(model=request.model)

    def begin(self, started: Started) -> None:
        """Take ids and names from the event."""
        self.start = msgspec.structs.replace(started, model=started.model or self.start.model)

    @property
    def same(self) -> bool:
        """Whether the answer was read from this dialect, so that unknown fields go through."""
        return self.start.dialect == NAME

    def head(self) -> Wire:
        """Return the fields that stand in every body."""
        start, options = self.start, self._options
        own = start.id if self.same else ""
        head = {"modelVersion": start.model, "responseId": own or options.get("id") or start.id}
        created = start.created or options.get("created", 0)
        if created:
            head["createTime"] = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (dict(start.extra) if self.same else {}) | head

    def ending(self, finish: Finished, annotations: list[Any]) -> Wire:
        """Return the fields of a candidate that tell why it ended."""
        extra = {name: value for name, value in finish.extra.items() if name != "promptFeedback"}
        citations = encode_citations(annotations)
        wire: Wire = {"groundingMetadata": citations} if citations else {}
        wire |= extra if self.same else {}
        known = finish.detail in FINISHES and FINISHES[finish.detail] == finish.reason
        word = finish.detail if known or (self.same and finish.detail) else USUAL[finish.reason]
        return wire | {"finishReason": word}

    def blocked(self, finish: Finished) -> Any:
        """Return the feedback of a prompt that was blocked, or None where the candidate ended otherwise."""
        return finish.extra.get("promptFeedback") if self.same else None


def _content(parts: list[Wire]) -> Wire:
    return {"parts": parts or [{"text": ""}], "role": "model"}


class WholeEncoder:
    """Collects the events and writes one JSON body at the end. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._answer = Accumulator()
        self._more: Wire = {}

    def encode(self, event: Event) -> bytes:
        """Take one event; nothing goes out before the end."""
        if isinstance(event, Started):
            self._reply.begin(event)
        elif isinstance(event, Passthrough) and event.dialect == NAME and isinstance(event.data, dict):
            self._more |= event.data
        if not isinstance(event, Restarted):
            self._answer.add(event)
        return b""

    def flush(self) -> bytes:
        """Return the body."""
        response = self._answer.response()
        body: Wire = {}
        candidates: list[Wire] = []
        for choice in response.choices:
            finish = Finished(choice.finish or "stop", choice.detail, choice.index, choice.extra)
            feedback = self._reply.blocked(finish)
            if feedback is None or choice.message.parts:
                candidates.append(self._candidate(choice, finish))
            if feedback is not None:
                body["promptFeedback"] = feedback
        if candidates:
            body = {"candidates": candidates} | body
        if response.usage is not None:
            body["usageMetadata"] = encode_usage(response.usage)
        return msgspec.json.encode((self._more if self._reply.same else {}) | self._reply.head() | body)

    def _candidate(self, choice: Choice, finish: Finished) -> Wire:
        parts = [encode_part(part, same=self._reply.same) for part in choice.message.parts]
        notes = [note for part in choice.message.parts if isinstance(part, Text) for note in part.annotations]
        wire = {"content": _content(parts), **self._reply.ending(finish, notes), "index": choice.index}
        return wire | ({"logprobsResult": encode_logprobs(choice.logprobs)} if choice.logprobs else {})

    def encode_failure(self, error: VeError) -> bytes:
        """Return the error's body: nothing has gone out before it."""
        return msgspec.json.encode(encode_fault(error))


class _Words:
    """Where the words of a streamed part stand among all words of their kind."""

    __slots__ = ("length", "start", "thought")

    def __init__(self, start: int, *, thought: bool) -> None:
        self.start = start
        self.length = 0
        self.thought = thought


class _OpenCandidate:
    """What one streamed candidate has said so far."""

    __slots__ = ("annotations", "finish", "held", "said", "words")

    def __init__(self) -> None:
        self.words: dict[int, _Words] = {}
        self.said = {False: 0, True: 0}
        self.annotations: list[Any] = []
        self.held: Accumulator | None = None
        self.finish: Finished | None = None

    def grow(self, part: int, text: str, *, thought: bool) -> None:
        """Count words."""
        words = self.words.get(part)
        if words is None:
            words = self.words[part] = _Words(self.said[thought], thought=thought)
        words.length += len(text)
        self.said[thought] += len(text)


class StreamEncoder:
    """Writes each event as it comes. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._array = (options or {}).get("alt", "sse") != "sse"
        self._first = True
        self._usage: Usage | None = None
        self._candidates: dict[int, _OpenCandidate] = {}
        self._after = b""
        self._frame()

    def _frame(self) -> None:
        """Prepare what stands after the candidates of every chunk."""
        self._after = b"]," + msgspec.json.encode(self._reply.head())[1:]

    def encode(self, event: Event) -> bytes:
        """Return the chunk of this event; nothing while it waits for others."""
        match event:
            case Started():
                self._reply.begin(event)
                self._frame()
            case UsageReported():
                self._usage = event.usage
            case Finished():
                return self._finish(event)
            case Passthrough():
                if event.dialect == NAME and self._reply.same and isinstance(event.data, dict):
                    self._reply.start = msgspec.structs.replace(
                        self._reply.start, extra={**self._reply.start.extra, **event.data}
                    )
                    self._frame()
            case Restarted():
                pass
            case _:
                return self._said(event)
        return b""

    def _open(self, index: int) -> _OpenCandidate:
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = _OpenCandidate()
        return candidate

    def _said(self, event: _Said) -> bytes:
        candidate = self._open(event.choice)
        late = isinstance(event, StateDelta) and event.part in candidate.words
        if isinstance(event, ToolCallDelta) or (candidate.held is not None and not late):
            if candidate.held is None:
                candidate.held = Accumulator()
            candidate.held.add(event)
            return b""
        match event:
            case TextDelta():
                return self._text(event, candidate)
            case ReasoningDelta():
                candidate.grow(event.part, event.text, thought=True)
                return self._part({"text": event.text, "thought": True}, event.choice) if event.text else b""
            case RefusalDelta():
                candidate.grow(event.part, event.text, thought=False)
                wire = {"text": event.text, SIGNATURE: encode_whole(Refusal(event.text))}
                return self._part(wire, event.choice)
            case StateDelta():
                return self._part(self._signed(event, candidate), event.choice)
            case _:
                return self._part(encode_part(event.value, same=self._reply.same), event.choice)

    def _text(self, event: TextDelta, candidate: _OpenCandidate) -> bytes:
        candidate.grow(event.part, event.text, thought=False)
        candidate.annotations += event.annotations
        if event.logprobs:
            return self._part({"text": event.text}, event.choice, logprobs=event.logprobs)
        return self._part({"text": event.text}, event.choice) if event.text else b""

    def _signed(self, event: StateDelta, candidate: _OpenCandidate) -> Wire:
        """Return the empty piece that carries the state of words before it, or of nothing that was seen."""
        words = candidate.words.get(event.part)
        thought = words is None or words.thought
        if words is None or not words.length:
            signature = encode_signature(event.state)
        else:
            signature = encode_placed(event.state, words.start, words.length)
        return ({"text": "", "thought": True} if thought else {"text": ""}) | {SIGNATURE: signature}

    def _part(self, part: Wire, index: int, *, logprobs: tuple[Any, ...] = ()) -> bytes:
        wire: Wire = {"content": {"parts": [part], "role": "model"}, "index": index}
        if logprobs:
            wire["logprobsResult"] = encode_logprobs(logprobs)
        return self._piece(b'{"candidates":[' + msgspec.json.encode(wire) + self._after)

    def _piece(self, body: bytes) -> bytes:
        """Return one chunk in its frame."""
        if not self._array:
            return b"data: " + body + b"\r\n\r\n"
        start, self._first = b"[" if self._first else b",\r\n", False
        return start + body

    def _finish(self, event: Finished) -> bytes:
        candidate = self._open(event.choice)
        candidate.finish = event
        return self._release(event.choice, candidate)

    def _release(self, index: int, candidate: _OpenCandidate) -> bytes:
        """Return what was held back."""
        if candidate.held is None:
            return b""
        answer, candidate.held = candidate.held.response(), None
        said: list[Part] = [part for choice in answer.choices for part in choice.message.parts]
        candidate.annotations += [
            note for part in said if isinstance(part, Text) for note in part.annotations
        ]
        wire = {
            "content": _content([encode_part(part, same=self._reply.same) for part in said]),
            "index": index,
        }
        return self._piece(b'{"candidates":[' + msgspec.json.encode(wire) + self._after)

    def flush(self) -> bytes:
        """Return what was held back, and the last chunk: why each candidate ended, and the counts."""
        said = b"".join(self._release(index, candidate) for index, candidate in self._candidates.items())
        body: Wire = {}
        candidates: list[Wire] = []
        for index, candidate in sorted(self._candidates.items()):
            if candidate.finish is None:
                continue
            feedback = self._reply.blocked(candidate.finish)
            if feedback is not None:
                body["promptFeedback"] = feedback
            if feedback is None or candidate.words:
                ending = self._reply.ending(candidate.finish, candidate.annotations)
                candidates.append({"content": _content([]), **ending, "index": index})
        if candidates:
            body["candidates"] = candidates
        if self._usage is not None:
            body["usageMetadata"] = encode_usage(self._usage)
        if body:
            said += self._piece(msgspec.json.encode(self._reply.head() | body))
        return said + ((b"[]" if self._first else b"]") if self._array else b"")

    def encode_failure(self, error: VeError) -> bytes:
        """Return the piece that tells the failure; nothing may follow but the end of the array that it stands in."""
        return self._piece(msgspec.json.encode(encode_fault(error))) + (b"]" if self._array else b"")
