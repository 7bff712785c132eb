"""What a request to a provider of Responses looks like, and what it can't say."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.responses import dialect
from ve_magics.errors import UnsupportedError
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    assistant,
    system,
    user,
)
from ve_magics.providers import Provider, Quirks

NAME = "responses"
OPENAI = Provider(
    name="openai",
    base_url="http://127.0.0.1/v1",
    dialect=NAME,
    quirks=Quirks(cache_key=True, unsupported=("user",)),
)
BARE = Provider(
    name="bare",
    base_url="http://127.0.0.1/v1",
    dialect=NAME,
    quirks=Quirks(image_urls=False, strict_tools=False, sampling=False),
)
ITEM = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "b3BhcXVl"}


def body(*messages: Message, to: Provider = OPENAI, **settings: Any) -> dict[str, Any]:
    """Return the body of a request."""
    request = ChatRequest(model="m", messages=messages or (user("Hi"),), **settings)
    wire = dialect.encode_request(request, to)
    assert (wire.path, wire.method) == ("/responses", "POST")
    decoded: dict[str, Any] = json.loads(wire.body)
    return decoded


def items(*messages: Message, **settings: Any) -> list[dict[str, Any]]:
    """Return the input items of a request."""
    found: list[dict[str, Any]] = body(*messages, **settings)["input"]
    return found


def said(*parts: Part) -> Message:
    """Return an answer that is in the history."""
    return Message("assistant", parts)


def test_gateway_leaves_nothing_behind() -> None:
    """Unless told otherwise nothing is stored, and the reasoning comes along, so that it can be brought back."""
    assert body() == {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    assert body(store=True)["store"] is True
    assert body(stream=True)["stream"] is True


def test_leading_system_messages_are_the_instructions() -> None:
    """System messages at the head become `instructions`; later ones stay where they are."""
    developer = Message("developer", (Text("In "), Text("French.")))
    asked = body(system("Be brief."), developer, user("Hi"), system("Now in German."))
    assert asked["instructions"] == "Be brief.\n\nIn French."
    assert asked["input"] == [
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": "Now in German."},
    ]
    assert "instructions" not in body(Message("system"), user("Hi"))
    assert body(system("Be brief."))["input"] == []


def test_every_setting_has_its_place() -> None:
    """Settings go under this dialect's own names."""
    asked = body(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        logprobs=True,
        top_logprobs=2,
        effort="high",
        reasoning_summary="auto",
        verbosity="low",
        parallel_tool_calls=False,
        service_tier="flex",
        metadata={"a": "b"},
        cache_key="k",
        cache_ttl="12h",
        n=1,
        modalities=("text",),
        output=OutputFormat("json_schema", {"type": "object"}, "person", "A person.", strict=True),
        extra={
            "include": ["web_search_call.results"],
            "truncation": "auto",
            "reasoning": {"context": "all_turns"},
        },
    )
    del asked["input"], asked["model"], asked["store"]
    assert asked == {
        "max_output_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 2,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs", "web_search_call.results"],
        "reasoning": {"effort": "high", "summary": "auto", "context": "all_turns"},
        "text": {
            "format": {
                "type": "json_schema",
                "name": "person",
                "schema": {"type": "object"},
                "description": "A person.",
                "strict": True,
            },
            "verbosity": "low",
        },
        "parallel_tool_calls": False,
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "implicit", "ttl": "12h"},
        "truncation": "auto",
    }
    assert body(output=OutputFormat("json_object"))["text"] == {"format": {"type": "json_object"}}
    assert body(cache_ttl="24h")["prompt_cache_retention"] == "24h"


