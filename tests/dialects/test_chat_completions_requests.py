"""How a question is written for a provider: only what is set, in the provider's own form, or not at all."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.chat_completions import dialect
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
from ve_magics.providers import PROVIDERS, Provider, Quirks

NAME = "chat_completions"


def provider(**quirks: Any) -> Provider:
    """Return a provider that differs from the book in these points."""
    return Provider(name="p", base_url="http://127.0.0.1/v1", quirks=Quirks(**quirks))


def body(*messages: Message, to: Provider | None = None, **fields: Any) -> dict[str, Any]:
    """Return the JSON that goes out."""
    request = ChatRequest(model="m", messages=messages or (user("Hi"),), **fields)
    wire = dialect.encode_request(request, to or provider())
    assert (wire.path, wire.method) == ("/chat/completions", "POST")
    value: dict[str, Any] = json.loads(wire.body)
    return value


def said(*parts: Part, role: Any = "assistant", to: Provider | None = None, **fields: Any) -> dict[str, Any]:
    """Return the wire form of one message."""
    message: dict[str, Any] = body(Message(role, parts), to=to, **fields)["messages"][0]
    return message


def test_only_what_is_set_goes_out() -> None:
    """The smallest question is the model and the messages."""
    assert body() == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_streaming_asks_for_counts_where_the_provider_knows_how() -> None:
    """`stream_options` goes only to servers that know it; a user's own options there are kept."""
    assert body(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(stream=True, to=provider(stream_usage=False))
    own = body(stream=True, dialect=NAME, extra={"stream_options": {"include_usage": False, "x": 1}})
    assert own["stream_options"] == {"include_usage": True, "x": 1}


def test_extra_fields_go_out_in_their_own_dialect_and_where_the_user_typed_them() -> None:
    """Unknown fields pass in this dialect and from the user's own hand, never from another dialect."""
    assert body(extra={"future": 1})["future"] == 1
    assert body(extra={"future": 1}, dialect=NAME)["future"] == 1
    assert "future" not in body(extra={"future": 1}, dialect="messages")
    assert body(extra={"model": "other", "functions": []}, dialect=NAME)["model"] == "m"


@pytest.mark.parametrize(
    ("field", "value"),
    [("thinking_budget", 5), ("reasoning_summary", "auto"), ("cache_ttl", "1h")],
)
def test_what_cannot_be_said_is_an_error_that_names_the_field(field: str, value: Any) -> None:
    """Nothing that a user set is dropped in silence."""
    with pytest.raises(UnsupportedError) as caught:
        body(**{field: value})
    assert caught.value.field == field


def test_what_a_provider_rejects_is_an_error() -> None:
    """`Quirks.unsupported` and `sampling` stop a request before it is sent."""
    with pytest.raises(UnsupportedError, match="top_k"):
        body(top_k=3, to=PROVIDERS["azure"])
    with pytest.raises(UnsupportedError, match="seed"):
        body(seed=0, to=provider(unsupported=("seed",)))
    with pytest.raises(UnsupportedError, match="temperature"):
        body(temperature=0.0, to=provider(sampling=False))
    assert body(top_k=3)["top_k"] == 3
    assert body(seed=0, to=provider(unsupported=("top_k", "stop")))["seed"] == 0


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_goes_under_the_name_that_the_provider_knows(field: str) -> None:
    """`max_tokens` has two names."""
    assert body(max_tokens=7, to=provider(max_tokens_field=field))[field] == 7


def test_system_and_developer_go_as_the_provider_knows_them() -> None:
    """Reasoning models may want `developer`; old servers don't know the word."""
    assert body(system("s"), to=provider(developer_role=True))["messages"][0]["role"] == "developer"
    developer = Message("developer", (Text("d"),))
    assert body(developer)["messages"][0]["role"] == "system"
    new = provider(max_tokens_field="max_completion_tokens")
    assert body(developer, to=new)["messages"][0]["role"] == "developer"


def test_pictures_sounds_and_documents() -> None:
    """A user's parts are written as parts, bytes as base64."""
    content = said(
        Text("a"),
        Image(b"x", "image/png", detail="low"),
        Image(url="https://example.org/a.png"),
        Audio(b"s", "mp3"),
        File(b"f", "application/pdf"),
        File(file_id="file-1"),
        role="user",
    )["content"]
    assert [part["type"] for part in content] == [
        "text",
        "image_url",
        "image_url",
        "input_audio",
        "file",
        "file",
    ]
    assert content[1]["image_url"] == {"url": "data:image/png;base64,eA==", "detail": "low"}
    assert content[3]["input_audio"] == {"data": "cw==", "format": "mp3"}
    assert content[4]["file"] == {"filename": "file", "file_data": "data:application/pdf;base64,Zg=="}


@pytest.mark.parametrize(
    ("role", "part", "field"),
    [
        ("user", Image(file_id="f"), "image.file_id"),
        ("user", Image(url="https://example.org/a.png"), "image.url"),
        ("user", File(url="https://example.org/a.pdf"), "file.url"),
        ("user", Audio(id="a"), "user.audio"),
        ("user", Reasoning("r"), "user.reasoning"),
        ("user", Opaque(NAME, "not an object"), "user.opaque"),
        ("system", Image(b"x", "image/png"), "system.image"),
        ("assistant", Image(b"x", "image/png"), "assistant.image"),
        ("assistant", Audio(b"s", "wav"), "assistant.audio"),
        ("tool", Text("t"), "tool.text"),
        ("tool", ToolResult("c", (Image(b"x", "image/png"),)), "tool_result.image"),
        ("tool", ToolResult("c", (File(b"x"),)), "tool_result.file"),
    ],
)
def test_parts_that_have_no_field_are_errors(role: str, part: Part, field: str) -> None:
    """A part that can't be said stops the request and is named."""
    with pytest.raises(UnsupportedError) as caught:
        said(part, role=role, to=provider(image_urls=False))
    assert caught.value.field == field


def test_tool_results_come_before_the_rest_of_their_turn() -> None:
    """Results in a user's turn become messages of their own, at once after the calls; `is_error` is in the words."""
    results = (ToolResult("a", (Text("1"), Text("2")), name="f"), ToolResult("b", is_error=True))
    messages = body(Message("user", (Text("then"), *results)))["messages"]
    assert messages == [
        {
            "role": "tool",
            "tool_call_id": "a",
            "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
        },
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "user", "content": "then"},
    ]
    assert body(Message("tool", (results[1],)))["messages"][0]["content"] == ""
    assert said(results[0], role="tool", dialect=NAME)["name"] == "f"


