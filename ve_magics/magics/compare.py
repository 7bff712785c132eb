"""`%%compare`: the same prompt to several models at once, side by side in one output."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from ve_magics.engine.gateway import Trace
from ve_magics.errors import ArgumentsError, RecordingError, VeError
from ve_magics.events import Accumulator, Event, Restarted
from ve_magics.magics import attachments
from ve_magics.magics.answer import Answer
from ve_magics.magics.arguments import chat_request, compare_parser
from ve_magics.magics.chat import deadlines_within, fit, prompt_of
from ve_magics.magics.comparison import Comparison
from ve_magics.magics.formats import Form, form_of
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.plan import plan
from ve_magics.magics.sections import SectionsDisplay
from ve_magics.magics.tables import money
from ve_magics.messages import ChatRequest, Part


def compare(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%compare` cell.

    Raises:
        VeError: Every model failed, or a recording that is replayed lacks an answer.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    parser = compare_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    models = _models(options.models)
    form = form_of(options.format, options.schema, notebook.namespace)
    requests = [form.ask(request) for request in _requests(notebook, options, models, cell)]
    if options.dry_run:
        show_text(
            "\n\n".join(f"{name}\n{plan(notebook, one)}" for name, one in zip(models, requests, strict=True))
        )
        return
    asked = [
        Asked(notebook, model, request, options, form)
        for model, request in zip(models, requests, strict=True)
    ]
    comparison = _ask(notebook, models, asked, form, options.output)
    lacking = [error for error in comparison.errors.values() if isinstance(error, RecordingError)]
    if lacking and notebook.session.mode == "replay":
        raise lacking[0]
    if len(comparison.errors) == len(models):
        raise comparison.errors[models[0]]


def _models(named: Sequence[str]) -> list[str]:
    models = list(dict.fromkeys(named))
    if len(models) < len(named):
        raise ArgumentsError("A model is named twice.", hint="The same answer would come for both.")
    if len(models) < 2:
        raise ArgumentsError(
            "%%compare takes two models or more.", hint="For example: %%compare sim/tutor sim/thinker"
        )
    return models


def _requests(
    notebook: Notebook, options: argparse.Namespace, models: Sequence[str], cell: str
) -> list[ChatRequest]:
    """Return the same question to each model; expressions in it are evaluated once."""
    words = prompt_of(notebook, options, cell)
    parts: list[Part] = [
        *(
            attachments.image(source, directory=notebook.directory, namespace=notebook.namespace)
            for source in options.image
        ),
        *(attachments.file(source, directory=notebook.directory) for source in options.file),
    ]
    return [
        chat_request(options, cell, model=model, words=words, parts=parts, magic="%%compare")
        for model in models
    ]


class Asked:
    """One model's answer in the making.

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
        self._notebook = notebook
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
        session, options = self._notebook.session, self._options
        accumulator, trace = Accumulator(), Trace()
        self._so_far = (request, accumulator, trace)
        events = session.stream(
            request,
            fresh=options.fresh,
            cached=not options.no_cache,
            trace=trace,
            deadlines=deadlines_within(session.deadlines, options.timeout),
            fallback=not options.no_fallback,
            cell=self._cell,
        )
        async with aclosing(events):
            async for event in events:
                accumulator.add(event)
                tell(event)
        return Answer(request, accumulator.response(), trace)

    @property
    def answer(self) -> Answer | None:
        """The answer, or the part of it that came; None where no word did."""
        if self._whole is not None:
            return self._whole
        request, accumulator, trace = self._so_far
        return Answer(request, accumulator.response(), trace, partial=True) if accumulator.text else None


async def together(asked: Sequence[Asked]) -> AsyncGenerator[tuple[int, Event | None], None]:
    """Ask all at once and yield what comes as it comes: whose it is, and the event, None at its end.

    Closing this generator stops all of them.
    """
    queue: asyncio.Queue[tuple[int, Event | None]] = asyncio.Queue()

    async def one(index: int) -> None:
        try:
            await asked[index].run(lambda event: queue.put_nowait((index, event)))
        finally:
            queue.put_nowait((index, None))

    tasks = [asyncio.create_task(one(index)) for index in range(len(asked))]
    try:
        running = len(tasks)
        while running:
            index, event = await queue.get()
            if event is None:
                running -= 1
                await tasks[index]
            yield index, event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ask(
    notebook: Notebook, models: Sequence[str], asked: Sequence[Asked], form: Form, output: str | None
) -> Comparison:
    """Ask all models, show their answers while they grow, and return them."""
    display = SectionsDisplay(notebook.shell, models)
    stopped = True
    try:
        for batch in notebook.portal.iterate(together(asked)):
            for index, event in batch:
                if event is None:
                    one = _compared([asked[index]], form)
                    display.freeze(index, one.section(asked[index].model), _note(asked[index]))
                else:
                    display.add(index, event)
            if not all(one.ended for one in asked):
                display.tick(time.monotonic())
        stopped = False
    finally:
        comparison = _compared(asked, form, stopped=stopped)
        notebook.keep(output, comparison)
        display.finish(comparison.data(), comparison.facts())
    return comparison


def _compared(asked: Sequence[Asked], form: Form, *, stopped: bool = False) -> Comparison:
    answers = {one.model: one.answer for one in asked}
    return Comparison(
        [one.model for one in asked],
        {model: answer for model, answer in answers.items() if answer is not None},
        {one.model: one.error for one in asked if one.error is not None},
        {one.model: one.seconds for one in asked if one.ended},
        form=form,
        stopped=stopped,
    )


def _note(asked: Asked) -> str:
    """Return what is shown below a whole answer while others go on."""
    answer = asked.answer
    if answer is None or answer.usage is None:
        return f"{asked.seconds:.1f} s"
    return f"{asked.seconds:.1f} s · {answer.usage.output:,} tokens · {money(answer.cost.amount)} USD"