def test_extras_of_another_dialect_stay_at_home() -> None:
    """Fields that were read from another dialect mean nothing here."""
    message = Message("user", (Text("Hi", extra={"x": 1}),), extra={"x": 1})
    assert body(message, dialect="messages", extra={"x": 1}) == body()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"top_k": 3}, "top_k"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"seed": 1}, "seed"),
        ({"stop": ("x",)}, "stop"),
        ({"thinking_budget": 100}, "thinking_budget"),
        ({"n": 2}, "n"),
        ({"modalities": ("text", "audio")}, "modalities"),
        ({"user": "ann"}, "user"),
        ({"cache_ttl": "1h"}, "cache_ttl"),
        ({"cache_ttl": "30m", "to": BARE}, "cache_ttl"),
        ({"temperature": 1.0, "to": BARE}, "temperature"),
        ({"tools": (Tool("f", strict=True),), "to": BARE}, "tools.strict"),
        ({"tools": (Tool("web_search", hosted={"type": "web_search"}),)}, "tools.hosted"),
    ],
)
def test_what_has_no_word_is_refused_by_name(settings: dict[str, Any], field: str) -> None:
    """A setting that the dialect or the provider can't say is an error that names it, never dropped."""
    with pytest.raises(UnsupportedError) as caught:
        body(**settings)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message("user", (Text("Hi"),), name="Ann"), "messages.name"),
        (Message("system", (Text("Hi"),), name="Ann"), "messages.name"),
        (Message("tool", (Text("Hi"),)), "tool.text"),
        (Message("user", (Refusal("No"),)), "user.refusal"),
        (Message("user", (Audio(id="a"),)), "user.audio"),
        (Message("user", (File(name="a.pdf"),)), "file.data"),
        (Message("system", (Image(b"x", "image/png"),)), "system.image"),
        (said(Audio(id="a")), "assistant.audio"),
        (said(Image(b"x", "image/png")), "assistant.image"),
    ],
)
def test_parts_without_a_place_are_refused_by_name(message: Message, field: str) -> None:
    """A part that has no place in an item is an error that names role and part."""
    with pytest.raises(UnsupportedError) as caught:
        items(message)
    assert caught.value.field == field


def test_address_of_a_picture_for_a_provider_that_loads_none() -> None:
    """A provider that loads no pictures is not given an address."""
    with pytest.raises(UnsupportedError, match="bare") as caught:
        items(user("What?", Image(url="https://example.org/a.png")), to=BARE)
    assert caught.value.field == "image.url"


def test_pictures_sounds_and_documents() -> None:
    """Media go as flat parts: addresses and data URLs are plain strings."""
    parts: list[Part] = [
        Image(b"\x89", "image/png", detail="low"),
        Image(url="https://example.org/a.png"),
        Image(file_id="file-1"),
        File(b"%", "application/pdf", "a.pdf"),
        File(b"%"),
        File(url="https://example.org/a.pdf", name="a.pdf"),
        File(url="https://example.org/a.pdf"),
        File(file_id="file-2"),
        Audio(b"\x00", "mp3"),
        Opaque(NAME, {"type": "input_hologram"}),
        Opaque("messages", {"type": "document"}),
    ]
    assert items(user("What?", *parts))[0]["content"] == [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,iQ=="},
        {"type": "input_image", "detail": "auto", "image_url": "https://example.org/a.png"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JQ=="},
        {"type": "input_file", "filename": "file", "file_data": "data:application/octet-stream;base64,JQ=="},
        {"type": "input_file", "file_url": "https://example.org/a.pdf", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        {"type": "input_hologram"},
    ]


def test_tools_are_flat_and_say_whether_they_are_strict() -> None:
    """A tool that says nothing is told not to be strict, because that is what it means elsewhere."""
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    tools = (
        Tool("f", "Does f.", {"type": "object"}),
        Tool("g", strict=True),
        Tool("h", custom=True, format=grammar),
        Tool("i", custom=True, format={"type": "text"}),
        Tool("j", custom=True),
    )
    assert body(tools=tools)["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "Does f.",
            "parameters": {"type": "object"},
            "strict": False,
        },
        {"type": "function", "name": "g", "parameters": None, "strict": True},
        {"type": "custom", "name": "h", "format": {"type": "grammar", "syntax": "regex", "definition": "a+"}},
        {"type": "custom", "name": "i", "format": {"type": "text"}},
        {"type": "custom", "name": "j"},
    ]
    assert body(tools=tools[:1], to=BARE)["tools"][0].keys() == {"type", "name", "description", "parameters"}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("none", ("f",)), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ("f",)), {"type": "function", "name": "f"}),
        (ToolChoice("required", ("h",)), {"type": "custom", "name": "h"}),
        (
            ToolChoice("auto", ("f", "h")),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "h"}],
            },
        ),
    ],
)
def test_tool_choices(choice: ToolChoice, wire: Any) -> None:
    """Choices go flat, one tool forced or several allowed."""
    assert body(tools=(Tool("f"), Tool("h", custom=True)), tool_choice=choice)["tool_choice"] == wire


