"""Streams: who leaves is not paid for, who is slow is waited for, what breaks is told."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import struct
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import openai
import pytest

from tests.engine.scripted import CANARY, Asked, Provider, Send, begin, body, breaks, chunk, pauses, says
from tests.server.running import DIALECTS, TOKEN, Log, Running, provider_rows, until
from tests.server.speakers import speakers
from tests.server.upstream import Script, Upstream, endless, halting, silent
from ve_magics.engine.transport.deadlines import Alarm
from ve_magics.server import Pace
from ve_magics.server.http import Reply
from ve_magics.server.refusals import ClientLeftError
from ve_magics.server.stream import StreamReply

BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat_completions": (
        "/v1/chat/completions",
        {"model": "fast", "stream": True, "messages": [{"role": "user", "content": "Hi"}]},
    ),
    "responses": ("/v1/responses", {"model": "fast", "stream": True, "input": "Hi"}),
    "messages": (
        "/v1/messages",
        {"model": "fast", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    ),
    "generate_content": (
        "/v1beta/models/fast:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    ),
}
ENDS = {
    "chat_completions": b"[DONE]",
    "responses": b"response.completed",
    "messages": b"message_stop",
    "generate_content": b'"finishReason":"STOP"',
}
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def ask(server: Running, dialect: str, *, stream: bool = True) -> socket.socket:
    """Send a question over a raw socket."""
    path, value = BODIES[dialect]
    data = json.dumps({**value, **({} if stream else {"stream": False})}).encode()
    line = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {len(data)}\r\n\r\n"
    line.sendall(head.encode() + data)
    return line


def leave(line: socket.socket) -> float:
    """Close a connection at once and return when."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
    return time.monotonic()


def over_network(folder: Path, upstream: Upstream, **options: Any) -> Running:
    """Return a server before a provider on a raw socket."""
    rows = provider_rows({"a": "chat_completions"}, {"a": upstream.url})
    return Running(folder, rows + '[routes.fast]\ntargets = ["a/m"]\n', network=True, **options)


def fast(folder: Path, *providers: Provider, **options: Any) -> Running:
    """Return a server whose route `fast` has these providers."""
    names = "abc"[: len(providers)]
    apps = {f"{name}.test": provider for name, provider in zip(names, providers, strict=True)}
    targets = ", ".join(f'"{name}/m"' for name in names)
    rows = provider_rows(dict.fromkeys(names, "chat_completions")) + f"[routes.fast]\ntargets = [{targets}]\n"
    return Running(folder, rows, apps, **options)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@every_dialect
def test_who_leaves_before_the_first_token_is_let_go(tmp_path: Path, dialect: str, stream: bool) -> None:
    """A client that leaves while nothing has come closes the provider's connection within 0.3 s."""
    with Upstream(silent) as upstream, over_network(tmp_path, upstream) as server:
        if dialect == "generate_content" and not stream:
            line = ask(server, dialect)
        else:
            line = ask(server, dialect, stream=stream)
        until(lambda: upstream.lines)
        left = leave(line)
        until(lambda: upstream.lines[0].closed)
        assert (upstream.lines[0].closed or 0) - left < 0.3


@every_dialect
def test_who_leaves_in_the_middle_is_let_go(tmp_path: Path, dialect: str) -> None:
    """A client that leaves in mid-stream closes the provider's connection within 0.3 s, and is booked for what came."""
    with Upstream(halting) as upstream, over_network(tmp_path, upstream) as server:
        line = ask(server, dialect)
        told = b""
        while b"Hello" not in told:
            told += line.recv(65536)
        left = leave(line)
        until(lambda: upstream.lines[0].closed)
        assert (upstream.lines[0].closed or 0) - left < 0.3
        until(lambda: not server.app.metrics.open)
        until(server.session.ledger.entries)
        (entry,) = server.session.ledger.entries()
        assert entry.usage.estimated
        assert entry.usage.output > 0


def test_a_slow_reader_slows_the_provider(tmp_path: Path) -> None:
    """While a client reads nothing, the provider is read no further, so that nothing piles up here."""
    with Upstream(endless) as upstream, over_network(tmp_path, upstream) as server:
        line = ask(server, "chat_completions")
        line.recv(1000)
        taken, steady = -1, 0
        deadline = time.monotonic() + 30
        while steady < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
            steady = steady + 1 if upstream.lines[0].sent == taken else 0
            taken = upstream.lines[0].sent
        assert steady == 10, "the provider never had to wait"
        assert taken < 32 << 20
        for _ in range(400):
            line.recv(65536)
        until(lambda: upstream.lines[0].sent > taken)
        left = leave(line)
        until(lambda: upstream.lines[0].closed)
        assert (upstream.lines[0].closed or 0) - left < 0.5


