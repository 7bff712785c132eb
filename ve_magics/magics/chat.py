"""`%%chat`: one question, one answer that grows in the cell."""

from __future__ import annotations

import argparse
import time

import msgspec

from ve_magics import catalog
from ve_magics.engine.gateway import Trace, affinity
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import InterruptedStreamError, VeError
from ve_magics.events import Accumulator
from ve_magics.magics import attachments
from ve_magics.magics.answer import Answer
from ve_magics.magics.arguments import chat_parser, chat_request
from ve_magics.magics.display import AnswerDisplay
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.messages import ChatRequest, Part, Text


def chat(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%chat` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    parser = chat_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    session = notebook.session
    parts: list[Part] = [
        *(
            attachments.image(s, directory=notebook.directory, namespace=notebook.namespace)
            for s in options.image
        ),
        *(attachments.file(s, directory=notebook.directory) for s in options.file),
    ]
    request = chat_request(options, cell, model=session.config.default("chat").model, parts=parts)
    if options.dry_run:
        _show_plan(notebook, request)
        return
    _ask(notebook, request, options)


def _ask(notebook: Notebook, request: ChatRequest, options: argparse.Namespace) -> None:
    session = notebook.session
    trace = Trace()
    accumulator = Accumulator()
    display = AnswerDisplay(notebook.shell)
    events = session.stream(
        request,
        fresh=options.fresh,
        cached=not options.no_cache,
        trace=trace,
        deadlines=_deadlines(session.deadlines, options.timeout),
        fallback=not options.no_fallback,
        cell=notebook.cell,
    )
    display.start()
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
    answer = Answer(request, accumulator.response(), trace)
    notebook.keep(options.output, answer)
    display.finish(answer.response, answer.facts())


def _deadlines(base: Deadlines, timeout: float | None) -> Deadlines | None:
    if timeout is None:
        return None
    return Deadlines(connect=base.connect, first_token=base.first_token, silence=base.silence, total=timeout)


def _show_plan(notebook: Notebook, request: ChatRequest) -> None:
    """Show what would be sent, to whom, and roughly what it would cost."""
    config = notebook.session.config
    route = config.route(request.model)
    words = "\n".join(
        part.text for message in request.messages for part in message.parts if isinstance(part, Text)
    )
    tokens = catalog.estimate_tokens(words)
    lines = [f"to        {', then '.join(str(target) for target in route.targets)}"]
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                lines.append(f"{message.role:<9} {part.text}")
            else:
                size = len(getattr(part, "data", b""))
                lines.append(f"{message.role:<9} [{type(part).__name__.lower()}, {size:,} bytes]")
    skipped = {"model", "messages", "stream"}
    settings = {
        name: value
        for name, value in msgspec.to_builtins(request).items()
        if name not in skipped and value not in (None, "", [], {})
    }
    if settings:
        lines.append(f"settings  {', '.join(f'{name}={value}' for name, value in settings.items())}")
    price = config.price(route.targets[0])
    if price is None or price.input is None:
        cost = "price unknown"
    else:
        out = request.max_tokens or 1000
        cost = (
            f"≈ ${(tokens * price.input + out * (price.output or 0)) / 1e6:.4f} with {out} tokens of answer"
        )
    lines.append(f"estimate  ≈ {tokens} tokens in, {cost}; nothing was sent")
    if affinity(request):
        lines.append("cache     the prefix is long enough for the provider's prompt cache")
    show_text("\n".join(lines))