def test_an_assistant_message_is_one_string_and_its_calls() -> None:
    """Many servers take no list here: words are joined, refusals have their own field, calls stand beside."""
    assert said(Text("a"), Text("b"), ToolCall("c", "f"), ToolCall("d", "g", "x", custom=True)) == {
        "role": "assistant",
        "content": "ab",
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "d", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
    }
    assert said(Refusal("no")) == {"role": "assistant", "content": None, "refusal": "no"}
    assert said(Audio(id="a")) == {"role": "assistant", "content": None, "audio": {"id": "a"}}
    assert said() == {"role": "assistant", "content": ""}
    listed = said(Text("a", extra={"x": 1}), Refusal("no"), Opaque(NAME, {"type": "new"}), dialect=NAME)
    assert listed["content"] == [
        {"type": "text", "text": "a", "x": 1},
        {"type": "refusal", "refusal": "no"},
        {"type": "new"},
    ]
    picture = said(Image(b"x", "image/png"), dialect=NAME)
    assert picture["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}]


def test_parts_of_other_dialects_are_dropped() -> None:
    """What only another provider understands doesn't travel, and a turn that holds nothing else is not sent."""
    opaque = Opaque("messages", {"type": "server_tool_use"})
    assert said(Text("a"), opaque) == {"role": "assistant", "content": "a"}
    assert len(body(Message("user", (opaque,)), user("Hi"))["messages"]) == 1


OWN = State("p", NAME, [{"type": "reasoning.text", "text": "r"}])


@pytest.mark.parametrize("state", [State("q", NAME, [1]), State("p", "responses", [1]), None])
def test_state_goes_to_its_origin_only(state: State | None) -> None:
    """Opaque state goes back to the provider and dialect that made it, unchanged, and to no other."""
    assert said(Text("a"), Reasoning("r", OWN))["reasoning_details"] == OWN.data
    assert "reasoning_details" not in said(Text("a"), Reasoning("r", state))
    assert said(Reasoning("", State("p", NAME, {"x": 1})))["reasoning_details"] == [{"x": 1}]
    signed = {"extra_content": {"google": 1}, "function": {"name": "never", "more": 2}}
    call = said(ToolCall("c", "f", state=State("p", NAME, signed)))["tool_calls"][0]
    assert call["extra_content"] == {"google": 1}
    assert call["function"] == {"name": "f", "arguments": "{}", "more": 2}
    assert "extra_content" not in said(ToolCall("c", "f", state=state))["tool_calls"][0]


def test_reasoning_goes_back_where_it_is_wanted() -> None:
    """DeepSeek refuses tool calls without `reasoning_content`; most servers want no reasoning back at all."""
    deepseek = provider(reasoning_field="reasoning_content")
    assert said(Text("a"), Reasoning("r"), to=deepseek)["reasoning_content"] == "r"
    assert said(ToolCall("c", "f"), to=deepseek)["reasoning_content"] == ""
    assert "reasoning_content" not in said(Text("a"), to=deepseek)
    assert said(Reasoning("r"), to=provider(reasoning_field="reasoning"))["reasoning"] == "r"
    for quirk in ("", "reasoning_details"):
        assert said(Text("a"), Reasoning("r"), to=provider(reasoning_field=quirk)) == {
            "role": "assistant",
            "content": "a",
        }


def test_tools() -> None:
    """Functions and custom tools are written by the book; what is unknown goes only to this dialect."""
    tools = (
        Tool("f", "does", {"type": "object"}, strict=False),
        Tool("g", custom=True, format={"type": "text"}),
        Tool("h", custom=True),
        Tool("i"),
    )
    assert body(tools=tools)["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does",
                "parameters": {"type": "object"},
                "strict": False,
            },
        },
        {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
        {"type": "custom", "custom": {"name": "h"}},
        {"type": "function", "function": {"name": "i"}},
    ]
    loose = provider(strict_tools=False)
    assert "strict" not in body(tools=tools, to=loose)["tools"][0]["function"]
    with pytest.raises(UnsupportedError, match="enforce"):
        body(tools=(Tool("f", strict=True),), to=loose)
    with pytest.raises(UnsupportedError) as caught:
        body(tools=(Tool("web", hosted={"type": "web"}),), dialect="responses")
    assert caught.value.field == "tools.hosted"


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none", ("f",)), "none"),
        (ToolChoice("required", ("f",)), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("required", ("g",)), {"type": "custom", "custom": {"name": "g"}}),
        (
            ToolChoice("auto", ("f", "g")),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "g"}},
                    ],
                },
            },
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, wire: Any) -> None:
    """A mode, a forced tool or a subset of the tools."""
    assert body(tools=(Tool("f"), Tool("g", custom=True)), tool_choice=choice)["tool_choice"] == wire


