"""`%%chat`: one question, one answer that grows in the cell."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from typing import Any

from ve_magics.engine.gateway import Trace
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import ArgumentsError, InterruptedStreamError, StoreError, VeError
from ve_magics.events import Accumulator, Restarted
from ve_magics.magics import attachments
from ve_magics.magics.answer import Answer
from ve_magics.magics.arguments import chat_parser, chat_request
from ve_magics.magics.display import AnswerDisplay
from ve_magics.magics.failure import one_line
from ve_magics.magics.formats import Form, code_in, form_of
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.parser import Parser, split_line
from ve_magics.magics.plain import show_text
from ve_magics.magics.plan import show_plan
from ve_magics.magics.prompt import filled, text_of
from ve_magics.magics.render import render
from ve_magics.magics.traces import FIX_PROMPT, failure_of
from ve_magics.messages import ChatRequest, Part, Text


def chat(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%chat` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    parser = chat_parser()
    _run(notebook, parser, parser.read(line), cell)


def chat_line(notebook: Notebook, line: str) -> Answer | None:
    """Run a `%chat` line and return its answer; None where only help or a plan was asked for.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: As for `chat`.
    """
    parser = chat_parser(line=True)
    flags, question = split_line(parser, line)
    answer = _run(notebook, parser, parser.read(flags), question)
    if answer is not None:
        answer.hide_once()
    return answer


def _run(notebook: Notebook, parser: Parser, options: argparse.Namespace, cell: str) -> Answer | None:
    if options.help:
        show_text(parser.format_help())
        return None
    session = notebook.session
    form = form_of(options.format, options.schema, notebook.namespace)
    talk = notebook.talks.join(options.conversation, cell, new=options.new)
    default = session.config.default("chat").model
    words = prompt_of(notebook, options, cell)
    if talk is not None and not options.system:
        options.system = talk.system
    parts: list[Part] = [
        *(
            attachments.image(s, directory=notebook.directory, namespace=notebook.namespace)
            for s in options.image
        ),
        *(attachments.file(s, directory=notebook.directory) for s in options.file),
    ]
    request = chat_request(options, cell, model=default, words=words, parts=parts)
    asked = request.messages[-1]
    if talk is not None:
        talk.fit(session.config, request)
        request = chat_request(options, cell, model=default, words=words, parts=parts, history=talk.history)
    request = form.ask(request)
    if options.dry_run:
        show_plan(notebook, request, talk.note if talk else "")
        return None
    answer = _ask(notebook, request, options, form)
    if talk is not None:
        try:
            talk.keep(asked, answer.response, system=options.system or "", model=answer.served)
        except StoreError as error:
            session.warn(error.message)
            show_text(f"! {error.message} {error.hint}")
        if talk.note:
            show_text(talk.note)
    return answer


def prompt_of(notebook: Notebook, options: argparse.Namespace, cell: str) -> list[Part]:
    """Return what the prompt says: its expressions filled in, the last error added where it is asked for."""
    prompt = cell.removesuffix("\n")
    words: list[Part] = [Text(prompt)]
    if not options.raw:
        show = functools.partial(render, cells=notebook.cells, directory=notebook.directory)
        words = [*filled(prompt, notebook.namespace, show)]
        if options.system:
            options.system = text_of(filled(options.system, notebook.namespace, show))
    if options.fix:
        error, source = notebook.failed or (getattr(sys, "last_value", None), "")
        if error is None:
            raise ArgumentsError("No cell has failed yet.", hint="--fix sends the last error with its cell.")
        words = words if prompt.strip() else [Text(FIX_PROMPT)]
        end = words[-1]
        failure = f"\n\n{failure_of(error, source)}"
        words[-1:] = [Text(end.text + failure)] if isinstance(end, Text) else [end, Text(failure)]
    return words


def _ask(notebook: Notebook, request: ChatRequest, options: argparse.Namespace, form: Form) -> Answer:
    """Ask, show the answer and return it; one that lacks its form goes back to the model once."""
    in_cell = hasattr(notebook.shell, "kernel")
    display = AnswerDisplay(notebook.shell, streaming=None if in_cell or form.kind == "markdown" else False)
    display.start()
    answer = _stream(notebook, request, options, display)
    if form.structured:
        problem = fit(form, answer)
        if problem and answer.finish == "stop":
            display.add(Restarted(answer.served or request.model, f"that was no use: {problem}"))
            first, mended = answer, form.mend(request, answer.text, problem)
            answer = _stream(notebook, mended, options, display)
            answer.follow(first)
            problem = fit(form, answer)
        if problem:
            notebook.keep(options.output, answer)
            display.finish(answer.response, answer.facts(), form.shown(answer.text))
            raise form.refusal(answer.text, problem)
    notebook.keep(options.output, answer)
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


def fit(form: Form, answer: Answer) -> str:
    """Put the object that an answer is into it; returns what is wrong where it is none."""
    try:
        answer.parsed = form.read(answer.text)
    except ValueError as error:
        cut_off = "it was cut off by the limit of tokens; " if answer.finish == "length" else ""
        return one_line(f"{cut_off}{error}")
    return ""


def offers_cells(shell: Any) -> bool:
    """Whether the front end has a reader who could use a new cell: not a program that runs the notebook, nor Colab."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or "google.colab" in sys.modules:
        return False
    parent = kernel.get_parent() or {}
    return bool((parent.get("content") or {}).get("allow_stdin"))


def _stream(
    notebook: Notebook, request: ChatRequest, options: argparse.Namespace, display: AnswerDisplay
) -> Answer:
    """Return the answer to one request, shown while it grows; what broke off is shown, kept and raised."""
    session = notebook.session
    trace = Trace()
    accumulator = Accumulator()
    events = session.stream(
        request,
        fresh=options.fresh,
        cached=not options.no_cache,
        trace=trace,
        deadlines=deadlines_within(session.deadlines, options.timeout),
        fallback=not options.no_fallback,
        cell=notebook.cell,
    )
    try:
        for batch in notebook.portal.iterate(events):
            for event in batch:
                accumulator.add(event)
                display.add(event)
            if trace.source == "provider":
                display.tick(time.monotonic())
    except KeyboardInterrupt:
        answer = Answer(request, accumulator.response(), trace, partial=True)
        notebook.keep(options.output, answer)
        display.interrupt(answer.response, answer.facts())
        raise
    except VeError as error:
        if isinstance(error, InterruptedStreamError) or accumulator.text:
            notebook.keep(options.output, Answer(request, accumulator.response(), trace, partial=True))
        display.fail(
            accumulator.response(), Answer(request, accumulator.response(), trace, partial=True).facts()
        )
        raise
    return Answer(request, accumulator.response(), trace)


def deadlines_within(base: Deadlines, timeout: float | None) -> Deadlines | None:
    """Return limits of which all together is `timeout` seconds; None where that is None."""
    if timeout is None:
        return None
    return Deadlines(connect=base.connect, first_token=base.first_token, silence=base.silence, total=timeout)
