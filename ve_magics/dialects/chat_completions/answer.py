"""Writes a reply for a user of the server, streamed or whole, as OpenAI's own servers do.

A `Restarted` event can't be told: what was sent can't be taken back. Whether such a reply may go on is the server's
decision; here the event says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.chat_completions.choice import NAME
from ve_magics.dialects.chat_completions.message import encode_message, image_item, sound
from ve_magics.dialects.chat_completions.sealed import seal_states
from ve_magics.dialects.chat_completions.usage import encode_usage
from ve_magics.dialects.openai_evidence import Spans, nested_citation, told_logprobs
from ve_magics.dialects.openai_faults import encode_fault
from ve_magics.dialects.sse import encode_event
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
from ve_magics.messages import Audio, ChatRequest, Choice, Extra, Image

_KEPT = frozenset({"message", "logprobs"})
"""Fields of a choice's `extra` that stand elsewhere in the reply."""


_Said = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | PartAdded | StateDelta


class _Reply:
    """What both forms of a reply have in common: its head, and whether it may say what its dialect knows."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._options = options or {}
        self.legacy = "functions" in request.extra
        self.start = Started(model=request.model)

    def begin(self, started: Started) -> None:
        """Take ids and names from the event."""
        self.start = msgspec.structs.replace(started, model=started.model or self.start.model)

    @property
    def same(self) -> bool:
        """Whether the answer was read from this dialect, so that unknown fields go through."""
        return self.start.dialect == NAME

    def head(self, object_: str) -> dict[str, Any]:
        """Return the fields that every body begins with."""
        start, options = self.start, self._options
        own = start.id if self.same else ""
        return {
            "id": own or options.get("id") or start.id,
            "object": object_,
            "created": start.created or options.get("created", 0),
            "model": start.model,
        }

    def finish(self, event: Finished) -> str:
        """Return the finish reason's name."""
        return "function_call" if self.legacy and event.reason == "tool_calls" else event.reason


class WholeEncoder:
    """Collects the events and writes one JSON body at the end. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._answer = Accumulator()
        self._more: dict[str, Any] = {}

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
        body = self._reply.head("chat.completion")
        body["choices"] = [self._choice(choice) for choice in response.choices]
        if response.usage is not None:
            body["usage"] = encode_usage(response.usage)
        if self._reply.same:
            body = {**response.extra, **self._more, **body}
        return msgspec.json.encode(body)

    def _choice(self, choice: Choice) -> dict[str, Any]:
        extra = choice.extra if self._reply.same else {}
        message = encode_message(
            choice.message, extra.get("message") or {}, legacy=self._reply.legacy, same=self._reply.same
        )
        logprobs = _logprobs(choice.logprobs, extra, same=self._reply.same)
        finish = self._reply.finish(Finished(choice.finish or "stop"))
        wire = {"index": choice.index, "message": message, "logprobs": logprobs, "finish_reason": finish}
        return {**{name: value for name, value in extra.items() if name not in _KEPT}, **wire}

    def encode_failure(self, error: VeError) -> bytes:
        """Return the error's body: nothing has gone out before it."""
        return msgspec.json.encode(encode_fault(error))


def _logprobs(content: tuple[Any, ...], extra: Extra, *, same: bool) -> Any:
    refusal = (extra.get("logprobs") or {}).get("refusal")
    if not (content or refusal):
        return None
    return {"content": (list(content) if same else told_logprobs(content)) or None, "refusal": refusal}


class _OpenChoice:
    """What one streamed choice has said so far."""

    def __init__(self) -> None:
        self.answer = Accumulator()
        self.calls: dict[int, tuple[int, bool]] = {}
        self.spans = Spans()
        self.stated = False


