"""One request while it is asked: who is tried next, what was delivered, and what to raise if nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ve_magics.engine.advice import advise
from ve_magics.engine.calling import Caller
from ve_magics.engine.config_file import Midstream
from ve_magics.engine.splice import Splice
from ve_magics.engine.trace import Billed, Trace
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.engine.trial import Trial
from ve_magics.errors import (
    InterruptedStreamError,
    RequestError,
    RouteExhaustedError,
    TimedOutError,
    UserError,
)
from ve_magics.events import Event, Restarted, TextDelta
from ve_magics.messages import ChatRequest
from ve_magics.routing import Attempt, Outcome, Route, Router, Target
from ve_magics.routing.router import Flow

_AT_ONCE = 0.05
"""Seconds within which an attempt counts as made when the request came."""

Sleep = Callable[[float], Awaitable[object]]


class Asking:
    """One request on its way.

    Args:
        caller: Carries it.
        router: Says who is tried next.
        route: Who may be tried.
        request: The question.
        deadlines: Limits in seconds; `total` holds over all attempts together.
        trace: Written while it is asked.
        midstream: What to do when an answer breaks after its first token.
        affinity: Requests with the same key share a long prefix.
        clock: Monotonic seconds.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        caller: Caller,
        router: Router,
        route: Route,
        request: ChatRequest,
        deadlines: Deadlines,
        trace: Trace,
        *,
        midstream: Midstream,
        affinity: str | None,
        clock: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._caller = caller
        self._router = router
        self._route = route
        self._request = request
        self._deadlines = deadlines
        self._trace = trace
        self._midstream = midstream
        self._affinity = affinity
        self._clock = clock
        self._sleep = sleep
        self._begun = clock()
        self._deadline = None if deadlines.total is None else self._begun + deadlines.total
        self._failures: list[RequestError] = []
        self._refusals: list[tuple[Target, UserError]] = []
        self._outcome: Outcome | None = None
        self._partial: list[str] = []
        self._delivered = False
        self._over = False
        self._splice = Splice() if midstream == "continue" else None
        self._hedge: Attempt | None = None
        self._may_hedge = request.stream and route.hedge_percentile is not None
        self._running: Trial | None = None
        self._flow = self._new_flow()

    def _new_flow(self) -> Flow:
        return self._router.attempts(
            self._route,
            deadline=self._deadline,
            affinity=self._affinity,
            midstream="fail" if self._midstream == "fail" else "restart",
        )

    async def next_answer(self) -> Trial | None:
        """Return the next try that has come to its first token; None where nobody is left to be tried."""
        while not self._over and (attempt := self._advance()) is not None:
            if attempt.wait:
                await self._sleep(attempt.wait)
                continue
            delay = self._router.hedge_delay(self._route) if self._may_hedge else None
            trial = await (self._alone(attempt) if delay is None else self._race(attempt, delay))
            if trial is not None:
                self._running = trial
                return trial
        return None

    def _advance(self) -> Attempt | None:
        outcome, self._outcome = self._outcome, None
        try:
            return self._flow.send(outcome)
        except StopIteration:
            return None

    def _trial(self, attempt: Attempt) -> Trial:
        request = self._request
        if self._delivered and self._splice is not None:
            request = self._splice.request(request)
        deadlines = self._deadlines
        if self._deadline is not None and self._clock() - self._begun > _AT_ONCE:
            deadlines = replace(deadlines, total=max(0.001, self._deadline - self._clock()))
        return Trial(self._caller, attempt, request, deadlines, self._clock)

    async def _alone(self, attempt: Attempt) -> Trial | None:
        trial = self._trial(attempt)
        try:
            await trial.begin()
        except (RequestError, UserError) as error:
            self._outcome = self._failed(trial, error)
            return None
        return trial

    async def _race(self, attempt: Attempt, delay: float) -> Trial | None:
        """Ask a second target where the first is slow; return the one that is first, and let the other go."""
        first = self._trial(attempt)
        tasks = {asyncio.ensure_future(first.begin()): first}
        timer = asyncio.ensure_future(self._sleep(delay))
        try:
            await asyncio.wait((*tasks, timer), return_when=asyncio.FIRST_COMPLETED)
            if not any(task.done() for task in tasks):
                self._hedge = self._router.hedge(self._route, attempt.target)
                if self._hedge is not None:
                    self._may_hedge = False
                    second = self._trial(self._hedge)
                    tasks[asyncio.ensure_future(second.begin())] = second
            return await self._first_of(tasks, first)
        finally:
            for task in (timer, *tasks):
                task.cancel()
            await asyncio.gather(timer, *tasks, return_exceptions=True)
            for loser in tasks.values():
                await self._lost(loser, first)

    async def _first_of(self, tasks: dict[asyncio.Task[None], Trial], first: Trial) -> Trial | None:
        """Return the try that begins first, taken out of the tasks; None where all of them fail."""
        failed: list[Target] = []
        own: Outcome | None = None
        while tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task, trial in [entry for entry in tasks.items() if entry[0].done()]:
                del tasks[task]
                error = task.exception()
                if error is None:
                    if trial is not first:
                        self._leave_flow(own)
                    return trial
                if not isinstance(error, (RequestError, UserError)):
                    raise error
                outcome = self._failed(trial, error)
                if trial is first:
                    own = outcome
                else:
                    self._end_hedge(outcome)
                    failed.append(trial.attempt.target)
        assert own is not None
        self._outcome = replace(own, hedged=tuple(failed))
        return None

    async def _lost(self, trial: Trial, first: Trial) -> None:
        """Let go of a try that nobody waits for any more."""
        self._trace.attempts.append(trial.tried(hedged=True))
        self._bill(trial)
        if trial is not first:
            self._end_hedge(None)
        await trial.aclose()

    def _end_hedge(self, outcome: Outcome | None) -> None:
        if self._hedge is not None:
            self._router.finish(self._hedge, outcome)
            self._hedge = None

    def _leave_flow(self, outcome: Outcome | None) -> None:
        """Go on without the flow: its attempt lost against the hedge."""
        self._outcome = outcome
        if outcome is not None:
            self._advance()
        self._flow.close()

    def opening(self, trial: Trial) -> list[Event]:
        """Return the first events of a try that begins; where something was shown before, what that means."""
        self._trace.served = trial.attempt.target
        self._trace.first_token = self._clock() - self._begun
        self._tell_of_retired(trial.attempt.target)
        again, self._delivered = self._delivered, True
        if not again:
            return trial.held
        if self._splice is not None:
            self._trace.continued.append(str(trial.attempt.target))
            return trial.held
        self._partial.clear()
        return [Restarted(str(trial.attempt.target), self._failures[-1].message), *trial.held]

    def shown(self, events: list[Event]) -> list[Event]:
        """Note the events that are about to be delivered and return them as they are to be delivered."""
        splice = self._splice
        if splice is not None:
            events = [joined for event in events if (joined := splice.joined(event)) is not None]
            for event in events:
                splice.note(event)
        for event in events:
            if type(event) is TextDelta and not event.choice:
                self._partial.append(event.text)
        return events

    async def broke(self, trial: Trial, error: RequestError) -> None:
        """Note that an answer broke after its first token."""
        await trial.aclose()
        self._running = None
        self._trace.served = None
        outcome = self._failed(trial, error)
        if self._hedge is not None:
            self._end_hedge(outcome)
            self._flow = self._new_flow()
        else:
            self._outcome = outcome
        if self._splice is not None:
            self._splice.broken()
        self._over = self._midstream == "fail" or (self._splice is not None and not self._splice.possible)

    async def finish(self, trial: Trial) -> None:
        """Note that an answer is whole."""
        self._trace.attempts.append(trial.tried())
        self._trace.billed += trial.settle()
        if self._hedge is not None:
            self._end_hedge(trial.outcome())
        else:
            self._outcome = trial.outcome()
            self._advance()
        self._running = None
        await trial.aclose()

    async def aclose(self) -> None:
        """Let go of everything, whatever has happened."""
        try:
            if self._running is not None:
                await self._running.aclose()
        finally:
            self._end_hedge(None)
            if self._over and self._outcome is not None:
                self._advance()
            self._flow.close()

    def _failed(self, trial: Trial, error: RequestError | UserError) -> Outcome:
        target = trial.attempt.target
        if isinstance(error, RequestError):
            advise(error, target, self._caller.config)
            self._failures.append(error)
        else:
            self._refusals.append((target, error))
        self._trace.attempts.append(trial.tried(error))
        self._bill(trial)
        return trial.outcome(error)

    def _bill(self, trial: Trial) -> None:
        """Note what a try used that nobody reads to its end: it is paid for all the same."""
        if trial.begun or trial.usage is not None:
            self._trace.billed.append(Billed(trial.attempt.target, trial.usage))

    def _tell_of_retired(self, served: Target) -> None:
        told = self._caller.told
        for error in self._failures:
            if error.kind == "model_not_found" and error.target not in told and error.target != str(served):
                told.add(error.target)
                self._trace.notices.append(
                    f"{error.target} is not there any more; {served} answers. {error.hint}"
                )

    def failure(self) -> RequestError | RouteExhaustedError | UserError:
        """Return the error to raise when nobody answered."""
        if self._delivered:
            last = self._failures[-1]
            return InterruptedStreamError(
                f"The answer broke off: {last.message}", cause=last, partial="".join(self._partial)
            )
        return exhausted(self._route, self._failures, self._refusals)


def exhausted(
    route: Route, failures: list[RequestError], refusals: list[tuple[Target, UserError]]
) -> RequestError | RouteExhaustedError | UserError:
    """Return the error to raise when every target of a route has failed or could not be asked."""
    if not failures:
        if refusals:
            return refusals[0][1]
        return TimedOutError(f"No target of {route.name} could be tried in time.", phase="total")
    last = failures[-1]
    if len(failures) == 1 and not refusals:
        return last
    names = list(dict.fromkeys(failure.target for failure in failures))
    if len(names) > 1:
        message = f"All {len(names)} targets of {route.name} failed; the last, {last.target}: {last.message}"
    elif len(failures) > 1:
        message = f"{names[0]} failed {len(failures)} times: {last.message}"
    else:
        message = f"{names[0]} failed: {last.message}"
    error = RouteExhaustedError(message, attempts=failures, hint=last.hint)
    error.client_hint = last.client_hint
    if refusals:
        target, refusal = refusals[0]
        error.hint = f"{target} was not asked: {refusal.message} {refusal.hint}".rstrip()
        error.client_hint = f"{target} was not asked: {refusal.message}"
    return error
