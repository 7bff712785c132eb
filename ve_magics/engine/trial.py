"""One try at one target: the question sent, the reply read as events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

from ve_magics.dialects.contract import Decoder, Dialect, WireRequest
from ve_magics.dialects.registry import get_dialect
from ve_magics.engine.calling import Caller, refused
from ve_magics.engine.kept import Lent
from ve_magics.engine.prefix import keyed
from ve_magics.engine.ratelimits import read_limits
from ve_magics.engine.trace import Billed, Tried
from ve_magics.engine.transport.wire import Deadlines, Reply
from ve_magics.errors import MissingKeyError, RequestError, StatusError, UserError
from ve_magics.events import DELIVERS, Event, Finished, UsageReported
from ve_magics.messages import ChatRequest, Usage
from ve_magics.providers import Provider
from ve_magics.routing import Attempt, Outcome, RateLimit

_BEGINS = frozenset((*DELIVERS, Finished))


class Trial:
    """One try at one target.

    Args:
        caller: Carries the question.
        attempt: Whom to ask, with which key.
        request: The question.
        deadlines: Limits of this try in seconds.
        clock: Monotonic seconds.

    Attributes:
        held: Events up to and including the first that shows something, once it has begun.
        first_token: Seconds until then; None before.
        usage: What the provider last said that it used.
    """

    __slots__ = (
        "_caller",
        "_chunks",
        "_clock",
        "_deadlines",
        "_decoder",
        "_lent",
        "_limit",
        "_reply",
        "_request",
        "_started",
        "attempt",
        "first_token",
        "held",
        "usage",
    )

    def __init__(
        self,
        caller: Caller,
        attempt: Attempt,
        request: ChatRequest,
        deadlines: Deadlines,
        clock: Callable[[], float],
    ) -> None:
        self._caller = caller
        self.attempt = attempt
        self._request = request
        self._deadlines = deadlines
        self._clock = clock
        self._started = clock()
        self._reply: Reply | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._decoder: Decoder | None = None
        self._lent: Lent | None = None
        self._limit: RateLimit | None = None
        self.held: list[Event] = []
        self.first_token: float | None = None
        self.usage: Usage | None = None

    async def begin(self) -> None:
        """Send the question and read the reply up to its first token.

        Raises:
            UserError: It can't be sent to this target.
            RequestError: The target failed before its first token.
        """
        try:
            await self._open()
            while (batch := await self.receive()) is not None:
                self.held += batch
                if _begins(batch):
                    break
        except BaseException:
            await self.aclose()
            raise
        self.first_token = self._clock() - self._started

    async def _open(self) -> None:
        target = self.attempt.target
        asked = msgspec.structs.replace(self._request, model=target.model)
        dialect = self._caller.dialect(target)
        try:
            await self._send(dialect, asked)
        except StatusError as error:
            if error.code != "use_responses" or dialect.name == "responses":
                raise
            await self._send(get_dialect("responses"), asked)
            self._caller.wires[target] = "responses"

    async def _send(self, dialect: Dialect, request: ChatRequest) -> None:
        provider = self._caller.config.provider(self.attempt.target.provider)
        if request.extra and not request.dialect:
            request = msgspec.structs.replace(request, dialect=dialect.name)
        wire = dialect.encode_request(keyed(request, provider), provider)
        lent = self._lent = self._caller.kept.lend(self.attempt, dialect, request, provider, wire)
        try:
            await self._ask(wire if lent is None else lent.wire, dialect, provider)
        except StatusError as error:
            if lent is None or not self._caller.kept.gone(lent, error):
                raise
            await self._ask(wire, dialect, provider)

    async def _ask(self, wire: WireRequest, dialect: Dialect, provider: Provider) -> None:
        reply = self._reply = await self._caller.send(
            wire, provider, self._deadlines, key_index=self.attempt.key
        )
        self._limit = read_limits(reply.headers)
        if reply.status >= 300:
            try:
                raise await refused(reply, dialect)
            finally:
                await self.aclose()
        self._decoder = dialect.decoder(origin=provider.name, stream=wire.stream)
        self._chunks = reply.chunks()

    async def receive(self) -> list[Event] | None:
        """Return the next events, perhaps none; None at the end.

        Raises:
            RequestError: The reply broke, or holds an error.
        """
        decoder = self._decoder
        if self._chunks is None or decoder is None:
            return None
        try:
            chunk = await self._chunks.__anext__()
        except StopAsyncIteration:
            self._chunks = None
            batch = decoder.flush()
        else:
            batch = decoder.feed(chunk)
        for event in batch:
            if type(event) is UsageReported:
                self.usage = event.usage
        return batch

    async def aclose(self) -> None:
        """Let the connection go."""
        reply, self._reply = self._reply, None
        if reply is not None:
            await reply.aclose()

    def settle(self) -> list[Billed]:
        """Note what came of the question's prefix, and return what was paid to keep prefixes at the target."""
        return [] if self._lent is None else self._caller.kept.settle(self._lent, self.usage)

    @property
    def begun(self) -> bool:
        """Whether a token has come."""
        return self.first_token is not None

    def outcome(self, error: RequestError | UserError | None = None) -> Outcome:
        """Return what came of it, for the router; no error means an answer.

        A refusal here, before anything was sent, says nothing about the target: others are asked, and it may be
        asked again once the user has mended it.
        """
        seconds = self._clock() - self._started
        if isinstance(error, RequestError):
            return Outcome.of_error(
                error,
                duration=seconds,
                first_token=self.first_token,
                delivered=self.begun,
                rate_limit=self._limit,
            )
        if error is not None:
            return Outcome(kind="bad_request", duration=seconds, sent=False, unsupported=True)
        told = self.first_token if self._request.stream else None
        return Outcome(first_token=told, duration=seconds, rate_limit=self._limit)

    def tried(self, error: RequestError | UserError | None = None, *, hedged: bool = False) -> Tried:
        """Return the line of the trace."""
        failure = "hedged" if hedged else ""
        message = "Another target was faster." if hedged else ""
        if error is not None:
            failure, message = _failure(error), error.message
        seconds = round(self._clock() - self._started, 3)
        return Tried(str(self.attempt.target), seconds, failure, message, self.first_token)


def _begins(batch: list[Event]) -> bool:
    for event in batch:  # noqa: SIM110 - several times as fast as any() for lists as short as these
        if type(event) in _BEGINS:
            return True
    return False


def _failure(error: RequestError | UserError) -> str:
    if isinstance(error, RequestError):
        return error.kind
    return "authentication" if isinstance(error, MissingKeyError) else "unsupported"
