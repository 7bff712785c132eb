"""How far a video is, in one line that changes in its cell, and gives way to the player."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ve_magics.jobs import Job
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.stage import Stage

_STEP = 0.5
"""Seconds between two updates at least."""
_WIDE = 78
"""Columns that a printed line takes at least."""

_WORDS = {
    "queued": "about to be ordered",
    "submitting": "being ordered",
    "running": "being made",
    "succeeded": "ready",
}


class Progress:
    """One cell's progress line.

    Args:
        shell: The running IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._stage = Stage(shell)
        self._screen = self._stage.screen
        self._name = f"ve-{secrets.token_hex(6)}"
        self._open = False
        self._last = ""
        self._next = 0.0

    def show(self, job: Job, elapsed: float) -> None:
        """Show how far a job is, if anybody looks on.

        Args:
            job: The job.
            elapsed: Seconds since the cell began to wait.
        """
        self.say(self.line(job, elapsed), elapsed)

    def say(self, line: str, elapsed: float) -> None:
        """Show a line, if anybody looks on.

        Args:
            line: The line.
            elapsed: Seconds since the cell began to wait.
        """
        if not self._stage.streaming or line == self._last or elapsed < self._next:
            return
        self._next = elapsed + _STEP
        self._last = line
        if self._screen is None or self._stage.prints:
            print(_over(line), end="\r", flush=True)
        elif self._open:
            self._screen.update(neutralise(line), self._name)
        else:
            self._screen.show(neutralise(line), self._name)
        self._open = True

    @staticmethod
    def line(job: Job, elapsed: float) -> str:
        """Return the line that says how far a job is."""
        percent = ""
        if job.progress is not None and job.state == "running":
            done = round(job.progress * 20)
            percent = f" {'▰' * done}{'▱' * (20 - done)} {job.progress:.0%}"
        left = ""
        if job.progress and 0.1 < job.progress < 1 and elapsed > 2:
            left = f", about {elapsed * (1 - job.progress) / job.progress:.0f} s left"
        note = f" ({job.note})" if job.note else ""
        state = _WORDS.get(job.state, job.state)
        return f"▶ {job.provider}/{job.model}: {state}{percent} · {elapsed:.0f} s{left}{note}"

    def finish(self, data: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        """Leave the player as the cell's one output."""
        self.drop()
        if self._screen is not None:
            self._screen.final(data, {"ve_magics": dict(facts)})
        else:
            print(data["text/plain"], flush=True)

    def drop(self) -> None:
        """Take the line away as soon as something else is shown."""
        if self._open and self._screen is not None:
            self._screen.clear()
        elif self._open:
            print(_over(""), end="\r", flush=True)
        self._open = False

    def note(self, text: str) -> None:
        """Leave a line of text."""
        if self._screen is not None:
            self._screen.final({"text/markdown": neutralise(text), "text/plain": text}, {})
        else:
            print(text, flush=True)


def _over(line: str) -> str:
    """Return a line that covers what was printed on it before."""
    return f"{line:<{_WIDE}}"
