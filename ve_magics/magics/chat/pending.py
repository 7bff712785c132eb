"""`%%chat --background`: the cell ends at once, and its answer grows in it while other cells run."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from typing import Any

from ve_magics.errors import StoppedError, StoreError, VeError
from ve_magics.events import Event, Restarted
from ve_magics.magics.background import Errand
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.asked import Asked, result
from ve_magics.magics.chat.display import BROKE_OFF, STOPPED, STOPPED_AT_ONCE, bundle
from ve_magics.magics.chat.formats import Form
from ve_magics.magics.failure import CellError, explain, one_line
from ve_magics.magics.late import LateOutput
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.notebook import Notebook
from ve_magics.messages import ChatRequest

STEP = 0.4
"""Seconds between two changes of a growing answer at least."""
GROWTH = 8
"""A growing answer is sent again when it has grown by this part of itself: bytes in proportion to its length."""


class Pending:
    """An answer that is being given: what `-o NAME` holds until it is there.

    Args:
        asked: The question on its way.
        errand: Its errand.
        result: Returns what takes this one's place, once the answer is whole.
    """

    def __init__(self, asked: Asked, errand: Errand, result: Callable[[Answer], Any]) -> None:
        self._asked = asked
        self._errand = errand
        self._result = result

    @property
    def done(self) -> bool:
        """Whether the answer is there, or failed."""
        return self._errand.done

    @property
    def text(self) -> str:
        """The words so far."""
        answer = self._asked.answer
        return answer.text if answer is not None else ""

    @property
    def error(self) -> VeError | None:
        """What went wrong; None while nothing did."""
        return self._errand.error

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for the answer and return it: what `-o NAME` holds from then on.

        Args:
            timeout: Seconds; None waits as long as it takes. An interrupt ends the waiting, not the answer.

        Raises:
            CellError: It failed, or was stopped.
            TimeoutError: It isn't there yet.
        """
        if not self._errand.wait(timeout):
            raise TimeoutError(f"The answer of {self._errand.cell} is not there after {timeout:g} s.")
        if self._errand.error is not None:
            raise CellError(self._errand.error) from None
        answer = self._asked.answer
        if answer is None or self._errand.stopped:
            raise CellError(
                StoppedError(f"The answer of {self._errand.cell} was stopped.", hint="Run that cell again.")
            )
        return self._result(answer)

    def stop(self) -> None:
        """Stop it; its cell says so."""
        self._errand.stop()

    def hide(self, *, terminal: bool = False) -> None:
        """Show nothing when this is displayed, until `show_again`: the cell says already what goes on."""
        if not terminal:
            self.__dict__["_ipython_display_"] = lambda: None

    def show_again(self) -> None:
        """Show this where it is displayed, as before `hide`."""
        self.__dict__.pop("_ipython_display_", None)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        state = "done" if self.done else "in the background"
        return f"<Pending answer of {self._errand.cell}, {state}: {len(self.text):,} characters>"


class LateAnswer:
    """A cell's output in which an answer grows after the cell has ended. Used on the event loop's thread.

    Args:
        late: The output.
        asked: The question on its way.
        form: The form of its answer.
    """

    def __init__(self, late: LateOutput, asked: Asked, form: Form) -> None:
        self._late = late
        self._asked = asked
        self._form = form
        self._next = 0.0
        self._sent = 0
        self._note = ""

    def tell(self, event: Event) -> None:
        """Take an event of the answer, and show what has come if it is time."""
        if isinstance(event, Restarted):
            self._note = f"↻ started over on {one_line(event.target)}: {one_line(event.reason)}"
            self._sent = 0
        now = time.monotonic()
        answer = self._asked.answer
        if answer is None or now < self._next or self._form.structured:
            return
        size = len(answer.text)
        if size - self._sent < max(1, self._sent // GROWTH):
            return
        self._next, self._sent = now + STEP, size
        markdown = neutralise(answer.text)
        note = f"*{neutralise(self._note)}*\n\n" if self._note else ""
        self._late.fill({"text/markdown": f"{note}{markdown}\n\n*…*"}, {})

    def finish(self, answer: Answer) -> None:
        """Leave the answer as the cell's one output."""
        self._late.fill(self._form.shown(answer.text) or bundle(answer.response), _facts(answer))

    def stop(self) -> None:
        """Leave what had come, and say that it was stopped."""
        answer = self._asked.answer
        if answer is None:
            self._late.say(STOPPED_AT_ONCE, {"partial": True})
        else:
            self._late.fill(bundle(answer.response, mark=STOPPED), _facts(answer, partial=True))

    def fail(self, error: VeError) -> None:
        """Leave what had come, and what went wrong."""
        lines = explain(error)
        answer = self._asked.answer
        if answer is None:
            self._late.fill(_plain("\n".join(lines)), {"failed": True})
            return
        shown = self._form.shown(answer.text) if self._form.structured else None
        data = shown or bundle(answer.response, mark=BROKE_OFF if answer.partial else "")
        told = _plain("\n".join(lines))
        facts = _facts(answer, failed=True, partial=answer.partial)
        self._late.fill({kind: f"{data[kind]}\n\n{told[kind]}" for kind in data}, facts)


def _plain(text: str) -> dict[str, str]:
    return {"text/markdown": "\n".join(f"    {line}" for line in text.split("\n")), "text/plain": text}


def _facts(answer: Answer, **more: Any) -> dict[str, Any]:
    return {**answer.facts(), **more}


def begin(
    notebook: Notebook,
    errand: Errand,
    request: ChatRequest,
    options: argparse.Namespace,
    form: Form,
    remember: Callable[[Answer], None],
) -> Pending:
    """End the cell at once: its answer grows in it while other cells run.

    Args:
        notebook: The running notebook.
        errand: What goes on, with its title.
        request: The question.
        options: The parsed line.
        form: The form of the answer.
        remember: Told the whole answer; may raise `StoreError`.
    """
    asked = Asked(notebook, request.model, request, options, form)
    pending = Pending(asked, errand, lambda answer: result(form, answer))
    late = LateOutput(notebook.shell)
    late.begin(f"{request.model} answers in the background…", {"pending": True})
    notebook.keep(options.output, pending)
    session, name = notebook.session, options.output

    def keep(answer: Answer) -> None:
        notebook.last = answer
        if name and notebook.namespace.get(name) is pending:
            notebook.keep(name, result(form, answer))
        try:
            remember(answer)
        except StoreError as error:
            session.warn(error.message)

    notebook.background.begin(errand, notebook.portal, _follow(asked, LateAnswer(late, asked, form), keep))
    return pending


async def _follow(asked: Asked, screen: LateAnswer, keep: Callable[[Answer], None]) -> VeError | None:
    """Ask, show the answer in the cell that began it, and return what went wrong.

    Args:
        asked: The question.
        screen: Where it is shown.
        keep: Told the whole answer before it is shown for good.
    """
    try:
        await asked.run(screen.tell)
    except asyncio.CancelledError:
        screen.stop()
        raise
    except Exception as fault:  # noqa: BLE001  # nobody else would tell of a fault of our own
        asked.error = VeError(
            f"{type(fault).__name__}: {fault}", hint="This is a fault of ve_magics; please report it."
        )
    error, answer = asked.error, asked.answer
    if error is not None or answer is None:
        error = error or VeError("No answer came.", hint="Run the cell again.")
        screen.fail(error)
        return error
    keep(answer)
    screen.finish(answer)
    return None
