"""The server's paths, tokens, limits and error shapes, over a real socket."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.engine.scripted import CANARY, Provider, fails, refuses, says
from tests.server.running import DIALECTS, TOKEN, Running, config_of, provider_rows
from ve_magics.engine.session import Session
from ve_magics.server import Access, Grant, ServerApp

PATHS = {
    "chat_completions": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "generate_content": "/v1beta/models/sim/tutor:generateContent",
}
OTHERS = ("/v1/embeddings", "/v1/images/generations", "/v1/rerank", "/v1/messages/count_tokens")
LIMITED = Grant(name="limited", token="token-of-the-limited", models=("sim/*", "fast"))
ROUTES = """
[routes.fast]
targets = ["a/m", "b/m"]
[routes.bad]
targets = ["a/m"]
retries = 0
[prices."b/m"]
input = 1
output = 2
"""


def shape(dialect: str, body: Any) -> tuple[str, str]:
    """Return message and kind of an error, which must have the shape of its dialect."""
    error = body["error"]
    if dialect == "messages":
        assert body["type"] == "error"
        return error["message"], error["type"]
    if dialect == "generate_content":
        assert isinstance(error["code"], int)
        return error["message"], error["status"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["message"], error["type"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve one provider that fails and one that answers."""
    apps = {
        "a.test": Provider(fails(429, "rate_limit_exceeded", "Slow down.", {"retry-after": "7"})),
        "b.test": Provider(says("Hello", " there")),
        "c.test": Provider(refuses()),
    }
    rows = provider_rows(dict.fromkeys("abc", "chat_completions")) + ROUTES
    with Running(
        tmp_path_factory.mktemp("served"), rows, apps, grants=(LIMITED,), body_limit=200_000, body_seconds=0.3
    ) as running:
        yield running


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("token", [None, "wrong-token-12345", "", "é"])
def test_a_wrong_token_is_told_in_the_client_s_form(server: Running, dialect: str, token: str | None) -> None:
    """Without the right token nothing is read and the answer is a 401 with a challenge."""
    reply = server(PATHS[dialect], b"{", token=None if token is None else token.encode().decode("latin-1"))
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    message, _ = shape(dialect, reply.json)
    assert "token" in message
    assert TOKEN.encode() not in reply.body


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN}"},
        {"x-api-key": TOKEN},
        {"x-goog-api-key": TOKEN},
        {"api-key": TOKEN},
        {"authorization": "Bearer something-else", "x-api-key": TOKEN},
    ],
)
def test_the_token_is_found_where_each_client_puts_it(server: Running, headers: dict[str, str]) -> None:
    """Every provider's own header carries the token, and so does Google's query parameter."""
    assert server("/v1/models", token=None, headers=headers).status == 200
    assert server(f"/v1beta/models?key={TOKEN}", token=None).status == 200


def test_health_needs_no_token_and_tells_nothing(server: Running) -> None:
    """A probe gets its word; metrics and models ask for the token."""
    assert server("/healthz", token=None).body == b'{"status":"ok"}'
    assert server("/healthz", token=None, method="HEAD").body == b""
    assert server("/metrics", token=None).status == 401
    assert server("/v1/models", token=None).status == 401


@pytest.mark.parametrize("path", [*PATHS.values(), *OTHERS, "/v1/models", "/healthz", "/metrics"])
def test_methods(server: Running, path: str) -> None:
    """Another method is a 405 that names the right ones; OPTIONS tells them and allows no other origin anything."""
    reply = server(path, method="DELETE")
    assert reply.status == 405
    allowed = reply.headers["allow"]
    asked = server(path, method="OPTIONS", headers={"origin": "https://evil.test"}, token=None)
    assert (asked.status, asked.headers["allow"]) == (204, allowed)
    assert not [name for name in (*reply.headers, *asked.headers) if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/v2/chat/completions", "/v1/nothing", "/v1/chat", "/é"])
def test_a_path_where_nothing_is(server: Running, path: str) -> None:
    """An unknown path is a 404 for those with a token, and a 401 for all others."""
    quoted = quote(path, safe="/:")
    assert server(quoted, b"{}").status == 404
    assert server(quoted, b"{}", token=None).status == 401


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b'{"model": "\xff"}',
        b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"model": "sim/tutor", "messages": 7, "contents": 7, "input": 7, "max_tokens": "x"}',
        b'{"model": 1e999}',
        b"{" * 100_000,
    ],
)
def test_bad_bodies(server: Running, dialect: str, body: bytes) -> None:
    """Whatever is no request is a 400 in the client's own form."""
    reply = server(PATHS[dialect], body)
    assert reply.status == 400, reply.body
    assert shape(dialect, reply.json)[0]


@pytest.mark.parametrize("path", OTHERS)
def test_bad_bodies_elsewhere(server: Running, path: str) -> None:
    """The endpoints beside chat say what is wrong as well."""
    for body in (b"", b"[]", b"\xff", b'{"model": 7}', b'{"model": "sim/embed"}'):
        assert server(path, body).status == 400, (path, body)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