def test_calls_and_results() -> None:
    """Each call and each result is an item of its own, linked by `call_id`; words around them keep their place."""
    picture = Image(b"\x89", "image/png")
    history = items(
        said(
            Text("Let me see."),
            ToolCall("c1", "f"),
            ToolCall("c2", "sql", "SELECT 1;", custom=True),
            Text("So."),
        ),
        Message("tool", (ToolResult("c1", (Text("7"), picture)), ToolResult("c2", custom=True))),
        Message("user", (Text("Look:"), ToolResult("c3", (Text("8"),), is_error=True), Text("Good?"))),
    )
    assert history == [
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "SELECT 1;"},
        {"role": "assistant", "content": "So."},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [
                {"type": "input_text", "text": "7"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iQ=="},
            ],
        },
        {"type": "custom_tool_call_output", "call_id": "c2", "output": ""},
        {"role": "user", "content": "Look:"},
        {"type": "function_call_output", "call_id": "c3", "output": "8"},
        {"role": "user", "content": "Good?"},
    ]


def test_answers_in_the_history() -> None:
    """Plain words are a string; refusals and several parts are content parts; an empty answer stays one."""
    assert items(said(Text("Hi"), Refusal("No."))) == [
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "Hi", "annotations": []},
                {"type": "refusal", "refusal": "No."},
            ],
        }
    ]
    assert items(said(), Message("user")) == [
        {"role": "assistant", "content": ""},
        {"role": "user", "content": ""},
    ]
    assert items(said(Reasoning("Hm."))) == []


def test_reasoning_goes_back_verbatim_before_what_it_led_to() -> None:
    """Opaque items keep their place and every field, and go to nobody but their origin."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    painted = {"type": "image_generation_call", "id": "ig_1", "status": "completed"}

    def own(data: Any) -> State:
        return State("openai", NAME, data)

    message = said(
        Reasoning("Hm.", own(ITEM)),
        Opaque(NAME, search, own(None)),
        Reasoning("", State("openai", "chat_completions", [])),
        Text("Let me see.", state=own({"phase": "commentary"})),
        Text("It rains.", state=own({"phase": "final_answer"})),
        Text("Really.", state=State("google", "generate_content", "c2ln")),
        Image(b"\x89", "image/png", state=own(painted)),
        ToolCall("c1", "f", "{}", state=own({"namespace": "n"})),
        Opaque("messages", {"type": "server_tool_use"}),
    )
    found = items(message)
    assert found[:2] == [ITEM, search]
    assert [(item["phase"], item["content"][0]["text"]) for item in found[2:4]] == [
        ("commentary", "Let me see."),
        ("final_answer", "It rains."),
    ]
    assert found[4:] == [
        {"role": "assistant", "content": "Really."},
        {**painted, "result": "iQ=="},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "namespace": "n"},
    ]
    stranger = msgspec.structs.replace(OPENAI, name="stranger")
    kept = said(*(part for part in message.parts if not isinstance(part, Image)))
    assert items(kept, to=stranger) == [
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": text, "annotations": []}
                for text in ("Let me see.", "It rains.", "Really.")
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]


def test_words_after_items_begin_a_new_message() -> None:
    """A call between two texts divides them; the annotations of another dialect are not repeated."""
    history = items(assistant("One", ToolCall("c1", "f", "{}"), Text("Two", ({"type": "x"},))))
    assert [item.get("type", "message") for item in history] == ["message", "function_call", "message"]
    assert history[2] == {"role": "assistant", "content": "Two"}