class StreamEncoder:
    """Writes each event as it comes. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        asked = request.extra.get("stream_options")
        self._tell_usage = isinstance(asked, dict) and asked.get("include_usage") is True
        self._usage: UsageReported | None = None
        self._choices: dict[int, _OpenChoice] = {}
        self._before = b""
        self._after = b""
        self._frame()

    def _frame(self) -> None:
        """Prepare what stands before and after the choices of every chunk."""
        head = msgspec.json.encode(self._reply.head("chat.completion.chunk"))
        after: dict[str, Any] = {"usage": None} if self._tell_usage else {}
        if self._reply.same:
            after = {**self._reply.start.extra, **after}
        tail = msgspec.json.encode(after)[1:]
        self._before = b"data: " + head[:-1] + b',"choices":['
        self._after = (b"]," if after else b"]") + tail + b"\n\n"

    def encode(self, event: Event) -> bytes:
        """Return the chunk of this event, with what has to stand before it."""
        match event:
            case TextDelta():
                return self._text(event)
            case ReasoningDelta():
                return (
                    self._say(event, {"reasoning_content": event.text}) if event.text else self._note(event)
                )
            case RefusalDelta():
                return self._say(event, {"refusal": event.text})
            case ToolCallDelta():
                return self._call(event)
            case PartAdded():
                return self._part(event)
            case StateDelta():
                return self._note(event)
            case Finished():
                return self._finish(event)
            case Started():
                self._reply.begin(event)
                self._frame()
                return self._open(0)
            case UsageReported():
                self._usage = event
            case Passthrough() if event.dialect == NAME and isinstance(event.data, dict):
                return self._body(
                    {"choices": []} | ({"usage": None} if self._tell_usage else {}) | event.data
                )
        return b""

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish} | more
        return self._before + msgspec.json.encode(choice) + self._after

    def _body(self, fields: dict[str, Any]) -> bytes:
        """Return a chunk that has no choice."""
        return encode_event(msgspec.json.encode(self._reply.head("chat.completion.chunk") | fields))

    def _open(self, index: int) -> bytes:
        if index in self._choices:
            return b""
        self._choices[index] = _OpenChoice()
        return self._chunk(index, {"role": "assistant", "content": "", "refusal": None})

    def _note(self, event: _Said) -> bytes:
        """Open the choice and remember the event, for the places of its states."""
        opened = self._open(event.choice)
        self._choices[event.choice].answer.add(event)
        return opened

    def _say(self, event: ReasoningDelta | RefusalDelta, delta: dict[str, Any]) -> bytes:
        return self._note(event) + self._chunk(event.choice, delta)

    def _text(self, event: TextDelta) -> bytes:
        if not (event.text or event.annotations or event.logprobs):
            return self._open(event.choice)
        opened, same = self._note(event), self._reply.same
        spans = self._choices[event.choice].spans
        spans.add(event.part, event.text)
        delta: dict[str, Any] = {"content": event.text} if event.text else {}
        if event.annotations:
            span = spans.of(event.part)
            cited = event.annotations if same else [nested_citation(note, span) for note in event.annotations]
            if notes := [note for note in cited if note is not None]:
                delta["annotations"] = notes
        logprobs = _logprobs(event.logprobs, {}, same=same)
        return opened + self._chunk(event.choice, delta, logprobs=logprobs) if delta or logprobs else opened

    def _call(self, event: ToolCallDelta) -> bytes:
        opened = self._note(event)
        calls = self._choices[event.choice].calls
        first = event.part not in calls
        index, custom = calls.setdefault(event.part, (len(calls), event.custom))
        kind = "custom" if custom else "function"
        body = {"input" if custom else "arguments": event.arguments}
        wire: dict[str, Any] = {"index": index}
        if first:
            wire |= {"id": event.id, "type": kind}
            body = {"name": event.name} | body
        if not self._reply.legacy:
            return opened + self._chunk(event.choice, {"tool_calls": [wire | {kind: body}]})
        return opened + self._chunk(event.choice, {"function_call": body}) if index == 0 else opened

    def _part(self, event: PartAdded) -> bytes:
        opened = self._note(event)
        match event.value:
            case Image():
                delta: dict[str, Any] = {"images": [image_item(event.value)]}
            case Audio():
                delta = {"audio": sound(event.value)}
            case _:
                return opened
        return opened + self._chunk(event.choice, delta)

    def _states(self, index: int) -> bytes:
        """Return the chunk that carries the opaque states of a choice, once."""
        choice = self._choices[index]
        if choice.stated:
            return b""
        choice.stated = True
        parts = [part for answer in choice.answer.response().choices for part in answer.message.parts]
        details = seal_states(parts)
        return self._chunk(index, {"reasoning_details": details}) if details else b""

    def _finish(self, event: Finished) -> bytes:
        extra = dict(event.extra) if self._reply.same else {}
        delta = dict(extra.pop("message", None) or {})
        if "logprobs" in extra:
            extra["logprobs"] = _logprobs((), extra, same=True)
        said = self._open(event.choice) + self._states(event.choice)
        return said + self._chunk(event.choice, delta, self._reply.finish(event), **extra)

    def flush(self) -> bytes:
        """Return the usage, where it was asked for, and the end mark."""
        said = b"".join(self._states(index) for index in self._choices)
        if self._tell_usage and self._usage is not None:
            said += self._body({"choices": [], "usage": encode_usage(self._usage.usage)})
        return said + b"data: [DONE]\n\n"

    def encode_failure(self, error: VeError) -> bytes:
        """Return the chunk that tells the failure; nothing may follow, not even the end mark."""
        return encode_event(msgspec.json.encode(encode_fault(error)))
