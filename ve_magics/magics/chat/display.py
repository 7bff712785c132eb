"""An answer while it grows in the cell, and the one output that remains.

While it is short, it is one output that changes in place, so that nothing on the page moves. A long one is cut:
finished blocks are sent once, each as an output of its own, and only the last output changes. Either way the bytes are
in proportion to the answer, and one output remains that is the same whether it was streamed, cached or replayed.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import sys
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
from ve_magics.magics.chat.blocks import BlockSplitter
from ve_magics.magics.failure import one_line
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.printing import Printing, printing_wanted
from ve_magics.magics.screen import CellScreen, Screen, streaming_wanted
from ve_magics.messages import ChatResponse, Image

STOPPED = "⏹ stopped: partial answer"
STOPPED_AT_ONCE = "⏹ stopped before the first word"
BROKE_OFF = "⚠ broke off: partial answer"

_STEP = 0.09
"""Seconds between two messages to the front end at least."""
_STATUS_STEP = 1.0
"""Seconds between two updates of a line that only counts seconds."""
_SHORT = 12_000
"""Bytes up to which an answer stays one output, about 3,000 tokens.

Giving several outputs up for one makes JupyterLab lose its place once: it takes all of them away before it lays the one
out, and no message takes away some. With more bytes here a growing answer would be sent less than once a second to cost
no more than `_BYTES_PER_BYTE`.
"""
_BLOCK = 600
"""Bytes of finished blocks of a longer one that are worth an output of their own."""
_ENVELOPE = 900
"""Bytes of a message around what it shows."""
_GROWTH = 40
"""An output is sent again when it has grown by this part of itself, or after a second."""
_BYTES_PER_BYTE = 20
_BYTES_AT_ONCE = 250_000
"""With the one above: an answer of so many bytes may cost so many times as many, and these."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def bundle(response: ChatResponse, *, mark: str = "") -> dict[str, str]:
    """Return what a cell's output holds for an answer: Markdown that is safe to render, and the text itself.

    Args:
        response: The answer.
        mark: A last line that says what is wrong with it.
    """
    message = response.message
    plain = (
        message.text
        or message.refusal
        or "\n".join(f"{call.name}({call.arguments})" for call in message.tool_calls)
    )
    markdown = neutralise(plain)
    for part in message.parts:
        if isinstance(part, Image) and part.data and part.media_type in _PICTURES:
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
        env = _environment() if env is None else env
        if streaming is None:
            streaming = streaming_wanted(env, shell)
        in_cell = screen is not None or hasattr(shell, "kernel")
        self._streaming = streaming
        self._face: _Face
        if not in_cell:
            self._face = _Terminal(stdout)
        elif printing_wanted(env):
            self._face = Printing(screen or CellScreen())
        else:
            self._face = _Cell(screen or CellScreen(), in_place=not _in_vscode(shell))

    def start(self) -> None:
        """Begin. Nothing is shown before `tick`."""

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
        self._face.end(bundle(response) if data is None else data, _facts(metadata))

    def interrupt(self, response: ChatResponse, metadata: Mapping[str, Any]) -> None:
        """Leave what had come before the cell was interrupted, marked as partial; or that nothing had."""
        mark = STOPPED if bundle(response)["text/markdown"].strip() else STOPPED_AT_ONCE
        self._face.end(bundle(response, mark=mark), _facts(metadata, partial=True))

    def fail(self, response: ChatResponse, metadata: Mapping[str, Any]) -> None:
        """Leave what had come before the answer broke off, marked as partial; nothing where nothing had come."""
        if response.message.text:
            self._face.end(bundle(response, mark=BROKE_OFF), _facts(metadata, partial=True))
        else:
            self._face.drop()


def _environment() -> Mapping[str, str]:
    from ve_magics.engine.config import child_environment

    return child_environment()


def _in_vscode(shell: Any) -> bool:
    """Tell whether the front end is VS Code, which doesn't take over the metadata of an output that changes."""
    return "__vsc_ipynb_file__" in getattr(shell, "user_ns", {})


def _facts(metadata: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"ve_magics": json.loads(json.dumps({**metadata, **more}, default=str))}


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


