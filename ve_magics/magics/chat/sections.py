"""Several answers that grow in one cell, one below the other, and the one output that remains of them.

All of them are one output that changes in place, at most ten times a second; what is finished is rendered once. The
bytes are in proportion to what came: a long output is sent again only after it has grown by a part of itself.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from ve_magics.engine.config import child_environment
from ve_magics.events import Event, ReasoningDelta, RefusalDelta, Restarted, TextDelta, ToolCallDelta
from ve_magics.magics.chat.comparison import Section
from ve_magics.magics.failure import one_line
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.printing import printing_wanted
from ve_magics.magics.screen import CellScreen, Screen, streaming_wanted

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STEP = 0.1
"""Seconds between two messages to the front end at least."""
_PATIENCE = 1.0
"""Seconds after which a little growth is shown too."""
_GROWTH = 40
"""The output is sent again when it has grown by this part of itself, or when patience ends."""
_BYTES_PER_BYTE = 20
_BYTES_AT_ONCE = 250_000
"""With the one above: answers of so many bytes may cost so many times as many, and these."""
_ENVELOPE = 900
"""Bytes of a message around what it shows."""


class _Growing:
    """One model's section while it grows."""

    def __init__(self, model: str) -> None:
        self.heading = f"### {neutralise(model)}"
        self.words: list[str] = []
        self.doing = "waiting for the model"
        self.note = ""
        self.finished = ""

    def add(self, event: Event) -> None:
        """Take an event."""
        match event:
            case TextDelta(choice=0) | RefusalDelta(choice=0):
                self.words.append(event.text)
                self.doing = ""
            case ReasoningDelta(choice=0):
                self.doing = "thinking"
            case ToolCallDelta(choice=0) if event.name:
                self.doing = f"calling {one_line(event.name)}"
            case Restarted():
                self.words, self.doing = [], "waiting for the model"
                self.note = f"↻ started over on {one_line(event.target)}: {one_line(event.reason)}"
            case _:
                pass

    def markdown(self, waited: float) -> str:
        """Return the section as it stands."""
        if self.finished:
            return self.finished
        seconds = f" {waited // 1:.0f} s" if waited >= 1 else ""
        parts = [
            self.heading,
            f"*{neutralise(self.note)}*" if self.note else "",
            neutralise("".join(self.words)).strip("\n"),
            f"*{neutralise(self.doing)}…{seconds}*" if self.doing else "",
        ]
        return "\n\n".join(part for part in parts if part)


class SectionsDisplay:
    """Shows several answers at once. All methods are called in the cell's own thread.

    Args:
        shell: The running IPython shell; one without a kernel prints.
        models: Whose answers they are, in order.
        streaming: Whether they grow; None asks `streaming_wanted`.
        screen: Where a cell's outputs go; None takes the running cell's.
        stdout: Where a terminal's text goes; None takes the standard output.
        env: The environment that decides on streaming; None takes the process's own.
    """

    def __init__(
        self,
        shell: Any,
        models: Sequence[str],
        *,
        streaming: bool | None = None,
        screen: Screen | None = None,
        stdout: TextIO | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        env = child_environment() if env is None else env
        self._streaming = streaming_wanted(env, shell) if streaming is None else streaming
        in_cell = screen is not None or hasattr(shell, "kernel")
        self._screen: Screen | None = (screen or CellScreen()) if in_cell else None
        self._prints = not in_cell or printing_wanted(env)
        self._in_place = "__vsc_ipynb_file__" not in getattr(shell, "user_ns", {})
        self._stdout = stdout
        self._growing = [_Growing(model) for model in models]
        self._sections: list[Section | None] = [None for _ in models]
        self._printed = 0
        self._name = f"ve-{secrets.token_hex(6)}"
        self._began: float | None = None
        self._next = self._patience = 0.0
        self._received = self._shown_at = self._sent = self._size = 0
        self._shown = ""

    def add(self, index: int, event: Event) -> None:
        """Take an event of one answer's stream. Nothing is shown before `tick`."""
        self._growing[index].add(event)
        if isinstance(event, TextDelta | RefusalDelta | ReasoningDelta):
            self._received += len(event.text.encode("utf-8", "replace"))

    def freeze(self, index: int, section: Section, note: str) -> None:
        """Take a whole answer; its section doesn't change any more.

        Args:
            index: Whose answer.
            section: What stays.
            note: What is shown below it as long as the others go on: time, tokens and cost.
        """
        self._sections[index] = section
        self._growing[index].finished = f"{section.whole_markdown}\n\n*{neutralise(note)}*"
        self._patience = 0.0

    def tick(self, now: float) -> None:
        """Show what has come, if it is time and streaming is wanted.

        Args:
            now: Seconds of a clock that never goes back.
        """
        if not self._streaming:
            return
        if self._prints:
            self._print_finished()
            return
        if self._began is None:
            self._began = now
            self._next = self._patience = now + _STEP
        ripe = now >= self._patience or (self._received - self._shown_at) * _GROWTH >= self._size
        if now < self._next or not ripe:
            return
        waited = now - self._began
        markdown = "\n\n".join(section.markdown(waited) for section in self._growing)
        size = _ENVELOPE + len(markdown.encode("utf-8", "replace"))
        if markdown != self._shown and self._sent + size <= _BYTES_AT_ONCE + _BYTES_PER_BYTE * self._received:
            self._put(markdown, size)
        self._next, self._patience = now + _STEP, now + _PATIENCE

    def _put(self, markdown: str, size: int) -> None:
        assert self._screen is not None, "only a cell's outputs grow"
        (self._screen.update if self._shown else self._screen.show)(markdown, self._name)
        self._shown, self._size = markdown, size
        self._sent += size
        self._shown_at = self._received

    def _print_finished(self) -> None:
        while self._printed < len(self._sections):
            section = self._sections[self._printed]
            if section is None:
                return
            self._print(("\n\n" if self._printed else "") + section.whole_plain)
            self._printed += 1

    def _print(self, text: str) -> None:
        out = self._stdout or sys.stdout
        out.write(_CONTROLS.sub("\ufffd", text))
        out.flush()

    def finish(self, data: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Leave the whole comparison as the cell's one output.

        Args:
            data: What the output holds.
            metadata: What varies from run to run; JSON.
        """
        facts = {"ve_magics": json.loads(json.dumps(metadata, default=str))}
        if self._screen is None:
            done = "\n\n".join(section.whole_plain for section in self._sections[: self._printed] if section)
            self._print(data["text/plain"].removeprefix(done) + "\n")
        elif self._shown and self._in_place:
            self._screen.final(data, facts, display_id=self._name)
        else:
            if self._shown or self._printed:
                self._screen.clear()
            self._screen.final(data, facts)
