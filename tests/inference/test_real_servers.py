"""The chat path against model servers that this project did not write, with real inference on a tiny model.

    python -m pytest -m inference tests/inference

The first run builds the servers' environments, which takes minutes. With RECORD_REPLIES=1 in the environment, the
fixtures `real_*` are written anew from what the servers send.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.inference.exchanges import EXCHANGES, FORCED, LONG, SCHEMA, WEATHER, Exchange, settled
from tests.inference.servers import KINDS, LLAMACPP, MODEL, TRANSFORMERS, Kind, Server
from tests.inference.tiny_model import WIDTH
from ve_magics import VectorEngineClient
from ve_magics.engine.config import Config
from ve_magics.errors import BadRequestError, ContextLengthError, NotFoundError, VeError
from ve_magics.events import Event, Restarted, TextDelta, accumulate
from ve_magics.messages import ChatResponse

pytestmark = [pytest.mark.inference, pytest.mark.anyio]
GREETING = "HI, 你天猫🚀!"
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
RECORD = os.environ.get("RECORD_REPLIES") == "1"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[VectorEngineClient]:
    """Yield a client of the server, as a user opens one who knows its address and nothing else."""
    async with VectorEngineClient(
        base_url=server.base_url, model=MODEL, config=Config(environ={}, keyring=lambda _: None)
    ) as opened:
        yield opened


def post(server: Server, body: bytes) -> tuple[int, str, bytes]:
    """Send a body as it is; returns status, content type and body of the reply."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=120)
    try:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.headers["content-type"], reply.read()
    finally:
        connection.close()


async def ask(client: VectorEngineClient, words: str, **settings: Any) -> ChatResponse:
    """Return the whole, likeliest answer."""
    answer: ChatResponse = await client.chat_completion(words, temperature=0, **settings)
    return answer


async def streamed(client: VectorEngineClient, words: str, **settings: Any) -> list[Event]:
    """Return the events of the streamed, likeliest answer."""
    return [event async for event in client.stream(words, temperature=0, **settings)]


def only(server: Server, kind: Kind) -> bool:
    """Whether the server is of this kind."""
    return server.kind is kind


@pytest.mark.parametrize(
    ("server", "exchange"),
    [
        pytest.param(kind, exchange, id=f"{kind.name}-{exchange.name}")
        for kind in KINDS
        for exchange in EXCHANGES
        if kind in exchange.kinds
    ],
    indirect=["server"],
)
def test_server_still_sends_the_bytes_of_its_fixture(server: Server, exchange: Exchange) -> None:
    """The fixtures named `real_*` are what the servers send, byte for byte."""
    status, media_type, raw = post(server, exchange.raw)
    raw = settled(raw)
    if status != 200:
        ending = ".error.json"
        told = {"status": status, "headers": {"content-type": media_type}, "body": raw.decode()}
        raw = json.dumps(told, indent=2, ensure_ascii=False).encode() + b"\n"
    else:
        ending = ".sse" if media_type.startswith("text/event-stream") else ".json"
    path = exchange.fixture(server.kind, ending)
    if RECORD:
        path.write_bytes(raw)
    assert raw == path.read_bytes()


async def test_streamed_and_whole_answers_are_the_same(client: VectorEngineClient) -> None:
    """Both forms give the same words, reason and model; characters that span tokens arrive whole."""
    whole = await ask(client, "Hi")
    events = await streamed(client, "Hi")
    grown = accumulate(events)
    assert whole.text == grown.text == GREETING
    assert whole.finish == grown.finish == "stop"
    assert whole.model == grown.model
    pieces = [event.text for event in events if isinstance(event, TextDelta) and event.text]
    assert len(pieces) == len(GREETING)
    assert pieces == list(GREETING)


async def test_counts_are_there_or_known_to_be_missing(server: Server, client: VectorEngineClient) -> None:
    """Whole answers tell their counts; a stream without counts, although asked for, is no failure."""
    whole = (await ask(client, "Hi")).usage
    assert whole is not None
    assert whole.input == 4
    assert whole.output in (18, 19)  # whether the end mark counts
    streamed_usage = accumulate(await streamed(client, "Hi")).usage
    assert streamed_usage == (None if only(server, LLAMACPP) else whole)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_length_limit_holds_under_either_name(client: VectorEngineClient, name: str) -> None:
    """The limit that a user sets is kept, by whichever of its two names it was set."""
    whole = await ask(client, "The alphabet", **{name: 5})
    grown = accumulate(await streamed(client, "The alphabet", **{name: 5}))
    assert whole.text == grown.text == "abcde"
    assert whole.finish == grown.finish == "length"
    assert whole.usage is not None
    assert whole.usage.output == 5


