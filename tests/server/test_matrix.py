"""Every official SDK reaches providers of every dialect: four by four, over a real socket, with nothing patched."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.server.running import DIALECTS, QUICK, TOKEN, Running, provider_rows
from tests.server.speakers import Called, Speaker, speakers
from ve_magics.sim import Simulator

FAULTS = {"400": 400, "401": 401, "404": 404, "429": 429, "500": 502, "503": 503, "context": 400}
"""What the simulator is asked to do wrong, and the status that OpenAI's and Google's clients are told."""

both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_pair = pytest.mark.parametrize(
    ("inbound", "upstream"), [(inbound, upstream) for inbound in DIALECTS for upstream in DIALECTS]
)


def png(red: int, green: int, blue: int) -> bytes:
    """Return a picture of one colour, 8 by 8 pixels."""

    def piece(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, green, blue)) * 8) * 8
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + piece(b"IHDR", head)
        + piece(b"IDAT", zlib.compress(rows))
        + piece(b"IEND", b"")
    )


class World:
    """A server with one simulated provider of each dialect."""

    def __init__(self, server: Running, simulators: dict[str, Simulator], users: dict[str, Speaker]) -> None:
        self.server = server
        self.simulators = simulators
        self.users = users


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve one provider of each dialect."""
    simulators = {dialect: Simulator(QUICK) for dialect in DIALECTS}
    apps = {f"{dialect.replace('_', '-')}.test": app for dialect, app in simulators.items()}
    rows = provider_rows({dialect: dialect for dialect in DIALECTS}) + "".join(
        f'[routes."{dialect}-{fault}"]\ntargets = ["{dialect}/fault-{fault}"]\nretries = 0\n'
        for dialect in DIALECTS
        for fault in FAULTS
    )
    with (
        Running(tmp_path_factory.mktemp("served"), rows, apps) as server,
        speakers(server.url) as users,
    ):
        yield World(server, simulators, users)


@both
@every_pair
def test_words_and_counts(world: World, inbound: str, upstream: str, stream: bool) -> None:
    """Words and counts arrive, whole or grown piece by piece, and the named provider was asked once."""
    before = world.simulators[upstream].counters.chats
    said = world.users[inbound].say(f"{upstream}/tutor", "What is recursion?", stream=stream)
    assert "function" in said.text
    assert said.read > 5
    assert said.made > 5
    assert said.pieces > 5 if stream else said.pieces == 1
    assert world.simulators[upstream].counters.chats == before + 1


@every_pair
def test_the_same_words_in_every_form(world: World, inbound: str, upstream: str) -> None:
    """A streamed answer is the same text as a whole one."""
    user = world.users[inbound]
    whole = user.say(f"{upstream}/tutor", "Why is the sky blue?", stream=False)
    streamed = user.say(f"{upstream}/tutor", "Why is the sky blue?", stream=True)
    assert streamed.text == whole.text
    assert (streamed.read, streamed.made) == (whole.read, whole.made)


@both
@every_pair
def test_parallel_tools_and_their_results(world: World, inbound: str, upstream: str, stream: bool) -> None:
    """Two calls come at once, both results go back, and the last words use them."""
    asked: list[str] = []

    def weather(city: str) -> str:
        asked.append(city)
        return f"{len(city) * 3} degrees in {city}"

    calls, text = world.users[inbound].use_tool(
        f"{upstream}/tutor", "What is the weather in Paris and Rome?", weather, stream=stream
    )
    assert calls == [Called("get_weather", {"city": "Paris"}), Called("get_weather", {"city": "Rome"})]
    assert asked == ["Paris", "Rome"]
    assert "15 degrees in Paris" in text
    assert "12 degrees in Rome" in text


@every_pair
def test_json_schema(world: World, inbound: str, upstream: str) -> None:
    """An answer that must fit a schema is JSON that fits it."""
    person = world.users[inbound].fill(f"{upstream}/tutor", "Extract: Ann is 31 years old.")
    assert person == {"name": "Ann", "age": 31}


@every_pair
def test_a_picture_is_seen(world: World, inbound: str, upstream: str) -> None:
    """A picture's bytes reach the provider: it names their colour."""
    text = world.users[inbound].look(f"{upstream}/tutor", "Which colour is this?", png(220, 30, 30))
    assert "red" in text.lower()


@pytest.mark.parametrize("fault", FAULTS)
@every_pair
def test_failures_before_the_reply(world: World, inbound: str, upstream: str, fault: str) -> None:
    """A provider's failure is the SDK's own exception, with the status that its dialect has for it and no key."""
    failed = world.users[inbound].fail(f"{upstream}-{fault}", stream=fault in ("429", "500"))
    own = {"500": 500, "503": 529} if inbound == "messages" else {}
    assert failed.status == own.get(fault, FAULTS[fault])
    assert failed.message
    assert "canary" not in failed.message


