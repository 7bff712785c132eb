"""How a user's question is read: strictly where it is known, kept where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.chat_completions import dialect
from ve_magics.dialects.chat_completions.sealed import seal_states, unseal_states
from ve_magics.dialects.failures import seal
from ve_magics.errors import BadRequestError
from ve_magics.messages import (
    Audio,
    ChatRequest,
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
)
from ve_magics.providers import Provider

NAME = "chat_completions"
HI = {"role": "user", "content": "Hi"}


def read(*messages: Any, **fields: Any) -> ChatRequest:
    """Return the question in a body with these fields."""
    body = {"model": "m", "messages": list(messages) or [HI]} | fields
    return dialect.decode_request(json.dumps(body).encode())


def message(**fields: Any) -> Message:
    """Return one message as it is read."""
    return read(fields).messages[0]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": {"a": 1}}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].image_url",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "?"}}]}
                ]
            },
            "messages[0].content[0].input_audio.data",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "x"}}]}]},
            "messages[0].content[0].file",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]},
            "messages[0].tool_calls[0].id",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "new"}]}]},
            "messages[0].tool_calls[0].type",
        ),
        ({"messages": [{"role": "assistant", "audio": {}}]}, "messages[0].audio.id"),
        ({"messages": [{"role": "tool", "tool_call_id": "a"}]}, "messages[0].content"),
        (
            {
                "messages": [
                    {"role": "tool", "tool_call_id": "a", "content": [{"type": "refusal", "refusal": "no"}]}
                ]
            },
            "messages[0].content",
        ),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "strict": 1}}]},
            "tools[0].function.strict",
        ),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": 3}, "tool_choice"),
        ({"tool_choice": {}}, "tool_choice.type"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice.allowed_tools.tools"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.name"),
        ({"n": 1.5}, "n"),
        ({"n": True}, "n"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"stop": [1]}, "stop"),
        ({"stop": 1}, "stop"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"logit_bias": {"1": "x"}}, "logit_bias.1"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"stream_options": "x"}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"functions": [{}]}, "functions[0].name"),
        ({"functions": [{"name": "f"}], "function_call": "maybe"}, "function_call"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], param: str) -> None:
    """The error of a bad request says which field is wrong, and goes to the user with status 400."""
    with pytest.raises(BadRequestError) as caught:
        read(**fields)
    assert caught.value.param == param
    status, body = dialect.encode_error(caught.value)
    assert status == 400
    assert json.loads(body)["error"]["param"] == param


@pytest.mark.parametrize("depth", [101, 900, 50_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """A body that is nested too deep is refused before anything walks through it."""
    with pytest.raises(BadRequestError, match="nested too deep"):
        dialect.decode_request(b'{"model":"m","x":' + b"[" * depth + b"]" * depth + b"}")


def test_the_url_may_name_model_and_stream() -> None:
    """What the URL says wins over the body."""
    request = dialect.decode_request(b'{"messages":[{"role":"user","content":"Hi"}]}', model="m", stream=True)
    assert (request.model, request.stream, request.dialect) == ("m", True, NAME)


def test_null_is_the_same_as_absent() -> None:
    """Clients that spell out nulls get the provider's own settings."""
    names = (
        "temperature",
        "n",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "stream_options",
        "functions",
        "x",
    )
    assert read(**dict.fromkeys(names)) == read()


def test_sizes_and_lifetimes() -> None:
    """The newer name of the limit wins; a wish for the cache is taken where it says no more than how long."""
    assert read(max_tokens=5, max_completion_tokens=7).max_tokens == 7
    assert read(max_tokens=5).max_tokens == 5
    assert read(prompt_cache_retention="24h").cache_ttl == "24h"
    assert read(prompt_cache_options={"mode": "implicit", "ttl": "30m"}).cache_ttl == "30m"
    kept = read(prompt_cache_options={"mode": "explicit", "ttl": "30m"}, prompt_cache_retention="in_memory")
    assert kept.cache_ttl is None
    assert kept.extra.keys() == {"prompt_cache_options", "prompt_cache_retention"}


def test_tools_and_choices() -> None:
    """Functions, custom tools, tools of the provider; a forced tool, a subset, and forms that are kept as they came."""
    request = read(
        tools=[
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "x": 1}, "y": 2},
            {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
            {"type": "web", "deep": 1},
        ],
        tool_choice={"type": "custom", "custom": {"name": "g"}},
    )
    assert request.tools == (
        Tool("f", parameters={"type": "object"}, extra={"y": 2, "function": {"x": 1}}),
        Tool("g", custom=True, format={"type": "text"}),
        Tool("web", hosted={"type": "web", "deep": 1}),
    )
    assert request.tool_choice == ToolChoice("required", ("g",))
    allowed = {"tools": [{"type": "function", "function": {"name": "f"}}], "mode": "required"}
    subset = read(tool_choice={"type": "allowed_tools", "allowed_tools": allowed}).tool_choice
    assert subset == ToolChoice("required", ("f",))
    odd = read(tool_choice={"type": "web"}, response_format={"type": "grammar"})
    assert (odd.tool_choice, odd.output) == (None, None)
    assert odd.extra == {"tool_choice": {"type": "web"}, "response_format": {"type": "grammar"}}
    assert read(response_format={"type": "text", "x": 1}).output == OutputFormat("text", extra={"x": 1})
    schema = {"name": "n", "schema": {}, "x": 1}
    output = read(response_format={"type": "json_schema", "json_schema": schema}).output
    assert output == OutputFormat("json_schema", {}, "n", extra={"json_schema": {"x": 1}})