@pytest.mark.parametrize("stream", [False, True])
async def test_limit_that_splits_a_character_leaves_no_half_of_it_behind(
    client: VectorEngineClient, stream: bool
) -> None:
    """An answer cut inside a Chinese character is text all the same: the half is gone or marked as unreadable."""
    if stream:
        answer = accumulate(await streamed(client, "Hi", max_tokens=6))
    else:
        answer = await ask(client, "Hi", max_tokens=6)
    assert answer.finish == "length"
    assert answer.text.rstrip("\ufffd") in ("HI, ", "HI, 你")


def test_only_one_name_of_the_limit_is_safe(server: Server) -> None:
    """`max_tokens` is kept by every server, `max_completion_tokens` is not: so the first goes out by default."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
    kept = json.loads(post(server, json.dumps(body | {"max_tokens": 3}).encode())[2])
    maybe = json.loads(post(server, json.dumps(body | {"max_completion_tokens": 3}).encode())[2])
    assert kept["choices"][0]["finish_reason"] == "length"
    ignored = maybe["choices"][0]["finish_reason"] == "stop"
    assert ignored is only(server, LLAMACPP)


@pytest.mark.parametrize("stream", [False, True])
async def test_stop_words_end_the_answer(server: Server, client: VectorEngineClient, stream: bool) -> None:
    """A stop word ends the answer with the reason `stop`; transformers leaves the word in the text."""
    settings = {"stop": "fg", "max_tokens": 40}
    if stream:
        answer = accumulate(await streamed(client, "The alphabet", **settings))
    else:
        answer = await ask(client, "The alphabet", **settings)
    assert answer.text == ("abcdefg" if only(server, TRANSFORMERS) else "abcde")
    assert answer.finish == "stop"


async def test_seed_makes_chance_repeatable(server: Server, client: VectorEngineClient) -> None:
    """The same seed gives the same answer at a high temperature, other seeds others, and any bytes are text."""
    settings: dict[str, Any] = {"temperature": 2, "max_tokens": 40}
    if only(server, LLAMACPP):
        settings |= {"top_p": 1.0, "min_p": 0.0}  # else it takes the likeliest token alone
    answers = [
        accumulate([event async for event in client.stream("Hi", seed=seed, **settings)])
        for seed in (1, 1, 2, 3, 4, 5)
    ]
    assert answers[0].text == answers[1].text
    assert len({answer.text for answer in answers}) > 1
    assert all(answer.text.encode() for answer in answers)
    assert {answer.finish for answer in answers} <= {"stop", "length"}


async def test_thoughts_are_told_from_words(client: VectorEngineClient) -> None:
    """A thought is reasoning, whether the server says so in a field or leaves its marks in the text."""
    for answer in (
        await ask(client, "Please ponder"),
        accumulate(await streamed(client, "Please ponder")),
    ):
        assert answer.message.reasoning == "Hm. 嗯。"
        assert answer.text == "Four."
        assert answer.finish == "stop"


async def test_tool_calls_are_read(server: Server, client: VectorEngineClient) -> None:
    """One call with valid arguments, streamed or whole; llama-cpp-python makes calls only where one is demanded."""
    settings: dict[str, Any] = {"tools": [WEATHER]}
    if only(server, LLAMACPP):
        settings |= {"tool_choice": FORCED, "max_tokens": 60}
    for answer in (
        await ask(client, "Hi", **settings),
        accumulate(await streamed(client, "Hi", **settings)),
    ):
        (call,) = answer.message.tool_calls
        assert call.id
        assert call.name == "weather"
        assert json.loads(call.arguments) == {"city": "北京"}
        assert answer.finish == "tool_calls"


async def test_log_probabilities_come_where_they_are_offered(
    server: Server, client: VectorEngineClient
) -> None:
    """llama-cpp-python gives them, streamed or whole; transformers leaves them out in silence."""
    settings = {"logprobs": True, "top_logprobs": 1, "max_tokens": 3}
    wanted = ["H", "I", ","] if only(server, LLAMACPP) else []
    for answer in (
        await ask(client, "Hi", **settings),
        accumulate(await streamed(client, "Hi", **settings)),
    ):
        assert [entry["token"] for entry in answer.choices[0].logprobs] == wanted
        assert answer.text == "HI,"


async def test_unknown_model(server: Server, client: VectorEngineClient) -> None:
    """transformers refuses a model that it doesn't serve; llama-cpp-python answers with the one that it has."""
    if only(server, TRANSFORMERS):
        with pytest.raises(NotFoundError, match="pinned"):
            await ask(client, "Hi", model="other")
    else:
        assert (await ask(client, "Hi", model="other")).text == GREETING


