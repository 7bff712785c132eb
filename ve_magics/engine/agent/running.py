"""The driver of an agent: it asks, calls side by side, remembers results, and tells what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.course import Ask, Came, Ended, Planned, Work, course
from ve_magics.engine.agent.values import (
    ApprovalError,
    CallBegan,
    CallEnded,
    Errand,
    Happening,
    Limits,
    Noted,
    Offer,
    Said,
    Situation,
    Source,
    StepBegan,
    StepEnded,
)
from ve_magics.engine.trace import Trace
from ve_magics.errors import BudgetError, RecordingError, VeError
from ve_magics.events import Accumulator, Event
from ve_magics.messages import ChatRequest, ChatResponse, ToolCall
from ve_magics.tools import Output, cut
from ve_magics.tools.output import failure

T = TypeVar("T")

SIDE_BY_SIDE = 8
"""Calls of one step that run at the same time."""
_LONGEST_ERROR = 2_000


class Means(Protocol):
    """What an agent needs of its surroundings."""

    def ask(self, request: ChatRequest, trace: Trace) -> AsyncGenerator[Event, None]:
        """Yield a model's answer; the trace is filled with where it came from and what it cost."""

    def most(self, request: ChatRequest) -> float | None:
        """Return what a request could cost at most in US dollars; None where nobody knows."""

    def recall(self, request: ChatRequest, call: ToolCall) -> tuple[Output, Source] | None:
        """Return the result of a call that was made before; None where it must be made.

        Raises:
            RecordingError: Nothing may be made anew, and this call's result is not there.
        """

    def keep(self, request: ChatRequest, call: ToolCall, output: Output) -> None:
        """Remember the result of a call."""

    async def approve(
        self, offer: Offer, arguments: Any, situation: Situation, tainted: Sequence[str]
    ) -> bool:
        """Whether a call may be made.

        Raises:
            ApprovalError: Nobody is there to say so.
        """

    def clock(self) -> float:
        """Return seconds of a clock that never goes back."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who runs.

    Attributes:
        name: What it is called in the trace; empty for the one that the cell began.
        offers: Its tools.
        limits: How far it goes.
    """

    name: str = ""
    offers: tuple[Offer, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class Run:
    """One run of an agent and of those that it asks.

    Attributes:
        means: Its surroundings.
        tell: Takes what happens.
        allowance: What it may spend.
    """

    means: Means
    tell: Callable[[Happening], None]
    allowance: Allowance

    async def play(self, agent: Agent, request: ChatRequest) -> Ended:
        """Run an agent to its end.

        Args:
            agent: Who.
            request: What it is asked.

        Raises:
            VeError: The model can't be asked, or a call needs a yes that nobody can give.
        """
        steps = course(request, agent.offers, agent.limits)
        came: Came | None = None
        try:
            while True:
                step = steps.send(came)  # type: ignore[arg-type]  # the first send must be None
                came = await (self._ask(agent, step) if isinstance(step, Ask) else self._work(agent, step))
        except StopIteration as stop:
            ended: Ended = stop.value
            return ended

    async def _ask(self, agent: Agent, step: Ask) -> ChatResponse:
        means = self.means
        self.tell(StepBegan(agent.name, step.number))
        began = means.clock()
        trace, accumulator = Trace(), Accumulator()
        most = None if self.allowance.limit is None else means.most(step.request)
        with self.allowance.reserved(most, "the model's answer"):
            try:
                async with aclosing(means.ask(step.request, trace)) as events:
                    async for event in events:
                        accumulator.add(event)
                        self.tell(Said(agent.name, event))
            finally:
                if trace.source == "provider" and trace.served is not None:
                    self.allowance.paid(trace.cost.amount)
        response = accumulator.response()
        self.tell(StepEnded(agent.name, step.number, response, trace, means.clock() - began))
        return response

    async def _work(self, agent: Agent, work: Work) -> list[Output]:
        free = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(planned: Planned) -> Output:
            async with free:
                return await self._call(agent, work, planned)

        return await side_by_side([one(planned) for planned in work.calls])

    async def _call(self, agent: Agent, work: Work, planned: Planned) -> Output:
        began = self.means.clock()
        self.tell(CallBegan(agent.name, work.number, planned.call))
        output, source = await self._result(agent, work, planned)
        seconds = self.means.clock() - began
        self.tell(CallEnded(agent.name, work.number, planned.call, output, seconds, source))
        return output

    async def _result(self, agent: Agent, work: Work, planned: Planned) -> tuple[Output, Source]:
        offer, call = planned.offer, planned.call
        assert offer is not None, "what was refused is not called"
        if not offer.remembers and (kept := self.means.recall(work.request, call)) is not None:
            return kept
        situation = Situation(agent.name, call, self.tell, self.here)
        try:
            offer.check(planned.arguments)
            known = offer.known(planned.arguments)
            if not known and not await self.means.approve(offer, planned.arguments, situation, work.tainted):
                return failure("the user did not approve this call. Do not make it again."), "refused"
            price = 0.0 if known else offer.price(planned.arguments)
            with self.allowance.reserved(price, offer.name):
                output = await offer.run(planned.arguments, situation)
                if not known and offer.approve:
                    self.allowance.paid(output.cost)
        except (ApprovalError, RecordingError):
            raise
        except VeError as error:
            if isinstance(error, BudgetError):
                self.tell(Noted(agent.name, error.message))
            output = failure(cut(f"{error.message} {error.hint}".strip(), _LONGEST_ERROR))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is told to the model
            output = failure(cut(f"{type(error).__name__}: {error}", _LONGEST_ERROR))
        if not offer.remembers:
            self.means.keep(work.request, call, output)
        return output, "run"

    async def here(self, function: Callable[[], T]) -> T:
        """Run a function in the cell's own thread and return its result.

        Raises:
            Exception: Whatever the function raises.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def deliver(result: T | None, error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)  # type: ignore[arg-type]  # the function's own result
            else:
                future.set_exception(error)

        def perform() -> None:
            result: T | None = None
            caught: Exception | None = None
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                caught = error
            loop.call_soon_threadsafe(deliver, result, caught)

        self.tell(Errand(perform))
        return await future


async def side_by_side(jobs: Sequence[Awaitable[T]]) -> list[T]:
    """Return the results of jobs that run at the same time; the first that fails ends the others.

    Raises:
        Exception: What the first one that failed raised.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def happenings(
    start: Callable[[Callable[[Happening], None]], Awaitable[Ended]],
) -> AsyncGenerator[Happening | Ended, None]:
    """Yield what happens in a run as it happens, and how it ended.

    Closing this generator stops the run.

    Args:
        start: Begins the run; is given who takes what happens.

    Raises:
        VeError: The run failed.
    """
    queue: asyncio.Queue[Happening | None] = asyncio.Queue()

    async def running() -> Ended:
        try:
            return await start(queue.put_nowait)
        finally:
            queue.put_nowait(None)

    task = asyncio.create_task(running())
    try:
        while (happening := await queue.get()) is not None:
            yield happening
        yield await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
