"""Sends one answer at the pace of a model, and breaks it where a fault wants it broken."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ve_magics.dialects.contract import Encoder
from ve_magics.errors import OverloadedError
from ve_magics.events import Event
from ve_magics.sim.exchange import JSON, Answer
from ve_magics.sim.faults import Fault
from ve_magics.sim.settings import Settings
from ve_magics.sim.turn import Turn

STREAM = "text/event-stream; charset=utf-8"
TRICKLE = 0.5
"""Seconds between two tokens of the fault `slow`, where it names none."""

PIECES = 8
"""In how many pieces a slow whole answer comes."""


class Delivery:
    """The way of one answer to its reader.

    Args:
        settings: How fast, and by which clock.
        out: Where it goes.
        encoder: Writes it.
        stream: Whether it goes token by token.
        fault: What becomes of it on the way.
    """

    def __init__(
        self, settings: Settings, out: Answer, encoder: Encoder, *, stream: bool, fault: Fault | None
    ) -> None:
        self._settings = settings
        self._out = out
        self._encoder = encoder
        self._stream = stream
        self._kind = "" if fault is None else fault.kind
        self._seconds = None if fault is None else fault.seconds

    async def run(self, turn: Turn, *, delay: float) -> None:
        """Send the answer.

        Args:
            turn: What is sent.
            delay: Seconds until its first token.

        Raises:
            ConnectionResetError: The fault breaks the connection.
        """
        if self._stream:
            await self._streamed(turn, delay)
        else:
            await self._whole(turn, delay)

    async def _streamed(self, turn: Turn, delay: float) -> None:
        await self._out.begin(200, {"content-type": STREAM, "cache-control": "no-cache"})
        async for event, midway in self._paced(turn, delay):
            if not midway:
                await self._out.write(self._encoder.encode(event))
            elif self._kind == "reset-midstream":
                raise ConnectionResetError("the simulator was asked to break the stream")
            elif self._kind == "error-in-stream":
                await self._out.end(self._encoder.encode_failure(overloaded()))
                return
            elif self._kind == "broken-json":
                piece = self._encoder.encode(event).rstrip()
                await self._out.write(piece[: len(piece) * 2 // 3] + b"\n\n")
            elif self._kind == "cut":
                await self._out.end()
                return
            else:
                await self._pause()
                await self._out.write(self._encoder.encode(event))
        await self._out.end(self._encoder.flush())

    async def _paced(self, turn: Turn, delay: float) -> AsyncIterator[tuple[Event, bool]]:
        """Yield the events at their times, each with whether the fault strikes at it."""
        settings = self._settings
        tokens = turn.tokens
        where = tokens[(len(tokens) + 1) // 2] if len(tokens) > 1 else len(turn.events) - 2
        begin = settings.clock() + delay
        each = self._trickle() if self._kind == "slow" else 1 / settings.tokens_per_second
        due = dict(zip(tokens, range(len(tokens)), strict=True))
        for number, event in enumerate(turn.events):
            if number in due:
                if self._kind == "silence" and due[number] == 0:
                    await self._pause()
                wait = begin + due[number] * each - settings.clock()
                if wait > 0:
                    await settings.sleep(wait)
            yield event, number == where and self._kind in _MIDWAY

    async def _whole(self, turn: Turn, delay: float) -> None:
        settings = self._settings
        if self._kind == "silence":
            await self._pause()
        wait = delay + len(turn.tokens) / settings.tokens_per_second
        if wait > 0:
            await settings.sleep(wait)
        if self._kind == "error-in-stream":
            await self._out.whole(200, self._failure())
            return
        body = b"".join([*map(self._encoder.encode, turn.events), self._encoder.flush()])
        half = len(body) // 2
        if self._kind in ("broken-json", "cut"):
            await self._out.whole(200, body[:half])
            return
        if self._kind not in ("reset-midstream", "silence-midstream", "slow"):
            await self._out.whole(200, body)
            return
        await self._out.begin(200, {"content-type": JSON, "content-length": str(len(body))})
        size = len(body) // PIECES + 1 if self._kind == "slow" else half
        for start in range(0, len(body), size):
            if start and self._kind == "reset-midstream":
                raise ConnectionResetError("the simulator was asked to break the answer")
            if start:
                await (settings.sleep(self._trickle()) if self._kind == "slow" else self._pause())
            await self._out.write(body[start : start + size])
        await self._out.end()

    async def _pause(self) -> None:
        await self._settings.sleep(self._settings.silence if self._seconds is None else self._seconds)

    def _trickle(self) -> float:
        return TRICKLE if self._seconds is None else self._seconds

    def _failure(self) -> bytes:
        """Return an error as it stands in a whole answer of status 200."""
        return self._encoder.encode_failure(overloaded())


_MIDWAY = ("reset-midstream", "error-in-stream", "broken-json", "cut", "silence-midstream")


def overloaded() -> OverloadedError:
    """Return the error that comes inside a stream."""
    return OverloadedError(
        "The server is overloaded. Try again later.", status=503, code="server_is_overloaded"
    )
