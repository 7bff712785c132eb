"""Providers at their worst: whatever one says, the server goes on answering, and a route's next target answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import Provider, begin, body, breaks, fails
from tests.server.running import Running, provider_rows, until


@pytest.mark.parametrize("wait", ["inf", "1e999", "nan", "-1", "99999999999", "9" * 400, "soon", ""])
def test_no_wait_stops_the_server(tmp_path: Path, wait: str) -> None:
    """A provider that wants to be left alone for ever is left alone, and nobody else waits for it."""
    rows = provider_rows({"a": "chat_completions"}) + '[routes.fast]\ntargets = ["a/m", "sim/tutor"]\n'
    limited = Provider(fails(429, "rate_limit_exceeded", headers={"retry-after": wait}))
    with Running(tmp_path, rows, {"a.test": limited}) as server:
        for _ in range(3):
            reply = server.chat("fast", stream=True)
            assert (reply.status, reply.headers["x-ve-target"]) == (200, "sim/tutor")
        assert server("/healthz").status == 200


def test_a_failure_tells_what_it_cost(tmp_path: Path) -> None:
    """An answer that broke off is paid for: its header says how much, and 0 where nothing had come."""
    rows = provider_rows({"a": "chat_completions", "b": "chat_completions"})
    rows += '[prices."a/m"]\ninput = 1000\noutput = 1000\n[routes.once]\ntargets = ["a/m"]\nretries = 0\n'
    apps = {"a.test": Provider(breaks("word " * 20)), "b.test": Provider(fails(400, "bad"))}
    with Running(tmp_path, rows, apps) as server:
        broken, refused, unknown = server.chat("once"), server.chat("b/m"), server.chat("nobody")
        until(server.session.ledger.entries)
        (entry,) = (entry for entry in server.session.ledger.entries() if entry.provider == "a")
    assert broken.status == 502
    assert float(broken.headers["x-ve-cost-usd"]) == pytest.approx(entry.cost)
    assert refused.headers["x-ve-cost-usd"] == "0.000000000"
    assert "x-ve-cost-usd" not in unknown.headers


@pytest.mark.parametrize("dialect", ["chat_completions", "responses", "messages", "generate_content"])
def test_a_reply_that_never_ends_falls_back(tmp_path: Path, dialect: str) -> None:
    """A line without an end is given up, and the route's next target answers."""

    async def endless(asked: Any, send: Any) -> None:
        await begin(send)
        for _ in range(200):
            await body(send, b'data: "' + b"a" * 1_000_000)

    rows = provider_rows({"a": dialect}) + '[routes.fast]\ntargets = ["a/m", "sim/tutor"]\nretries = 0\n'
    with Running(tmp_path, rows, {"a.test": Provider(endless)}) as server:
        reply = server.chat("fast", stream=True)
    assert (reply.status, reply.headers["x-ve-target"]) == (200, "sim/tutor")
    assert reply.headers["x-ve-tried"] == "a/m;decode"
