"""Providers at their worst: whatever one says, the server goes on answering, and a route's next target answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.scripted import Provider, fails
from tests.server.running import Running, provider_rows


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
