"""`%%agent`: a model that works with tools until it has the answer; its steps are shown while it does."""

from __future__ import annotations

import argparse
import time
from typing import Any

import msgspec

from ve_magics.engine.acting import Surroundings, running
from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.marking import with_rules
from ve_magics.engine.agent.running import Agent
from ve_magics.engine.agent.values import Errand, Limits
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.errors import StoreError, VeError
from ve_magics.magics import attachments
from ve_magics.magics.agent_answer import AgentAnswer
from ve_magics.magics.agent_arguments import agent_parser
from ve_magics.magics.agent_display import AgentDisplay
from ve_magics.magics.approval import asker
from ve_magics.magics.arguments import chat_request
from ve_magics.magics.asked import deadlines_within
from ve_magics.magics.chat import prompt_of
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.toolbox import offers_named
from ve_magics.messages import ChatRequest, Part

MOST_TOKENS = 8_192
"""Tokens of one answer where the run has a budget and the cell sets no limit: the dearest answer must be known."""


def agent(notebook: Notebook, line: str, cell: str) -> None:
    """Run a `%%agent` cell.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    parser = agent_parser()
    options = parser.read(line)
    if options.help:
        show_text(parser.format_help())
        return
    session = notebook.session
    talk = notebook.talks.join(options.conversation, cell, new=options.new)
    default = session.config.default("chat").model
    words = prompt_of(notebook, options, cell)
    if talk is not None and not options.system:
        options.system = talk.system
    parts: list[Part] = [
        *(
            attachments.image(one, directory=notebook.directory, namespace=notebook.namespace)
            for one in options.image
        ),
        *(attachments.file(one, directory=notebook.directory) for one in options.file),
    ]
    request = chat_request(options, cell, model=default, words=words, parts=parts, magic="%%agent")
    asked = request.messages[-1]
    if talk is not None:
        talk.fit(session.config, request)
        history = talk.history
        request = chat_request(
            options, cell, model=default, words=words, parts=parts, history=history, magic="%%agent"
        )
    request = msgspec.structs.replace(request, messages=with_rules(request.messages))
    if options.budget is not None and request.max_tokens is None:
        request = msgspec.structs.replace(request, max_tokens=MOST_TOKENS)
    offers = offers_named(notebook, options.tools, fresh=options.fresh)
    acting = Agent("", tuple(offers), limits_of(options))
    answer = run(notebook, acting, request, options)
    if talk is not None:
        try:
            talk.keep(asked, answer.response, system=options.system or "", model=answer.served)
        except StoreError as error:
            session.warn(error.message)
            show_text(f"! {error.message} {error.hint}")
        if talk.note:
            show_text(talk.note)


def limits_of(options: argparse.Namespace) -> Limits:
    """Return how far the line lets its agent go."""
    return Limits() if options.max_steps is None else Limits(steps=options.max_steps)


def run(notebook: Notebook, acting: Agent, request: ChatRequest, options: argparse.Namespace) -> AgentAnswer:
    """Return an agent's answer, shown while it works; what broke off is shown, kept and raised."""
    session = notebook.session
    display = AgentDisplay(notebook.shell, notebook.directory)
    memory = ToolMemory(session, fresh=options.fresh, cached=not options.no_cache, cell=notebook.cell)
    means = Surroundings(
        session,
        memory,
        approval=options.approve,
        question=asker(notebook.shell),
        fresh=options.fresh,
        cached=not options.no_cache,
        deadlines=deadlines_within(session.deadlines, options.timeout),
        fallback=not options.no_fallback,
        cell=notebook.cell,
    )
    ended: Ended | None = None

    def answer() -> AgentAnswer:
        return AgentAnswer(request, display.report, ended)

    def kept() -> AgentAnswer:
        found = answer()
        notebook.keep(options.output, found)
        return found

    happening: Any
    try:
        for batch in notebook.portal.iterate(running(means, acting, request, Allowance(options.budget))):
            for happening in batch:
                if isinstance(happening, Ended):
                    ended = happening
                elif isinstance(happening, Errand):
                    display.before_question()
                    display.tick(time.monotonic())
                    happening.perform()
                else:
                    display.add(happening)
            display.tick(time.monotonic())
    except KeyboardInterrupt:
        display.interrupt(kept())
        raise
    except VeError:
        display.fail(kept())
        raise
    found = kept()
    display.finish(found)
    return found
