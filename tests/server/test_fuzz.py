"""Whatever bytes come, the answer is a proper one or a 4xx in the client's form: no 500, no traceback, no key."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.scripted import CANARY
from tests.server.features import FEATURES
from tests.server.running import TOKEN, Log, Running

PLACES = {
    "/v1/chat/completions": "chat_completions",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "messages",
    "/v1beta/models/sim/tutor:generateContent": "generate_content",
    "/v1beta/models/sim/tutor:streamGenerateContent?alt=sse": "generate_content",
    "/v1beta/models/sim/tutor:countTokens": "generate_content",
    "/v1beta/models/sim/embed:batchEmbedContents": "embeddings",
    "/v1/embeddings": "embeddings",
    "/v1/images/generations": "images",
    "/v1/rerank": "rerank",
}
SAMPLES: dict[str, list[dict[str, Any]]] = {
    dialect: [{"model": "sim/tutor", **bodies[dialect]} for bodies in FEATURES.values() if dialect in bodies]
    for dialect in ("chat_completions", "responses", "messages", "generate_content")
} | {
    "embeddings": [
        {"model": "sim/embed", "input": ["a", "b"]},
        {"requests": [{"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING"}]},
    ],
    "images": [{"model": "sim/image", "prompt": "fox", "size": "128x128", "n": 1}],
    "rerank": [{"model": "sim/rerank", "query": "a", "documents": ["a", {"text": "b"}], "top_n": 1}],
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["user", "assistant", "text", "auto", "\ud83d\ude00", "\0", "sim/embed", "sim/fault"]),
    st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0, "data:image/png;base64,!", "a" * 100_000]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return a path and a request for it with something in it replaced, removed or added, or any bytes at all."""
    path = draw(st.sampled_from(sorted(PLACES)))
    if draw(st.integers(0, 9)) == 0:
        return path, draw(st.binary(max_size=200))
    body: Any = json.loads(json.dumps(draw(st.sampled_from(SAMPLES[PLACES[path]]))))
    for _ in range(draw(st.integers(0, 3))):
        holder = body
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], (dict, list)) and draw(st.integers(0, 3)):
                holder = holder[key]
                continue
            match draw(st.integers(0, 3)):
                case 0:
                    del holder[key]
                case 1 if isinstance(holder, dict):
                    holder[draw(st.text(max_size=6))] = draw(values)
                case _:
                    holder[key] = draw(values)
            break
    data = json.dumps(body).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 2)) :]
    return path, data


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Log]]:
    """Serve the simulator and keep all that is logged."""
    log = Log()
    logging.getLogger().addHandler(log)
    with Running(tmp_path_factory.mktemp("served"), "[prices]\n", None) as server:
        yield server, log
    logging.getLogger().removeHandler(log)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(asked=mutated())
def test_any_body(served: tuple[Running, Log], asked: tuple[str, bytes]) -> None:
    """A body that is not right is the client's mistake, never ours."""
    server, log = served
    path, data = asked
    reply = server(path, data)
    assert reply.status < 500, (reply.body, log.lines[-3:])
    for secret in (CANARY, TOKEN, "Traceback"):
        assert secret.encode() not in reply.body
    assert not [line for line in log.lines if line.startswith(("ve_magics.server", "uvicorn"))]
    if reply.status >= 400:
        error = reply.json["error"]
        assert error["message"]
        dialect = PLACES[path] if not path.startswith("/v1beta") else "generate_content"
        if dialect == "messages":
            assert reply.json["type"] == "error"
        elif dialect == "generate_content":
            assert error["code"] == reply.status
        else:
            assert "param" in error


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE"]),
    path=st.text(
        st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="#?"), max_size=30
    ),
    token=st.sampled_from([TOKEN, "", "wrong-token-12345"]),
)
def test_any_path(served: tuple[Running, Log], method: str, path: str, token: str) -> None:
    """A path where nothing is never does anything."""
    server, _ = served
    reply = server(
        f"/v1/{path}", b"{}" if method in ("POST", "PUT", "PATCH") else None, method=method, token=token
    )
    assert reply.status in (200, 204, 400, 401, 404, 405)