async def test_request_that_the_server_rejects(server: Server, client: VectorEngineClient) -> None:
    """What a server can't do is a bad request that says so and is sent once, even where the status is 500."""
    if only(server, TRANSFORMERS):
        with pytest.raises(BadRequestError, match="top_k") as caught:
            await ask(client, "Hi", top_k=3)
    else:
        with pytest.raises(BadRequestError, match="response_format") as caught:
            await ask(client, "Hi", response_format=SCHEMA)
    assert not caught.value.retryable


async def test_prompt_that_is_too_long(server: Server, client: VectorEngineClient) -> None:
    """llama-cpp-python refuses it with the right code, and streams nothing at all; transformers knows no limit."""
    if only(server, TRANSFORMERS):
        assert (await ask(client, LONG, max_tokens=3)).finish == "length"
        return
    with pytest.raises(ContextLengthError, match="4096"):
        await ask(client, LONG, max_tokens=3)
    with pytest.raises(VeError, match="before an answer began"):
        await streamed(client, LONG, max_tokens=3)


@pytest.mark.parametrize("server", [LLAMACPP], ids=["llamacpp"], indirect=True)
async def test_embeddings(client: VectorEngineClient) -> None:
    """Texts become vectors of the model's width, in their order."""
    both = await client.embed(["你好", "HI"])
    alone = await client.embed("HI")
    assert [len(vector) for vector in both.vectors] == [WIDTH, WIDTH]
    assert both.vectors[1] == pytest.approx(alone.vectors[0], abs=1e-3)
    assert both.vectors[0] != pytest.approx(both.vectors[1], abs=1e-3)
    assert both.usage is not None
    assert both.usage.input == 8


@pytest.mark.parametrize("server", [TRANSFORMERS], ids=["transformers"], indirect=True)
async def test_error_inside_a_good_stream(client: VectorEngineClient) -> None:
    """transformers tells what fails while it generates as text inside the stream; it is shown in its own words."""
    with pytest.raises(VeError, match="strictly positive"):
        async for _ in client.stream("Hi", temperature=-1):
            pass


async def test_closing_the_stream_stops_the_server(server: Server, client: VectorEngineClient) -> None:
    """Whoever stops reading closes the connection, and the server stops generating."""
    events = client.stream("The alphabet", temperature=0, max_tokens=3500)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                break
    started = time.monotonic()
    assert (await ask(client, "Hi")).text == GREETING
    assert time.monotonic() - started < 10
    if only(server, LLAMACPP):
        assert "Disconnected from client" in server.log.read_text(errors="replace")


@pytest.mark.parametrize("server", [LLAMACPP], ids=["llamacpp"], indirect=True)
async def test_answer_that_another_request_cuts_is_not_taken_for_whole(client: VectorEngineClient) -> None:
    """llama-cpp-python ends a stream with `[DONE]` when another request comes: the answer starts again and is whole."""
    seen: list[Event] = []
    async with aclosing(client.stream("The alphabet", temperature=0, max_tokens=300)) as events:
        async for event in events:
            seen.append(event)
            if len(seen) == 5:
                assert (await ask(client, "Hi")).text == GREETING
    assert any(isinstance(event, Restarted) for event in seen)
    answer = accumulate(seen)
    assert answer.text == (ALPHABET * 12)[:300]
    assert answer.finish == "length"