def test_who_reads_nothing_for_long_is_dropped(tmp_path: Path) -> None:
    """A client that stops reading holds a provider's connection for a limited time only."""
    with Upstream(endless) as upstream, over_network(tmp_path, upstream, pace=Pace(stall=0.3)) as server:
        line = ask(server, "chat_completions")
        until(lambda: upstream.lines and upstream.lines[0].closed, 30)
        until(lambda: server.app.metrics.left == 1)
        line.close()


async def count_up(line: Any) -> None:
    """Say a word, be silent, and end well."""
    await line.begin()
    await line.send(chunk({"content": "Hello"}))
    await asyncio.sleep(0.4)
    await line.send(chunk({"content": " there"}) + chunk({}, "stop") + b"data: [DONE]\n\n")


@every_dialect
def test_silence_is_filled(tmp_path: Path, dialect: str) -> None:
    """Through a silence something comes that means nothing, and the answer is read as if it weren't there."""
    script: Script = count_up
    with Upstream(script) as upstream, over_network(tmp_path, upstream, pace=Pace(heartbeat=0.05)) as server:
        line = ask(server, dialect)
        arrivals = []
        told = b""
        while ENDS[dialect] not in told:
            told += line.recv(65536)
            arrivals.append(time.monotonic())
        line.close()
        beat = b"\r\n1\r\n\n\r\n" if dialect == "generate_content" else b": keep-alive\n\n"
        assert told.count(beat) >= 3
        gaps = [later - sooner for sooner, later in pairwise(arrivals)]
        assert max(gaps) < 0.35


def test_every_sdk_reads_through_silence(tmp_path: Path) -> None:
    """The official SDKs take no harm from what fills a silence."""
    done = says("Hello", " there")

    async def play(asked: Asked, send: Send) -> None:
        if not asked.json.get("stream"):
            await done(asked, send)
            return
        await begin(send)
        for word in ("Hello", " there"):
            await asyncio.sleep(0.1)
            await body(send, chunk({"content": word}))
        await asyncio.sleep(0.1)
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        await body(send, chunk({}, "stop", usage=usage) + b"data: [DONE]\n\n", more=False)

    pace = Pace(heartbeat=0.02, patience=0.02)
    with fast(tmp_path, Provider(play), pace=pace) as server, speakers(server.url) as users:
        for dialect, user in users.items():
            assert user.say("fast", "Hi", stream=True).text == "Hello there", dialect


def test_a_long_wait_opens_the_reply(tmp_path: Path) -> None:
    """Where no token has come for long, the reply is opened; a failure after that comes inside it."""

    async def play(asked: Asked, send: Send) -> None:
        await asyncio.sleep(0.2)
        await begin(send, 400, {"content-type": "application/json"})
        await body(send, b'{"error": {"message": "No."}}', more=False)

    with fast(tmp_path, Provider(play), pace=Pace(patience=0.05)) as server:
        reply = server(*BODIES["chat_completions"])
    assert reply.status == 200
    assert reply.body.startswith(b": keep-alive\n\n")
    assert b'"message":"No."' in reply.body
    assert b"[DONE]" not in reply.body


@every_dialect
def test_a_break_is_told_and_the_end_mark_is_missing(tmp_path: Path, dialect: str) -> None:
    """By default an answer that breaks ends with an error in its dialect's form and without its end mark."""
    second = Provider(says("Another"))
    with fast(tmp_path, Provider(breaks("The sky ", "is")), second) as server:
        reply = server(*BODIES[dialect])
        assert "ve_broken_streams_total{" in server("/metrics").body.decode()
    assert reply.status == 200
    assert b"The sky " in reply.body
    assert b"Another" not in reply.body
    assert b"error" in reply.body
    assert b"broke off" in reply.body
    assert ENDS[dialect] not in reply.body
    assert CANARY.encode() not in reply.body
    assert not second.asked


