"""How the Messages dialect reads a user's request: every value is checked, and the blamed field is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.failures import seal
from ve_magics.dialects.messages import dialect
from ve_magics.errors import BadRequestError
from ve_magics.messages import (
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    State,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

NAME = "messages"


def ask(**fields: Any) -> ChatRequest:
    """Read a request with these fields."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]} | fields
    return dialect.decode_request(json.dumps(body).encode())


def said(role: str, *blocks: Any) -> Message:
    """Read one message of blocks."""
    return ask(messages=[{"role": role, "content": list(blocks)}]).messages[0]


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("model", {"model": ""}),
        ("max_tokens", {"max_tokens": None}),
        ("max_tokens", {"max_tokens": -1}),
        ("messages", {"messages": []}),
        ("messages", {"messages": None}),
        ("messages[0]", {"messages": ["Hi"]}),
        ("messages[0].role", {"messages": [{"content": "Hi"}]}),
        ("messages[0].content", {"messages": [{"role": "user", "content": 5}]}),
        ("messages[0].content[0]", {"messages": [{"role": "user", "content": ["Hi"]}]}),
        ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}),
        ("system", {"system": 5}),
        ("system[1]", {"system": [{"type": "text", "text": "x"}, {"type": "hologram"}]}),
        ("stream", {"stream": "yes"}),
        ("temperature", {"temperature": "hot"}),
        ("top_k", {"top_k": -1}),
        ("stop_sequences", {"stop_sequences": [1]}),
        ("tools[0].name", {"tools": [{"input_schema": {}}]}),
        ("tools[0].input_schema", {"tools": [{"name": "f"}]}),
        ("tool_choice.type", {"tool_choice": {"name": "f"}}),
        ("tool_choice.type", {"tool_choice": {"type": "some"}}),
        ("tool_choice.name", {"tool_choice": {"type": "tool"}}),
        ("tool_choice", {"tool_choice": "auto"}),
        ("thinking.type", {"thinking": {}}),
        ("thinking.budget_tokens", {"thinking": {"type": "enabled"}}),
        ("output_config.effort", {"output_config": {"effort": "ultra"}}),
        ("output_config.format.type", {"output_config": {"format": {}}}),
        ("output_config.format.schema", {"output_config": {"format": {"type": "json_schema"}}}),
        ("metadata.user_id", {"metadata": {"user_id": 5}}),
        ("service_tier", {"service_tier": 1}),
    ],
)
def test_field_to_blame(param: str, fields: dict[str, Any]) -> None:
    """A field that is missing or wrong is named in a BadRequestError."""
    with pytest.raises(BadRequestError) as caught:
        ask(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("param", "block"),
    [
        ("text", {"type": "text"}),
        ("thinking", {"type": "thinking", "signature": "s"}),
        ("data", {"type": "redacted_thinking"}),
        ("id", {"type": "tool_use", "name": "f", "input": {}}),
        ("name", {"type": "tool_use", "id": "a", "input": {}}),
        ("input", {"type": "tool_use", "id": "a", "name": "f"}),
        ("tool_use_id", {"type": "tool_result"}),
        ("is_error", {"type": "tool_result", "tool_use_id": "a", "is_error": "no"}),
        ("source", {"type": "image"}),
        ("source.type", {"type": "image", "source": {"url": "x"}}),
        ("source.media_type", {"type": "image", "source": {"type": "base64", "data": "aGk="}}),
        (
            "source.data",
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}},
        ),
        ("source.url", {"type": "image", "source": {"type": "url"}}),
        ("source.type", {"type": "document", "source": {}}),
        ("source.data", {"type": "document", "source": {"type": "text"}}),
        ("source.file_id", {"type": "document", "source": {"type": "file"}}),
    ],
)
def test_block_to_blame(param: str, block: dict[str, Any]) -> None:
    """A block that lacks what it needs is named with its field."""
    with pytest.raises(BadRequestError) as caught:
        said("user", block)
    assert caught.value.param == f"messages[0].content[0].{param}"


