"""A session's models as agents: who asks, who remembers, what it may cost, and who says yes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from ve_magics.catalog import nearest
from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.consent import advice, reason, verdict
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.mcp import McpConnection, mcp_offers
from ve_magics.engine.agent.running import Agent, Run, happenings
from ve_magics.engine.agent.team import Member, Team
from ve_magics.engine.agent.values import (
    Approval,
    ApprovalError,
    Happening,
    Limits,
    Noted,
    Offer,
    Situation,
    Source,
    shown_arguments,
)
from ve_magics.engine.session import Session
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.engine.trace import Trace
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import ArgumentsError
from ve_magics.events import Event
from ve_magics.messages import ChatRequest, ToolCall
from ve_magics.tools import Output

Answer = str
"""What a reader says to a call: `yes`, `no`, or `all` for every further call of the same tool in this run."""


class Surroundings:
    """One run's surroundings in a session; what `engine.agent.running.Means` asks for.

    Args:
        session: Who asks models and remembers.
        memory: What the run remembers of its tools.
        approval: What the cell says about calls that cost money or have effects.
        question: Asks the cell's reader, in the cell's own thread; None where nobody is there.
        fresh: Ask again although the answer is known.
        cached: False neither looks in the cache nor keeps the answers.
        deadlines: Limits of one question in seconds; the session's own where None.
        fallback: False asks each route's first target only.
        cell: What to call the cell in an error.
    """

    def __init__(
        self,
        session: Session,
        memory: ToolMemory,
        *,
        approval: Approval = "ask",
        question: Callable[[str], Answer] | None = None,
        fresh: bool = False,
        cached: bool = True,
        deadlines: Deadlines | None = None,
        fallback: bool = True,
        cell: str = "",
    ) -> None:
        self._session = session
        self._memory = memory
        self._approval = approval
        self._question = question
        self._fresh = fresh
        self._cached = cached
        self._deadlines = deadlines
        self._fallback = fallback
        self._cell = cell
        self._approved = 0
        self._allowed: set[str] = set()
        self._asking = asyncio.Lock()

    def ask(self, request: ChatRequest, trace: Trace) -> AsyncGenerator[Event, None]:
        """Yield a model's answer."""
        return self._session.stream(
            request,
            fresh=self._fresh,
            cached=self._cached,
            trace=trace,
            deadlines=self._deadlines,
            fallback=self._fallback,
            cell=self._cell,
        )

    def most(self, request: ChatRequest) -> float | None:
        """Return what a request could cost at most in US dollars; None where nobody knows."""
        return self._session.books.most(request, fallback=self._fallback)[0]

    def recall(self, request: ChatRequest, call: ToolCall) -> tuple[Output, Source] | None:
        """Return the result of a call that was made before; None where it must be made."""
        return self._memory.recall(request, call)

    def keep(self, request: ChatRequest, call: ToolCall, output: Output) -> None:
        """Remember the result of a call."""
        self._memory.keep(request, call, output)

    async def approve(
        self, offer: Offer, arguments: Any, situation: Situation, tainted: Sequence[str]
    ) -> bool:
        """Whether a call may be made.

        Raises:
            ApprovalError: Nobody is there to say so.
        """
        said = verdict(offer, self._approval, self._approved)
        if said == "free":
            return True
        called = f"{offer.name}({shown_arguments(situation.call)})"
        if said == "approved":
            self._approved += 1
            situation.tell(Noted(situation.agent, f"approved in advance: {called}"))
            return True
        if self._question is None:
            raise ApprovalError(
                f"{reason(offer, self._approval, self._approved)} Nothing was run: {called}",
                hint=advice(offer, self._approval),
            )
        whole = f"{offer.name}({shown_arguments(situation.call, limit=2_000)})"
        asked = "\n".join([f"▶ {whole}", *_circumstances(offer, arguments, situation, tainted)])
        question = self._question
        async with self._asking:
            if offer.name in self._allowed:
                return True
            answer = await situation.here(lambda: question(asked))
        if answer == "all" and not offer.always:
            self._allowed.add(offer.name)
        situation.tell(Noted(situation.agent, f"{'refused' if answer == 'no' else 'approved'}: {called}"))
        return bool(answer != "no")

    def clock(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()


def _circumstances(offer: Offer, arguments: Any, situation: Situation, tainted: Sequence[str]) -> list[str]:
    """Return what a reader should know before saying yes."""
    price = offer.price(arguments)
    lines = []
    if price is None:
        lines.append("  What it costs is not known.")
    elif price:
        lines.append(f"  It costs about ${price:.2f}.")
    if situation.agent:
        lines.append(f"  The agent {situation.agent} wants it.")
    if tainted:
        lines.append(
            f"  The model has read what strangers wrote ({', '.join(tainted)}): is it what you asked for?"
        )
    return lines


@dataclass(frozen=True, slots=True)
class Tools:
    """Tools for one agent: those that are there, and those that somebody has to be asked for.

    Attributes:
        offers: Tools.
        sources: Each returns more tools when it is awaited.
    """

    offers: tuple[Offer, ...] = ()
    sources: tuple[Callable[[], Awaitable[Sequence[Offer]]], ...] = ()

    async def all(self) -> tuple[Offer, ...]:
        """Return all of them.

        Raises:
            ArgumentsError: Two have the same name.
            VeError: A source gives none.
        """
        found = [*self.offers]
        for source in self.sources:
            found += await source()
        return without_twins(found)


def without_twins(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return tools of which each has a name of its own.

    Raises:
        ArgumentsError: Two have the same.
    """
    taken: set[str] = set()
    for offer in offers:
        if offer.name in taken:
            raise ArgumentsError(f"Two tools are called {offer.name}.", hint='Rename one: @tool(name="…")')
        taken.add(offer.name)
    return tuple(offers)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts in one cell.

    Attributes:
        tools: What the agent that the cell begins may call.
        members: The agents that it can hand work to, and their tools.
        limits: How far each of them goes.
    """

    tools: Tools = field(default_factory=Tools)
    members: tuple[tuple[Member, Tools], ...] = ()
    limits: Limits = field(default_factory=Limits)


def running(
    means: Surroundings, cast: Cast, request: ChatRequest, allowance: Allowance
) -> AsyncGenerator[Happening | Ended, None]:
    """Yield what happens while an agent runs, and how it ended; closing this generator stops it.

    Raises:
        VeError: The model can't be asked, or a call needs a yes that nobody can give.
    """

    async def start(tell: Callable[[Happening], None]) -> Ended:
        run = Run(means, tell, allowance)
        team = Team(run, request, cast.limits)
        members = [team.offer(member, await tools.all()) for member, tools in cast.members]
        offers = without_twins([*await cast.tools.all(), *members])
        return await run.play(Agent("", offers, cast.limits), request)

    return happenings(start)


class Connections:
    """The MCP servers of one session, each connected to when it is first needed, until the session is closed.

    Args:
        session: The session, whose configuration names them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: dict[str, McpConnection] = {}
        session.closers.append(self.aclose)

    def source(
        self, server: str, memory: ToolMemory, *, wanted: str = ""
    ) -> Callable[[], Awaitable[Sequence[Offer]]]:
        """Return a source of a server's tools.

        A recording that knows what the server offers is believed, so that a replay starts nothing.

        Args:
            server: Its name in the configuration.
            memory: What the run remembers.
            wanted: Only the tool that is offered by this name, which the cell then names itself.

        Raises:
            ConfigError: The server's row can't be used.
        """
        if server not in self._open:
            self._open[server] = McpConnection(self._session.config.mcp[server])
        connection = self._open[server]

        async def tools() -> Sequence[Offer]:
            listed = memory.tools(f"mcp {server}")
            if listed is None:
                listed = await connection.tools()
            memory.keep_tools(f"mcp {server}", listed)
            found = mcp_offers(connection, listed, named=bool(wanted), wanted=wanted)
            if wanted and not found:
                names = [tool.name for _, tool in listed]
                near = nearest(wanted, names, count=1)
                hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(names) or 'none'}."
                raise ArgumentsError(f"The MCP server {server} has no tool {wanted}.", hint=hint)
            return found

        return tools

    async def aclose(self) -> None:
        """End them all."""
        servers, self._open = [*self._open.values()], {}
        await asyncio.gather(*(server.aclose() for server in servers))


_CONNECTIONS: WeakKeyDictionary[Session, Connections] = WeakKeyDictionary()


def connections(session: Session) -> Connections:
    """Return a session's MCP servers."""
    if session not in _CONNECTIONS:
        _CONNECTIONS[session] = Connections(session)
    return _CONNECTIONS[session]