@every_dialect
def test_a_break_is_continued_where_the_client_wants_it(tmp_path: Path, dialect: str) -> None:
    """With `x-ve-midstream: continue` another target goes on, and the answer ends well."""
    second = Provider(says(" blue."))
    with fast(tmp_path, Provider(breaks("The sky ", "is")), second) as server:
        path, value = BODIES[dialect]
        reply = server(path, value, headers={"x-ve-midstream": "Continue"})
    assert ENDS[dialect] in reply.body
    assert b" blue." in reply.body
    assert b"broke off" not in reply.body
    said = [message["content"] for message in second.asked[0].json["messages"]]
    assert "The sky is" in said


def test_a_policy_that_there_is_not(tmp_path: Path) -> None:
    """Another word in that header is a 400 that names it."""
    with fast(tmp_path, Provider(says("Hello"))) as server:
        reply = server(*BODIES["chat_completions"], headers={"x-ve-midstream": "restart"})
    assert reply.status == 400
    assert reply.json["error"]["param"] == "x-ve-midstream"


def test_a_whole_answer_that_breaks_is_asked_again(tmp_path: Path) -> None:
    """What nobody has seen yet may be thrown away: a whole answer comes from the next target."""
    second = Provider(says("Whole"))
    with fast(tmp_path, Provider(breaks("The sky ", "is")), second) as server:
        path, value = BODIES["chat_completions"]
        reply = server(path, {**value, "stream": False})
    assert reply.json["choices"][0]["message"]["content"] == "Whole"
    assert reply.headers["x-ve-target"] == "b/m"


def test_the_array_form_of_google(tmp_path: Path) -> None:
    """Without `alt=sse` a stream is one JSON array."""
    with fast(tmp_path, Provider(says("Hello", " there"))) as server:
        reply = server("/v1beta/models/fast:streamGenerateContent", BODIES["generate_content"][1])
    assert reply.headers["content-type"] == "application/json"
    texts = [part["text"] for item in reply.json for part in item["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "Hello there"


def test_the_sdk_raises_where_a_stream_breaks(tmp_path: Path) -> None:
    """The openai SDK raises in mid-stream; it never takes a broken answer for a whole one."""
    with (
        fast(tmp_path, Provider(breaks("The sky "))) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=TOKEN, max_retries=0) as client,
    ):
        pieces = client.chat.completions.create(
            model="fast", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        assert next(pieces).choices[0].delta.role == "assistant"
        assert next(pieces).choices[0].delta.content == "The sky "
        with pytest.raises(openai.APIError, match="broke off"):
            list(pieces)


def test_running_streams_finish_when_the_server_stops(tmp_path: Path) -> None:
    """A server that is told to stop lets a stream come to its end."""
    release = asyncio.Event()
    server = fast(tmp_path, Provider(pauses("Hello", until=release)))
    with server:
        line = ask(server, "chat_completions")
        told = b""
        while b"Hello" not in told:
            told += line.recv(65536)
        server.stop()
        server.loop.call_soon_threadsafe(release.set)
        while piece := line.recv(65536):
            told += piece
        line.close()
    assert b"[DONE]" in told


@pytest.mark.anyio
async def test_a_reader_that_stalls_is_given_up() -> None:
    """A write that isn't taken in time drops the connection, whatever it holds back."""

    class Stuck:
        """A server's connection whose client reads nothing."""

        def __init__(self) -> None:
            self.transport = self
            self.aborted = False

        async def send(self, message: Any) -> None:
            """Never come to an end with a piece of the body."""
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        def abort(self) -> None:
            """Drop the connection."""
            self.aborted = True

    stuck = Stuck()
    async with StreamReply(Reply(stuck.send), tuple, beat=b"\n", stall=0.01, alarm=Alarm()) as stream:
        with pytest.raises(ClientLeftError):
            await stream.write(b"x")
    assert stuck.aborted


def test_the_log_has_no_prompt_and_no_key(tmp_path: Path) -> None:
    """What fails inside the server is logged by class and place alone, and told as nothing more."""

    class Faulty:
        """A metric that can't be counted."""

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(f"{CANARY} and the prompt")

    log = Log()
    logging.getLogger().addHandler(log)
    try:
        with fast(tmp_path, Provider(says("Hello"))) as server:
            cast("Any", server.app)._chat._session = Faulty()
            reply = server(*BODIES["messages"])
    finally:
        logging.getLogger().removeHandler(log)
    assert reply.status == 500
    assert reply.json["error"]["message"] == "The server failed."
    lines = [line for line in log.lines if line.startswith("ve_magics.server")]
    assert re.fullmatch(r"ve_magics\.server RuntimeError at test_stream\.py:\d+", lines[0])
    assert not [line for line in log.lines if CANARY in line]
