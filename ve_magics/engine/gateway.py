"""The gateway: one request in, one stream of events out, whoever answers and however many had to be asked.

The router decides who is asked and when; a dialect decides what is written and how the reply is read; a transport
carries the bytes. What is left here is the loop between them and the promise that nothing reaches the caller
before it is sure that the answer has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from ve_magics import catalog
from ve_magics.dialects.contract import Dialect, WireRequest
from ve_magics.dialects.registry import get_dialect
from ve_magics.engine.config import Config
from ve_magics.engine.transport.wire import Deadlines, Reply, Transport, WireCall
from ve_magics.errors import (
    BadRequestError,
    ConnectFailedError,
    ErrorKind,
    InterruptedStreamError,
    MissingKeyError,
    NotFoundError,
    RequestError,
    RouteExhaustedError,
    StatusError,
    TimedOutError,
    UnsupportedError,
    UserError,
)
from ve_magics.events import DELIVERS, Event, Finished, Restarted, TextDelta
from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider, auth_headers
from ve_magics.routing import Attempt, Outcome, Route, Router, Target, prefix_key
from ve_magics.routing.router import Flow

ERROR_LIMIT = 256 * 1024
"""Most bytes of an error reply that are read."""

Midstream = Literal["fail", "restart"]


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt as it is shown to the user.

    Attributes:
        target: `provider/model`.
        seconds: How long it took.
        failure: The class of the failure; empty for the attempt that answered.
        message: What the failure said.
        first_token: Seconds to the first token; None where none came.
    """

    target: str
    seconds: float
    failure: str = ""
    message: str = ""
    first_token: float | None = None


class Trace:
    """What happened on the way to an answer; the gateway writes it while it works.

    Attributes:
        attempts: Every attempt, in order.
        served: The target that answered, once one does.
        first_token: Seconds from the question to the first token that was kept.
        source: Where the answer came from: a provider, this session's cache, or a recording.
        cost: What the answer cost when it was made, once it is whole.
    """

    def __init__(self) -> None:
        self.attempts: list[Tried] = []
        self.served: Target | None = None
        self.first_token: float | None = None
        self.source: Literal["provider", "cache", "recording"] = "provider"
        self.cost = catalog.Cost()

    @property
    def failures(self) -> list[Tried]:
        """The attempts that failed."""
        return [tried for tried in self.attempts if tried.failure]


class Gateway:
    """Joins all providers behind one form.

    Args:
        config: Who is known, with which keys.
        router: Who is asked next; shared by all requests, so that it learns from each.
        transport: Carries bytes.
        clock: Monotonic seconds.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        config: Config,
        router: Router,
        transport: Transport,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.config = config
        self.router = router
        self.transport = transport
        self.clock = clock
        self.sleep = sleep
        self._wires: dict[Target, str] = {}

    async def stream(
        self,
        request: ChatRequest,
        *,
        deadlines: Deadlines | None = None,
        trace: Trace | None = None,
        midstream: Midstream = "restart",
        fallback: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of one answer.

        Args:
            request: The question; its model is a route, an alias or `provider/model`. `extra` fields that came from
                no dialect go to whoever answers, as they are.
            deadlines: Limits in seconds; `total` holds over all attempts together.
            trace: Filled while the answer comes.
            midstream: What to do when an answer breaks after its first token: `fail`, or `restart` on the next
                target, which begins with a `Restarted` event.
            fallback: False asks the route's first target only.

        Raises:
            UserError: The request can't be sent: unknown model, no key, nobody can say it.
            RequestError: The one attempt failed.
            InterruptedStreamError: It broke after the first token.
            RouteExhaustedError: Every attempt failed.
        """
        route = self.config.route(request.model)
        if not fallback:
            route = Route(name=route.name, targets=route.targets[:1], retries=route.retries)
        asking = _Asking(
            self, request, deadlines or Deadlines(), Trace() if trace is None else trace, midstream
        )
        flow = self.router.attempts(
            route,
            deadline=asking.deadline,
            affinity=affinity(request) if len(route.targets) > 1 else None,
            midstream=midstream,
        )
        with closing(flow):
            attempt = next(flow, None)
            while attempt is not None:
                if attempt.wait:
                    await self.sleep(attempt.wait)
                    attempt = next(flow, None)
                    continue
                async with aclosing(asking.events(attempt)) as events:
                    async for event in events:
                        yield event
                attempt = send(flow, asking.outcome)
        if asking.outcome.kind is not None:
            raise asking.failure(route)

    async def attempt(
        self, attempt: Attempt, request: ChatRequest, deadlines: Deadlines
    ) -> AsyncGenerator[Event, None]:
        """Yield the events of one try at one target, whatever becomes of it."""
        target = attempt.target
        provider = self.config.provider(target.provider)
        key = self.config.key(provider.name, attempt.key).reveal()
        asked = msgspec.structs.replace(request, model=target.model)
        wire = self._wires.get(target, provider.dialect)
        try:
            async for event in self._exchange(get_dialect(wire), asked, provider, key, deadlines):
                yield event
        except BadRequestError as error:
            if error.code != "use_responses" or wire == "responses":
                raise
            self._wires[target] = "responses"
            async for event in self._exchange(get_dialect("responses"), asked, provider, key, deadlines):
                yield event

    async def _exchange(
        self, dialect: Dialect, request: ChatRequest, provider: Provider, key: str, deadlines: Deadlines
    ) -> AsyncGenerator[Event, None]:
        if request.extra and not request.dialect:
            request = msgspec.structs.replace(request, dialect=dialect.name)
        wire = dialect.encode_request(request, provider)
        reply = await self.transport.send(wire_call(wire, provider, key), deadlines)
        try:
            if reply.status >= 300:
                raise await refused(reply, dialect)
            decoder = dialect.decoder(origin=provider.name, stream=wire.stream)
            async for chunk in reply.chunks():
                for event in decoder.feed(chunk):
                    yield event
            for event in decoder.flush():
                yield event
        finally:
            await reply.aclose()

    async def call(
        self, wire: WireRequest, provider: Provider, *, deadlines: Deadlines | None = None, key_index: int = 0
    ) -> Reply:
        """Send one request to one provider, with its key, and return the reply whatever its status.

        Raises:
            MissingKeyError: The provider needs a key and none is known.
            RequestError: No answer came.
        """
        key = self.config.key(provider.name, key_index).reveal()
        return await self.transport.send(wire_call(wire, provider, key), deadlines or Deadlines())


