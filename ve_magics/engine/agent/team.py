"""Agents that another agent can hand work to: each has a purpose, a model and tools, and is called like a tool."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec

from ve_magics.engine.agent.functions import offer_of
from ve_magics.engine.agent.marking import with_rules
from ve_magics.engine.agent.running import Agent, Run
from ve_magics.engine.agent.values import Arguments, Limits, Offer, Situation
from ve_magics.engine.knowledge.citing import without_quotes
from ve_magics.messages import ChatRequest, Text, system, user
from ve_magics.tools import FunctionTool, Output

LEADING = (
    "You lead a team. Each agent of it can be called like a tool. Hand each part of the task to the agent whose purpose"
    " fits it, several at once where their parts don't need each other. Where one needs what another one finds, call it"
    " afterwards and pass that on. Then join their work in one answer to the user. What no agent is needed for, answer"
    " yourself."
)
"""What the one who leads is told."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One agent of a team.

    Attributes:
        purpose: What it is for, as the one who leads reads it.
        model: Who it is; the leader's model where empty.
        tools: What it may call, named as a cell names tools.
        system: What its system prompt says besides.
    """

    name: str
    purpose: str
    model: str = ""
    tools: tuple[str, ...] = ()
    system: str = ""


MEMBERS = (
    Member(
        name="text",
        purpose="Write, rewrite, translate and summarise text. Give it everything that it needs to know.",
    ),
    Member(
        name="film",
        purpose="Make films (video clips). Tell it what the film is to show.",
        tools=("generate_video",),
        system="Write the film's prompt yourself: one scene that can be filmed, in full sentences.",
    ),
    Member(
        name="documents",
        purpose="Answer questions from the user's documents, with their sources.",
        tools=("search_documents",),
        system="Answer from what you find alone. Say so where it doesn't hold the answer.",
    ),
    Member(
        name="data",
        purpose="Work with the notebook's variables and tables, and calculate, by running Python code.",
        tools=("python",),
    ),
)
"""The agents that come with ve_magics."""


class Team:
    """The agents of one run.

    Args:
        run: The run that they are part of.
        request: What the cell asks; its settings hold for the agents too.
        limits: How far each of them goes.
    """

    def __init__(self, run: Run, request: ChatRequest, limits: Limits) -> None:
        self._run = run
        self._request = request
        self._limits = limits
        self._called: Counter[str] = Counter()

    def offer(self, member: Member, offers: Sequence[Offer]) -> Offer:
        """Return an agent as a tool on offer.

        Args:
            member: The agent.
            offers: Its tools.
        """

        def handed(
            task: Annotated[
                str, "What it is to do, with everything that it needs to know: it sees nothing else."
            ],
        ) -> None:
            """Hand work to an agent."""

        tool = FunctionTool(handed, name=member.name, description=member.purpose)

        async def run(arguments: Arguments, situation: Situation) -> Output:  # noqa: ARG001 - as every tool is called
            (_, named) = tool.read(arguments)
            return await self._play(member, offers, str(named["task"]))

        return dataclasses.replace(
            offer_of(tool),
            run=run,
            remembers=True,
            known=lambda _: True,
            untrusted=any(offer.untrusted for offer in offers),
        )

    async def _play(self, member: Member, offers: Sequence[Offer], task: str) -> Output:
        self._called[member.name] += 1
        number = self._called[member.name]
        name = member.name if number == 1 else f"{member.name} {number}"
        rules = dict.fromkeys(offer.rules for offer in offers)
        about = (f"You are the agent {member.name}. {member.purpose}", member.system, *rules)
        head = "\n".join(filter(None, about))
        request = msgspec.structs.replace(
            self._request,
            model=member.model or self._request.model,
            messages=with_rules((system(head), user(task))),
            output=None,
            tool_choice=None,
        )
        ended = await self._run.play(Agent(name, tuple(offers), self._limits), request)
        return Output((Text(without_quotes(ended.response.text) or "(it said nothing)"),))