def test_model_and_stream_may_stand_in_the_address() -> None:
    """What the URL says wins over the body."""
    body = b'{"max_tokens":0,"messages":[{"role":"user","content":"Hi"}],"stream":true}'
    request = dialect.decode_request(body, model="m", stream=False, headers={"anthropic-beta": "x"})
    assert (request.model, request.stream, request.max_tokens) == ("m", False, 0)


def test_settings() -> None:
    """Settings are read into canonical fields; what is not known stays as it came."""
    request = ask(
        system="S",
        tool_choice={"type": "none"},
        metadata={"user_id": "u", "x": 1},
        service_tier="standard_only",
        output_config={"effort": "max", "format": {"type": "grammar"}, "future": 2},
        thinking={"type": "adaptive", "display": "summarized", "future": 3},
        temperature=None,
    )
    assert request.messages[0] == Message("system", (Text("S"),))
    assert request.tool_choice == ToolChoice("none")
    assert (request.user, request.service_tier, request.effort) == ("u", "default", "max")
    assert (request.reasoning_summary, request.output, request.temperature) == ("auto", None, None)
    assert request.extra == {
        "metadata": {"x": 1},
        "output_config": {"format": {"type": "grammar"}, "future": 2},
        "thinking": {"future": 3},
    }


@pytest.mark.parametrize("form", [{"type": "between_tools"}, {"type": "adaptive", "display": "omitted"}])
def test_thinking_that_has_no_canonical_word_stays(form: dict[str, Any]) -> None:
    """Ways of thinking that only this wire knows stay as they came."""
    request = ask(thinking=form)
    assert request.extra == {"thinking": form}
    assert (request.effort, request.thinking_budget, request.reasoning_summary) == (None, None, None)


def test_thinking_switched_off_beside_an_effort() -> None:
    """Both are kept apart: the effort is canonical, the switch stays as it came."""
    request = ask(thinking={"type": "disabled"}, output_config={"effort": "low"})
    assert (request.effort, request.extra) == ("low", {"thinking": {"type": "disabled"}})
    assert ask(thinking={"type": "disabled"}).effort == "none"
    assert ask(thinking={"type": "enabled", "budget_tokens": 2000}).thinking_budget == 2000


def test_tools() -> None:
    """Client tools are read in full, a provider's own stay as they came."""
    web = {"type": "web_search_20260209", "name": "web_search", "max_uses": 3}
    request = ask(
        tools=[
            {"type": "custom", "name": "f", "input_schema": {"type": "object"}, "strict": True, "future": 1},
            web,
            {"type": "computer_toolset_20260801"},
        ],
        tool_choice={"type": "any", "disable_parallel_tool_use": False, "future": 2},
    )
    assert request.tools == (
        Tool("f", "", {"type": "object"}, True, extra={"type": "custom", "future": 1}),
        Tool("web_search", hosted=web),
        Tool("computer_toolset_20260801", hosted={"type": "computer_toolset_20260801"}),
    )
    assert request.tool_choice == ToolChoice("required", extra={"future": 2})
    assert request.parallel_tool_calls is True


def test_output_schema() -> None:
    """A schema for the answer is canonical, what else its object holds is kept."""
    form = {"type": "json_schema", "schema": {"type": "object"}, "future": 1}
    assert ask(output_config={"format": form}).output == OutputFormat(
        "json_schema", {"type": "object"}, extra={"future": 1}
    )


def test_results_alone_are_a_tools_message() -> None:
    """A user message that holds nothing but results is a tool's; with words it is the user's."""
    result = {"type": "tool_result", "tool_use_id": "a"}
    assert said("user", result) == Message("tool", (ToolResult("a"),))
    assert said("user", result, {"type": "text", "text": "x"}) == Message(
        "user", (ToolResult("a"), Text("x"))
    )


def test_results_hold_blocks_that_nobody_knows() -> None:
    """A result with a block that has no canonical part keeps its whole content beside the parts."""
    content = [{"type": "text", "text": "a"}, {"type": "tool_reference", "tool_name": "f"}]
    message = said("user", {"type": "tool_result", "tool_use_id": "a", "content": content, "future": 1})
    assert message.parts == (ToolResult("a", (Text("a"),), extra={"future": 1, "content": content}),)


