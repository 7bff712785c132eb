"""Writes a reply for a user of the server, streamed or whole, as Anthropic's own servers do.

The wire knows one answer at a time: events of further choices say nothing. A `Restarted` event can't be told: what
was sent can't be taken back. Whether such a reply may go on is the server's decision; here the event says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.messages.content import encode_content
from ve_magics.dialects.messages.faults import encode_fault
from ve_magics.dialects.messages.stream import BlockStream, frame
from ve_magics.dialects.messages.usage import encode_usage
from ve_magics.dialects.messages.vocabulary import FINISHES, NAME, STOPS
from ve_magics.errors import VeError
from ve_magics.events import (
    Accumulator,
    Event,
    Finished,
    Passthrough,
    Restarted,
    Started,
    UsageReported,
)
from ve_magics.messages import ChatRequest, Refusal, Usage

_STREAMED = frozenset({"usage", "message_delta"})
"""Fields of an answer's end that stand elsewhere in the reply."""


class _Reply:
    """What both forms of a reply have in common: its head, its end, and whether it may say what its dialect knows."""

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

    def message(self, usage: Usage | None) -> dict[str, Any]:
        """Return the message as it is before it says anything."""
        start = self.start
        own = start.id if self.same else ""
        fresh = self._options.get("id")
        extra = dict(start.extra) if self.same else {}
        more = extra.pop("usage", {})
        return {
            "id": own or (f"msg_{fresh}" if fresh else start.id),
            "type": "message",
            "role": "assistant",
            "model": start.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**more, **encode_usage(usage)},
            **extra,
        }

    def end(self, event: Finished) -> dict[str, Any]:
        """Return the fields that tell why the answer ended, and those that are not known here."""
        extra = event.extra if self.same else {}
        reason = STOPS[event.reason]
        if self.same and FINISHES.get(event.detail) == event.reason:
            reason = event.detail
        end: dict[str, Any] = {"stop_reason": reason, "stop_sequence": None}
        return end | {name: value for name, value in extra.items() if name not in _STREAMED}

    def counts(self, event: Finished, usage: Usage | None) -> dict[str, Any]:
        """Return the `usage` object at the end of the answer, which counts cache writes in their sum only."""
        more = event.extra.get("usage", {}) if self.same else {}
        counts = encode_usage(usage)
        del counts["cache_creation"]
        return {**more, **counts}


def _settled(finished: Finished | None, *, refused: bool) -> Finished:
    """Return the end of an answer: where the model refused in words of its own, that is the reason."""
    finished = finished or Finished("stop")
    if refused and finished.reason == "stop":
        return Finished("content_filter", finished.detail, extra=finished.extra)
    return finished


class WholeEncoder:
    """Collects the events and writes one JSON body at the end. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._answer = Accumulator()
        self._finished: Finished | None = None

    def encode(self, event: Event) -> bytes:
        """Take one event; nothing goes out before the end."""
        if isinstance(event, Started):
            self._reply.begin(event)
        elif isinstance(event, Finished) and event.choice == 0:
            self._finished = event
        if not isinstance(event, Restarted):
            self._answer.add(event)
        return b""

    def flush(self) -> bytes:
        """Return the body.

        Raises:
            UnsupportedError: The answer holds a part that the wire can't say.
        """
        reply = self._reply
        response = self._answer.response()
        parts = next((choice.message.parts for choice in response.choices if choice.index == 0), ())
        refused = any(isinstance(part, Refusal) for part in parts)
        finished = _settled(self._finished, refused=refused)
        body = reply.message(response.usage) | reply.end(finished)
        body["content"] = encode_content(parts, same=reply.same)
        body["usage"] |= reply.counts(finished, response.usage)
        return msgspec.json.encode(body)

    def encode_failure(self, error: VeError) -> bytes:
        """Return the error's body: nothing has gone out before it."""
        return msgspec.json.encode(encode_fault(error))


class StreamEncoder:
    """Writes each event as it comes, one block after the other. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._blocks = BlockStream()
        self._usage: Usage | None = None
        self._begun = False
        self._finished: Finished | None = None

    def encode(self, event: Event) -> bytes:
        """Return the bytes of this event; empty while it waits for others.

        Raises:
            UnsupportedError: It tells of a part that the wire can't say.
        """
        match event:
            case Started():
                self._reply.begin(event)
                self._blocks.same = self._reply.same
            case UsageReported():
                self._usage = event.usage
            case Restarted():
                pass
            case Passthrough():
                if event.dialect == NAME and isinstance(event.data, dict):
                    return self._begin() + self._blocks.encode_unknown(event)
                return b""
            case Finished():
                if event.choice == 0:
                    self._finished = event
                    return self._begin() + self._blocks.flush()
                return b""
            case _:
                if event.choice == 0:
                    return self._begin() + self._blocks.encode(event)
        return b""

    def _begin(self) -> bytes:
        """Return the start of the message, once, with the counts where they came first."""
        if self._begun:
            return b""
        self._begun = True
        return frame("message_start", {"message": self._reply.message(self._usage)})

    def flush(self) -> bytes:
        """Return the end of the message."""
        said = self._begin() + self._blocks.flush()
        finished = _settled(self._finished, refused=self._blocks.refused)
        more = finished.extra.get("message_delta", {}) if self._reply.same else {}
        usage = self._reply.counts(finished, self._usage)
        end = {"delta": self._reply.end(finished), "usage": usage, **more}
        return said + frame("message_delta", end) + frame("message_stop", {})

    def encode_failure(self, error: VeError) -> bytes:
        """Return the event that tells the failure; nothing may follow, not even the message's end."""
        fault = encode_fault(error)
        del fault["type"]
        return frame("error", fault)
