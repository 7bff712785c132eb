"""One part of an answer while it is written: what a stream tells of it, and the item that it becomes."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ve_magics.dialects.failures import seal
from ve_magics.dialects.openai_evidence import flat_citation, told_logprobs
from ve_magics.dialects.responses.naming import NAME
from ve_magics.dialects.responses.sealed import Place
from ve_magics.events import ReasoningDelta, RefusalDelta, StateDelta, TextDelta, ToolCallDelta
from ve_magics.messages import Image, Part, Refusal, State, Text

Wire = dict[str, Any]
Growth = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | StateDelta


class Output(Protocol):
    """Where parts are written to. See `writer.OutputWriter`."""

    status: str

    def say(self, name: str, **fields: Any) -> None:
        """Tell an event."""

    def id(self, prefix: str) -> str:
        """Return a fresh id for the item that begins."""

    def open(self, item: Wire) -> int:
        """Begin an item and return its index."""

    def done(self, index: int, item: Wire) -> None:
        """Finish an item."""

    def message(self, fields: Wire) -> tuple[int, Wire]:
        """Return index and wire of the message that takes the next content part."""

    def number(self, part: int, place: Place, key: str = "") -> str | int:
        """Note that a part has got its place, and return its key."""

    def note(self, place: Place, key: str | int, value: Any) -> None:
        """Keep something for the end that has no field here."""

    def note_part(self, part: Part) -> None:
        """Keep a part for the end that has no item here."""


def own_fields(state: State | None) -> Wire:
    """Return what the state of this dialect says openly of the item that a part stands in."""
    own = state is not None and state.dialect == NAME and isinstance(state.data, Mapping)
    return dict(state.data) if own and state is not None else {}


class GrowingPart(ABC):
    """What all parts have in common.

    Attributes:
        number: Its number in the canonical answer.
    """

    def __init__(self, output: Output, number: int) -> None:
        self._output = output
        self.number = number
        self._pieces: list[str] = []
        self._state: State | None = None

    @property
    def ended(self) -> bool:
        """Whether another part may begin."""
        return True

    @abstractmethod
    def add(self, event: Growth) -> None:
        """Take one event."""

    @abstractmethod
    def end(self) -> None:
        """Tell the end."""


class TextPart(GrowingPart):
    """Words or a refusal: a content part of a message, which is announced once there is something to say."""

    def __init__(self, output: Output, number: int, *, refusal: bool) -> None:
        super().__init__(output, number)
        self._refusal = refusal
        self._annotations: list[Any] = []
        self._logprobs: list[Any] = []
        self._message: Wire | None = None
        self._at: Wire = {}
        self._key: str | int = 0

    def add(self, event: Growth) -> None:
        """Take a delta or a state."""
        if isinstance(event, (TextDelta, RefusalDelta)):
            logprobs = event.logprobs if isinstance(event, TextDelta) else ()
            annotations = event.annotations if isinstance(event, TextDelta) else ()
            if event.text or logprobs or annotations:
                self._say(event.text, logprobs, annotations)
        elif isinstance(event, StateDelta):
            self._state = event.state
            if self._message is not None:
                self._message.update(
                    {
                        name: value
                        for name, value in own_fields(self._state).items()
                        if name not in self._message
                    }
                )

    def _say(self, text: str, logprobs: tuple[Any, ...], annotations: tuple[Any, ...]) -> None:
        if self._message is None:
            self._begin()
        if text or logprobs:
            self._pieces.append(text)
            if self._refusal:
                self._output.say("refusal.delta", **self._at, delta=text)
            else:
                told = told_logprobs(logprobs) if logprobs else []
                self._logprobs += told
                self._output.say("output_text.delta", **self._at, delta=text, logprobs=told)
        for annotation in annotations:
            flat = flat_citation(annotation, (0, sum(map(len, self._pieces))))
            if flat is None:
                continue
            number = len(self._annotations)
            self._annotations.append(flat)
            self._output.say(
                "output_text.annotation.added", **self._at, annotation_index=number, annotation=flat
            )

    def _begin(self) -> None:
        index, message = self._output.message(own_fields(self._state))
        self._key = self._output.number(self.number, "refusal" if self._refusal else "text")
        self._message = message
        content_index = len(message["content"])
        self._at = {"item_id": message["id"], "output_index": index, "content_index": content_index}
        self._output.say("content_part.added", **self._at, part=self._wire())

    def _wire(self) -> Wire:
        text = "".join(self._pieces)
        if self._refusal:
            return {"type": "refusal", "refusal": text}
        annotations, logprobs = list(self._annotations), list(self._logprobs)
        return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs}

    def end(self) -> None:
        """Tell the whole text; a state without words goes with an empty part of its own."""
        sealed = self._state is not None and not own_fields(self._state)
        if self._message is None:
            if sealed:
                kind = Refusal if self._refusal else Text
                self._output.note_part(kind("", state=self._state))
            return
        wire = self._wire()
        if self._refusal:
            self._output.say("refusal.done", **self._at, refusal=wire["refusal"])
        else:
            self._output.say("output_text.done", **self._at, text=wire["text"], logprobs=wire["logprobs"])
        self._output.say("content_part.done", **self._at, part=wire)
        self._message["content"].append(wire)
        if sealed:
            self._output.note("refusal" if self._refusal else "text", self._key, self._state)


class ReasoningPart(GrowingPart):
    """Reasoning: told as one summary; its state goes into the one field that clients don't look into."""

    def __init__(self, output: Output, number: int) -> None:
        super().__init__(output, number)
        self._index = -1
        self._item: Wire = {}

    def add(self, event: Growth) -> None:
        """Take a delta or a state."""
        if isinstance(event, StateDelta):
            self._state = event.state
            self._begin()
        elif isinstance(event, ReasoningDelta) and event.text:
            self._begin()
            if not self._pieces:
                part = {"type": "summary_text", "text": ""}
                self._output.say("reasoning_summary_part.added", **self._at, part=part)
            self._pieces.append(event.text)
            self._output.say("reasoning_summary_text.delta", **self._at, delta=event.text)

    @property
    def _at(self) -> Wire:
        return {"item_id": self._item["id"], "output_index": self._index, "summary_index": 0}

    def _begin(self) -> None:
        if self._index < 0:
            self._item = {"type": "reasoning", "id": self._output.id("rs"), "summary": []}
            self._index = self._output.open(self._item)
            self._output.number(self.number, "reasoning")

    def end(self) -> None:
        """Tell the whole summary; reasoning that says nothing is not told at all."""
        if self._index < 0:
            return
        item = dict(self._item)
        if self._pieces:
            part = {"type": "summary_text", "text": "".join(self._pieces)}
            self._output.say("reasoning_summary_text.done", **self._at, text=part["text"])
            self._output.say("reasoning_summary_part.done", **self._at, part=part)
            item["summary"] = [part]
        if self._state is not None:
            item["encrypted_content"] = seal(self._state)
        self._output.done(self._index, item)


