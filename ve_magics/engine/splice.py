"""Going on with an answer that broke off, on another target: what to ask it, and how its events join the first ones.

Only words can be continued. An answer with a tool call, a picture or several choices can't, because half of one of
those and another model's other half make nothing that anybody said.
"""

from __future__ import annotations

import msgspec

from ve_magics.events import (
    DELIVERS,
    Event,
    Finished,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from ve_magics.messages import ChatRequest, Message, Text

INSTRUCTION = (
    "Your answer was cut off by a broken connection. Go on exactly where it stops, in the same language and form:"
    " the next characters you write are appended to it as they are. Repeat nothing and explain nothing."
)
"""What the next target is told after the partial answer."""


class Splice:
    """An answer that may have to be continued; takes every event that the reader gets.

    Attributes:
        possible: Whether what has come so far could be continued.
    """

    def __init__(self) -> None:
        self.possible = True
        self._text: list[str] = []
        self._text_part: int | None = None
        self._next_part = 0
        self._offset = 0
        self._joins: int | None = None

    def note(self, event: Event) -> None:
        """Take an event that was delivered."""
        match event:
            case TextDelta(choice=0):
                self._text.append(event.text)
                self._text_part = event.part
            case ToolCallDelta() | RefusalDelta() | PartAdded() | Finished():
                self.possible = False
            case TextDelta() | ReasoningDelta() if event.choice:
                self.possible = False
        if isinstance(event, (*DELIVERS, StateDelta)):
            self._next_part = max(self._next_part, event.part + 1)

    def request(self, request: ChatRequest) -> ChatRequest:
        """Return the question by which another target is asked to go on."""
        partial = "".join(self._text)
        if not partial:
            return request
        said = Message("assistant", (Text(partial),))
        told = Message("user", (Text(INSTRUCTION),))
        return msgspec.structs.replace(request, messages=(*request.messages, said, told))

    def broken(self) -> None:
        """Note that the answer broke off here: what comes next is appended to it."""
        self._offset = self._next_part
        self._joins = None

    def joined(self, event: Event) -> Event | None:
        """Return an event of the continuation as it joins the answer; None where the answer has its like already."""
        if not self._offset:
            return event
        match event:
            case Started():
                return None
            case TextDelta() if self._text_part is not None and self._joins in (None, event.part):
                self._joins = event.part
                return msgspec.structs.replace(event, part=self._text_part)
            case Finished() | UsageReported():
                return event
            case (
                TextDelta() | ReasoningDelta() | RefusalDelta() | ToolCallDelta() | PartAdded() | StateDelta()
            ):
                return msgspec.structs.replace(event, part=event.part + self._offset)
            case _:
                return event
