"""What the server sends in Anthropic's and Google's forms is what their official SDKs' types say, strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import anthropic.types as claude_types
import pytest
from google.genai import types as gemini_types

from tests.server.describing import read_stream
from tests.server.running import DIALECTS, Running, every_dialect
from tests.server.speakers import ABOUT_WEATHER, CITY_SCHEMA, WEATHER_SCHEMA
from tests.server.typed import (
    check_gemini,
    check_gemini_error,
    check_message,
    check_message_error,
    check_message_events,
    check_typed,
)

FAULTS = ("400", "401", "404", "429", "500", "503", "context", "cut", "error-in-stream")


class Question(NamedTuple):
    """What is asked in both forms.

    Attributes:
        model: Its name at the provider.
        text: What is said.
        claude: More fields of a Messages request.
        gemini: More fields of a generateContent request.
        stop: How Anthropic's form names the end.
        finish: How Google's does.
        kinds: The blocks of the answer, in Anthropic's words.
    """

    model: str
    text: str
    claude: dict[str, Any]
    gemini: dict[str, Any]
    stop: str = "end_turn"
    finish: str = "STOP"
    kinds: tuple[str, ...] = ("text",)


QUESTIONS = {
    "text": Question("tutor", "What is recursion?", {}, {}),
    "tools": Question(
        "tutor",
        "What is the weather in Paris and Rome?",
        {"tools": [{"name": "get_weather", "description": ABOUT_WEATHER, "input_schema": WEATHER_SCHEMA}]},
        {
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "get_weather",
                            "description": ABOUT_WEATHER,
                            "parametersJsonSchema": WEATHER_SCHEMA,
                        }
                    ]
                }
            ]
        },
        "tool_use",
        kinds=("tool_use", "tool_use"),
    ),
    "schema": Question(
        "tutor",
        "Extract: Ann is 31 years old.",
        {"output_config": {"format": {"type": "json_schema", "schema": CITY_SCHEMA}}},
        {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": CITY_SCHEMA}},
    ),
    "reasoning": Question(
        "thinker",
        "What is 17 times 23?",
        {"output_config": {"effort": "low"}},
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}},
        kinds=("thinking", "text"),
    ),
    "refusal": Question("fault-refusal", "Tell me a story", {}, {}),
    "filter": Question("fault-filter", "Tell me a story", {}, {}, "refusal", "SAFETY"),
    "length": Question(
        "tutor",
        "Tell me a story",
        {"max_tokens": 20},
        {"generationConfig": {"maxOutputTokens": 20}},
        "max_tokens",
        "MAX_TOKENS",
    ),
}

every_upstream = pytest.mark.parametrize("upstream", DIALECTS)
every_question = pytest.mark.parametrize("asked", QUESTIONS)
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve one simulated provider of each dialect."""
    with every_dialect(tmp_path_factory.mktemp("served"), FAULTS) as running:
        yield running


