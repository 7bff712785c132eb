"""The client: every form of its arguments, what it returns, and what it raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import NoNetwork, Provider, World, fails, gather, says, words
from ve_magics.client import VECTORENGINE, VectorEngineClient, chat_request
from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Trace
from ve_magics.engine.simulated import Simulated
from ve_magics.engine.transport import Mounted
from ve_magics.errors import (
    ArgumentsError,
    AuthError,
    BadRequestError,
    ConfigError,
    JobError,
    JobFailedError,
    RecordingError,
    UnsupportedError,
)
from ve_magics.events import Started
from ve_magics.messages import ChatRequest, Message, OutputFormat, Text, Tool, ToolChoice, user
from ve_magics.store.mp4 import probe

pytestmark = pytest.mark.anyio

BARE: dict[str, str] = {}


def client(
    provider: Provider, *arguments: Any, host: str = "api.vectorengine.ai", **more: Any
) -> VectorEngineClient:
    """Return a client whose host is a scripted provider, with an empty configuration."""
    return VectorEngineClient(
        *arguments, config=Config(environ=BARE), transport=Mounted({host: provider}, NoNetwork), **more
    )


async def test_a_key_alone_goes_to_vectorengine() -> None:
    """The default base URL is VectorEngine's; the model's name goes out as it is."""
    provider = Provider(says("Hi"))
    async with client(provider, "sk-given") as own:
        answer = await own.chat_completion("Hello", model="gpt-5.4-mini", temperature=0.5)
    (asked,) = provider.asked
    assert answer.text == "Hi"
    assert VECTORENGINE.endswith(asked.path.removesuffix("/chat/completions"))
    assert asked.headers["authorization"] == "Bearer sk-given"
    assert asked.json == {
        "model": "gpt-5.4-mini",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5,
    }


async def test_any_base_url_can_be_asked_with_or_without_a_key() -> None:
    """A server that needs no key gets none, whatever keys the user has for others."""
    provider = Provider(says("Hi"))
    async with client(provider, base_url="http://mine.test/v1/", host="mine.test", model="local") as own:
        assert (await own.chat_completion([user("Hello")])).text == "Hi"
    assert "authorization" not in provider.asked[0].headers
    assert provider.asked[0].json["model"] == "local"
    with pytest.raises(ConfigError):
        VectorEngineClient(base_url="mine.test", config=Config(environ=BARE))


async def test_streams_come_by_both_ways() -> None:
    """`chat_completion(stream=True)` returns what `stream` yields, and the trace is filled."""
    provider = Provider(says("One", " two"))
    async with client(provider, "sk-given", model="m") as own:
        events = await gather(await own.chat_completion("Hello", stream=True))
        trace = Trace()
        again = await gather(own.stream("Hello", trace=trace, model="other"))
    assert words(events) == words(again) == "One two"
    assert isinstance(events[0], Started)
    assert str(trace.served) == "vectorengine/other"
    assert [asked.json["model"] for asked in provider.asked] == ["m", "other"]


async def test_without_arguments_the_configuration_decides(tmp_path: Path) -> None:
    """The default model, routes and aliases hold; with nothing at all the simulator answers."""
    world = World(tmp_path, Provider(fails(500)), Provider(says("b")), toml='[defaults]\nchat = "fast"\n')
    async with VectorEngineClient(config=world.config, transport=world.transport) as own:
        assert (await own.chat_completion("Hello")).text == "b"
        assert (await own.chat_completion("Hello", model="b/m")).text == "b"
    async with VectorEngineClient(config=Config(environ=BARE)) as simulated:
        assert (await simulated.chat_completion("Hello")).model == "sim/tutor"


async def test_clients_of_one_configuration_keep_their_keys_apart() -> None:
    """Two clients with a key each don't overwrite one another's."""
    provider = Provider(says("Hi"))
    config, transport = Config(environ=BARE), Mounted({"api.vectorengine.ai": provider}, NoNetwork)
    one = VectorEngineClient("sk-one", config=config, transport=transport, model="m")
    two = VectorEngineClient("sk-two", config=config, transport=transport, model="m")
    for own in (one, two):
        await own.chat_completion("Hello")
    assert [asked.headers["authorization"] for asked in provider.asked] == ["Bearer sk-one", "Bearer sk-two"]
    assert not config.keys("vectorengine")


async def test_failures_are_the_trees_own() -> None:
    """Each error knows its class, target, status and request id."""
    provider = Provider(fails(401, "invalid_api_key", headers={"x-request-id": "r1"}))
    async with client(provider, "sk-given", model="m", total=5, connect=1, first_token=2, silence=3) as own:
        with pytest.raises(AuthError) as caught:
            await own.chat_completion("Hello")
    assert (caught.value.status, caught.value.request_id, caught.value.retryable) == (401, "r1", False)
    assert caught.value.http_status == 401
    assert caught.value.target == "vectorengine/m"


async def test_a_model_must_be_named_for_a_base_url() -> None:
    """An endpoint of the caller's own has no default model."""
    async with client(Provider(says("x")), "sk-given") as own:
        with pytest.raises(ArgumentsError, match="No model is named"):
            await own.chat_completion("Hello")


