"""`%%compare`: the same prompt to several models at once, side by side in one output."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

from ve_magics.errors import ArgumentsError, RecordingError
from ve_magics.events import Event
from ve_magics.magics.chat.arguments import chat_request, compare_parser
from ve_magics.magics.chat.asked import Asked
from ve_magics.magics.chat.comparison import Comparison
from ve_magics.magics.chat.formats import Form, form_of
from ve_magics.magics.chat.plan import plan
from ve_magics.magics.chat.question import attached, prompt_of
from ve_magics.magics.chat.sections import SectionsDisplay
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.tables import money
from ve_magics.messages import ChatRequest


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
    for one in asked:
        one.keep_failure()
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
    parts = attached(notebook, options)
    return [
        chat_request(options, cell, model=model, words=words, parts=parts, magic="%%compare")
        for model in models
    ]


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
