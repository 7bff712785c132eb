"""What happens to every request, whatever it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.sim import app, exchange

pytestmark = pytest.mark.anyio
Make = Callable[..., Any]


async def test_the_lifespan_is_answered() -> None:
    """A server's start and stop are confirmed, in that order."""
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_sender_who_leaves_while_sending_is_counted() -> None:
    """A request that never became whole is answered by nobody."""
    simulator = app()

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/videos", "headers": [], "query_string": b""}
    await simulator(scope, receive, send)
    assert simulator.counters.abandoned == 1


async def test_bodies_have_a_limit(simulated: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body above it is refused with 413, one at it is read."""
    monkeypatch.setattr(exchange, "LARGEST", 200)
    ask = simulated()
    assert (await ask.chat("x" * 300)).status == 413
    assert (await ask.chat("x")).status == 200


async def test_bodies_that_are_no_objects_are_refused(simulated: Make) -> None:
    """Neither broken JSON nor a list is a request."""
    ask = simulated()
    for raw in (b"{", b"[]"):
        assert (await ask("/v1/embeddings", raw=raw)).status == 400


async def test_requests_are_counted_and_numbered(simulated: Make) -> None:
    """Every answer carries a request id of its own."""
    ask = simulated()
    ids = {(await ask("/v1/models")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert ask.simulator.counters.requests == 3