def request(messages: Any, **settings: Any) -> ChatRequest:
    """Return what the client makes of its arguments."""
    return chat_request(messages, model="m", stream=False, settings=settings)


def test_messages_come_in_three_forms() -> None:
    """A prompt, dicts of chat completions, and our own values, mixed in order."""
    assert request("Hello").messages == (user("Hello"),)
    mixed = request(
        [
            {"role": "system", "content": "Be brief."},
            user("One"),
            {"role": "assistant", "content": "Two"},
            user("Three"),
        ]
    )
    assert [message.text for message in mixed.messages] == ["Be brief.", "One", "Two", "Three"]
    picture = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    assert (
        len(
            request([{"role": "user", "content": [{"type": "text", "text": "?"}, picture]}]).messages[0].parts
        )
        == 2
    )


def test_settings_are_ours_or_those_of_chat_completions() -> None:
    """Both forms mean the same; what nobody knows goes through as it is."""
    assert request("x", max_tokens=5) == request("x", max_completion_tokens=5)
    function = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    tool = Tool(name="f", parameters={"type": "object"})
    assert request("x", tools=[function]).tools == request("x", tools=[tool]).tools == (tool,)
    assert request("x", tools=[tool], tool_choice="required").tool_choice == ToolChoice("required")
    assert request("x", tools=[tool], tool_choice=ToolChoice("none")).tool_choice == ToolChoice("none")
    assert request("x", response_format={"type": "json_object"}).output == OutputFormat("json_object")
    assert request("x", output=OutputFormat("json_object")).output == OutputFormat("json_object")
    assert request("x", stop="a").stop == request("x", stop=["a"]).stop == ("a",)
    unknown = request("x", min_p=0.1)
    assert unknown.extra == {"min_p": 0.1}


@pytest.mark.parametrize(
    ("messages", "settings", "message"),
    [
        ([], {}, "There are no messages"),
        ("", {}, "There are no messages"),
        ("  ", {}, "There are no messages"),
        ("x", {"temperature": "hot"}, "temperature"),
        ("x", {"seed": [1]}, "seed"),
        ("x", {"min_p": object()}, "can't be sent"),
    ],
)
def test_arguments_that_cannot_be_used_are_told(
    messages: Any, settings: dict[str, Any], message: str
) -> None:
    """Nothing is sent; the error names what is wrong."""
    with pytest.raises(ArgumentsError, match=message):
        request(messages, **settings)


def test_a_dict_that_is_no_message_is_told() -> None:
    """The error is that of chat completions and names the field."""
    with pytest.raises(BadRequestError):
        request([{"role": "wizard", "content": "x"}])


async def test_texts_become_vectors_in_their_order() -> None:
    """One text or several; the simulator answers without any key."""
    async with VectorEngineClient(config=Config(environ=BARE)) as own:
        one = await own.embed("cat", dimensions=16)
        two = await own.embed(["dog", "cat"], dimensions=16)
        assert len(one.vectors) == 1
        assert two.vectors[1] == one.vectors[0]
        assert len(one.vectors[0]) == 16
        for nothing in ([], "", ["a", ""]):
            with pytest.raises(ArgumentsError):
                await own.embed(nothing)


async def test_pictures_are_made() -> None:
    """The simulator draws a PNG; a prompt must say something, and settings have types."""
    async with VectorEngineClient(config=Config(environ=BARE)) as own:
        drawn = await own.generate_image("a red kite", size="256x256", n=1)
        assert drawn.images[0].data.startswith(b"\x89PNG")
        with pytest.raises(ArgumentsError, match="prompt is empty"):
            await own.generate_image(" ")
        with pytest.raises(ArgumentsError, match="can't be used"):
            await own.generate_image("x", quality=3)


