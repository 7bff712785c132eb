"""The chat panel's view: turns as they are shown, sent to every open view by deltas.

The whole conversation goes to a view that opens; afterwards only what is new does. Every message about turns has a
number, so that a view that missed one asks for the whole again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anywidget
import msgspec
import traitlets

from ve_magics.events import (
    Event,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.messages import Image

STATIC = Path(__file__).parent / "static"
PICTURE_LIMIT = 2_000_000
"""Bytes of a picture above which it is not sent to the page again."""
CALL_LIMIT = 400
"""Characters of a tool call that are shown."""

Handler = Callable[[Mapping[str, Any], Sequence[bytes]], None]


class ShownTurn(msgspec.Struct, kw_only=True):
    """One question and its answer, as a panel shows them.

    Attributes:
        id: By which views and kernel speak of it.
        question: The user's words.
        images: Ids of the pictures that were sent along.
        answer: The model's words so far.
        reasoning: What it thought so far.
        calls: The tools that it asks for.
        pictures: Ids of the pictures that it made.
        notes: What is worth saying above the answer: that it started over, say.
        state: Where the answer stands.
        error: Lines that say what failed and what to do.
        model: Who answered, as `provider/model`.
        facts: Tokens, cost and time, for the line below.
    """

    id: str
    question: str
    images: tuple[str, ...] = ()
    answer: str = ""
    reasoning: str = ""
    calls: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    state: Literal["streaming", "done", "stopped", "failed"] = "done"
    error: tuple[str, ...] = ()
    model: str = ""
    facts: str = ""


class ChatView(anywidget.AnyWidget):
    """The panel's widget model, shared by all its views. Its methods may be called from any thread.

    Args:
        conversation: The name that is shown.
        handler: Is called with each message that a view sends, and its buffers.
        **traits: First values of the traits.

    Attributes:
        turns: What is shown, oldest first.
    """

    _esm = STATIC / "chat.js"
    _css = STATIC / "chat.css"
    conversation = traitlets.Unicode().tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    models = traitlets.List(traitlets.Unicode()).tag(sync=True)
    standard = traitlets.Unicode().tag(sync=True)
    remote_images = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, conversation: str, handler: Handler, **traits: Any) -> None:
        self.turns: list[ShownTurn] = []
        self._guard = threading.RLock()
        self._seq = 0
        self._home: float | None = None
        self._pictures: dict[str, tuple[str, bytes]] = {}
        self._calls: dict[int, ToolCallDelta] = {}
        self._forget_pending()
        super().__init__(conversation=conversation, **traits)
        self._handler = handler
        self.on_msg(self._hear)

    def _forget_pending(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._called = self._pictured = False

    def __repr__(self) -> str:
        return f"ChatPanel({self.conversation!r})"

    def _hear(self, _: Any, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        match content.get("do"):
            case "hello":
                page = content.get("page")
                if self._home is None and isinstance(page, (int, float)):
                    self._home = page
                self._handler(content, ())
                self.tell_whole()
            case "picture":
                self._send_picture(str(content.get("id", "")))
            case _:
                self._handler(content, [bytes(buffer) for buffer in buffers])

    # What is shown

    def show(self, turns: Sequence[ShownTurn]) -> None:
        """Show these turns and no others."""
        with self._guard:
            self.turns = [*turns]
            self._forget_pending()
            self.tell_whole()

    def tell_whole(self) -> None:
        """Send everything to every view."""
        with self._guard:
            self.flush()
            growing = next((turn.id for turn in self.turns if turn.state == "streaming"), None)
            turns = [msgspec.to_builtins(turn) for turn in self.turns]
            self.send(
                {"is": "whole", "seq": self._seq, "turns": turns, "home": self._home, "running": growing}
            )

    def hold(self, picture: Image, name: str) -> str:
        """Keep a picture for views that want to show it; returns its id.

        Args:
            picture: The picture.
            name: The id; views that have it already need not fetch it.
        """
        self._pictures[name] = (picture.media_type, picture.data)
        return name

    def _send_picture(self, name: str) -> None:
        media_type, data = self._pictures.get(name, ("", b""))
        fits = media_type.startswith("image/") and 0 < len(data) <= PICTURE_LIMIT
        self.send({"is": "picture", "id": name, "type": media_type}, [data] if fits else None)

    # One answer

    def begin(self, turn: ShownTurn, nonce: str = "") -> None:
        """Show a turn whose answer is to come, in place of the turn with its id and all after it.

        Args:
            turn: The turn.
            nonce: By which the view that asked knows its question again.
        """
        with self._guard:
            at = next((index for index, old in enumerate(self.turns) if old.id == turn.id), len(self.turns))
            self.turns[at:] = [turn]
            self._calls = {}
            self._forget_pending()
            self._tell({"is": "turn", "turn": msgspec.to_builtins(turn), "nonce": nonce})

    def add(self, event: Event) -> None:
        """Take an event of the last turn's answer; views hear of it at the next `flush`."""
        with self._guard:
            turn = self.turns[-1]
            match event:
                case TextDelta(choice=0) | RefusalDelta(choice=0):
                    self._text.append(event.text)
                case ReasoningDelta(choice=0):
                    self._reasoning.append(event.text)
                case ToolCallDelta(choice=0):
                    known = self._calls.get(event.part)
                    arguments = (known.arguments if known else "") + event.arguments
                    self._calls[event.part] = msgspec.structs.replace(known or event, arguments=arguments)
                    self._called = True
                case PartAdded(choice=0, value=Image() as picture) if picture.data:
                    turn.pictures += (self.hold(picture, f"{turn.id}/{len(turn.pictures)}"),)
                    self._pictured = True
                case Restarted():
                    self._start_over(turn, f"↻ {event.target}: {event.reason}")
                case _:
                    pass

    def _start_over(self, turn: ShownTurn, note: str) -> None:
        self._forget_pending()
        self._calls = {}
        turn.answer = turn.reasoning = ""
        turn.calls = turn.pictures = ()
        turn.notes += (note,)
        self._tell({"is": "more", "turn": turn.id, "restart": note})

    def flush(self) -> None:
        """Send what has come since the last time."""
        with self._guard:
            text, reasoning = "".join(self._text), "".join(self._reasoning)
            if not (text or reasoning or self._called or self._pictured):
                return
            turn = self.turns[-1]
            turn.answer += text
            turn.reasoning += reasoning
            more: dict[str, Any] = {"is": "more", "turn": turn.id}
            if text:
                more["text"] = text
            if reasoning:
                more["reasoning"] = reasoning
            if self._called:
                turn.calls = tuple(map(_called, self._calls.values()))
                more["calls"] = turn.calls
            if self._pictured:
                more["pictures"] = turn.pictures
            self._forget_pending()
            self._tell(more)

    def end(self, turn: ShownTurn) -> None:
        """Show how a turn has ended; its answer is the one that has come."""
        with self._guard:
            self.flush()
            ended = {
                name: value
                for name, value in msgspec.to_builtins(turn).items()
                if name not in ("answer", "reasoning")
            }
            self._tell({"is": "end", "turn": ended})

    def refuse(self, why: str, *, view: str, nonce: str = "") -> None:
        """Tell a view that what it asked for isn't done, and why."""
        self.send({"is": "refused", "why": why, "view": view, "nonce": nonce})

    def _tell(self, message: dict[str, Any]) -> None:
        self._seq += 1
        self.send({**message, "seq": self._seq})


def _called(call: ToolCallDelta) -> str:
    said = f"{call.name}({call.arguments})"
    return said if len(said) <= CALL_LIMIT else f"{said[: CALL_LIMIT - 1]}…"
