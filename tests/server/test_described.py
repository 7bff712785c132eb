"""What the server sends is what OpenAI's published description says: whole answers, every event of a stream, every refusal."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import openai.types as sdk
import pytest
from jsonschema import Draft202012Validator
from openai.types import responses as sdk_responses
from openai.types.chat import ChatCompletionMessage, chat_completion, chat_completion_chunk
from openai.types.shared import ErrorObject
from pydantic import BaseModel

from tests.server.describing import NAMES, check, check_chunks, check_response_events, described, read_stream
from tests.server.films import made, order
from tests.server.running import DIALECTS, TOKEN, Answered, Running, every_dialect
from tests.server.speakers import ABOUT_WEATHER, CITY_SCHEMA, WEATHER_SCHEMA
from ve_magics.server import Grant

FUNCTION = {"name": "get_weather", "description": ABOUT_WEATHER, "parameters": WEATHER_SCHEMA}
FAULTS = ("400", "401", "404", "429", "500", "context", "cut", "error-in-stream")
NARROW = Grant(name="narrow", token="token-of-the-narrow", models=("sim/*",))
POOR = Grant(name="poor", token="token-of-the-poor", budget=0.0)
WEATHER = "What is the weather in Paris and Rome?"


class Question(NamedTuple):
    """What is asked in both of OpenAI's formats.

    Attributes:
        model: Its name at the provider.
        text: What is said.
        chat: More fields of a Chat Completions request.
        flat: More fields of a Responses request.
        finish: How the chat ends.
        status: How the response ends.
        kinds: The types of the response's items.
    """

    model: str
    text: str
    chat: dict[str, Any]
    flat: dict[str, Any]
    finish: str = "stop"
    status: str = "completed"
    kinds: tuple[str, ...] = ("message",)


QUESTIONS = {
    "text": Question("tutor", "What is recursion?", {}, {}),
    "settings": Question(
        "tutor",
        "What is recursion?",
        {"temperature": 0.5, "top_p": 0.9, "max_completion_tokens": 500},
        {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 500, "instructions": "Be kind."},
    ),
    "tools": Question(
        "tutor",
        WEATHER,
        {"tools": [{"type": "function", "function": FUNCTION}]},
        {"tools": [{"type": "function", **FUNCTION}], "tool_choice": "auto"},
        "tool_calls",
        kinds=("function_call", "function_call"),
    ),
    "forced tool": Question(
        "tutor",
        WEATHER,
        {
            "tools": [{"type": "function", "function": FUNCTION}],
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        },
        {
            "tools": [{"type": "function", **FUNCTION, "strict": True}],
            "tool_choice": {"type": "function", "name": "get_weather"},
        },
        "tool_calls",
        kinds=("function_call", "function_call"),
    ),
    "schema": Question(
        "tutor",
        "Extract: Ann is 31 years old.",
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "person", "schema": CITY_SCHEMA, "strict": True},
            }
        },
        {
            "text": {
                "format": {"type": "json_schema", "name": "person", "schema": CITY_SCHEMA, "strict": True}
            }
        },
    ),
    "reasoning": Question(
        "thinker",
        "What is 17 times 23?",
        {"reasoning_effort": "low"},
        {"reasoning": {"effort": "low"}},
        kinds=("reasoning", "message"),
    ),
    "refusal": Question("fault-refusal", "Tell me a story", {}, {}),
    "filter": Question("fault-filter", "Tell me a story", {}, {}, "content_filter", "incomplete"),
    "length": Question(
        "tutor",
        "Tell me a story",
        {"max_completion_tokens": 20},
        {"max_output_tokens": 20},
        "length",
        "incomplete",
    ),
}

every_upstream = pytest.mark.parametrize("upstream", DIALECTS)
every_question = pytest.mark.parametrize("asked", QUESTIONS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve one simulated provider of each dialect."""
    folder = tmp_path_factory.mktemp("served")
    with every_dialect(folder, FAULTS, grants=(NARROW, POOR)) as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_are_schemas(name: str) -> None:
    """Each description is a JSON Schema and names its source."""
    value = described(name)
    Draft202012Validator.check_schema(value)
    assert "openai/openai-openapi" in value["$comment"]