def claude(model: str, text: str, **more: Any) -> dict[str, Any]:
    """Return a Messages request."""
    return {"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **more}


def gemini(text: str, **more: Any) -> dict[str, Any]:
    """Return a generateContent request."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def gemini_path(model: str, *, stream: bool) -> str:
    """Return where a model is asked in Google's form."""
    return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


def said_blocks(blocks: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the types of the blocks that say something; what a provider wants back may stand in others."""
    return tuple(
        block["type"]
        for block in blocks
        if block["type"] != "redacted_thinking" and block.get("thinking", True)
    )


@every_upstream
@every_question
def test_messages_whole(server: Running, asked: str, upstream: str) -> None:
    """A whole message has the fields and types of Anthropic's, and no others."""
    question = QUESTIONS[asked]
    body = claude(f"{upstream}/{question.model}", question.text, **question.claude)
    reply = server("/v1/messages", body)
    assert reply.status == 200
    check_message(reply.json)
    assert said_blocks(reply.json["content"]) == question.kinds
    assert reply.json["stop_reason"] in (question.stop, "refusal" if asked == "refusal" else question.stop)


@every_upstream
@every_question
def test_messages_streamed(server: Running, asked: str, upstream: str) -> None:
    """Every event has the fields and types of Anthropic's; blocks begin, grow and end one after the other."""
    question = QUESTIONS[asked]
    body = claude(f"{upstream}/{question.model}", question.text, stream=True, **question.claude)
    events = read_stream(server("/v1/messages", body).body)
    check_message_events(events)
    starts = [value["content_block"] for name, value in events if name == "content_block_start"]
    thinks = {value["index"] for _, value in events if value.get("delta", {}).get("type") == "thinking_delta"}
    told = [block["type"] for at, block in enumerate(starts) if block["type"] != "thinking" or at in thinks]
    kinds = [kind for kind in told if kind != "redacted_thinking"]
    if question.kinds == ("text",):  # a provider that signs each piece makes as many blocks
        kinds = kinds[:1] if set(kinds) == {"text"} else kinds
    assert tuple(kinds) == question.kinds


@both
@every_upstream
@every_question
def test_generate_content(server: Running, asked: str, upstream: str, stream: bool) -> None:
    """An answer and each piece of a streamed one have the fields and types of Google's, and no others."""
    question = QUESTIONS[asked]
    reply = server(
        gemini_path(f"{upstream}/{question.model}", stream=stream), gemini(question.text, **question.gemini)
    )
    assert reply.status == 200
    values = [value for _, value in read_stream(reply.body)] if stream else [reply.json]
    for value in values:
        check_gemini(value)
    finishes = [value["candidates"][0].get("finishReason") for value in values if value.get("candidates")]
    assert finishes[-1] in (question.finish, "SAFETY" if asked == "refusal" else question.finish)
    assert not any(finishes[:-1])
    assert len({value["responseId"] for value in values}) == 1
    assert values[-1]["usageMetadata"]["totalTokenCount"] > 0


STATUSES = {"400": 400, "401": 401, "404": 404, "429": 429, "500": 500, "503": 529, "context": 400}


@both
@every_upstream
@pytest.mark.parametrize("fault", STATUSES)
def test_refusals_to_anthropic_s_clients(server: Running, fault: str, upstream: str, stream: bool) -> None:
    """A provider's refusal is Anthropic's error object, with the status that goes with its type."""
    reply = server("/v1/messages", claude(f"{upstream}-{fault}", "Hello", stream=stream))
    assert reply.status == STATUSES[fault]
    check_message_error(reply.json)


@both
@every_upstream
@pytest.mark.parametrize("fault", STATUSES)
def test_refusals_to_google_s_clients(server: Running, fault: str, upstream: str, stream: bool) -> None:
    """A provider's refusal is Google's error object, whose code is the HTTP status and whose name goes with it."""
    reply = server(gemini_path(f"{upstream}-{fault}", stream=stream), gemini("Hello"))
    assert reply.status in (STATUSES[fault], {"500": 502, "503": 503}.get(fault))
    check_gemini_error(reply.status, json.loads(reply.body))


def test_the_server_s_own_refusals(server: Running) -> None:
    """A missing field, no JSON, a wrong token, an unknown model and a wrong method are told in the client's form."""
    good = claude("nosuch/model", "Hello")
    cases: list[tuple[Any, dict[str, Any], int]] = [({}, {}, 400), (b"{", {}, 400), (good, {}, 404)]
    cases += [(good, {"token": "wrong"}, 401), (None, {}, 405)]
    for body, more, status in cases:
        headers = {"anthropic-version": "2023-06-01"}
        reply = server("/v1/messages", body, headers=headers, **more)
        assert reply.status == status
        check_message_error(reply.json)
    path = gemini_path("nosuch/model", stream=False)
    for body, more, status in cases:
        reply = server(path, gemini("Hello") if body is good else body, **more)
        assert reply.status == status
        check_gemini_error(status, reply.json)


def test_what_stands_beside_answers(server: Running) -> None:
    """Models, counts of tokens and vectors have the fields and types of each SDK's own, and all that it needs."""
    headers = {"anthropic-version": "2023-06-01"}
    listed = server("/v1/models", headers=headers).json
    assert listed.keys() == {"data", "has_more", "first_id", "last_id"}
    for row in (*listed["data"], server("/v1/models/sim/tutor", headers=headers).json):
        check_typed(claude_types.ModelInfo, row)
        assert row["lifecycle"] == "active"
    assert {row["id"]: row["max_input_tokens"] for row in listed["data"]}["sim/tutor"] == 128_000
    question = {name: value for name, value in claude("messages/tutor", "Hi").items() if name != "max_tokens"}
    check_typed(claude_types.MessageTokensCount, server("/v1/messages/count_tokens", question).json)
    path = "/v1beta/models/{}:{}".format
    counted = server(path("generate_content/tutor", "countTokens"), gemini("Hi")).json
    check_typed(gemini_types.CountTokensResponse, counted)
    asked = {"content": {"parts": [{"text": "a red fox"}]}, "outputDimensionality": 4}
    many = server(path("responses/embed", "batchEmbedContents"), {"requests": [asked]}).json
    check_typed(gemini_types.EmbedContentResponse, many)
    one = server(path("responses/embed", "embedContent"), asked).json
    check_typed(gemini_types.ContentEmbedding, one["embedding"])


@every_upstream
@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_streams_that_break(server: Running, fault: str, upstream: str) -> None:
    """A failure in the middle is the last event, in the form's own error object."""
    reply = server("/v1/messages", claude(f"{upstream}-{fault}", "Tell me a story", stream=True))
    check_message_events(read_stream(reply.body), ended=False)
    reply = server(gemini_path(f"{upstream}-{fault}", stream=True), gemini("Tell me a story"))
    *pieces, (_, last) = read_stream(reply.body)
    assert pieces
    for _, value in pieces:
        check_gemini(value)
    check_gemini_error(last["error"]["code"], last)