def test_the_content_type_does_not_matter(server: Running, kind: str) -> None:
    """A body that is JSON is read, whatever its header calls it."""
    assert server.chat("b/m", headers={"content-type": kind}).status == 200


def test_a_compressed_body_is_refused(server: Running) -> None:
    """A body that would have to be unpacked is a 415: nobody is let unpack a bomb here."""
    reply = server(PATHS["messages"], gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    assert reply.status == 415
    assert "gzip" in shape("messages", reply.json)[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_large_body_is_refused_before_it_comes(server: Running, dialect: str) -> None:
    """A body that says that it is 100 MB is refused although not one of its bytes was sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        head = (
            f"POST {PATHS[dialect]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
            f"content-length: 104857600\r\nexpect: 100-continue\r\n\r\n"
        )
        line.sendall(head.encode())
        told = line.recv(65536)
        while b"\r\n\r\n" not in told or not told.rstrip().endswith(b"}"):
            told += line.recv(65536)
    assert told.startswith(b"HTTP/1.1 413 ")
    message, kind = shape(dialect, json.loads(told.partition(b"\r\n\r\n")[2]))
    assert "larger" in message
    if dialect == "messages":
        assert kind == "request_too_large"


def test_a_large_body_without_a_length_is_refused_at_the_limit(server: Running) -> None:
    """A chunked body is refused as soon as it passes the limit."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(
            f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(21):
            line.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_slow_body_is_refused(server: Running) -> None:
    """A body that doesn't come in time is a 408."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(
            f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {TOKEN}\r\ncontent-length: 10\r\n\r\n{{".encode()
        )
        began = time.monotonic()
        told = line.recv(65536)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert 0.2 < time.monotonic() - began < 3


def test_a_client_that_leaves_in_its_body_is_forgotten(server: Running) -> None:
    """A request that never becomes whole is counted and costs nothing."""
    before = server.app.metrics.left
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(
            f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {TOKEN}\r\ncontent-length: 10\r\n\r\n{{".encode()
        )
        time.sleep(0.05)
    deadline = time.monotonic() + 5
    while server.app.metrics.left == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.app.metrics.left == before + 1


def test_who_answered_is_in_the_headers(server: Running) -> None:
    """A whole answer tells its target, the attempts, who failed before, and what it cost."""
    reply = server.chat("fast")
    assert reply.status == 200
    assert reply.headers["x-ve-target"] == "b/m"
    assert reply.headers["x-ve-attempts"] == "2"
    assert reply.headers["x-ve-tried"] == "a/m;rate_limit"
    assert float(reply.headers["x-ve-cost-usd"]) == pytest.approx((10 * 1 + 5 * 2) / 1e6)


def test_the_cost_of_a_stream_is_a_comment_before_its_end(server: Running) -> None:
    """A stream's headers are out before its cost is known, so the cost stands in its last comment."""
    reply = server.chat("b/m", stream=True)
    assert reply.headers["x-ve-target"] == "b/m"
    assert b"\n: x-ve-cost-usd 0.000020000\n\n" in reply.body
    assert reply.body.endswith(b"data: [DONE]\n\n")


def test_an_unknown_price_is_unknown(server: Running, tmp_path: Path) -> None:
    """What nobody knows is never told as 0."""
    rows = provider_rows({"a": "chat_completions"})
    with Running(tmp_path, rows, {"a.test": Provider(says("Hello"))}) as other:
        assert other.chat("a/m").headers["x-ve-cost-usd"] == "unknown"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_s_failure_keeps_its_wait(server: Running, dialect: str) -> None:
    """A rate limit reaches the client as one, with the provider's word on when to come again."""
    body = {
        "model": "bad",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "x"}],
        "input": "x",
        "contents": [{"parts": [{"text": "x"}]}],
    }
    allowed = {
        "chat_completions": ("model", "messages"),
        "responses": ("model", "input"),
        "messages": ("model", "max_tokens", "messages"),
        "generate_content": ("contents",),
    }
    path = PATHS[dialect].replace("sim/tutor", "bad")
    reply = server(path, {name: body[name] for name in allowed[dialect]})
    assert reply.status == 429
    assert reply.headers["retry-after"] in ("6", "7")
    assert reply.headers["x-ve-tried"].startswith("a/m;rate_limit")
    assert "Slow down" in shape(dialect, reply.json)[0]
    assert CANARY.encode() not in reply.body


def test_a_provider_that_is_down(server: Running) -> None:
    """A refused connection is a 502 that doesn't tell the provider's key."""
    reply = server.chat("c/m")
    assert reply.status == 502
    assert CANARY.encode() not in reply.body


def test_unknown_fields_go_through_where_the_dialect_is_the_same(tmp_path: Path) -> None:
    """What is not known here reaches a provider of the same dialect as it is, and no other."""
    chat, claude = Provider(says("Hello")), Provider(fails(400, "x", "seen"))
    apps = {"chat.test": chat, "claude.test": claude}
    rows = provider_rows({"chat": "chat_completions", "claude": "messages"})
    with Running(tmp_path, rows, apps) as server:
        assert server.chat("chat/m", a_new_field={"deep": [1]}).status == 200
        assert chat.asked[0].json["a_new_field"] == {"deep": [1]}
        server.chat("claude/m", a_new_field={"deep": [1]})
    assert all("a_new_field" not in asked.json for asked in claude.asked)


