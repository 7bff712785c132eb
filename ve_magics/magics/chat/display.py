"""An answer while it grows in the cell, and the one output that remains: streamed, cached or replayed, the same."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from ve_magics.events import (
    Event,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    TextDelta,
    ToolCallDelta,
)
from ve_magics.magics.chat.growth import GrowingAnswer
from ve_magics.magics.failure import one_line
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.printing import Printing, Terminal
from ve_magics.magics.screen import Screen, output_metadata
from ve_magics.magics.stage import Stage
from ve_magics.messages import ChatResponse, Image

STOPPED = "■ stopped: partial answer"
STOPPED_AT_ONCE = "■ stopped before the first word"
BROKE_OFF = "⚠ broke off: partial answer"
CUT_OFF = {
    "length": "✂ cut off: the answer reached the limit of tokens",
    "content_filter": "✂ cut off by the provider's policy",
}
"""What is said of an answer that ended for this reason."""

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def bundle(response: ChatResponse, *, mark: str = "") -> dict[str, str]:
    """Return what a cell's output holds for an answer: Markdown that is safe to render, and the text itself.

    Args:
        response: The answer.
        mark: A last line that says what is wrong with it; an answer that was cut off has one of its own.
    """
    message = response.message
    mark = mark or CUT_OFF.get(response.finish or "", "")
    plain = (
        message.text
        or message.refusal
        or "\n".join(f"{call.name}({call.arguments})" for call in message.tool_calls)
    )
    markdown = neutralise(plain)
    for part in message.parts:
        if isinstance(part, Image) and part.data and part.media_type in PICTURES:
            data = base64.b64encode(part.data).decode("ascii")
            markdown += f"\n\n![picture](data:{part.media_type};base64,{data})"
    if mark:
        plain = f"{plain.rstrip()}\n\n{mark}".lstrip()
        markdown = f"{markdown.rstrip()}\n\n*{mark}*".lstrip()
    return {"text/markdown": markdown, "text/plain": plain}


class AnswerDisplay:
    """Shows one answer. All methods are called in the cell's own thread.

    Args:
        shell: The running IPython shell; None prints.
        streaming: Whether the answer grows; None asks `streaming_wanted`.
        screen: Where a cell's outputs go; None takes the running cell's.
        stdout: Where a terminal's text goes; None takes the standard output.
        env: The environment that decides on streaming; None takes the process's own.
    """

    def __init__(
        self,
        shell: Any,
        *,
        streaming: bool | None = None,
        screen: Screen | None = None,
        stdout: TextIO | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        stage = Stage(shell, streaming=streaming, screen=screen, stdout=stdout, env=env)
        self._streaming = stage.streaming
        self._face: _Face
        if stage.screen is None:
            self._face = Terminal(stdout)
        elif stage.prints:
            self._face = Printing(stage.screen, stdout)
        else:
            self._face = GrowingAnswer(stage.screen, in_place=stage.in_place)

    def add(self, event: Event) -> None:
        """Take an event of the answer's stream. Nothing is shown before `tick`."""
        match event:
            case TextDelta(choice=0) | RefusalDelta(choice=0):
                self._face.text(event.text)
            case ReasoningDelta(choice=0):
                self._face.status("thinking", len(event.text))
            case ToolCallDelta(choice=0) if event.name:
                self._face.status(f"calling {one_line(event.name)}", 0)
            case PartAdded(choice=0, value=Image()):
                self._face.status("a picture has come", 0)
            case Restarted():
                self._face.restart(f"↻ started over on {one_line(event.target)}: {one_line(event.reason)}")
            case _:
                pass

    def tick(self, now: float) -> None:
        """Show what has come, if it is time and streaming is wanted.

        Args:
            now: Seconds of a clock that never goes back.
        """
        if self._streaming:
            self._face.paint(now)

    def finish(
        self, response: ChatResponse, metadata: Mapping[str, Any], data: dict[str, str] | None = None
    ) -> None:
        """Leave the whole answer as the cell's one output.

        Args:
            response: The answer.
            metadata: What varies from run to run; JSON.
            data: What the output holds instead of the answer as Markdown.
        """
        self._face.end(bundle(response) if data is None else data, output_metadata(metadata))

    def interrupt(self, response: ChatResponse, metadata: Mapping[str, Any]) -> None:
        """Leave what had come before the cell was interrupted, marked as partial; or that nothing had."""
        mark = STOPPED if bundle(response)["text/markdown"].strip() else STOPPED_AT_ONCE
        self._face.end(bundle(response, mark=mark), output_metadata({**metadata, "partial": True}))

    def fail(self, response: ChatResponse, metadata: Mapping[str, Any]) -> None:
        """Leave what had come before the answer broke off, marked as partial; nothing where nothing had come."""
        if response.message.text:
            self._face.end(bundle(response, mark=BROKE_OFF), output_metadata({**metadata, "partial": True}))
        else:
            self._face.drop()


class _Face(Protocol):
    """A place where an answer grows."""

    def text(self, text: str) -> None:
        """Take words."""

    def status(self, doing: str, size: int) -> None:
        """Take what the model does before it goes on to speak, and how many characters that took."""

    def restart(self, note: str) -> None:
        """Forget the words: another target begins from the start."""

    def paint(self, now: float) -> None:
        """Show what has come, if it is time."""

    def end(self, data: dict[str, str], metadata: dict[str, Any]) -> None:
        """Leave one output."""

    def drop(self) -> None:
        """Leave none."""
