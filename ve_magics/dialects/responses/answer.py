"""Writes a reply for a user of the server, streamed or whole, as OpenAI's own servers do.

A `Restarted` event can't be told in a stream: what was sent can't be taken back. Whether such a reply may go on is
the server's decision; here the event says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.openai_faults import encode_fault
from ve_magics.dialects.responses.history import INSTRUCTIONS
from ve_magics.dialects.responses.naming import NAME
from ve_magics.dialects.responses.request import encode_settings
from ve_magics.dialects.responses.usage import encode_usage
from ve_magics.dialects.responses.writer import PART_EVENTS, OutputWriter, Told, Wire
from ve_magics.dialects.sse import encode_event
from ve_magics.errors import VeError
from ve_magics.events import Accumulator, Event, Finished, Passthrough, Started, UsageReported, events_of
from ve_magics.messages import ChatRequest, FinishReason, Usage
from ve_magics.providers import Quirks

_INCOMPLETE: dict[FinishReason | None, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


class _Reply:
    """The response around the output: what was asked, who answers, how it ended."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._options = options or {}
        self._request = request
        self._start = Started()
        self.finish: Finished | None = None
        self.usage: Usage | None = None
        self.begun = False
        self.writer = OutputWriter("")

    def begin(self, start: Started) -> None:
        """Take ids and names."""
        self.begun = True
        self._start = start
        self.writer = OutputWriter(self.id)

    @property
    def id(self) -> str:
        """Id of the response: the provider's own where it speaks this dialect too."""
        own = self._start.id if self._start.dialect == NAME else ""
        id_ = own or str(self._options.get("id") or self._start.id)
        return id_ if own or id_.startswith("resp_") else f"resp_{id_}"

    def end(self) -> tuple[str, Wire]:
        """Finish the output and return the name of the event that ends a stream, and the response."""
        reason = self.finish.reason if self.finish is not None else "stop"
        self.writer.close(reason)
        status = "failed" if reason == "error" else "incomplete" if reason in _INCOMPLETE else "completed"
        news = self.finish.extra if self.finish is not None and self._start.dialect == NAME else {}
        response = self.response(status, self.writer.output) | dict(news)
        if status == "failed":
            said = self.finish.detail if self.finish is not None else ""
            message = said or "The model failed to generate a response."
            response["error"] = {"code": "server_error", "message": message}
        if status == "incomplete":
            response["incomplete_details"] = {"reason": _INCOMPLETE[reason]}
        if self.usage is not None:
            response["usage"] = encode_usage(self.usage)
        return f"response.{status}", response

    def response(self, status: str, output: list[Wire]) -> Wire:
        """Return the response as it stands."""
        request, start = self._request, self._start
        first = request.messages[0] if request.messages else None
        asked = encode_settings(request, Quirks())
        echo: Wire = {
            "access_programs": None,
            "background": False,
            "instructions": first.text if first is not None and INSTRUCTIONS in first.extra else None,
            "max_output_tokens": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "service_tier": None,
            "store": bool(request.store),
            "temperature": None,
            "tool_choice": "auto",
            "top_p": None,
            "truncation": "disabled",
            "user": None,
            **asked,
            "tools": [_told_tool(tool) for tool in asked.get("tools", ())],
            "reasoning": {"effort": None, "summary": None, **asked.get("reasoning", {})},
            "text": {"format": {"type": "text"}, **asked.get("text", {})},
        }
        if start.dialect == NAME:
            echo |= start.extra
        return {
            "id": self.id,
            "object": "response",
            "created_at": start.created or self._options.get("created", 0),
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": start.model or request.model,
            "output": output,
            "usage": None,
            **echo,
        }


def _told_tool(tool: Any) -> Any:
    """Return a tool as a response repeats it: a function says all its settings, also those that were left open."""
    function = isinstance(tool, Mapping) and tool.get("type") == "function"
    return {"parameters": None, "strict": None, **tool} if function else tool


class WholeEncoder:
    """Collects the events and writes one JSON body at the end. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._answer = Accumulator()

    def encode(self, event: Event) -> bytes:
        """Take one event; nothing goes out before the end."""
        self._answer.add(event)
        return b""

    def flush(self) -> bytes:
        """Return the body."""
        for event in events_of(self._answer.response()):
            _take(self._reply, event)
        return msgspec.json.encode(self._reply.end()[1])

    def encode_failure(self, error: VeError) -> bytes:
        """Return the error's body: nothing has gone out before it."""
        return msgspec.json.encode(encode_fault(error))


def _take(reply: _Reply, event: Event) -> None:
    """Hand one event to whom it concerns; there is one answer here, never several."""
    if isinstance(event, PART_EVENTS):
        if event.choice == 0:
            reply.writer.write(event)
    elif isinstance(event, Started):
        reply.begin(event)
    elif isinstance(event, UsageReported):
        reply.usage = event.usage
    elif isinstance(event, Finished) and event.choice == 0:
        reply.finish = event
    elif isinstance(event, Passthrough) and event.dialect == NAME and isinstance(event.data, dict):
        reply.writer.pass_on(event.name, event.data)


class StreamEncoder:
    """Writes each event as it comes. See `contract.Encoder`."""

    def __init__(self, request: ChatRequest, options: Mapping[str, Any] | None) -> None:
        self._reply = _Reply(request, options)
        self._sequence = 0

    def encode(self, event: Event) -> bytes:
        """Return the events that this one makes, with what has to stand before them."""
        if self._reply.begun and not isinstance(event, Started):
            _take(self._reply, event)
            return self._say(self._reply.writer.take())
        start = event if isinstance(event, Started) else Started()
        return self._begin(start) + (b"" if event is start else self.encode(event))

    def _begin(self, start: Started) -> bytes:
        self._reply.begin(start)
        response = self._reply.response("in_progress", [])
        names = ("response.created", "response.in_progress")
        return self._say([(name, {"response": response}) for name in names])

    def _say(self, told: Told) -> bytes:
        pieces: list[bytes] = []
        for name, fields in told:
            wire = {"type": name, "sequence_number": self._sequence, **fields}
            self._sequence += 1
            pieces.append(encode_event(msgspec.json.encode(wire), name))
        return b"".join(pieces)

    def flush(self) -> bytes:
        """Return what finishes the items that are open, and the event that holds the whole response."""
        begin = b"" if self._reply.begun else self._begin(Started())
        name, response = self._reply.end()
        return begin + self._say([*self._reply.writer.take(), (name, {"response": response})])

    def encode_failure(self, error: VeError) -> bytes:
        """Return the event that tells the failure, flat and nested: clients look in either place."""
        fault = encode_fault(error)["error"]
        flat = {"code": fault["code"] or fault["type"], "message": fault["message"], "param": fault["param"]}
        return self._say([("error", {**flat, "error": fault})])