class _Asking:
    """One request while it is asked: what was tried, what was delivered, and what to raise if nobody answers."""

    def __init__(
        self, gateway: Gateway, request: ChatRequest, deadlines: Deadlines, trace: Trace, midstream: Midstream
    ) -> None:
        self._gateway = gateway
        self._request = request
        self._deadlines = deadlines
        self._trace = trace
        self._midstream = midstream
        self._begun = gateway.clock()
        self._failures: list[RequestError] = []
        self._refusals: list[UserError] = []
        self._partial: list[str] = []
        self.deadline = None if deadlines.total is None else self._begun + deadlines.total
        self.outcome = Outcome(kind="timeout", sent=False)

    async def events(self, attempt: Attempt) -> AsyncGenerator[Event, None]:
        """Yield the events of one attempt from its first token on; `outcome` then says what came of it."""
        clock = self._gateway.clock
        started, first = clock(), None
        message = ""
        try:
            async with aclosing(self._gateway.attempt(attempt, self._request, self._within())) as events:
                held: list[Event] = []
                async for event in events:
                    if first is None:
                        held.append(event)
                        if not isinstance(event, (*DELIVERS, Finished)):
                            continue
                        first = clock() - started
                        for early in self._begin(attempt, held):
                            yield early
                    else:
                        yield event
                    if isinstance(event, TextDelta) and event.choice == 0:
                        self._partial.append(event.text)
                if first is None:
                    for early in self._begin(attempt, held):
                        yield early
            self.outcome = Outcome(first_token=first, duration=clock() - started)
        except RequestError as error:
            self._advise(error, attempt.target)
            self._failures.append(error)
            message = error.message
            delivered = first is not None
            self.outcome = Outcome.of_error(
                error, duration=clock() - started, first_token=first, delivered=delivered
            )
        except (MissingKeyError, UnsupportedError) as error:
            self._refusals.append(error)
            message = error.message
            kind: ErrorKind = "authentication" if isinstance(error, MissingKeyError) else "bad_request"
            self.outcome = Outcome(kind=kind, duration=clock() - started, sent=False, unsupported=True)
        seconds = round(clock() - started, 3)
        self._trace.attempts.append(
            Tried(str(attempt.target), seconds, self.outcome.kind or "", message, first)
        )

    def _begin(self, attempt: Attempt, held: list[Event]) -> list[Event]:
        """Note that the answer begins; one that begins anew says so first."""
        self._trace.served = attempt.target
        self._trace.first_token = self._gateway.clock() - self._begun
        if not self._partial:
            return held
        self._partial.clear()
        return [Restarted(str(attempt.target), self._failures[-1].message), *held]

    def _within(self) -> Deadlines:
        if self.deadline is None:
            return self._deadlines
        return replace(self._deadlines, total=max(0.001, self.deadline - self._gateway.clock()))

    def _advise(self, error: RequestError, target: Target) -> None:
        """Say who failed and what the user can do about it."""
        error.target = str(target)
        if not error.hint:
            error.hint = advice(error, target, self._gateway.config)

    def failure(self, route: Route) -> RequestError | RouteExhaustedError | UserError:
        """Return the error to raise when nobody answered."""
        failures, partial = self._failures, "".join(self._partial)
        if not failures:
            if self._refusals:
                return self._refusals[0]
            return TimedOutError(f"No target of {route.name} could be tried in time.", phase="total")
        last = failures[-1]
        if self.outcome.delivered:
            return InterruptedStreamError(
                f"The answer broke off: {last.message}", cause=last, partial=partial
            )
        if len(failures) == 1 and not self._refusals:
            return last
        names = list(dict.fromkeys(failure.target for failure in failures))
        if len(names) == 1:
            message = f"{names[0]} failed {len(failures)} times: {last.message}"
        else:
            message = (
                f"All {len(names)} targets of {route.name} failed; the last, {last.target}: {last.message}"
            )
        return RouteExhaustedError(message, attempts=failures, hint=last.hint)


