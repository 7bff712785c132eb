"""`%%batch`: the same question, or the same film, for every row of a table.

A row that fails spoils no other. What was answered is kept: running the cell again asks only for what is missing, also
in another kernel if this one died on the way.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ve_magics.engine.batches import Allowance, Unfinished, side_by_side
from ve_magics.errors import ArgumentsError, VeError
from ve_magics.events import Event
from ve_magics.magics.batch.arguments import batch_parser
from ve_magics.magics.batch.films import films
from ve_magics.magics.batch.rows import (
    Found,
    Row,
    added_up,
    bar,
    free_name,
    record_of,
    rows_of,
    shown_table,
    summed_up,
    table_of,
    told_cost,
)
from ve_magics.magics.chat.arguments import chat_request
from ve_magics.magics.chat.asked import Asked
from ve_magics.magics.chat.formats import Form, form_of
from ve_magics.magics.chat.prompt import Expression, filled, split, text_of
from ve_magics.magics.chat.render import render
from ve_magics.magics.failure import one_line
from ve_magics.magics.frames import records
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.video.progress import Progress
from ve_magics.messages import ChatRequest, Image, Part, Text

AT_ONCE = 8
"""Questions that are asked at the same time where the line names no limit."""


def batch(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%batch` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown: a mistake in the cell, or that every row failed.
        KeyboardInterrupt: The cell was interrupted; what was answered is kept.
    """
    parser = batch_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    value = _named(notebook, options.rows)
    rows = rows_of(value, options.rows)
    prompts = _prompts(notebook, options, cell, rows)
    make = films if options.video else _answers
    found = make(notebook, options, rows, prompts)
    if found is None:
        return
    results, said, failed = found
    index = getattr(value, "index", None) if hasattr(value, "columns") or hasattr(value, "dtype") else None
    notebook.keep(options.output, table_of(results, index))
    Progress(notebook.shell).finish(shown_table(results, said), {"rows": len(rows), "failed": len(failed)})
    if failed and len(failed) == len(rows):
        raise failed[0]


def _named(notebook: Notebook, name: str) -> Any:
    try:
        return eval(name, notebook.namespace)  # noqa: S307 - the user's own code, in the user's own notebook
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises is shown with its expression
        raise ArgumentsError(
            one_line(f"{name} gives no rows: {type(error).__name__}: {error}."),
            hint="Name a DataFrame or a list: %%batch ROWS",
        ) from None


def _prompts(
    notebook: Notebook, options: argparse.Namespace, cell: str, rows: list[Any]
) -> list[tuple[Text | Image, ...]]:
    """Return the prompt of each row: the cell with its expressions filled in, or the row itself."""
    template = cell.removesuffix("\n")
    if not template.strip():
        if not all(isinstance(row, str) and row.strip() for row in rows):
            raise ArgumentsError(
                "The prompt is empty.", hint="Write below the line what is asked of a row: … {{ row.name }} …"
            )
        return [(Text(row),) for row in rows]
    if not any(isinstance(piece, Expression) for piece in split(template)):
        raise ArgumentsError(
            "The prompt is the same for every row.", hint="Put the row into it: {{ row }} or {{ row.name }}"
        )
    show = functools.partial(_rendered, cells=notebook.cells, directory=notebook.directory)
    if options.system:
        options.system = text_of(filled(options.system, notebook.namespace, show))
    return [
        filled(template, {**notebook.namespace, "row": row, "number": at}, show)
        for at, row in enumerate(rows)
    ]


def _rendered(value: Any, **options: Any) -> str | Image:
    if isinstance(value, Row):
        return "\n".join(f"{name}: {cell}" for name, cell in value.items())
    return render(value, **options)