class CallPart(GrowingPart):
    """A tool call."""

    def __init__(self, output: Output, first: ToolCallDelta) -> None:
        super().__init__(output, first.part)
        self._custom = first.custom
        self._field = "input" if first.custom else "arguments"
        self._name = "custom_tool_call_input" if first.custom else "function_call_arguments"
        self._item: Wire = {
            "type": "custom_tool_call" if first.custom else "function_call",
            "id": output.id("ctc" if first.custom else "fc"),
            "call_id": first.id,
            "name": first.name,
            self._field: "",
            "status": "in_progress",
        }
        self._index = output.open(self._item)
        output.number(first.part, "call", first.id)

    @property
    def ended(self) -> bool:
        """Whether the arguments can't grow any more; a custom tool's text always can."""
        closing = bool(self._pieces) and self._pieces[-1].endswith(("}", "]"))
        return closing and not self._custom and _whole_json("".join(self._pieces))

    def add(self, event: Growth) -> None:
        """Take a delta or a state."""
        if isinstance(event, StateDelta):
            self._state = event.state
        elif isinstance(event, ToolCallDelta) and event.arguments:
            self._grow(event.arguments)

    def _grow(self, text: str) -> None:
        self._pieces.append(text)
        at = {"item_id": self._item["id"], "output_index": self._index}
        self._output.say(f"{self._name}.delta", **at, delta=text)

    def end(self) -> None:
        """Tell the whole arguments; a function's call without any has an empty object."""
        if not self._pieces and not self._custom:
            self._grow("{}")
        text = "".join(self._pieces)
        at = {"item_id": self._item["id"], "output_index": self._index}
        self._output.say(f"{self._name}.done", **at, **{self._field: text})
        own = own_fields(self._state)
        if self._state is not None and not own:
            self._output.note("call", self._item["call_id"], self._state)
        self._output.done(
            self._index, {**own, **self._item, self._field: text, "status": self._output.status}
        )


def picture_item(image: Image, id_: str) -> Wire:
    """Return a picture as the call by which it was made."""
    item: Wire = {"type": "image_generation_call", "id": id_, "status": "completed"}
    item["output_format"] = image.media_type.rpartition("/")[2] or "png"
    return item | own_fields(image.state) | {"result": base64.b64encode(image.data).decode()}


def _whole_json(text: str) -> bool:
    """Whether a text is a JSON object or list, so that it can't grow any more."""
    try:
        return isinstance(msgspec.json.decode(text), (dict, list))
    except (msgspec.DecodeError, RecursionError):
        return False