def test_what_a_provider_can_t_say_is_told(tmp_path: Path) -> None:
    """A field that the provider's dialect lacks is a 400 that names it; nothing is sent."""
    claude = Provider(says("Hello"))
    with Running(tmp_path, provider_rows({"claude": "messages"}), {"claude.test": claude}) as server:
        reply = server.chat("claude/m", seed=7)
    assert reply.status == 400
    assert reply.json["error"]["param"] == "seed"
    assert not claude.asked


def test_models_that_a_token_may_ask(server: Running) -> None:
    """A key with a list of models sees and asks those alone."""
    listed = server("/v1/models", token=LIMITED.token).json["data"]
    assert [row["id"] for row in listed if not row["id"].startswith("sim/")] == ["fast"]
    assert server("/v1/models/sim/tutor", token=LIMITED.token).status == 200
    assert server("/v1/models/b/m", token=LIMITED.token).status == 403
    assert server("/v1/models/nosuch").status == 404
    assert server.chat("fast", token=LIMITED.token).status == 200
    refused = server.chat("b/m", token=LIMITED.token)
    assert refused.status == 403
    assert "sim/*" in refused.json["error"]["message"]
    body = {"model": "b/m", "input": "x"}
    assert server("/v1/embeddings", body, token=LIMITED.token).status == 403


def test_single_embedding_in_google_s_form(server: Running) -> None:
    """`embedContent` gives one vector; texts that are none are named."""
    reply = server("/v1beta/models/sim/embed:embedContent", {"content": {"parts": [{"text": "fox"}]}})
    assert len(reply.json["embedding"]["values"]) == 256
    bad: list[dict[str, Any]] = [
        {},
        {"requests": []},
        {"requests": 7},
        {"content": {"parts": [{}]}},
        {"content": {"parts": []}},
    ]
    for body in bad:
        assert server("/v1beta/models/sim/embed:embedContent", body).status == 400, body
    mixed = {
        "requests": [
            {"content": {"parts": [{"text": "a"}]}},
            {"content": {"parts": [{"text": "b"}]}, "embedContentConfig": {"outputDimensionality": 5}},
        ]
    }
    assert server("/v1beta/models/sim/embed:batchEmbedContents", mixed).status == 400


def test_counting_tokens(server: Running) -> None:
    """An estimate needs no limit of the answer, counts every kind of part, and refuses what is no question."""
    content = [
        {"type": "text", "text": "word " * 40},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
    ]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "seven"}]},
    ]
    body = {"model": "sim/tutor", "messages": messages}
    assert 4000 < server("/v1/messages/count_tokens", body).json["input_tokens"] < 4200
    path = "/v1beta/models/sim/tutor:countTokens"
    contents = [{"parts": [{"text": "What is recursion?"}]}]
    plain = server(path, {"contents": contents}).json["totalTokens"]
    nested = {"generateContentRequest": {"model": "models/x", "contents": contents}}
    assert server(path, nested).json["totalTokens"] == plain
    assert server(path, {"generateContentRequest": 7}).status == 400


def test_metrics_tell_what_happened(server: Running) -> None:
    """Requests, attempts, tokens, refusals and the state of each target are there to be scraped."""
    server.chat("fast")
    server.chat("nosuch")
    reply = server("/metrics")
    text = reply.body.decode()
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 've_requests_total{dialect="chat_completions",target="b/m",outcome="answered"}' in text
    assert 've_attempts_total{target="a/m",outcome="rate_limit"}' in text
    assert 've_tokens_total{target="b/m",kind="output"}' in text
    assert 've_refused_total{reason="UnknownModelError"}' in text
    assert 've_target_state{target="b/m"} 0' in text
    assert "ve_request_seconds_count" in text
    assert CANARY not in text
    assert TOKEN not in text


@pytest.mark.anyio
async def test_a_failure_that_can_t_be_told_drops_the_connection(tmp_path: Path) -> None:
    """Once a whole reply has begun, a fault of the server's can only break it off, never end it as if it were well."""
    session = Session(config=config_of(tmp_path, ""), data=tmp_path / "home")
    app = ServerApp(session, Access((Grant(name="tests", token=TOKEN),)))
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            raise RuntimeError("the wire is cut")

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/models",
        "query_string": b"",
        "headers": [(b"x-api-key", TOKEN.encode())],
    }
    await app(scope, receive, send)
    await app({**scope, "type": "websocket"}, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    await session.aclose()


def test_who_has_read_all_has_not_left(tmp_path: Path) -> None:
    """Answers that were read to their end, whole or streamed, count nobody as gone."""
    with Running(tmp_path, "") as server:
        for stream in (False, True):
            assert server.chat("sim/tutor", stream=stream).status == 200
        assert server.app.metrics.left == 0
        assert "ve_clients_left_total 0" in server("/metrics", method="GET").body.decode()