GOOD = {"object": "list", "model": "m", "data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
WRONG: tuple[dict[str, Any], ...] = (
    {**GOOD, "model": 1},
    {**GOOD, "object": "lists"},
    {**GOOD, "usage": None},
    {**GOOD, "extra": 1},
    {**GOOD, "usage": {"prompt_tokens": 1, "total_tokens": 1, "extra": 1}},
    {name: value for name, value in GOOD.items() if name != "data"},
)


@pytest.mark.parametrize("value", WRONG)
def test_what_is_wrong_is_found(value: dict[str, Any]) -> None:
    """A wrong type, a wrong name, a null, an unknown field and a missing one are all told."""
    check(GOOD, "embeddings")
    with pytest.raises(AssertionError, match=r"^embeddings"):
        check(value, "embeddings")


TYPES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("error", "error", ErrorObject),
    ("chat_completions", "", chat_completion.ChatCompletion),
    ("chat_completions", "choice", chat_completion.Choice),
    ("chat_completions", "message", ChatCompletionMessage),
    ("chat_completions", "usage", sdk.CompletionUsage),
    ("chat_completions_stream", "", chat_completion_chunk.ChatCompletionChunk),
    ("chat_completions_stream", "choice", chat_completion_chunk.Choice),
    ("chat_completions_stream", "delta", chat_completion_chunk.ChoiceDelta),
    ("chat_completions_stream", "tool_call", chat_completion_chunk.ChoiceDeltaToolCall),
    ("responses", "usage", sdk_responses.ResponseUsage),
    ("responses", "message", sdk_responses.ResponseOutputMessage),
    ("responses", "output_text", sdk_responses.ResponseOutputText),
    ("responses", "refusal", sdk_responses.ResponseOutputRefusal),
    ("responses", "reasoning", sdk_responses.ResponseReasoningItem),
    ("responses", "function_call", sdk_responses.ResponseFunctionToolCall),
    ("embeddings", "", sdk.CreateEmbeddingResponse),
    ("embeddings", "embedding", sdk.Embedding),
    ("images", "", sdk.ImagesResponse),
    ("images", "image", sdk.Image),
    ("models", "model", sdk.Model),
    ("videos", "video", sdk.Video),
    ("videos", "deleted", sdk.VideoDeleteResponse),
)


@pytest.mark.parametrize(("name", "part", "model"), TYPES, ids=[f"{name}-{part}" for name, part, _ in TYPES])
def test_descriptions_agree_with_the_sdk(name: str, part: str, model: type[BaseModel]) -> None:
    """The official SDK's types, made from the same description, need no field that ours doesn't, and have all that ours has."""
    value = described(name)["$defs"][part] if part else described(name)
    fields = {field.alias or own: field for own, field in model.model_fields.items()}
    assert value["properties"].keys() <= fields.keys()
    assert {own for own, field in fields.items() if field.is_required()} <= set(value.get("required", ()))


def test_events_agree_with_the_sdk() -> None:
    """Each event has exactly the fields that the official SDK's type for it has, and as many are needed."""
    union = get_args(sdk_responses.ResponseStreamEvent)[0]
    types = {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}
    events = described("responses_events")
    for name in events["properties"]["type"]["enum"]:
        value = events["$defs"][name]
        fields = types[name].model_fields
        assert value["properties"].keys() - {"obfuscation"} <= fields.keys(), name
        assert {own for own, field in fields.items() if field.is_required()} <= set(value["required"]), name


@every_upstream
@every_question
def test_chat_completions_whole(server: Running, asked: str, upstream: str) -> None:
    """A whole chat completion is what the description says."""
    question = QUESTIONS[asked]
    reply = server.chat(f"{upstream}/{question.model}", question.text, **question.chat)
    assert reply.status == 200
    check(reply.json, "chat_completions")
    (choice,) = reply.json["choices"]
    assert choice["finish_reason"] == _finish(question, upstream)
    assert len(choice["message"].get("tool_calls", ())) == (2 if question.finish == "tool_calls" else 0)