def test_output_format() -> None:
    """A schema always has a name; text and JSON mode need none."""
    full = OutputFormat("json_schema", {"type": "object"}, "n", "d", strict=True)
    assert body(output=full)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True},
    }
    bare = body(output=OutputFormat("json_schema"))["response_format"]
    assert bare == {"type": "json_schema", "json_schema": {"name": "answer"}}
    assert body(output=OutputFormat("json_object"))["response_format"] == {"type": "json_object"}


def test_prompt_caches_are_asked_for_in_the_providers_way() -> None:
    """OpenAI takes a key and two lifetimes, OpenRouter Anthropic's marks; a key is a hint that others don't get."""
    openai = provider(cache_key=True)
    assert body(cache_key="k", to=openai)["prompt_cache_key"] == "k"
    assert body(cache_ttl="24h", to=openai)["prompt_cache_retention"] == "24h"
    assert body(cache_ttl="30m", to=openai)["prompt_cache_options"] == {"mode": "implicit", "ttl": "30m"}
    with pytest.raises(UnsupportedError, match="24h"):
        body(cache_ttl="5m", to=openai)
    assert body(cache_key="k") == body()
    marks = provider(cache_marks=True)
    turns = (system("s"), user("a", Image(b"x", "image/png")), assistant("b"))
    marked = body(*turns, cache_ttl="1h", to=marks)["messages"]
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert marked[0]["content"] == [{"type": "text", "text": "s", "cache_control": mark}]
    assert marked[2]["content"][-1]["cache_control"] == mark
    assert "cache_control" not in json.dumps(marked[1])
    empty = body(user("a"), Message("assistant", (ToolCall("c", "f"),)), cache_key="k", to=marks)["messages"]
    assert "cache_control" not in json.dumps(empty)
    assert body(to=marks) == body()


def test_extra_of_every_level_goes_out_in_its_own_dialect_only() -> None:
    """Fields of the future on messages, parts, calls, results, tools and choices pass in this dialect alone."""
    extra = {"future": 1}
    messages = (
        msgspec.structs.replace(user("x"), name="ann", parts=(Text("x", extra=extra),), extra=extra),
        Message("assistant", (ToolCall("c", "f", extra=extra),), extra=extra),
        Message("tool", (ToolResult("c", (Text("r"),), extra=extra),)),
    )
    fields: dict[str, Any] = {
        "tools": (Tool("f", extra=extra), Tool("web", hosted={"type": "web", "future": 1})),
        "tool_choice": ToolChoice("required", ("f",), extra),
        "output": OutputFormat("json_object", extra=extra),
    }
    assert json.dumps(body(*messages, dialect=NAME, **fields)).count("future") == 9
    fields["tools"] = fields["tools"][:1]
    assert "future" not in json.dumps(body(*messages, dialect="responses", **fields))