def test_old_functions_are_tools() -> None:
    """The predecessors of tools are read as tools, and their calls and results find each other."""
    request = read(
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "7"},
        {"role": "function", "name": "g", "content": None},
        functions=[{"name": "f"}],
        function_call="none",
    )
    call = request.messages[1].tool_calls[0]
    assert request.messages[2].parts == (ToolResult(call.id, (Text("7"),), "f"),)
    assert request.messages[3].parts == (ToolResult("call_function_g", (), "g"),)
    assert (request.tools, request.tool_choice) == ((Tool("f"),), ToolChoice("none"))
    assert read(functions=[{"name": "f"}]).tool_choice is None
    wire = json.loads(
        dialect.encode_request(request, Provider(name="p", base_url="http://127.0.0.1/v1")).body
    )
    assert wire.keys() == {"model", "messages", "tools", "tool_choice"}


def test_assistant_messages() -> None:
    """Thoughts come first, then words, refusal, sound, pictures and calls; an index left by a client is dropped."""
    parts = message(
        role="assistant",
        content=[{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}],
        refusal="c",
        reasoning="d",
        audio={"id": "e"},
        images=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}],
        tool_calls=[
            {"id": "f", "index": 0, "function": {"name": "g", "arguments": "{"}},
            {"id": "h", "type": "custom", "custom": {"name": "i", "input": "j"}, "x": 1},
        ],
    ).parts
    assert parts == (
        Reasoning("d"),
        Text("a"),
        Refusal("b"),
        Refusal("c"),
        Audio(id="e"),
        Image(b"x", "image/png"),
        ToolCall("f", "g", "{"),
        ToolCall("h", "i", "j", custom=True, extra={"x": 1}),
    )
    assert message(role="assistant", content="").parts == ()
    foreign = message(role="assistant", content="a", reasoning_details=[{"type": "reasoning.text"}], x=1)
    assert foreign.extra == {"reasoning_details": [{"type": "reasoning.text"}], "x": 1}


def test_tool_results_know_whether_their_tool_was_custom() -> None:
    """Other dialects write results of custom tools in another way."""
    call = {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}
    messages = read(
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}],
        },
    ).messages
    assert messages[1].parts == (ToolResult("a", (Text("1"),), custom=True),)
    assert messages[2].parts == (ToolResult("b", (Image(url="http://x/"),)),)


STATE = State("o", "messages", {"s": 1})


def sealed(place: str, index: Any = None, state: State = STATE) -> dict[str, Any]:
    """Return an item as the server sealed it, with this place."""
    return {"type": "reasoning.encrypted", "id": place, "index": index, "data": seal(state)}


@pytest.mark.parametrize(
    ("details", "parts", "expected"),
    [
        # A part of the words, and what is left of them.
        (
            [sealed("reasoning:2:2", 1)],
            [Reasoning("aabbcc")],
            [Reasoning("aa"), Reasoning("bb", STATE), Reasoning("cc")],
        ),
        # A client that dropped the words still keeps the state.
        ([sealed("text:0:5", 0)], [], [Text("", state=STATE)]),
        ([sealed("reasoning:x:y", 0)], [Text("a")], [Reasoning("", STATE), Text("a")]),
        # A call, a picture, a refusal; without an index they come in order.
        (
            [sealed("call:c"), sealed("refusal"), sealed("image:1"), sealed("audio")],
            [Refusal("no"), Image(b"x"), Image(b"y"), ToolCall("c", "f"), Audio(id="a")],
            [
                ToolCall("c", "f", state=STATE),
                Refusal("no", STATE),
                Image(b"y", state=STATE),
                Audio(id="a", state=STATE),
                Image(b"x"),
            ],
        ),
        # A call that the client removed leaves its state; two parts at one place; parts of the future.
        (
            [sealed("call:gone", 9)],
            [Text("a"), Refusal("b")],
            [Text("a"), Refusal("b"), Reasoning("", STATE)],
        ),
        (
            [sealed("refusal", 0)],
            [Refusal("a"), Refusal("b"), Opaque(NAME, {"type": "x"})],
            [Refusal("a", STATE), Refusal("b"), Opaque(NAME, {"type": "x"})],
        ),
        # A whole part that can't be read any more is left out.
        ([sealed("part", 0, State("", "ve_magics.part", {"type": "new"}))], [Text("a")], [Text("a")]),
    ],
)
def test_sealed_states_find_their_parts(details: list[Any], parts: list[Part], expected: list[Part]) -> None:
    """States come back to the parts that they belong to, even if the client has changed the message."""
    assert unseal_states(details, parts) == (expected, [])


def test_what_is_not_sealed_is_somebody_elses() -> None:
    """Details of other makers stay what they are; nonsense changes nothing."""
    foreign = [{"type": "reasoning.encrypted", "data": "opaque"}, {"type": "reasoning.text"}, 3]
    assert unseal_states(foreign, [Text("a")]) == ([Text("a")], foreign)
    assert unseal_states("odd", [Text("a")]) == ([Text("a")], [])
    assert seal_states([Text("a"), Audio(id="a", state=STATE)]) == [
        sealed("audio", 1) | {"format": "ve_magics"}
    ]
