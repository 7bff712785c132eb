"""One output of a cell that changes in place while an answer grows, and the one that remains of it.

It changes at most ten times a second, and the bytes are in proportion to what came: a long output is sent again only
after it has grown by a part of itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from ve_magics.magics.screen import output_metadata
from ve_magics.magics.stage import Stage

STEP = 0.1
"""Seconds between two messages to the front end at least."""
GROWTH = 40
"""An output is sent again when it has grown by this part of itself, or when patience ends."""
BYTES_PER_BYTE = 20
BYTES_AT_ONCE = 250_000
"""With the one above: an answer of so many bytes may cost so many times as many, and these."""
ENVELOPE = 900
"""Bytes of a message around what it shows."""
_PATIENCE = 1.0
"""Seconds after which a little growth is shown too."""


def size_of(text: str) -> int:
    """Return how many bytes a text takes in a message."""
    return len(text.encode("utf-8", "replace"))


class GrowingOutput:
    """One output that grows. All methods are called in the cell's own thread.

    Args:
        stage: Where it is shown.
        delay: Seconds that pass between the first tick and the first message.
    """

    def __init__(self, stage: Stage, *, delay: float = 0.0) -> None:
        self._stage = stage
        self._delay = delay
        self._name = f"ve-{secrets.token_hex(6)}"
        self._began: float | None = None
        self._next = self._patience = 0.0
        self._received = self._shown_at = self._sent = self._size = 0
        self._shown = ""

    def receive(self, size: int) -> None:
        """Count bytes of an answer that have come: they pay for what is shown."""
        self._received += size

    def hurry(self) -> None:
        """Show what has come with the next message: something began or ended."""
        self._patience = 0.0

    def tick(self, now: float, markdown: Callable[[float], str], *, at_once: bool = False) -> None:
        """Show what has come, if it is time.

        Args:
            now: Seconds of a clock that never goes back.
            markdown: Returns what is to be seen, given the seconds since the first tick.
            at_once: It is time: a reader is about to be asked.
        """
        if self._began is None:
            self._began = now
            self._next = self._patience = now + self._delay
        ripe = now >= self._patience or (self._received - self._shown_at) * GROWTH >= self._size
        if not at_once and (now < self._next or not ripe):
            return
        self._next, self._patience = now + STEP, now + _PATIENCE
        allowed = BYTES_AT_ONCE + BYTES_PER_BYTE * self._received - self._sent
        if self._stage.screen is None or self._size > allowed:
            return
        text = markdown(now - self._began)
        size = ENVELOPE + size_of(text)
        if text and text != self._shown and size <= allowed:
            (self._stage.screen.update if self._shown else self._stage.screen.show)(text, self._name)
            self._shown, self._size = text, size
            self._sent += size
            self._shown_at = self._received

    def end(self, data: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Leave one output in a cell, in the place of what was shown or printed; nothing in a terminal.

        Args:
            data: What the output holds.
            metadata: What varies from run to run.
        """
        screen, facts = self._stage.screen, output_metadata(metadata)
        if screen is None:
            return
        if self._shown and self._stage.in_place:
            screen.final(data, facts, display_id=self._name)
        else:
            if self._shown or self._stage.printed:
                screen.clear()
            screen.final(data, facts)

    def drop(self) -> None:
        """Take away what was shown as soon as something else is."""
        if self._shown and self._stage.screen is not None:
            self._stage.screen.clear()
