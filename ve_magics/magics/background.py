"""What goes on while other cells run: answers and videos that were begun with `--background`, and `%ve wait`."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from ve_magics.errors import ArgumentsError, VeError
from ve_magics.magics.failure import explain
from ve_magics.magics.plain import show_text
from ve_magics.magics.portal import STEP, Portal

FAREWELL = 0.5
"""Seconds that what is stopped gets to say so in its cell."""
USAGE = "%ve background [stop NUMBER | stop all]"


class Errand:
    """One thing that goes on in the background.

    Attributes:
        number: By which `%ve background` calls it; 1 is the kernel's first.
        title: What it is, in a few words.
        cell: The cell that began it.
        conversation: The conversation that waits for it; empty where none does.
        asks: What it asks for; the same means the same.
        place: The id of the cell, where the front end tells it.
        error: What went wrong; None while nothing did.
        stopped: Whether it was stopped before its end.
    """

    def __init__(
        self, title: str, cell: str, *, conversation: str = "", asks: object = None, place: str = ""
    ) -> None:
        self.number = 0
        self.title = title
        self.cell = cell
        self.conversation = conversation
        self.asks = asks
        self.place = place
        self.error: VeError | None = None
        self.stopped = False
        self.begun = time.monotonic()
        self._over = threading.Event()
        self._task: Future[Any] | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._over.is_set()

    async def run(self, work: Coroutine[Any, Any, VeError | None]) -> None:
        """Do the work to its end, and remember what went wrong."""
        try:
            self.error = await work
        finally:
            self._over.set()

    def begin(self, portal: Portal, work: Coroutine[Any, Any, VeError | None]) -> None:
        """Begin the work on the event loop."""
        self._task = portal.submit(self.run(work))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end, and return whether that has come; an interrupt ends the waiting only.

        Args:
            timeout: Seconds; None waits as long as it takes.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._over.wait(STEP):
            if deadline is not None and time.monotonic() >= deadline:
                return False
        return True

    def stop(self) -> None:
        """Stop it; what it shows says so."""
        if self._task is not None and not self.done:
            self.stopped = True
            self._task.cancel()


class Background:
    """What goes on in the background of one kernel.

    Args:
        at_exit: Told what is to be done before the kernel ends; None takes the interpreter's own way.
    """

    def __init__(self, at_exit: Callable[[Callable[[], None]], object] | None = None) -> None:
        self._all: list[Errand] = []
        self._told: set[int] = set()
        self._at_exit = atexit.register if at_exit is None else at_exit
        self._watched = False

    def begin(self, errand: Errand, portal: Portal, work: Coroutine[Any, Any, VeError | None]) -> None:
        """Begin an errand."""
        if not self._watched:
            self._watched = True
            self._at_exit(self.stop)
        self._all.append(errand)
        errand.number = len(self._all)
        errand.begin(portal, work)

    @property
    def running(self) -> list[Errand]:
        """What has not ended yet, the oldest first."""
        return [errand for errand in self._all if not errand.done]

    def make_way(self, place: str, asks: object) -> None:
        """Stop what an earlier run of the same cell began, unless it asks the same, which is asked only once."""
        for errand in self.running:
            if place and errand.place == place and errand.asks != asks:
                errand.stop()

    def settle(self, conversation: str) -> None:
        """Wait until nothing is asked in a conversation any more; an interrupt ends the waiting."""
        for errand in self.running:
            if errand.conversation == conversation:
                errand.wait()

    def wait(self) -> None:
        """Wait for everything; an interrupt ends the waiting only.

        Raises:
            VeError: Of what failed since the last time, the first; the cells of all are named.
        """
        for errand in list(self._all):
            errand.wait()
        failed = [one for one in self._all if one.error is not None and one.number not in self._told]
        self._told |= {one.number for one in failed}
        if failed:
            show_text(
                "\n".join(f"{one.cell}, {one.title}: {explain(one.error)[0]}" for one in failed if one.error)
            )
            assert failed[0].error is not None, "only what failed was chosen"
            raise failed[0].error

    def stop(self) -> None:
        """Stop everything; each gets a moment to say so in its cell."""
        running = self.running
        for errand in running:
            errand.stop()
        deadline = time.monotonic() + FAREWELL
        for errand in running:
            errand.wait(max(0.0, deadline - time.monotonic()))

    def numbered(self, word: str) -> Errand:
        """Return what runs under a number.

        Raises:
            ArgumentsError: Nothing does.
        """
        for errand in self.running:
            if str(errand.number) == word:
                return errand
        raise ArgumentsError(
            f"Nothing runs in the background as number {word}.", hint="%ve background lists it."
        )


def background(errands: Background, words: list[str]) -> None:
    """Run `%ve background`.

    Raises:
        ArgumentsError: The line is not understood, or names what isn't there.
    """
    match words:
        case []:
            now = time.monotonic()
            lines = [
                f"{errand.number}  {errand.cell}  {errand.title}  {now - errand.begun:.0f} s"
                for errand in errands.running
            ]
            show_text("\n".join(lines) or "Nothing runs in the background.")
        case ["stop", "all"]:
            count = len(errands.running)
            errands.stop()
            show_text(f"{count} stopped.")
        case ["stop", number]:
            errand = errands.numbered(number)
            errand.stop()
            errand.wait(FAREWELL)
            show_text(f"{errand.cell}, {errand.title}: stopped.")
        case _:
            raise ArgumentsError("%ve background does not understand that.", hint=f"Usage: {USAGE}")
