"""A simulator in this process, and a caller that asks it as the engine does."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import pytest

from ve_magics.engine.transport import Deadlines, Mounted
from ve_magics.engine.transport.wire import WireCall
from ve_magics.sim import Settings, Simulator, app


@dataclass
class Clock:
    """A clock that moves only when somebody sleeps by it."""

    time: float = 1000.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds


@dataclass(frozen=True)
class Answered:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    pieces: tuple[bytes, ...]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Caller:
    """Asks one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.transport = Mounted({"sim.invalid": simulator})

    async def __call__(
        self,
        path: str,
        body: object = None,
        *,
        method: str = "",
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        deadlines: Deadlines | None = None,
    ) -> Answered:
        data = raw if raw is not None else msgspec.json.encode(body) if body is not None else b""
        fields = {"content-type": "application/json", **(headers or {})}
        call = WireCall(
            method or ("POST" if data else "GET"), f"http://sim.invalid{path}", tuple(fields.items()), data
        )
        reply = await self.transport.send(call, deadlines or Deadlines())
        try:
            pieces = [chunk async for chunk in reply.chunks()]
        finally:
            await reply.aclose()
        return Answered(reply.status, reply.headers, b"".join(pieces), tuple(pieces))

    async def chat(self, text: str, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Answered:
        """Ask a chat model one thing."""
        body = {"model": "tutor", "messages": [{"role": "user", "content": text}], **fields}
        return await self("/v1/chat/completions", body, headers=headers)


class Open(Protocol):
    def __call__(self, **settings: Any) -> Caller: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def simulated() -> AsyncIterator[Callable[..., Caller]]:
    """Open callers of fresh simulators that take no time, except for what the settings say."""
    async with AsyncExitStack() as stack:

        def make(**settings: Any) -> Caller:
            quick: dict[str, Any] = {"first_token": 0.0, "tokens_per_second": math.inf, "video_seconds": 0.0}
            caller = Caller(app(Settings(**(quick | settings))))
            stack.push_async_callback(caller.transport.aclose)
            return caller

        yield make
