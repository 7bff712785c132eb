"""What a cell asks: its words, what it sends along, and the conversation that it goes on with."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import NamedTuple

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat import attachments
from ve_magics.magics.chat.arguments import chat_request
from ve_magics.magics.chat.conversation import Talk
from ve_magics.magics.chat.prompt import filled, text_of
from ve_magics.magics.chat.render import render
from ve_magics.magics.chat.traces import FIX_PROMPT, failure_of
from ve_magics.magics.notebook import Notebook
from ve_magics.messages import ChatRequest, Message, Part, Text


class Question(NamedTuple):
    """What a cell asks.

    Attributes:
        talk: The conversation that it goes on with; None for none.
        request: The request, with what was said before.
        asked: The message that the cell adds.
    """

    talk: Talk | None
    request: ChatRequest
    asked: Message


def question_of(
    notebook: Notebook,
    options: argparse.Namespace,
    cell: str,
    *,
    magic: str = "%%chat",
    tools: bool = False,
) -> Question:
    """Return what a cell asks; a system prompt that the conversation has is put into the options.

    Args:
        notebook: The running notebook.
        options: The parsed line.
        cell: The prompt.
        magic: What the cell begins with, for errors.
        tools: Whether the calls of earlier turns are told as well.

    Raises:
        ArgumentsError: The prompt is empty, or something that it names can't be used.
    """
    session = notebook.session
    if name := notebook.talks.using if options.conversation is None else options.conversation:
        notebook.background.settle(name)
    talk = notebook.talks.join(options.conversation, cell, new=options.new)
    model = session.config.default("chat").model
    words = prompt_of(notebook, options, cell)
    if talk is not None:
        talk.tools = talk.tools or tools
        options.system = options.system or talk.system
    ask = functools.partial(
        chat_request, options, cell, model=model, words=words, parts=attached(notebook, options), magic=magic
    )
    request = ask()
    asked = request.messages[-1]
    if talk is not None:
        talk.fit(session.config, request)
        request = ask(history=talk.history)
    return Question(talk, request, asked)


def attached(notebook: Notebook, options: argparse.Namespace) -> list[Part]:
    """Return the pictures and files that a line sends along.

    Raises:
        ArgumentsError: One of them can't be read.
    """
    folder, names = notebook.directory, notebook.namespace
    return [
        *(attachments.image(source, directory=folder, namespace=names) for source in options.image),
        *(attachments.file(source, directory=folder, namespace=names) for source in options.file),
    ]


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