@every_upstream
@pytest.mark.parametrize("usage", [False, True], ids=["plain", "with usage"])
@every_question
def test_chat_completions_streamed(server: Running, asked: str, usage: bool, upstream: str) -> None:
    """Every chunk is what the description says, and they come in its order; counts come where they were asked for."""
    question = QUESTIONS[asked]
    options = {"stream_options": {"include_usage": True}} if usage else {}
    reply = server.chat(
        f"{upstream}/{question.model}", question.text, stream=True, **options, **question.chat
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = read_stream(reply.body)
    check_chunks(events, usage=usage)
    finishes = [choice["finish_reason"] for _, chunk in events[:-1] for choice in chunk["choices"]]
    assert finishes[-1] == _finish(question, upstream)


def _finish(question: Question, upstream: str) -> str:
    """Return how a chat ends: Anthropic stops a refusal as OpenAI's filter does."""
    return (
        "content_filter" if (question.model, upstream) == ("fault-refusal", "messages") else question.finish
    )


@every_upstream
@every_question
def test_responses_whole(server: Running, asked: str, upstream: str) -> None:
    """A whole response is what the description says."""
    question = QUESTIONS[asked]
    body = {"model": f"{upstream}/{question.model}", "input": question.text, **question.flat}
    reply = server("/v1/responses", body)
    assert reply.status == 200
    check(reply.json, "responses")
    _check_end(reply.json, question, upstream)


@every_upstream
@every_question
def test_responses_streamed(server: Running, asked: str, upstream: str) -> None:
    """Every event of a response is what the description says; numbers, places, ids and texts go together."""
    question = QUESTIONS[asked]
    body = {"model": f"{upstream}/{question.model}", "input": question.text, "stream": True, **question.flat}
    whole = check_response_events(read_stream(server("/v1/responses", body).body))
    _check_end(whole, question, upstream)


def _check_end(response: dict[str, Any], question: Question, upstream: str) -> None:
    filtered = _finish(question, upstream) == "content_filter"
    assert response["status"] == ("incomplete" if filtered else question.status)
    reason = {"content_filter": "content_filter", "length": "max_output_tokens"}.get(
        _finish(question, upstream)
    )
    assert response["incomplete_details"] == (reason and {"reason": reason})
    # what a provider wants back and has no field here comes last, as reasoning that says nothing
    told = [item for item in response["output"] if item["type"] != "reasoning" or item["summary"]]
    assert tuple(item["type"] for item in told) == question.kinds
    assert response["usage"]["output_tokens"] > 0


PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
    "/v1/responses": {"input": "Hello"},
    "/v1/embeddings": {"input": "Hello"},
    "/v1/images/generations": {"prompt": "A fox"},
}


def refused(reply: Answered, status: int) -> dict[str, Any]:
    """Hold a refusal to the description, and return its error."""
    assert reply.status == status
    check(reply.json, "error")
    error: dict[str, Any] = reply.json["error"]
    return error