def test_media() -> None:
    """Sources become bytes, addresses and file ids; those of an unknown kind stay as they came."""
    odd = {"type": "image", "source": {"type": "dream"}}
    own = {"type": "document", "source": {"type": "content", "content": []}, "title": "t"}
    message = said(
        "user",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aG\nk=", "f": 1}},
        {"type": "image", "source": {"type": "url", "url": "https://x"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}, "cache_control": {"type": "ephemeral"}},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "字"},
            "title": "t",
        },
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
        {"type": "document", "source": {"type": "url", "url": "https://y"}},
        {"type": "document", "source": {"type": "file", "file_id": "g"}},
        odd,
        own,
    )
    assert message.parts == (
        Image(b"hi", "image/png", extra={"source": {"f": 1}}),
        Image(url="https://x"),
        Image(file_id="f", extra={"cache_control": {"type": "ephemeral"}}),
        File("字".encode(), "text/plain", "t"),
        File(b"hi", "application/pdf"),
        File(url="https://y"),
        File(file_id="g"),
        Opaque(NAME, odd),
        Opaque(NAME, own),
    )


def test_thoughts() -> None:
    """A signature of ours names its origin; one of somebody else has none; without one there is no state."""
    state = State("google", "generate_content", "sig")
    message = said(
        "assistant",
        {"type": "thinking", "thinking": "a", "signature": seal(state)},
        {"type": "thinking", "thinking": "b", "signature": "raw", "future": 1},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "redacted_thinking", "data": "raw"},
        {"type": "redacted_thinking", "data": seal(state)},
        {"type": "redacted_thinking", "data": "ve1.zz"},
        {
            "type": "tool_use",
            "id": "t",
            "name": "f",
            "input": {"a": [1, {"b": None}]},
            "caller": {"type": "x"},
        },
        {"type": "text", "text": "d", "citations": [{"type": "char_location"}]},
        {"type": "hologram", "x": 1},
    )
    assert message.parts == (
        Reasoning("a", state),
        Reasoning("b", State("", NAME, {"type": "thinking", "signature": "raw", "future": 1})),
        Reasoning("c"),
        Reasoning("", State("", NAME, {"type": "redacted_thinking", "data": "raw"})),
        Reasoning("", state),
        Reasoning("", State("", NAME, {"type": "redacted_thinking", "data": "ve1.zz"})),
        ToolCall("t", "f", '{"a":[1,{"b":null}]}', extra={"caller": {"type": "x"}}),
        Text("d", ({"type": "char_location"},)),
        Opaque(NAME, {"type": "hologram", "x": 1}),
    )


@pytest.mark.parametrize(
    "items",
    [
        "none",
        [],
        ["odd"],
        [{"at": "0"}],
        [{"at": 9, "kind": "text", "state": {}}],
        [{"at": 0, "kind": "refusal", "state": {"origin": "p", "dialect": "d", "data": 1}}],
        [{"at": 0, "kind": "text", "state": {"origin": 1}}],
        [{"at": 0, "part": {"type": "nonsense"}}],
        [{"at": 1, "kind": "text", "state": {"origin": "p", "dialect": "d", "data": 1}}],
    ],
)
def test_forged_places_do_no_harm(items: Any) -> None:
    """What a client made up in the place of sealed states is passed over."""
    forged = {"type": "redacted_thinking", "data": seal(State("", "ve_magics.places", items))}
    assert said("assistant", {"type": "text", "text": "a"}, forged).parts == (Text("a"),)


@pytest.mark.parametrize("depth", [500, 100_000])
def test_deep_seals_do_no_harm(depth: int) -> None:
    """A sealed value that is nested too deep is somebody else's text."""
    nested = '{"origin":"p","dialect":"d","data":' + "[" * depth + "]" * depth + "}"
    deep = "ve1." + nested.encode().hex()
    assert said("assistant", {"type": "redacted_thinking", "data": deep}).parts[0].state == State(
        "", NAME, {"type": "redacted_thinking", "data": deep}
    )


def test_empty_content_is_no_part() -> None:
    """Empty strings and lists say nothing."""
    request = ask(system="", messages=[{"role": "user", "content": ""}, {"role": "user", "content": []}])
    assert request.messages == (Message("user"), Message("user"))
