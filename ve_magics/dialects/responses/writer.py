"""Writes the parts of one answer as items, one after the other, with the events that a stream tells of them.

In the canonical stream parts may grow in turns; here an item is finished before the next one begins. What comes for
a part while a tool call is still open waits, until the call's arguments are a whole JSON value or the answer ends.
"""

from __future__ import annotations

from typing import Any

from ve_magics.dialects.responses.naming import NAME, made_id
from ve_magics.dialects.responses.parts import (
    CallPart,
    GrowingPart,
    ReasoningPart,
    TextPart,
    picture_item,
)
from ve_magics.dialects.responses.sealed import Note, Place, seal_notes
from ve_magics.events import (
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    StateDelta,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.messages import FinishReason, Image, Opaque, Part

Wire = dict[str, Any]
Told = list[tuple[str, Wire]]
"""Events of a stream: their names, and their fields without the sequence number."""

PartEvent = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | PartAdded | StateDelta
PART_EVENTS = (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, PartAdded, StateDelta)


_MESSAGE: Wire = {
    "type": "message",
    "id": "",
    "role": "assistant",
    "status": "in_progress",
    "content": [],
}


class OutputWriter:
    """Writes one answer.

    Args:
        reply_id: Id of the response, of which the items' ids are made.

    Attributes:
        output: The items so far; an item that is still open stands there as it began.
        told: What was told since it was last taken.
    """

    def __init__(self, reply_id: str) -> None:
        self._reply_id = reply_id
        self.output: list[Wire] = []
        self.told: Told = []
        self._part: GrowingPart | None = None
        self._waiting: dict[int, list[PartEvent]] = {}
        self._begun: dict[int, tuple[Place, str | int]] = {}
        self._counts: dict[Place, int] = {}
        self._notes: list[Note] = []
        self._parts = 0
        self._message: tuple[int, Wire] | None = None
        self._announced: dict[str, int] = {}
        self.status = "completed"

    def take(self) -> Told:
        """Return what was told since the last time."""
        told, self.told = self.told, []
        return told

    def write(self, event: PartEvent) -> None:
        """Take one event of a part."""
        number, part = event.part, self._part
        if part is not None and part.number == number and not isinstance(event, PartAdded):
            part.add(event)
            if self._waiting and part.ended:
                self._go_on()
        elif number in self._waiting:
            self._waiting[number].append(event)
        elif number in self._begun and isinstance(event, (StateDelta, ToolCallDelta)):
            self._late(event)
        elif part is not None and not part.ended:
            self._waiting[number] = [event]
        else:
            self._begin(event)

    def _late(self, event: StateDelta | ToolCallDelta) -> None:
        """Take what comes for a finished part: its state is noted, and a whole call can't grow any more."""
        if isinstance(event, StateDelta):
            place, key = self._begun[event.part]
            self._notes.append(Note(place, key, event.state))

    def _go_on(self) -> None:
        """Begin what has waited, as far as nothing else is open."""
        while self._waiting and (self._part is None or self._part.ended):
            number = next(iter(self._waiting))
            first, *rest = self._waiting.pop(number)
            self._begin(first)
            for event in rest:
                self.write(event)

    def _begin(self, event: PartEvent) -> None:
        self.end_part()
        match event:
            case PartAdded():
                self._whole(event.value, event.part)
                return
            case TextDelta() | RefusalDelta():
                self._part = TextPart(self, event.part, refusal=isinstance(event, RefusalDelta))
            case ToolCallDelta():
                self._part = CallPart(self, event)
            case _:
                self._part = ReasoningPart(self, event.part)
        self._part.add(event)

    def number(self, part: int, place: Place, key: str = "") -> str | int:
        """Note that a part has got its place among those that can be read back, and return its key."""
        count = self._counts.get(place, 0)
        self._counts[place] = count + 1
        self._begun[part] = (place, key or count)
        self._parts += 1
        return key or count

    def note(self, place: Place, key: str | int, value: Any) -> None:
        """Keep something for the end that has no field here."""
        self._notes.append(Note(place, key, value))

    def note_part(self, part: Part) -> None:
        """Keep a part for the end that has no item here."""
        self.note("part", self._parts, part)
        self._parts += 1

    def say(self, name: str, **fields: Any) -> None:
        """Tell an event."""
        self.told.append((f"response.{name}", fields))

    def open(self, item: Wire) -> int:
        """Begin an item and return its index."""
        self.close_message()
        index = len(self.output)
        self.output.append(item)
        self.say("output_item.added", output_index=index, item=item)
        return index

    def done(self, index: int, item: Wire) -> None:
        """Finish an item."""
        self.output[index] = item
        self.say("output_item.done", output_index=index, item=item)

    def id(self, prefix: str) -> str:
        """Return a fresh id for the item that begins."""
        return made_id(prefix, self._reply_id, len(self.output))

    def message(self, fields: Wire) -> tuple[int, Wire]:
        """Return index and wire of the message that takes the next content part; these fields are its own."""
        if self._message is not None:
            own = {name: value for name, value in self._message[1].items() if name not in _MESSAGE}
            if own == {name: value for name, value in fields.items() if name not in _MESSAGE}:
                return self._message
        item = {**fields, **_MESSAGE, "id": self.id("msg"), "content": []}
        self._message = (self.open(item | {"content": []}), item)
        return self._message

    def end_part(self) -> None:
        """Finish the part that is open."""
        part, self._part = self._part, None
        if part is not None:
            part.end()

    def close_message(self) -> None:
        """Finish the message that is open."""
        if self._message is not None:
            index, item = self._message
            self._message = None
            self.done(index, item | {"status": self.status})

    def _whole(self, part: Part, number: int) -> None:
        item: Wire | None = None
        if isinstance(part, Opaque) and part.dialect == NAME and isinstance(part.data, dict):
            item = part.data
        elif isinstance(part, Image) and part.data:
            item = picture_item(part, self.id("ig"))
        if item is None:
            self.note_part(part)
            return
        index = self._announced.get(str(item.get("id")))
        self.done(self.open(item) if index is None else index, item)
        if isinstance(part, Image):
            key = self.number(number, "image")
            if part.state is not None and part.state.dialect != NAME:
                self.note("image", key, part.state)
        else:
            self._parts += 1

    def pass_on(self, name: str, data: Wire) -> None:
        """Tell an event that only this dialect understands, with the index that its item has here."""
        fields = {key: value for key, value in data.items() if key not in ("type", "sequence_number")}
        item = fields.get("item")
        if name == "response.output_item.added" and isinstance(item, dict):
            if self._part is not None and self._part.ended:
                self.end_part()
            self._announced[str(item.get("id"))] = self.open(item)
            return
        index = self._announced.get(str(fields.get("item_id")))
        if index is not None:
            fields["output_index"] = index
        self.told.append((name, fields))

    def close(self, finish: FinishReason) -> None:
        """Finish everything; the last item of an answer that was cut off is incomplete."""
        while self._waiting:
            self.end_part()
            self._go_on()
        if finish in ("length", "content_filter"):
            self.status = "incomplete"
        self.end_part()
        self.close_message()
        self.status = "completed"
        if self._notes:
            item = {
                "type": "reasoning",
                "id": self.id("rs"),
                "summary": [],
                "encrypted_content": seal_notes(self._notes),
            }
            self.done(self.open(item), item)
