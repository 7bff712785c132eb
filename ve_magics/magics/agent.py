"""`%%agent`: a model that works with tools until it has the answer; its steps are shown while it does."""

from __future__ import annotations

import argparse
import time
from typing import Any

import msgspec

from ve_magics.catalog import nearest
from ve_magics.engine.acting import Cast, Surroundings, running
from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.marking import with_rules
from ve_magics.engine.agent.team import LEADING, MEMBERS, Member
from ve_magics.engine.agent.values import Errand, Limits
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.errors import ArgumentsError, StoreError, VeError
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
from ve_magics.magics.plan import plan
from ve_magics.magics.toolbox import Toolbox
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
    if options.budget is not None and request.max_tokens is None:
        request = msgspec.structs.replace(request, max_tokens=MOST_TOKENS)
    memory = ToolMemory(session, fresh=options.fresh, cached=not options.no_cache, cell=notebook.cell)
    cast = cast_of(notebook, memory, options)
    request = msgspec.structs.replace(
        request, messages=with_rules(request.messages, LEADING if cast.members else "")
    )
    if options.dry_run:
        show_text(plan_with_tools(notebook, request, cast, talk.note if talk else ""))
        return
    answer = run(notebook, memory, cast, request, options)
    if talk is not None:
        try:
            talk.keep(asked, answer.response, system=options.system or "", model=answer.served)
        except StoreError as error:
            session.warn(error.message)
            show_text(f"! {error.message} {error.hint}")
        if talk.note:
            show_text(talk.note)


def cast_of(notebook: Notebook, memory: ToolMemory, options: argparse.Namespace) -> Cast:
    """Return who acts in a cell, as its line says.

    Raises:
        ArgumentsError: It names a tool or an agent that isn't there, or nothing that could be called.
        ConfigError: An MCP server's row can't be used.
    """
    box = Toolbox(notebook, memory, knowledge_base=options.kb or "", fresh=options.fresh)
    members = members_of(notebook, options)
    named = [*options.tools]
    handled = any("search_documents" in member.tools for member in members)
    if options.kb and not handled and "search_documents" not in named:
        named.append("search_documents")
    tools = box.tools(named) if named or members else box.marked()
    if not (tools.offers or tools.sources or members):
        raise ArgumentsError(
            "The agent has nothing to call.",
            hint="Name tools: --tools a,b, --kb NAME, --team; or mark functions with @ve_magics.tool",
        )
    limits = Limits() if options.max_steps is None else Limits(steps=options.max_steps)
    handed = tuple((one, box.tools(one.tools, named=one.name in options.agents)) for one in members)
    return Cast(tools, handed, limits)


def members_of(notebook: Notebook, options: argparse.Namespace) -> list[Member]:
    """Return the agents to which a cell's own agent can hand work.

    Raises:
        ArgumentsError: One that is named isn't there, or lacks its documents.
    """
    known = {member.name: member for member in MEMBERS}
    for name, row in notebook.session.config.agents.items():
        known[name] = Member(
            name=name, purpose=row.purpose, model=row.model, tools=row.tools, system=row.system
        )
    for value in notebook.namespace.values():
        if isinstance(value, Member):
            known[value.name] = value
    for name in options.agents:
        if name not in known:
            near = nearest(name, known, count=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
            raise ArgumentsError(f"--agents: there is no agent {name!r}.", hint=hint)
    named = dict.fromkeys(options.agents)
    return [
        member
        for name, member in known.items()
        if name in named or (options.team and (options.kb or "search_documents" not in member.tools))
    ]


def plan_with_tools(notebook: Notebook, request: ChatRequest, cast: Cast, note: str) -> str:
    """Say what would be sent, and what may be called."""
    tools = [offer.name for offer in cast.tools.offers] + ["MCP servers"] * bool(cast.tools.sources)
    lines = [plan(notebook, request, note), f"tools     {', '.join(tools) or 'none'}"]
    lines += [
        f"agent     {member.name}: {', '.join(offer.name for offer in its.offers) or 'no tools'}"
        for member, its in cast.members
    ]
    return "\n".join(lines)


def run(
    notebook: Notebook, memory: ToolMemory, cast: Cast, request: ChatRequest, options: argparse.Namespace
) -> AgentAnswer:
    """Return an agent's answer, shown while it works; what broke off is shown, kept and raised."""
    session = notebook.session
    display = AgentDisplay(notebook.shell, notebook.directory)
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
        for batch in notebook.portal.iterate(running(means, cast, request, Allowance(options.budget))):
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
