"""Prefixes that a provider keeps by name: made once beside the answer, used while they live, done without when gone.

No answer ever waits for one. What was read to keep a prefix is paid for, and goes into the books with an answer that
had to do with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ve_magics.dialects.contract import Cut, Dialect, PrefixKeeper, WireRequest
from ve_magics.engine.sightings import WINDOW, Sightings, covers
from ve_magics.engine.trace import Billed
from ve_magics.engine.transport.wire import Deadlines, Reply
from ve_magics.errors import DecodeError, StatusError, VeError
from ve_magics.messages import ChatRequest, Usage
from ve_magics.providers import Provider
from ve_magics.routing import Attempt, Target

Place = tuple[Target, int]
"""A target and which of its provider's keys: another key doesn't see what this one keeps."""

GONE = frozenset({400, 403, 404})
"""Statuses by which a provider says that it doesn't know the name, or not any more."""

MARGIN = 5.0
"""Seconds before its end at which a prefix is not counted on any more."""

REST = 600.0
"""Seconds for which nobody tries to keep a prefix again where that went wrong."""

MOST = 64
"""Prefixes that are kept at once."""

_SMALL = 1024 * 1024
_DEADLINES = Deadlines(connect=5, first_token=60, silence=60, total=60)
_PARTING = Deadlines(connect=1, first_token=1, silence=1, total=1)


class Send(Protocol):
    """Carries one request to a provider."""

    def __call__(
        self, wire: WireRequest, provider: Provider, deadlines: Deadlines, *, key_index: int = 0
    ) -> Awaitable[Reply]:
        """Return the reply whatever its status."""


@dataclass(slots=True)
class _Held:
    """A prefix that is kept: by which name, until when, for how long at a time."""

    name: str
    until: float
    seconds: int
    provider: Provider
    keeper: PrefixKeeper


@dataclass(frozen=True, slots=True)
class Lent:
    """What one request has to do with kept prefixes.

    Attributes:
        wire: The request as it is to be sent.
        used: Whether a kept prefix stands in for its beginning.
        place: Whom it is sent to.
        cuts: Its prefixes.
        cut: Where the kept prefix ends.
    """

    wire: WireRequest
    used: bool
    place: Place
    cuts: Sequence[Cut]
    cut: Cut | None


class KeptPrefixes:
    """The prefixes that providers keep for one gateway.

    Args:
        send: Carries requests.
        clock: Monotonic seconds.
    """

    def __init__(self, send: Send, clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._sightings = Sightings()
        self._held: dict[tuple[Place, str], _Held] = {}
        self._making: set[tuple[Place, str]] = set()
        self._resting: dict[tuple[Place, str], float] = {}
        self._paid: dict[Place, list[Billed]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def lend(
        self, attempt: Attempt, dialect: Dialect, request: ChatRequest, provider: Provider, wire: WireRequest
    ) -> Lent | None:
        """Return how a request is to be sent; None where it has nothing to do with kept prefixes.

        Begins to keep a prefix of it, or to keep one for longer, where that pays; both go on beside the answer.
        """
        keeper = dialect.prefixes
        if keeper is None or not provider.quirks.cached_contents:
            return None
        cuts = keeper.cuts(wire, request.model)
        if not cuts:
            return None
        place, now = (attempt.target, attempt.key), self._clock()
        self._forget_the_dead(now)
        cut = next((cut for cut in reversed(cuts) if (place, cut.digest) in self._held), None)
        wish = keeper.lifetime(request)
        wanted = self._sightings.worth_keeping(place, cuts, now) if wish is None else cuts[-1]
        if wanted is not None and not covers(cut, wanted) and self._free(place, cuts, wanted):
            key = (place, wanted.digest)
            self._making.add(key)
            asked = keeper.create(wire, wanted, request.model, wish or WINDOW)
            self._start(self._make(key, keeper, provider, asked, wish or WINDOW, wanted.tokens))
        if cut is None:
            return Lent(wire, False, place, cuts, None)
        held = self._held[place, cut.digest]
        if held.until - now < held.seconds / 2 or (wish or 0) > held.seconds:
            held.seconds = max(held.seconds, wish or 0)
            self._start(self._extend(held, place))
        return Lent(keeper.going_on(wire, cut, held.name), True, place, cuts, cut)

    def gone(self, lent: Lent, error: StatusError) -> bool:
        """Whether a failure says that a kept prefix is gone; then it is forgotten, and left alone for a while."""
        if lent.cut is None or error.status not in GONE:
            return False
        key = (lent.place, lent.cut.digest)
        self._held.pop(key, None)
        self._resting[key] = self._clock() + REST
        return True

    def settle(self, lent: Lent, usage: Usage | None) -> list[Billed]:
        """Learn from an answer, and return what was paid meanwhile to keep prefixes there."""
        if usage is not None and not lent.used:
            self._sightings.note(lent.place, lent.cuts, usage.cached, self._clock())
        return self._paid.pop(lent.place, [])

    async def aclose(self) -> None:
        """Stop making prefixes and let go of those that are kept: nobody could find them again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        held, self._held = self._held, {}
        await asyncio.gather(*(self._let_go(one, key[0]) for key, one in held.items()))

    def _free(self, place: Place, cuts: Sequence[Cut], wanted: Cut) -> bool:
        """Whether a prefix may be made: none of this request's is just being made, and this one never went wrong."""
        return (
            len(self._held) + len(self._making) < MOST
            and (place, wanted.digest) not in self._resting
            and not any((place, cut.digest) in self._making for cut in cuts)
        )

    def _forget_the_dead(self, now: float) -> None:
        self._held = {key: held for key, held in self._held.items() if now < held.until - MARGIN}
        self._resting = {key: until for key, until in self._resting.items() if now < until}

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(
        self,
        key: tuple[Place, str],
        keeper: PrefixKeeper,
        provider: Provider,
        wire: WireRequest,
        seconds: int,
        about: int,
    ) -> None:
        place, _ = key
        begun = self._clock()
        try:
            kept = keeper.decode_created(await self._ask(wire, provider, place))
        except VeError:
            self._resting[key] = self._clock() + REST
        else:
            self._held[key] = _Held(kept.name, begun + seconds, seconds, provider, keeper)
            usage = Usage(input=kept.tokens or about, estimated=not kept.tokens)
            self._paid.setdefault(place, []).append(Billed(place[0], usage))
        finally:
            self._making.discard(key)

    async def _extend(self, held: _Held, place: Place) -> None:
        begun, before = self._clock(), held.until
        held.until = begun + held.seconds
        try:
            await self._ask(held.keeper.extend(held.name, held.seconds), held.provider, place)
        except VeError:
            held.until = before

    async def _let_go(self, held: _Held, place: Place) -> None:
        try:
            await self._ask(held.keeper.delete(held.name), held.provider, place, _PARTING)
        except VeError:
            return  # its time will run out

    async def _ask(
        self, wire: WireRequest, provider: Provider, place: Place, deadlines: Deadlines = _DEADLINES
    ) -> bytes:
        reply = await self._send(wire, provider, deadlines, key_index=place[1])
        body = await reply.read(_SMALL, truncate=True)
        if reply.status >= 300:
            raise DecodeError(f"The provider answered with status {reply.status}.")
        return body
