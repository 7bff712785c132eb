"""An answer that grows in a cell's outputs.

While it is short, it is one output that changes in place, so that nothing on the page moves. A long one is cut:
finished blocks are sent once, each as an output of its own, and only the last output changes. Either way the bytes are
in proportion to the answer.
"""

from __future__ import annotations

import secrets
from typing import Any

from ve_magics.magics.chat.blocks import BlockSplitter
from ve_magics.magics.growing import BYTES_AT_ONCE, BYTES_PER_BYTE, ENVELOPE, GROWTH, size_of
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.screen import Screen

_STEP = 0.09
"""Seconds between two messages to the front end at least."""
_STATUS_STEP = 1.0
"""Seconds between two updates of a line that only counts seconds."""
_SHORT = 12_000
"""Bytes up to which an answer stays one output, about 3,000 tokens.

With more bytes here a growing answer would be sent less than once a second to cost no more than `BYTES_PER_BYTE`.
"""
_BLOCK = 600
"""Bytes of finished blocks of a longer one that are worth an output of their own."""


class GrowingAnswer:
    """An answer that grows in a cell's outputs.

    Args:
        screen: The outputs.
        in_place: Whether the output that grew can become the one that remains.
    """

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
        """Take words."""
        self._received += size_of(text)
        self._doing = ""
        self._finished += self._splitter.feed(text)

    def status(self, doing: str, size: int) -> None:
        """Take what the model does before it goes on to speak, and how many characters that took."""
        self._received += size
        self._doing = doing

    def restart(self, note: str) -> None:
        """Forget the words: another target begins from the start."""
        self.drop()
        self._clear(note)

    def paint(self, now: float) -> None:
        """Show what has come, if it is time."""
        if self._began is None:
            self._began = now
        turned = self._doing != self._shown_doing
        if now < self._next or (self._received == self._shown_at and not turned and now < self._patience):
            return
        block = "".join(self._finished)
        if size_of(block) >= (_SHORT if self._outputs <= self._first else _BLOCK):
            self._finished = []
            self._put(self._markdown(block), now)
            self._open = False
        pending = "".join(self._finished) + self._splitter.tail
        size = ENVELOPE + size_of(pending)
        ripe = turned or now >= self._patience or (self._received - self._shown_at) * GROWTH >= size
        if not ripe or self._sent + size > BYTES_AT_ONCE + BYTES_PER_BYTE * self._received:
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
        self._sent += ENVELOPE + size_of(markdown)
        self._next = max(self._next, now) + _STEP
        self._patience = now + _STATUS_STEP

    @property
    def _last(self) -> str:
        return f"{self._name}-{self._outputs}"

    def end(self, data: dict[str, str], metadata: dict[str, Any]) -> None:
        """Leave one output."""
        if self._in_place and self._outputs == self._first and self._open:
            self._screen.final(data, metadata, display_id=self._last)
        else:
            if self._in_place and self._outputs >= self._first:
                self._screen.hold()
            self.drop()
            self._screen.final(data, metadata)

    def drop(self) -> None:
        """Take away what was shown as soon as something else is."""
        if self._outputs >= self._first:
            self._screen.clear()
