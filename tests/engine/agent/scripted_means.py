"""Surroundings of an agent that do what a test tells them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from ve_magics.catalog import Cost
from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.running import Agent, Run
from ve_magics.engine.agent.values import Arguments, Happening, Limits, Offer, Situation, Source
from ve_magics.engine.trace import Trace
from ve_magics.events import Event, events_of
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    Message,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    user,
)
from ve_magics.routing import Target
from ve_magics.tools import Output

Model = Callable[[ChatRequest], ChatResponse]


def says(text: str) -> ChatResponse:
    """Return an answer in words."""
    return ChatResponse(choices=(Choice(Message("assistant", (Text(text),)), "stop"),))


def wants(*calls: tuple[str, Any] | ToolCall, text: str = "") -> ChatResponse:
    """Return an answer that calls tools: names with their arguments, as JSON or as the text that the model sends."""
    parts = [
        one
        if isinstance(one, ToolCall)
        else ToolCall(f"c{number}", one[0], one[1] if isinstance(one[1], str) else json.dumps(one[1]))
        for number, one in enumerate(calls)
    ]
    words = (Text(text),) if text else ()
    return ChatResponse(choices=(Choice(Message("assistant", (*words, *parts)), "tool_calls"),))


def told(request: ChatRequest) -> list[ToolResult]:
    """Return all results that a request tells the model."""
    return [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]


def script(*answers: ChatResponse) -> Model:
    """Return a model that gives these answers in order, the last one again and again."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def tool(
    name: str,
    result: Callable[[Arguments], Any] = lambda _: "done",
    **more: Any,
) -> Offer:
    """Return a tool on offer that gives back what a function makes of its arguments."""

    async def run(arguments: Arguments, situation: Situation) -> Output:
        found = result(arguments)
        if asyncio.iscoroutine(found):
            found = await found
        return found if isinstance(found, Output) else Output((Text(str(found)),))

    return Offer(spec=Tool(name, name, {"type": "object"}), run=run, **more)


class Means:
    """An agent's surroundings.

    Args:
        models: Who answers, by model; one for all of them where it is no mapping.
        approves: Says yes or no.
        cost: What each answer costs.
    """

    def __init__(
        self,
        models: Model | Mapping[str, Model],
        *,
        approves: Callable[[Offer], bool] = lambda offer: not offer.approve,
        cost: float | None = 0.0,
    ) -> None:
        self._models = models
        self._approves = approves
        self._cost = cost
        self.asked: list[ChatRequest] = []
        self.questions: list[tuple[str, tuple[str, ...]]] = []
        self.memory: dict[tuple[int, str, str], Output] = {}
        self.now = 0.0

    async def ask(self, request: ChatRequest, trace: Trace) -> AsyncGenerator[Event, None]:
        """Yield an answer."""
        self.asked.append(request)
        model = self._models[request.model] if isinstance(self._models, Mapping) else self._models
        for event in events_of(model(request)):
            yield event
        trace.served, trace.cost = Target("test", request.model or "m"), Cost(self._cost)

    def most(self, request: ChatRequest) -> float | None:
        """Return what a request could cost at most."""
        return self._cost

    def recall(self, request: ChatRequest, call: ToolCall) -> tuple[Output, Source] | None:
        """Return a result that is remembered."""
        found = self.memory.get((len(request.messages), call.id, call.name))
        return None if found is None else (found, "recording")

    def keep(self, request: ChatRequest, call: ToolCall, output: Output) -> None:
        """Remember a result."""
        self.memory[len(request.messages), call.id, call.name] = output

    async def approve(
        self, offer: Offer, arguments: Any, situation: Situation, tainted: Sequence[str]
    ) -> bool:
        """Say yes or no."""
        if offer.approve:
            self.questions.append((offer.name, tuple(tainted)))
        return self._approves(offer)

    def clock(self) -> float:
        """Return a time that always moves."""
        self.now += 1
        return self.now


async def play(
    means: Means,
    *offers: Offer,
    limits: Limits | None = None,
    budget: float | None = None,
    tell: Callable[[Happening], None] = lambda _: None,
    model: str = "",
) -> Ended:
    """Run an agent with these tools to its end."""
    run = Run(means, tell, Allowance(budget))
    request = ChatRequest(model=model, messages=(user("Do it."),))
    return await run.play(Agent("", offers, limits or Limits()), request)