class _Cell:
    """An answer that grows in a cell's outputs."""

    def __init__(self, screen: Screen, *, in_place: bool) -> None:
        self._screen = screen
        self._in_place = in_place
        self._name = f"ve-{secrets.token_hex(6)}"
        self._outputs = 0
        self._began: float | None = None
        self._next = float("-inf")
        self._patience = float("-inf")
        self._sent = 0
        self._received = 0
        self._clear()

    def _clear(self, note: str = "") -> None:
        self._splitter = BlockSplitter()
        self._finished: list[str] = []
        self._doing = "waiting for the model"
        self._shown = self._shown_doing = ""
        self._shown_at = self._received
        self._open = False
        self._note = note
        self._first = self._outputs + 1

    def text(self, text: str) -> None:
        self._received += _size(text)
        self._doing = ""
        self._finished += self._splitter.feed(text)

    def status(self, doing: str, size: int) -> None:
        self._received += size
        self._doing = doing

    def restart(self, note: str) -> None:
        self.drop()
        self._clear(note)

    def paint(self, now: float) -> None:
        if self._began is None:
            self._began = now
        turned = self._doing != self._shown_doing
        if now < self._next or (self._received == self._shown_at and not turned and now < self._patience):
            return
        block = "".join(self._finished)
        if _size(block) >= (_SHORT if self._outputs <= self._first else _BLOCK):
            self._finished = []
            self._put(self._markdown(block), now)
            self._open = False
        pending = "".join(self._finished) + self._splitter.tail
        size = _ENVELOPE + _size(pending)
        ripe = turned or now >= self._patience or (self._received - self._shown_at) * _GROWTH >= size
        if not ripe or self._sent + size > _BYTES_AT_ONCE + _BYTES_PER_BYTE * self._received:
            return
        tail = self._tail(pending, now - self._began)
        if tail and tail != self._shown:
            self._put(tail, now)
            self._shown, self._shown_doing = tail, self._doing

    def _tail(self, pending: str, waited: float) -> str:
        """Return the Markdown of what isn't finished, and of what the model does."""
        parts = [self._markdown(pending)]
        if self._doing:
            seconds = f" {waited // _STATUS_STEP * _STATUS_STEP:.0f} s" if waited >= _STATUS_STEP else ""
            parts.append(f"*{neutralise(self._doing)}…{seconds}*")
        return "\n\n".join(part for part in parts if part)

    def _markdown(self, text: str) -> str:
        return neutralise("".join(self._splitter.definitions) + "\n" + text).strip("\n")

    def _put(self, markdown: str, now: float) -> None:
        """Change the last output, or begin a new one; the first one tells that the answer started over."""
        if not self._open:
            self._outputs += 1
        if self._note and self._outputs == self._first:
            markdown = f"*{neutralise(self._note)}*\n\n{markdown}"
        self._screen.update(markdown, self._last) if self._open else self._screen.show(markdown, self._last)
        self._open = True
        self._shown_at = self._received
        self._sent += _ENVELOPE + _size(markdown)
        self._next = max(self._next, now) + _STEP
        self._patience = now + _STATUS_STEP

    @property
    def _last(self) -> str:
        return f"{self._name}-{self._outputs}"

    def end(self, data: dict[str, str], metadata: dict[str, Any]) -> None:
        if self._in_place and self._outputs == self._first and self._open:
            self._screen.final(data, metadata, display_id=self._last)
        else:
            self.drop()
            self._screen.final(data, metadata)

    def drop(self) -> None:
        if self._outputs >= self._first:
            self._screen.clear()


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


class _Terminal:
    """An answer that is printed as it comes; a terminal can't take anything back."""

    def __init__(self, stdout: TextIO | None) -> None:
        self._stdout = stdout
        self._pieces: list[str] = []
        self._printed = 0
        self._begun = False

    def text(self, text: str) -> None:
        self._pieces.append(_CONTROLS.sub("\ufffd", text))

    def status(self, doing: str, size: int) -> None:
        """Say nothing: a line that was printed would stay."""

    def restart(self, note: str) -> None:
        if self._begun:
            self._write(f"\n{note}\n")
        self._pieces, self._printed = [], 0

    def paint(self, now: float) -> None:  # noqa: ARG002  # printing needs no rhythm
        self._write("".join(self._pieces[self._printed :]))
        self._printed = len(self._pieces)

    def end(self, data: dict[str, str], metadata: dict[str, Any]) -> None:  # noqa: ARG002  # nor has it metadata
        whole = _CONTROLS.sub("\ufffd", data["text/plain"])
        shown = "".join(self._pieces[: self._printed]).rstrip()
        self._write(whole[len(shown) :] if whole.startswith(shown) else f"\n{whole}")
        self._write("\n")

    def drop(self) -> None:
        if self._begun:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            out = self._stdout or sys.stdout
            out.write(text)
            out.flush()
            self._begun = True