@pytest.mark.parametrize("inbound", DIALECTS)
@both
def test_an_unknown_model(world: World, inbound: str, stream: bool) -> None:
    """A model that nobody serves is a 404."""
    assert world.users[inbound].fail("nosuch", stream=stream).status == 404


@pytest.mark.parametrize("packed", [False, True])
def test_vectors_by_openai(world: World, packed: bool) -> None:
    """The openai SDK gets the vectors that the provider gave, packed as it asks by default or as numbers."""
    with openai.OpenAI(base_url=f"{world.server.url}/v1", api_key=TOKEN, max_retries=0) as client:
        options: Any = {} if packed else {"encoding_format": "float"}
        reply = client.embeddings.create(
            model="chat_completions/embed",
            input=["a red fox", "a red fox", "a bank"],
            dimensions=64,
            **options,
        )
    first, second, third = (row.embedding for row in reply.data)
    assert len(first) == 64
    assert first == second != third
    assert reply.usage.prompt_tokens > 0


def test_vectors_by_google(world: World) -> None:
    """The google-genai SDK gets vectors from a provider of another dialect."""
    client = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=world.server.url))
    try:
        reply: Any = client.models.embed_content(
            model="responses/embed",
            contents=["a red fox", "a bank"],
            config=types.EmbedContentConfig(output_dimensionality=32),
        )
    finally:
        client.close()
    assert [len(row.values) for row in reply.embeddings] == [32, 32]


def test_pictures_by_openai(world: World) -> None:
    """The openai SDK gets a picture's bytes."""
    with openai.OpenAI(base_url=f"{world.server.url}/v1", api_key=TOKEN, max_retries=0) as client:
        size: Any = "256x256"  # the simulator paints smaller ones than OpenAI
        reply: Any = client.images.generate(model="chat_completions/image", prompt="a red fox", size=size)
    assert base64.b64decode(reply.data[0].b64_json).startswith(b"\x89PNG")


def test_ranks(world: World) -> None:
    """Documents come back in the order in which they fit, with their texts where they were asked for."""
    body = {
        "model": "chat_completions/rerank",
        "query": "red fox",
        "documents": ["a bank in London", "the red fox jumps", {"text": "a fox"}],
        "top_n": 2,
        "return_documents": True,
    }
    reply = world.server("/v1/rerank", body)
    assert [row["index"] for row in reply.json["results"]] == [1, 2]
    assert reply.json["results"][0]["document"] == {"text": "the red fox jumps"}
    assert reply.headers["x-ve-target"] == "chat_completions/rerank"


def test_models_by_every_sdk(world: World) -> None:
    """Each SDK lists the models and gets one, in its own form."""
    with openai.OpenAI(base_url=f"{world.server.url}/v1", api_key=TOKEN, max_retries=0) as client:
        assert "sim/tutor" in [row.id for row in client.models.list()]
        assert client.models.retrieve("sim/tutor").owned_by == "sim"
    with anthropic.Anthropic(base_url=world.server.url, api_key=TOKEN, max_retries=0) as other:
        assert "sim/tutor" in [row.id for row in other.models.list()]
        assert other.models.retrieve("sim/tutor").display_name == "sim/tutor"
    google = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=world.server.url))
    try:
        assert "models/sim/tutor" in [row.name for row in google.models.list()]
        assert google.models.get(model="models/sim/tutor").display_name == "sim/tutor"
    finally:
        google.close()


def test_counts_before_asking(world: World) -> None:
    """The anthropic and google-genai SDKs estimate a question's tokens, and nobody is asked for it."""
    before = [simulator.counters.requests for simulator in world.simulators.values()]
    with anthropic.Anthropic(base_url=world.server.url, api_key=TOKEN, max_retries=0) as client:
        counted = client.messages.count_tokens(
            model="messages/tutor",
            system="Be kind.",
            tools=[{"name": "f", "input_schema": {"type": "object"}}],
            messages=[{"role": "user", "content": "What is recursion, and why does it end?"}],
        )
    assert 10 < counted.input_tokens < 80
    google = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=world.server.url))
    try:
        counts = google.models.count_tokens(model="generate_content/tutor", contents="What is recursion?")
    finally:
        google.close()
    assert 5 < (counts.total_tokens or 0) < 40
    assert before == [simulator.counters.requests for simulator in world.simulators.values()]