@every_upstream
@pytest.mark.parametrize("fault", ["400", "401", "404", "429", "context"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_provider_s_refusals(server: Running, path: str, fault: str, upstream: str, stream: bool) -> None:
    """What a provider refuses before the answer begins is an error object of the description."""
    body = {"model": f"{upstream}-{fault}", "stream": stream, **PATHS[path]}
    refused(server(path, body), 400 if fault == "context" else int(fault))


@pytest.mark.parametrize("path", PATHS)
def test_the_server_s_own_refusals(server: Running, path: str) -> None:
    """A missing field, no JSON, a wrong token, an unknown model and a wrong method are error objects of the description."""
    refused(server(path, {}), 400)
    refused(server(path, b"{"), 400)
    refused(server(path, PATHS[path], token="wrong"), 401)
    assert refused(server(path, {"model": "nosuch/model", **PATHS[path]}), 404)["code"] == "model_not_found"
    refused(server(path), 405)


def test_what_is_not_there(server: Running) -> None:
    """A path, a video and a model that there are not are error objects too, each with the code that tells which."""
    codes = {
        "/v1/nowhere": "unknown_url",
        "/v1/videos/video_none": "not_found",
        "/v1/models/no/such": "model_not_found",
    }
    assert {path: refused(server(path), 404)["code"] for path in codes} == codes


def test_what_a_token_does_not_allow(server: Running) -> None:
    """A model that isn't allowed is a 403, and a budget that is used up a 402, as error objects."""
    for path, body in PATHS.items():
        refused(server(path, {"model": "responses/tutor", **body}, token=NARROW.token), 403)
    refused(server.chat("messages/tutor", token=POOR.token), 402)


@every_upstream
@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_a_stream_that_breaks(server: Running, fault: str, upstream: str) -> None:
    """A failure in the middle is the last that is told: an error object for chats, an error event for responses."""
    chat = read_stream(server.chat(f"{upstream}-{fault}", "Tell me a story", stream=True).body)
    *chunks, (_, last) = chat
    check(last, "error")
    assert chunks
    for _, chunk in chunks:
        check(chunk, "chat_completions_stream")
    body = {"model": f"{upstream}-{fault}", "input": "Tell me a story", "stream": True}
    events = read_stream(server("/v1/responses", body).body)
    for number, (name, value) in enumerate(events):
        check(value, "responses_events", name)
        assert value["sequence_number"] == number
    assert [name for name, _ in events].index("error") == len(events) - 1


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize("upstream", ["chat_completions", "responses"])
def test_embeddings(server: Running, form: str, upstream: str) -> None:
    """Vectors come in the form that was asked for."""
    body = {
        "model": f"{upstream}/embed",
        "input": ["a red fox", "a bank"],
        "encoding_format": form,
        "dimensions": 16,
    }
    reply = server("/v1/embeddings", body).json
    check(reply, "embeddings")
    assert [row["index"] for row in reply["data"]] == [0, 1]
    first = reply["data"][0]["embedding"]
    if form == "base64":
        first = struct.unpack("<16f", base64.b64decode(first, validate=True))
    assert len(first) == 16


@pytest.mark.parametrize("upstream", ["chat_completions", "responses"])
def test_images(server: Running, upstream: str) -> None:
    """Pictures and their counts come in the description's form."""
    body = {"model": f"{upstream}/image", "prompt": "a red fox", "size": "256x256", "n": 2}
    reply = server("/v1/images/generations", body).json
    check(reply, "images")
    assert len(reply["data"]) == 2
    assert reply["usage"]["input_tokens_details"]["text_tokens"] == reply["usage"]["input_tokens"]


def test_models(server: Running) -> None:
    """The list of models and each one of it are in the description's form."""
    listed = server("/v1/models").json
    check(listed, "models")
    for row in listed["data"][:3]:
        check(server(f"/v1/models/{row['id']}").json, "models", "model")


def test_videos(server: Running) -> None:
    """A film is in the description's form while it is made and when it is there; so are a list and a deletion."""
    begun = order(server)
    assert begun.status == 200
    check(begun.json, "videos", "video")
    done = made(server, begun.json["id"])
    check(done, "videos", "video")
    assert (done["status"], done["progress"], done["error"]) == ("completed", 100, None)
    remix = server(f"/v1/videos/{done['id']}/remix", {"prompt": "At night"}).json
    check(remix, "videos", "video")
    check(made(server, remix["id"]), "videos", "video")
    check(server("/v1/videos?limit=1").json, "videos", "list")
    check(server(f"/v1/videos/{done['id']}", method="DELETE").json, "videos", "deleted")


def test_a_film_that_fails(server: Running) -> None:
    """A failed film holds an error object; there is no file of it, and that is an error object too."""
    failed = made(server, order(server, model="sim/fault-job-moderation").json["id"])
    check(failed, "videos", "video")
    assert failed["status"] == "failed"
    assert failed["error"]["code"]
    refused(server(f"/v1/videos/{failed['id']}/content"), 404)
    refused(server("/v1/videos", {"model": "sim/film"}), 400)


def test_no_films_at_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty list has ends that are null."""
    with Running(tmp_path_factory.mktemp("empty"), "[prices]\n") as empty:
        reply = empty("/v1/videos", token=TOKEN).json
    check(reply, "videos", "list")
    assert (reply["data"], reply["first_id"], reply["last_id"]) == ([], None, None)
