"""Requests that are answered in one piece, with the same fallback as chat: embeddings, pictures, ranks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.failures import is_html
from ve_magics.engine.advice import advise
from ve_magics.engine.asking import Sleep, exhausted
from ve_magics.engine.calling import Caller, refused
from ve_magics.engine.ratelimits import read_limits
from ve_magics.engine.trace import Billed, Trace, Tried
from ve_magics.engine.transport.wire import Deadlines
from ve_magics.errors import DecodeError, RequestError, UserError
from ve_magics.providers import Provider
from ve_magics.routing import Attempt, Outcome, RateLimit, Route, Router, Target

LIMIT = 256 * 1024 * 1024
"""Most bytes of an answer."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Codec(Generic[Value]):
    """How a request is written for a provider's model, and how that provider's answer is read."""

    encode: Callable[[str, Provider], WireRequest]
    decode: Callable[[bytes, Provider], Value]


class Single(Generic[Value]):
    """One request that is answered in one piece.

    Args:
        caller: Carries it.
        router: Says who is tried next.
        codec: Writes it and reads its answer.
        clock: Monotonic seconds.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        caller: Caller,
        router: Router,
        codec: Codec[Value],
        *,
        clock: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._caller = caller
        self._router = router
        self._codec = codec
        self._clock = clock
        self._sleep = sleep
        self._limit: RateLimit | None = None
        self._answered = False

    async def ask(self, route: Route, deadlines: Deadlines, trace: Trace, *, mutation: bool) -> Value:
        """Return the answer of the first target that gives one.

        Args:
            route: Who may be asked.
            deadlines: Limits in seconds; `total` holds over all attempts together.
            trace: Written while it is asked.
            mutation: Whether it creates something billable, which must not be made twice.

        Raises:
            UserError: It can't be sent to anybody.
            RequestError: The one attempt failed.
            RouteExhaustedError: Every attempt failed.
        """
        begun = self._clock()
        deadline = None if deadlines.total is None else begun + deadlines.total
        failures: list[RequestError] = []
        refusals: list[tuple[Target, UserError]] = []
        with closing(self._router.attempts(route, deadline=deadline, mutation=mutation)) as flow:
            outcome: Outcome | None = None
            while (attempt := _next(flow.send, outcome)) is not None:
                outcome = None
                if attempt.wait:
                    await self._sleep(attempt.wait)
                    continue
                started, self._limit, self._answered = self._clock(), None, False
                total = None if deadline is None else max(0.001, deadline - started)
                try:
                    value = await self._try(
                        attempt,
                        Deadlines(deadlines.connect, deadlines.first_token, deadlines.silence, total),
                    )
                except RequestError as error:
                    if self._answered:
                        trace.billed.append(Billed(attempt.target, None))
                    advise(error, attempt.target, self._caller.config)
                    failures.append(error)
                    outcome = Outcome.of_error(
                        error, duration=self._clock() - started, rate_limit=self._limit
                    )
                    trace.attempts.append(self._tried(attempt, started, error.kind, error.message))
                except UserError as error:
                    refusals.append((attempt.target, error))
                    outcome = Outcome(kind="bad_request", sent=False, unsupported=True)
                    trace.attempts.append(self._tried(attempt, started, "unsupported", error.message))
                else:
                    trace.attempts.append(self._tried(attempt, started))
                    trace.served = attempt.target
                    _next(flow.send, Outcome(duration=self._clock() - started, rate_limit=self._limit))
                    return value
        raise exhausted(route, failures, refusals)

    async def _try(self, attempt: Attempt, deadlines: Deadlines) -> Value:
        provider = self._caller.config.provider(attempt.target.provider)
        wire = self._codec.encode(attempt.target.model, provider)
        reply = await self._caller.send(wire, provider, deadlines, key_index=attempt.key)
        try:
            self._limit = read_limits(reply.headers)
            if reply.status >= 300:
                raise await refused(reply, self._caller.dialect(attempt.target))
            body = await reply.read(LIMIT)
        finally:
            await reply.aclose()
        try:
            return self._codec.decode(body, provider)
        except DecodeError:
            self._answered = not is_html(body)
            raise

    def _tried(self, attempt: Attempt, started: float, failure: str = "", message: str = "") -> Tried:
        return Tried(str(attempt.target), round(self._clock() - started, 3), failure, message)


def _next(send: Callable[[Outcome | None], Attempt], outcome: Outcome | None) -> Attempt | None:
    try:
        return send(outcome)
    except StopIteration:
        return None
