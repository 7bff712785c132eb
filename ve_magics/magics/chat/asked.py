"""One question that is asked on the event loop, apart from how its answer is shown."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from ve_magics.engine.gateway import Trace
from ve_magics.engine.session import Session
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import RecordingError, VeError
from ve_magics.events import Accumulator, Event, Restarted
from ve_magics.magics.chat.answer import Answer, Objects
from ve_magics.magics.chat.failed import keep_failure, recalled
from ve_magics.magics.chat.formats import Form
from ve_magics.magics.failure import one_line
from ve_magics.magics.notebook import Notebook
from ve_magics.messages import ChatRequest


class Asked:
    """One answer in the making.

    Args:
        notebook: The running notebook.
        model: What the line calls the model.
        request: What it is asked.
        options: The parsed line.
        form: The form that the answer must have.

    Attributes:
        model: What the line calls the model.
        error: What went wrong; None while nothing did.
        seconds: How long it took, once it has ended.
        ended: Whether it has.
    """

    def __init__(
        self, notebook: Notebook, model: str, request: ChatRequest, options: argparse.Namespace, form: Form
    ) -> None:
        self.model = model
        self.error: VeError | None = None
        self.seconds = 0.0
        self.ended = False
        self._session = notebook.session
        self._cell = notebook.cell
        self._request = request
        self._options = options
        self._form = form
        self._whole: Answer | None = None
        self._so_far: tuple[ChatRequest, Accumulator, Trace] = (request, Accumulator(), Trace())

    async def run(self, tell: Callable[[Event], None]) -> None:
        """Ask; a failure is kept, not raised.

        Args:
            tell: Called with each event.
        """
        began = time.monotonic()
        try:
            self._whole = await self._mended(tell)
        except RecordingError as error:
            self.error = error
            if self._session.mode == "replay" and (
                known := recalled(self._session, self._so_far[0], self._cell)
            ):
                self.error, self._whole = known
        except VeError as error:
            self.error = error
        finally:
            self.seconds = time.monotonic() - began
            self.ended = True

    async def _mended(self, tell: Callable[[Event], None]) -> Answer:
        """Return the answer; one that lacks its form goes back to the model once."""
        answer = await self._once(self._request, tell)
        if not self._form.structured:
            return answer
        problem = fit(self._form, answer)
        if problem and answer.finish == "stop":
            tell(Restarted(answer.served or self.model, f"that was no use: {problem}"))
            first, mended = answer, self._form.mend(self._request, answer.text, problem)
            answer = await self._once(mended, tell)
            answer.follow(first)
            problem = fit(self._form, answer)
        if problem:
            self.error = self._form.refusal(answer.text, problem)
        return answer

    async def _once(self, request: ChatRequest, tell: Callable[[Event], None]) -> Answer:
        accumulator, trace = Accumulator(), Trace()
        self._so_far = (request, accumulator, trace)
        events = streamed(self._session, request, self._options, trace, cell=self._cell)
        async with aclosing(events):
            async for event in events:
                accumulator.add(event)
                tell(event)
        return Answer(request, accumulator.response(), trace)

    def keep_failure(self) -> None:
        """Write a failure into the recording, where the session records: the cell replays with it.

        Raises:
            StoreError: It can't be written.
        """
        if self.error is not None and self._whole is None:
            keep_failure(self._session, self._so_far[0], self.error, self.answer, self._cell)

    @property
    def answer(self) -> Answer | None:
        """The answer, or the part of it that came; None where no word did."""
        if self._whole is not None:
            return self._whole
        request, accumulator, trace = self._so_far
        return Answer(request, accumulator.response(), trace, partial=True) if accumulator.text else None


def streamed(
    session: Session, request: ChatRequest, options: argparse.Namespace, trace: Trace, *, cell: str
) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer, asked for in the way that a line's flags say.

    Args:
        session: Asks.
        request: The question.
        options: The parsed line: fresh, no_cache, timeout and no_fallback.
        trace: Filled with where the answer came from and what was tried.
        cell: What to call the cell in an error.

    Raises:
        VeError: As for `Session.stream`.
    """
    return session.stream(
        request,
        fresh=options.fresh,
        cached=not options.no_cache,
        trace=trace,
        deadlines=deadlines_within(session.deadlines, options.timeout),
        fallback=not options.no_fallback,
        cell=cell,
    )


def fit(form: Form, answer: Answer) -> str:
    """Put the object that an answer is into it; returns what is wrong where it is none."""
    try:
        answer.parsed = form.read(answer.text)
    except ValueError as error:
        cut_off = "it was cut off by the limit of tokens; " if answer.finish == "length" else ""
        return one_line(f"{cut_off}{error}")
    return ""


def deadlines_within(base: Deadlines, timeout: float | None) -> Deadlines | None:
    """Return limits of which all together is `timeout` seconds; None where that is None."""
    if timeout is None:
        return None
    return Deadlines(connect=base.connect, first_token=base.first_token, silence=base.silence, total=timeout)


def result(form: Form, answer: Answer) -> Any:
    """Return what a line's variable holds for a whole answer: with a schema the object that it is, else the answer."""
    if form.schema is None:
        return answer
    return Objects(answer.parsed, answer) if isinstance(answer.parsed, list) else answer.parsed
