"""The reply of an interaction, whole or streamed, as events.

The end is told by the interaction's status, never by the last step alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.generate_content.chunks import seconds_of
from ve_magics.dialects.generate_content.faults import decode_fault
from ve_magics.dialects.generate_content.interactions.usage import decode_usage
from ve_magics.dialects.generate_content.media import media_of
from ve_magics.dialects.generate_content.wire import STEPS, decode_bytes, made_id, rows
from ve_magics.errors import RequestError, ServerError
from ve_magics.events import (
    Event,
    Finished,
    PartAdded,
    Passthrough,
    ReasoningDelta,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from ve_magics.messages import FinishReason, Opaque, Part, State

FINISHES: dict[str, FinishReason] = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "length",
    "requires_continuation": "length",
    "budget_exceeded": "length",
    "cancelled": "error",
    "failed": "error",
}
"""Statuses in which nothing more comes."""

_USUAL = ("completed", "requires_action", "incomplete")
_EVENTS = frozenset({"interaction.created", "interaction.status_update", "interaction.completed"})
_MEDIA = ("image", "audio", "video", "document")
_STEP = frozenset({"type", "summary", "content", "id", "name", "arguments", "error"})


def is_interaction(value: Mapping[str, Any]) -> bool:
    """Whether the first JSON value of a reply belongs to the Interactions API."""
    return (
        "event_type" in value or value.get("object") == "interaction" or value.keys() >= {"steps", "status"}
    )


class _Step:
    """One step while it grows."""

    __slots__ = ("data", "grown", "kind", "part", "text")

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.kind = str(data.get("type") or "")
        self.part = -1
        self.text = -1
        self.grown = False


class InteractionReader:
    """Reads the JSON values of one reply.

    Attributes:
        begun: Whether an answer has begun.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._steps: dict[int, _Step] = {}
        self._next = 0
        self._ids: set[str] = set()
        self._id = self._status = ""
        self._usage: Any = None
        self._errors: Any = None
        self.begun = False

    @property
    def finished(self) -> bool:
        """Whether the interaction has come to an end."""
        return self._status in FINISHES

    def take(self, chunk: dict[str, Any], name: str, events: list[Event]) -> None:
        """Read one JSON value: an event, or the whole interaction."""
        event = str(chunk.get("event_type") or "")
        if not event:
            self._whole(chunk, events)
        elif event == "step.delta":
            self._delta(chunk, events)
        elif event == "step.start" and isinstance(chunk.get("step"), dict):
            self._open(self._index(chunk), chunk["step"], events)
        elif event == "step.stop":
            self._close_step(self._index(chunk), events)
        elif event == "interaction.completed" and isinstance(chunk.get("interaction"), dict):
            self._whole(chunk["interaction"], events)
        elif event in _EVENTS:
            inner = chunk.get("interaction")
            self._state(inner if isinstance(inner, dict) else chunk)
            self._start(inner if isinstance(inner, dict) else chunk, events)
        elif self.begun:
            events.append(Passthrough(STEPS, name or event, chunk))

    def _index(self, chunk: Mapping[str, Any]) -> int:
        index = chunk.get("index")
        return index if isinstance(index, int) else max(self._steps, default=0)

    def _state(self, wire: Mapping[str, Any]) -> None:
        self._status = str(wire.get("status") or self._status)
        self._usage = wire.get("usage") or self._usage
        self._errors = wire.get("errors") or self._errors

    def _start(self, wire: Mapping[str, Any], events: list[Event]) -> None:
        if not self.begun:
            self.begun = True
            self._id = str(wire.get("id") or wire.get("interaction_id") or "")
            created = seconds_of(wire.get("created"))
            events.append(Started(self._id, str(wire.get("model") or ""), created, STEPS))

    def _whole(self, wire: Mapping[str, Any], events: list[Event]) -> None:
        """Read an interaction; its steps only where they have not come one by one."""
        self._state(wire)
        if not wire.get("status"):
            return
        self._start(wire, events)
        steps = wire.get("steps")
        if isinstance(steps, list) and not self._steps:
            for index, step in enumerate(steps):
                if isinstance(step, dict):
                    self._open(index, step, events)
                    self._close_step(index, events)

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _open(self, index: int, data: dict[str, Any], events: list[Event]) -> _Step:
        self._start({}, events)
        step = self._steps[index] = _Step(data)
        if step.kind == "function_call":
            step.part = self._number()
            id_ = data.get("id")
            if not isinstance(id_, str) or not id_ or id_ in self._ids:
                id_ = made_id(self._ids, self._id, 0, len(self._ids))
            self._ids.add(id_)
            events.append(ToolCallDelta(step.part, id_, str(data.get("name") or "")))
        elif step.kind == "thought":
            step.part = self._number()
            self._summary(step, data.get("summary"), events)
        elif step.kind == "model_output":
            for item in rows(data.get("content")):
                self._content(step, item, events)
        return step

    def _close_step(self, index: int, events: list[Event]) -> None:
        step = self._steps.get(index)
        if step is None:
            return
        if step.kind == "function_call" and not step.grown:
            arguments = step.data.get("arguments") or {}
            events.append(ToolCallDelta(step.part, arguments=msgspec.json.encode(arguments).decode()))
            step.grown = True
        elif step.kind not in ("function_call", "thought", "model_output", "user_input", ""):
            events.append(PartAdded(Opaque(STEPS, step.data), self._number()))
            step.kind = ""
        beside = {name: value for name, value in step.data.items() if name not in _STEP and value is not None}
        if beside and step.part >= 0:
            events.append(StateDelta(State(self._origin, STEPS, beside), step.part))
            step.data = {}

    def _summary(self, step: _Step, items: Any, events: list[Event]) -> None:
        texts = [item["text"] for item in rows(items) if isinstance(item.get("text"), str)]
        events.extend(ReasoningDelta(text, step.part) for text in texts if text)

    def _content(self, step: _Step, item: Mapping[str, Any], events: list[Event]) -> None:
        """Read one piece of what the model says."""
        kind = item.get("type")
        if kind == "text" and isinstance(item.get("text"), str):
            notes = item.get("annotations")
            if step.text < 0:
                step.text = self._number()
            words, told = item["text"], tuple(notes) if isinstance(notes, list) else ()
            events.append(TextDelta(words, step.text, annotations=told))
            return
        step.text = -1
        part = _media(item) if kind in _MEDIA else None
        events.append(PartAdded(part or Opaque(STEPS, dict(item)), self._number()))

    def _delta(self, chunk: dict[str, Any], events: list[Event]) -> None:
        index, delta = self._index(chunk), chunk.get("delta")
        if not isinstance(delta, dict):
            return
        kind = str(delta.get("type") or "")
        step = self._steps.get(index)
        if step is None:
            step = self._open(index, {"type": _implied(kind)}, events)
        if kind == "text" or kind in _MEDIA:
            self._content(step, delta, events)
        elif kind == "arguments_delta" and step.kind == "function_call":
            if isinstance(delta.get("arguments"), str) and delta["arguments"]:
                step.grown = True
                events.append(ToolCallDelta(step.part, arguments=delta["arguments"]))
        elif kind == "thought_summary":
            content = delta.get("content")
            self._summary(step, [content] if isinstance(content, dict) else [], events)
        elif kind == "thought_signature":
            step.data = {**step.data, "signature": delta.get("signature")}
        elif kind == "text_annotation_delta" and step.text >= 0:
            events.append(TextDelta("", step.text, annotations=tuple(rows(delta.get("annotations")))))
        elif kind == step.kind:
            step.data = {**step.data, **delta}
        else:
            events.append(Passthrough(STEPS, "step.delta", chunk))

    def _fault(self) -> RequestError:
        """Return the error of an interaction that failed."""
        first = next(iter(rows(self._errors)), None)
        if first is None:
            first = next(iter(rows([step.data.get("error") for step in self._steps.values()])), None)
        fault = decode_fault({"error": first}) if first else None
        return fault or ServerError(
            f"The interaction ended as {self._status}.", status=200, code=self._status
        )

    def close(self, events: list[Event]) -> None:
        """Add the last events.

        Raises:
            RequestError: The interaction failed.
        """
        if FINISHES[self._status] == "error":
            raise self._fault()
        for index in sorted(self._steps):
            self._close_step(index, events)
        reason = FINISHES[self._status]
        if reason == "stop" and self._ids:
            reason = "tool_calls"
        events.append(Finished(reason, "" if self._status in _USUAL else self._status))
        usage = decode_usage(self._usage)
        if usage is not None:
            events.append(UsageReported(usage))


def _implied(delta: str) -> str:
    """Return the type of the step that a delta belongs to, where no start told it."""
    if delta.startswith("thought"):
        return "thought"
    return "function_call" if delta == "arguments_delta" else "model_output"


def _media(item: Mapping[str, Any]) -> Part | None:
    media_type, kind = str(item.get("mime_type") or ""), str(item["type"])
    if isinstance(item.get("data"), str):
        try:
            return media_of(media_type, decode_bytes(item["data"]), kind=kind)
        except ValueError:
            return None
    uri = item.get("uri")
    return media_of(media_type, uri=uri, kind=kind) if isinstance(uri, str) and uri else None