async def test_documents_are_put_in_order() -> None:
    """The best comes first, and only as many as are wanted."""
    async with VectorEngineClient(config=Config(environ=BARE)) as own:
        ranked = await own.rerank("cats", ["dogs bark", "cats purr", "cats sleep"], top=2)
        assert len(ranked.results) == 2
        assert ranked.results[0].index in (1, 2)
        for query, documents in (("", ["a"]), ("q", [])):
            with pytest.raises(ArgumentsError):
                await own.rerank(query, documents)


async def test_replaying_asks_nobody_for_vectors_either() -> None:
    """In replay mode what can't be replayed is an error, not a request."""
    config = Config(environ={"VE_RECORDING": "replay"})
    async with VectorEngineClient(config=config, transport=NoNetwork()) as own:
        with pytest.raises(RecordingError):
            await own.embed("x")


def test_messages_of_ours_are_kept_as_they_are() -> None:
    """Parts that chat completions can't say stay in our own values."""
    message = Message("user", (Text("x", annotations=({"a": 1},)),))
    assert request([message]).messages == (message,)


FILM: dict[str, Any] = {"seconds": 1, "size": "128x128"}


async def test_a_video_is_ordered_and_waited_for(tmp_path: Path) -> None:
    """The job comes back at once, and with its file when that is there."""
    async with VectorEngineClient(config=Config(environ=BARE)) as own:
        job = await own.create_video("A paper boat.", folder=tmp_path / "films", **FILM)
        assert (job.state, job.path, job.provider) == ("queued", "", "sim")
        film = await own.wait_video(job)
    assert Path(film.path).parent == tmp_path / "films"
    assert probe(Path(film.path)).duration == film.seconds == 1
    assert (film.size, film.cost) == ("128x128", 0)


async def test_a_video_outlives_the_client_that_ordered_it(tmp_path: Path) -> None:
    """Waiting ends in an error and the job goes on; a later client waits for it by its id."""
    simulator = Simulated()  # lives on, as a provider does

    def opened() -> VectorEngineClient:
        transport = Mounted({"sim.invalid": simulator}, NoNetwork)
        return VectorEngineClient(config=Config(environ=BARE), transport=transport)

    async with opened() as own:
        job = await own.create_video("A slow snail.", folder=tmp_path, **FILM)
        with pytest.raises(JobError, match="not ready after 0 s") as caught:
            await own.wait_video(job, timeout=0)
    assert job.id in caught.value.hint
    async with opened() as other:
        film = await other.wait_video(job.id)
        with pytest.raises(JobError, match="no job nobody"):
            await other.wait_video("nobody")
    assert (film.id, film.attempts) == (job.id, 1)
    assert probe(Path(film.path)).duration == 1


async def test_a_base_url_makes_videos_in_openais_form(tmp_path: Path) -> None:
    """A server of one's own is asked at its `/videos`."""
    transport = Mounted({"mine.test": Simulated()}, NoNetwork)
    async with VectorEngineClient(
        "k", "http://mine.test/v1", model="film", config=Config(environ=BARE), transport=transport
    ) as own:
        film = await own.wait_video(await own.create_video("A boat.", folder=tmp_path, **FILM))
    assert (film.state, film.model) == ("succeeded", "film")


async def test_a_video_that_fails_says_why(tmp_path: Path) -> None:
    """A job without a video is an error, whose words are the provider's."""
    async with VectorEngineClient(config=Config(environ=BARE)) as own:
        job = await own.create_video("A fox.", model="sim/fault-job", folder=tmp_path, **FILM)
        with pytest.raises(JobFailedError, match="asked to fail"):
            await own.wait_video(job)


async def test_a_video_that_cannot_be_ordered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent for an empty prompt, several at once, a model without videos, or in a replay."""
    async with VectorEngineClient(config=Config(environ=BARE)) as own:
        refused: list[tuple[str, dict[str, Any]]] = [(" ", {}), ("A", {"count": 2}), ("A", {"seed": "x"})]
        for prompt, settings in refused:
            with pytest.raises(ArgumentsError):
                await own.create_video(prompt, **settings)
        with pytest.raises(UnsupportedError, match="makes no videos"):
            await own.create_video("A boat.", model="deepseek/deepseek-chat")
    replaying = Config(environ={"VE_RECORDING": "replay"})
    async with VectorEngineClient(config=replaying) as own:
        with pytest.raises(RecordingError, match="replayed"):
            await own.create_video("A boat.")