def _answers(
    notebook: Notebook, options: argparse.Namespace, rows: list[Any], prompts: list[tuple[Text | Image, ...]]
) -> Found | None:
    session = notebook.session
    form = form_of(None, options.schema, notebook.namespace)
    model = options.named or session.config.default("chat").model
    requests = [form.ask(_request(options, words, model)) for words in prompts]
    if options.dry_run:
        _show_plan(notebook, options, requests)
        return None
    asked = [Asked(notebook, request.model, request, options, form) for request in requests]
    unfinished = Unfinished(session, requests)
    if not options.fresh and session.mode in ("off", "record"):
        unfinished.take_up()
    progress, begun = Progress(notebook.shell), time.monotonic()
    try:
        for numbers in notebook.portal.iterate(_ask(notebook, options, requests, asked, unfinished)):
            done = sum(one.ended for one in asked)
            wrong = sum(one.error is not None for one in asked)
            if numbers:
                spent = told_cost(added_up(_cost(one) for one in asked if one.answer is not None))
                failed = f", {wrong} failed" if wrong else ""
                elapsed = time.monotonic() - begun
                progress.say(
                    f"{bar(done, len(asked))} {done} of {len(asked)}{failed} · {elapsed:.0f} s · {spent}",
                    elapsed,
                )
    except KeyboardInterrupt:
        progress.drop()
        done = sum(one.ended and one.error is None for one in asked)
        notebook.keep(
            options.output, table_of([_result(row, one, form) for row, one in zip(rows, asked, strict=True)])
        )
        progress.note(f"■ stopped: {done} of {len(asked)} rows are answered. Run the cell again to go on.")
        raise
    finally:
        progress.drop()
    errors = [one.error for one in asked if one.error is not None]
    if not errors:
        unfinished.finish()
    cost = added_up(_cost(one) for one in asked if one.answer is not None)
    said = summed_up(len(asked), len(errors), cost)
    return [_result(row, one, form) for row, one in zip(rows, asked, strict=True)], said, errors


def _request(options: argparse.Namespace, words: tuple[Part, ...], model: str) -> ChatRequest:
    return chat_request(options, "", model=model, words=words, magic="%%batch")


async def _ask(
    notebook: Notebook,
    options: argparse.Namespace,
    requests: list[ChatRequest],
    asked: list[Asked],
    unfinished: Unfinished,
) -> AsyncGenerator[int, None]:
    """Ask for every row, and yield the number of each one that has ended."""
    books = notebook.session.books
    allowance = Allowance(options.budget)

    async def work(number: int) -> None:
        one = asked[number]
        most, what = None, ""
        if options.budget is not None and not notebook.session.at_hand(
            requests[number], fresh=options.fresh, cached=True
        ):
            most, what = books.most(requests[number], fallback=not options.no_fallback)
        try:
            async with allowance.held(most if what else 0.0, what):
                await one.run(_unseen)
                if one.answer is not None and one.answer.source == "provider":
                    allowance.spent += one.answer.cost.amount or 0.0
        except VeError as error:
            one.error, one.ended = error, True
        if one.answer is not None and one.error is None:
            unfinished.keep(requests[number], one.answer.request)

    async with aclosing(side_by_side(len(asked), work, limit=options.limit or AT_ONCE)) as ended:
        async for number in ended:
            yield number


def _unseen(event: Event) -> None:
    """Show nothing of an answer while it grows: the table comes when all are there."""


def _cost(one: Asked) -> float | None:
    return one.answer.cost.amount if one.answer is not None else None


def _result(row: Any, one: Asked, form: Form) -> dict[str, Any]:
    """Return the row with what was answered: a column for each field of its schema, or the answer's text."""
    result = record_of(row)
    answer = one.answer if one.error is None else None
    if form.schema is None:
        result[free_name(result, "answer")] = answer.text if answer is not None else None
    else:
        try:
            (fields,) = records(answer.parsed) if answer is not None else ({},)
            result |= {free_name(result, name): value for name, value in fields.items()}
        except (VeError, ValueError):  # no record: a plain value, or several
            result[free_name(result, "answer")] = answer.parsed if answer is not None else None
    result[free_name(result, "cost")] = answer.cost.amount if answer is not None else None
    result[free_name(result, "error")] = one.error.message if one.error is not None else None
    return result


def _show_plan(notebook: Notebook, options: argparse.Namespace, requests: list[ChatRequest]) -> None:
    books = notebook.session.books
    most = [books.most(request, fallback=not options.no_fallback)[0] for request in requests]
    known = [amount for amount in most if amount is not None]
    price = f"at most ${sum(known):.4f}" if len(known) == len(most) else "cost unknown"
    if not options.max_tokens and len(known) == len(most):
        price += ", if every answer were as long as can be: limit them with --max-tokens N"
    lines = [f"to        {requests[0].model}"]
    lines += [f"row {at:<5} {one_line(request.messages[-1].text)}" for at, request in enumerate(requests[:3])]
    lines.append(f"rows      {len(requests):,}, {options.limit or AT_ONCE} at a time")
    lines.append(f"estimate  {price}; nothing was sent")
    show_text("\n".join(lines))
