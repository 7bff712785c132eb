"""`%%agent`, and `%%chat` with tools: a model that works until it has the answer."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

import msgspec

from ve_magics.catalog import nearest
from ve_magics.engine.acting import Cast
from ve_magics.engine.agent.marking import with_rules
from ve_magics.engine.agent.team import LEADING, Member
from ve_magics.engine.agent.values import Limits
from ve_magics.engine.knowledge.citing import HANDED_ON
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.errors import ArgumentsError, StoreError
from ve_magics.magics.agent.answer import AgentAnswer
from ve_magics.magics.agent.arguments import agent_parser
from ve_magics.magics.agent.run import CellRun
from ve_magics.magics.agent.toolbox import Toolbox, agents_known
from ve_magics.magics.chat.formats import form_of
from ve_magics.magics.chat.plan import plan
from ve_magics.magics.chat.question import question_of
from ve_magics.magics.knowledge.citations import worded
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.messages import ChatRequest, Message, ToolResult

_MOST_NUMBERS = 800
"""Numbers of passages in a conversation, after which they begin anew: only three digits cite."""
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
    act(notebook, options, cell, magic="%%agent")


def act(notebook: Notebook, options: argparse.Namespace, cell: str, *, magic: str) -> AgentAnswer | None:
    """Run a cell whose model may call tools; returns its answer, None where only a plan was asked for.

    Args:
        notebook: The running notebook.
        options: The parsed line.
        cell: The prompt.
        magic: What the cell begins with, for errors.

    Raises:
        VeError: Whatever went wrong, fit to be shown.
        KeyboardInterrupt: The cell was interrupted; what had come is shown and kept as partial.
    """
    session = notebook.session
    form = form_of(options.format, options.schema, notebook.namespace)
    talk, request, asked = question_of(notebook, options, cell, magic=magic, tools=True)
    memory = ToolMemory(
        session,
        fresh=options.fresh,
        cached=not options.no_cache,
        cell=notebook.cell,
        after=last_number(request.messages),
    )
    cast = cast_of(notebook, memory, options)
    more = "\n".join(filter(None, rules_of(cast, cites=not form.structured)))
    request = form.ask(msgspec.structs.replace(request, messages=with_rules(request.messages, more)))
    if options.budget is not None and request.max_tokens is None:
        request = msgspec.structs.replace(request, max_tokens=MOST_TOKENS)
    if options.dry_run:
        show_text(plan_with_tools(notebook, request, cast, talk.note if talk else ""))
        return None
    answer = CellRun(notebook, memory, cast, options, form).play(request)
    if talk is not None:
        try:
            talk.keep(
                asked,
                worded(answer.response, answer.text) if answer.cited else answer.response,
                system=options.system or "",
                model=answer.served,
                between=answer.said,
            )
        except StoreError as error:
            session.warn(error.message)
            show_text(f"! {error.message} {error.hint}")
        if talk.note:
            show_text(talk.note)
    return answer


def rules_of(cast: Cast, *, cites: bool) -> list[str]:
    """Return what a cell's agent is told of its team and its tools.

    Args:
        cast: Who acts.
        cites: Whether the answer may cite documents; one of a given form may not.
    """
    rules = [LEADING] if cast.members else []
    if cites:
        rules += dict.fromkeys(offer.rules for offer in cast.tools.offers)
        handed = any(offer.rules for _, tools in cast.members for offer in tools.offers)
        rules += [HANDED_ON] if handed else []
    return rules


def last_number(messages: Sequence[Message]) -> int:
    """Return the highest number of a passage in a conversation's results of searches; 0 where there is none."""
    found = [
        int(number)
        for message in messages
        for part in message.parts
        if isinstance(part, ToolResult) and part.name == "search_documents"
        for number in re.findall(r"^\[(\d{1,3})\] ", part.text, re.MULTILINE)
    ]
    highest = max(found, default=0)
    return highest if highest < _MOST_NUMBERS else 0


def cast_of(notebook: Notebook, memory: ToolMemory, options: argparse.Namespace) -> Cast:
    """Return who acts in a cell, as its line says.

    Raises:
        ArgumentsError: It names a tool or an agent that isn't there, or nothing that could be called.
        ConfigError: An MCP server's row can't be used.
    """
    if options.kb and notebook.session.mode in ("off", "record"):
        notebook.library.shelf.base(
            options.kb
        )  # a recording may hold what was found in a base that isn't here
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
    known = agents_known(notebook)
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
