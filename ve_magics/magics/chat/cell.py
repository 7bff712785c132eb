"""`%%chat`: one question, one answer that grows in the cell."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from ve_magics.engine.gateway import Trace
from ve_magics.errors import InterruptedStreamError, StoreError, VeError
from ve_magics.events import Accumulator, Restarted
from ve_magics.magics.background import Errand
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.arguments import chat_parser
from ve_magics.magics.chat.asked import fit, result, streamed
from ve_magics.magics.chat.conversation import running_cell
from ve_magics.magics.chat.display import AnswerDisplay
from ve_magics.magics.chat.fences import code_in
from ve_magics.magics.chat.formats import Form, form_of
from ve_magics.magics.chat.pending import Pending, begin
from ve_magics.magics.chat.plan import show_plan
from ve_magics.magics.chat.question import question_of
from ve_magics.magics.chat.shown import hide_in_cell
from ve_magics.magics.failure import one_line
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.parser import Parser, split_line
from ve_magics.magics.plain import show_text
from ve_magics.magics.screen import filled_in_later
from ve_magics.messages import ChatRequest


def chat(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%chat` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    parser = chat_parser()
    _run(notebook, parser, parser.read(line), cell)


def chat_line(notebook: Notebook, line: str) -> Answer | Pending | None:
    """Run a `%chat` line and return its answer; None where only help or a plan was asked for.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: As for `chat`.
    """
    parser = chat_parser(line=True)
    flags, question = split_line(parser, line)
    answer = _run(notebook, parser, parser.read(flags), question)
    if answer is not None:
        hide_in_cell(answer, notebook.shell)
    return answer


def _run(
    notebook: Notebook, parser: Parser, options: argparse.Namespace, cell: str
) -> Answer | Pending | None:
    if options.help:
        show_text(parser.format_help())
        return None
    session = notebook.session
    form = form_of(options.format, options.schema, notebook.namespace)
    talk, request, asked = question_of(notebook, options, cell)
    request = form.ask(request)
    if options.dry_run:
        show_plan(notebook, request, talk.note if talk else "")
        return None
    place = (running_cell(notebook.shell) or ("", ""))[0]
    notebook.background.make_way(place, request)

    def remember(answer: Answer) -> None:
        if talk is not None:
            talk.keep(asked, answer.response, system=options.system or "", model=answer.served)

    if (
        options.background
        and filled_in_later(notebook.shell)
        and not session.at_hand(request, fresh=options.fresh, cached=not options.no_cache)
    ):
        errand = Errand(
            f"{request.model}: {one_line(' '.join(cell.split()))[:40]}",
            notebook.cell or "a cell",
            conversation=talk.name if talk else "",
            asks=request,
            place=place,
        )
        pending = begin(notebook, errand, request, options, form, remember)
        if talk is not None and talk.note:
            show_text(talk.note)
        return pending
    answer = _ask(notebook, request, options, form)
    try:
        remember(answer)
    except StoreError as error:
        session.warn(error.message)
        show_text(f"! {error.message} {error.hint}")
    if talk is not None and talk.note:
        show_text(talk.note)
    return answer


def _ask(notebook: Notebook, request: ChatRequest, options: argparse.Namespace, form: Form) -> Answer:
    """Ask, show the answer and return it; one that lacks its form goes back to the model once."""
    in_cell = hasattr(notebook.shell, "kernel")
    display = AnswerDisplay(notebook.shell, streaming=None if in_cell or form.kind == "markdown" else False)
    answer = _stream(notebook, request, options, form, display)
    if form.structured:
        problem = fit(form, answer)
        if problem and answer.finish == "stop":
            display.add(Restarted(answer.served or request.model, f"that was no use: {problem}"))
            first, mended = answer, form.mend(request, answer.text, problem)
            answer = _stream(notebook, mended, options, form, display)
            answer.follow(first)
            problem = fit(form, answer)
        if problem:
            keep(notebook, options, form, answer, fits=False)
            display.finish(answer.response, answer.facts(), form.shown(answer.text))
            raise form.refusal(answer.text, problem)
    keep(notebook, options, form, answer)
    display.finish(answer.response, answer.facts(), form.shown(answer.text))
    if notebook.session.mode in (
        "off",
        "auto",
    ):  # a notebook that is recorded or replayed keeps one output a cell
        for notice in answer.notices:
            print(f"↪ {one_line(notice)}", file=sys.stderr)
    if form.kind == "code" and answer.source == "provider" and offers_cells(notebook.shell):
        notebook.shell.set_next_input(code_in(answer.text)[0], replace=False)
    return answer


def keep(
    notebook: Notebook, options: argparse.Namespace, form: Form, answer: Answer, *, fits: bool = True
) -> None:
    """Remember an answer as the last one, and put what it is into the variable that the line names.

    With a schema only the object that fits it goes there; otherwise the answer itself, also a partial one.
    """
    notebook.last = answer
    if fits or form.schema is None:
        notebook.keep(options.output, result(form, answer))


def offers_cells(shell: Any) -> bool:
    """Whether the front end has a reader who could use a new cell: not a program that runs the notebook, nor Colab."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or "google.colab" in sys.modules:
        return False
    parent = kernel.get_parent() or {}
    return bool((parent.get("content") or {}).get("allow_stdin"))


def _stream(
    notebook: Notebook,
    request: ChatRequest,
    options: argparse.Namespace,
    form: Form,
    display: AnswerDisplay,
) -> Answer:
    """Return the answer to one request, shown while it grows; what broke off is shown, kept and raised."""
    trace = Trace()
    accumulator = Accumulator()
    events = streamed(notebook.session, request, options, trace, cell=notebook.cell)
    try:
        for batch in notebook.portal.iterate(events):
            for event in batch:
                accumulator.add(event)
                display.add(event)
            if trace.source == "provider":
                display.tick(time.monotonic())
    except KeyboardInterrupt:
        answer = Answer(request, accumulator.response(), trace, partial=True)
        keep(notebook, options, form, answer, fits=False)
        display.interrupt(answer.response, answer.facts())
        raise
    except VeError as error:
        whole = isinstance(error, StoreError) and bool(accumulator.response().finish)
        answer = Answer(request, accumulator.response(), trace, partial=not whole)
        if whole:  # only the recording can't be written
            keep(notebook, options, form, answer, fits=False)
            display.finish(answer.response, answer.facts(), form.shown(answer.text))
            raise
        if isinstance(error, InterruptedStreamError) or accumulator.text:
            keep(notebook, options, form, answer, fits=False)
        display.fail(answer.response, answer.facts())
        raise
    return Answer(request, accumulator.response(), trace)