def send(flow: Flow, outcome: Outcome) -> Attempt | None:
    """Tell the flow what came of its attempt; returns the next one, None at its end."""
    try:
        return flow.send(outcome)
    except StopIteration:
        return None


def wire_call(wire: WireRequest, provider: Provider, key: str) -> WireCall:
    """Return the HTTP request that asks this provider, with its key in the header that it wants."""
    query = (*provider.query, *wire.query)
    url = provider.base_url + wire.path + (f"?{urlencode(query)}" if query else "")
    return WireCall(
        wire.method, url, (*provider.headers, *wire.headers, *auth_headers(provider, key)), wire.body
    )


async def refused(reply: Reply, dialect: Dialect) -> StatusError:
    """Return the failure that a reply with a bad status tells."""
    if 300 <= reply.status < 400:
        where = urlsplit(reply.headers.get("location", "")).hostname
        return NotFoundError(
            f"The address answered with a redirect{f' to {where}' if where else ''}.",
            status=reply.status,
            hint="Check base_url: it usually ends in /v1.",
        )
    body = await reply.read(ERROR_LIMIT, truncate=True)
    return dialect.decode_error(reply.status, reply.headers, body)


def affinity(request: ChatRequest) -> str | None:
    """Return the key under which requests with the same long prefix meet; None where the prefix is short."""
    if request.cache_key:
        return request.cache_key
    head = msgspec.json.encode((request.tools, request.output))
    return prefix_key((head, *(msgspec.json.encode(message) for message in request.messages)))


def advice(error: RequestError, target: Target, config: Config) -> str:
    """Return what the user can do about a failure; empty where nothing is known."""
    provider = config.provider(target.provider)
    match error.kind:
        case "authentication":
            keys = config.keys(provider.name)
            source = keys[0].source if keys else next(iter(provider.key_names), "no key")
            return f"The key of {provider.name} ({source}) was refused. Set another, or type: %ve key {provider.name}"
        case "permission":
            return f"The key of {provider.name} may not use {target.model}, or not from here."
        case "model_not_found":
            names = [name for name in config.names() if name != str(target)]
            near = catalog.nearest(str(target), names)
            said = f"Did you mean {' or '.join(near)}? " if near else ""
            return f"{said}%ve models {provider.name} lists what it offers now."
        case "quota":
            return f"Credit or a spend limit at {provider.name} is used up; top it up or choose another: %ve use MODEL"
        case "rate_limit":
            wait = f" It asks to wait {error.retry_after:.0f} s." if error.retry_after else ""
            return f"{provider.name} takes no more for now.{wait} A route with a second target would fall back at once."
        case "context_length":
            return "Send less, start over with --new, or choose a model with a larger context."
        case "timeout" if isinstance(error, TimedOutError):
            return "Raise it with --timeout SECONDS, or choose another model with -m."
        case "network" if isinstance(error, ConnectFailedError) and provider.local:
            return f"Start {provider.name}, or choose another model: %ve use MODEL"
        case "network":
            return "Check the network and base_url; %ve doctor looks for the cause."
        case _:
            return ""
