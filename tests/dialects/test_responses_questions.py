"""How a user's request is read, and how it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.failures import seal
from ve_magics.dialects.responses import dialect
from ve_magics.errors import BadRequestError, UnsupportedError
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
    State,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    assistant,
    user,
)
from ve_magics.providers import Provider

NAME = "responses"
PROVIDER = Provider(name="p", base_url="http://127.0.0.1/v1", dialect=NAME)


def read(**fields: Any) -> ChatRequest:
    """Return a request with these fields."""
    return dialect.decode_request(json.dumps({"model": "m", "input": "Hi"} | fields).encode())


def turns(*items: Any) -> tuple[Message, ...]:
    """Return the messages of an input."""
    return read(input=list(items)).messages


def refusal(**fields: Any) -> BadRequestError:
    """Return the error by which a request is refused."""
    with pytest.raises(BadRequestError) as caught:
        read(**fields)
    assert caught.value.status == 400
    return caught.value


def test_settings() -> None:
    """Every known field has its canonical place; what isn't known stays where it stood."""
    request = read(
        instructions="Be brief.",
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        include=["reasoning.encrypted_content", "message.output_text.logprobs", "web_search_call.results"],
        top_logprobs=2,
        reasoning={"effort": "high", "summary": "auto", "context": "all_turns"},
        text={"verbosity": "low", "format": {"type": "text"}, "future": 1},
        parallel_tool_calls=False,
        service_tier="flex",
        metadata={"a": "b"},
        user="ann",
        store=True,
        prompt_cache_key="k",
        prompt_cache_options={"mode": "implicit", "ttl": "12h"},
        max_tool_calls=3,
        truncation=None,
        background=False,
        previous_response_id=None,
    )
    assert request == ChatRequest(
        model="m",
        messages=(
            Message("system", (Text("Be brief."),), extra={"instructions": True}),
            Message("user", (Text("Hi"),)),
        ),
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        logprobs=True,
        top_logprobs=2,
        effort="high",
        reasoning_summary="auto",
        verbosity="low",
        output=OutputFormat("text"),
        parallel_tool_calls=False,
        service_tier="flex",
        metadata={"a": "b"},
        user="ann",
        store=True,
        cache_key="k",
        cache_ttl="12h",
        dialect=NAME,
        extra={
            "include": ["web_search_call.results"],
            "max_tool_calls": 3,
            "reasoning": {"context": "all_turns"},
            "text": {"future": 1},
        },
    )


def test_url_may_name_model_and_form() -> None:
    """What the URL says of model and form counts more than the body."""
    request = dialect.decode_request(b'{"model":"a","input":""}', model="b", stream=True, headers={})
    assert (request.model, request.stream, request.messages) == ("b", True, (Message("user"),))


def test_cache_wishes_that_say_more_stay_as_they_came() -> None:
    """A cache option that has no canonical word passes through."""
    assert read(prompt_cache_retention="24h").cache_ttl == "24h"
    assert read(prompt_cache_options={"mode": "implicit", "ttl": "30m"}).cache_ttl == "30m"
    explicit = {"mode": "explicit", "ttl": "30m"}
    request = read(prompt_cache_options=explicit, prompt_cache_retention="in_memory")
    assert request.cache_ttl is None
    assert request.extra == {"prompt_cache_options": explicit, "prompt_cache_retention": "in_memory"}


def test_output_forms() -> None:
    """A schema is read flat; a form that nobody knows passes through."""
    schema = {
        "type": "json_schema",
        "name": "n",
        "schema": {"type": "object"},
        "description": "d",
        "strict": True,
    }
    expected = OutputFormat("json_schema", {"type": "object"}, "n", "d", strict=True)
    assert read(text={"format": schema}).output == expected
    assert read(text={"format": {"type": "json_object"}}).output == OutputFormat("json_object")
    future = read(text={"format": {"type": "poem"}})
    assert (future.output, future.extra) == (None, {"text": {"format": {"type": "poem"}}})


def test_tools() -> None:
    """Functions and custom tools are ours, a grammar is nested; hosted tools are kept whole."""
    grammar = {"type": "grammar", "syntax": "regex", "definition": "a+"}
    assert read(
        tools=[
            {
                "type": "function",
                "name": "f",
                "description": "d",
                "parameters": {},
                "strict": True,
                "future": 1,
            },
            {"type": "custom", "name": "g", "format": grammar},
            {"type": "custom", "name": "h", "format": {"type": "text"}},
            {"type": "web_search"},
        ]
    ).tools == (
        Tool("f", "d", {}, strict=True, extra={"future": 1}),
        Tool(
            "g", custom=True, format={"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
        ),
        Tool("h", custom=True, format={"type": "text"}),
        Tool("web_search", hosted={"type": "web_search"}),
    )


def allowed(*tools: Any, mode: str | None = None) -> dict[str, Any]:
    """Return a choice among several tools."""
    return {"type": "allowed_tools", "tools": list(tools)} | ({"mode": mode} if mode else {})


def test_tool_choices() -> None:
    """Choices about the user's own tools are ours; choices about hosted ones pass through."""
    f, g = {"type": "function", "name": "f"}, {"type": "custom", "name": "g"}
    assert read(tool_choice="required").tool_choice == ToolChoice("required")
    assert read(tool_choice=f).tool_choice == ToolChoice("required", ("f",))
    assert read(tool_choice=g).tool_choice == ToolChoice("required", ("g",))
    assert read(tool_choice=allowed(f, g)).tool_choice == ToolChoice("auto", ("f", "g"))
    one = read(tool_choice=allowed(f, mode="required"))
    assert one.tool_choice == ToolChoice("required", ("f",), {"type": "allowed_tools"})
    assert json.loads(dialect.encode_request(one, PROVIDER).body)["tool_choice"] == allowed(
        f, mode="required"
    )
    for hosted in ({"type": "web_search"}, allowed(f, {"type": "mcp", "server_label": "s"}, mode="auto")):
        request = read(tool_choice=hosted)
        assert (request.tool_choice, request.extra) == (None, {"tool_choice": hosted})


def test_turns() -> None:
    """Items of the assistant that follow each other are one message; results are one each."""
    shot = {"type": "input_image", "image_url": "data:image/png;base64,iQ=="}
    assert turns(
        {"role": "developer", "content": "Brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}], "future": 1},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
        {"type": "computer_call", "call_id": "c3"},
        {"type": "function_call_output", "call_id": "c1", "output": [shot], "status": "completed"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "7"},
        {"role": "assistant", "content": ""},
    ) == (
        Message("developer", (Text("Brief."),)),
        Message("user", (Text("Hi"),), extra={"future": 1}),
        Message(
            "assistant",
            (
                Reasoning("Hm.", extra={"id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}),
                Text("Let me see."),
                ToolCall("c1", "f", "{}", extra={"id": "fc_1"}),
                ToolCall("c2", "g", "x", custom=True),
                Opaque(NAME, {"type": "computer_call", "call_id": "c3"}),
            ),
        ),
        Message("tool", (ToolResult("c1", (Image(b"\x89", "image/png"),), extra={"status": "completed"}),)),
        Message("tool", (ToolResult("c2", (Text("7"),), custom=True),)),
        assistant(""),
    )


def test_answers_in_the_history() -> None:
    """Fields of a message's item stay with each of its parts; what the SDK adds is dropped."""
    item = {"id": "msg_1", "status": "completed", "phase": "final_answer"}
    text = {"type": "output_text", "text": "Hi", "annotations": [{"x": 1}], "logprobs": [], "parsed": None}
    content = [text, {"type": "refusal", "refusal": "No."}, {"type": "output_hologram"}]
    messages = turns({"type": "message", "role": "assistant", "content": content, **item})
    strange = {"type": "message", "role": "assistant", **item, "content": [{"type": "output_hologram"}]}
    assert messages == (
        Message(
            "assistant",
            (
                Text("Hi", ({"x": 1},), extra={"message": item}),
                Refusal("No.", extra={"message": item}),
                Opaque(NAME, strange),
            ),
        ),
    )
    request = ChatRequest(model="m", messages=messages, dialect=NAME)
    written = json.loads(dialect.encode_request(request, PROVIDER).body)["input"]
    assert [part["type"] for part in written[0]["content"]] == ["output_text", "refusal"]
    assert written[0].items() >= item.items()
    assert written[1] == strange


def test_ids_that_were_made_here_go_no_further() -> None:
    """A provider never sees the ids that this server gave to the items of another provider."""
    made = {"id": "fc_ve_x_0", "status": "completed"}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "parsed_arguments": {}}
    picture = {"type": "image_generation_call", "result": "iQ==", "output_format": "webp"}
    (message,) = turns(
        {"type": "reasoning", "id": "rs_ve_x_0", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {**call, **made},
        {**picture, "id": "ig_ve_x_1", "status": "completed"},
        {**picture, "id": "ig_1"},
        {"type": "image_generation_call", "id": "ig_2", "result": None},
    )
    assert message.parts == (
        Reasoning("Hm."),
        ToolCall("c", "f", "{}"),
        Image(b"\x89", "image/webp"),
        Image(b"\x89", "image/webp", extra={"id": "ig_1", "output_format": "webp"}),
        Opaque(NAME, {"type": "image_generation_call", "id": "ig_2", "result": None}),
    )


def test_raw_items_pass_through() -> None:
    """Reasoning and pictures of a provider that a user asks elsewhere too go on as they came."""
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "b3BhcXVl"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iQ=="},
    ]
    request = read(input=[{"role": "user", "content": "Hi"}, *items])
    assert json.loads(dialect.encode_request(request, PROVIDER).body)["input"][1:] == items


def sealed(data: Any) -> dict[str, Any]:
    """Return a reasoning item with these notes."""
    content = seal(State("", "responses.notes", data))
    return {"type": "reasoning", "summary": [], "encrypted_content": content}


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        [["nowhere", 0, {}]],
        [["text", 0]],
        [["text", 0, {"origin": 5}], ["part", 0, {"type": "nothing"}], ["part", "x", {}]],
        [["text", 9, {"origin": "p", "dialect": NAME, "data": 1}]],
    ],
)
def test_forged_notes_do_no_harm(data: Any) -> None:
    """A seal that was tampered with is ignored, and never an error of ours."""
    (message,) = turns({"role": "assistant", "content": "Hi"}, sealed(data))
    assert message.text == "Hi"


def test_notes_for_parts_that_are_gone() -> None:
    """A client may drop parts; what belonged to them is dropped too."""
    state = {"origin": "p", "dialect": "messages", "data": 1}
    notes = sealed([["text", 0, state], ["call", "c", state], ["image", 0, state]])
    messages = turns({"role": "assistant", "content": "Hi"}, notes, {"role": "assistant", "content": "More"})
    assert messages == (
        Message("assistant", (Text("Hi", state=State("p", "messages", 1)),)),
        assistant("More"),
    )


def test_media() -> None:
    """Pictures, documents and sounds by their bytes, their address or their id."""
    image: dict[str, Any] = {"type": "input_image"}
    file = {"type": "input_file"}
    sound = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav", "future": 1}, "x": 1}
    (message,) = turns(
        {
            "role": "user",
            "content": [
                {**image, "image_url": "data:image/png;base64,iQ==", "detail": "auto"},
                {**image, "image_url": "https://example.org/a", "detail": "low", "future": 1},
                {**image, "file_id": "file-1"},
                {**file, "filename": "a.pdf", "file_data": "data:application/pdf;base64,JQ=="},
                {**file, "file_url": "https://example.org/a.pdf"},
                {**file, "file_id": "file-2"},
                sound,
                {"type": "input_hologram"},
            ],
        }
    )
    assert message.parts == (
        Image(b"\x89", "image/png"),
        Image(url="https://example.org/a", detail="low", extra={"future": 1}),
        Image(file_id="file-1"),
        File(b"%", "application/pdf", "a.pdf"),
        File(url="https://example.org/a.pdf"),
        File(file_id="file-2"),
        Audio(b"\x00", "wav", extra={"x": 1, "input_audio": {"future": 1}}),
        Opaque(NAME, {"type": "input_hologram"}),
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": None}, "input"),
        ({"input": {}}, "input"),
        ({"input": []}, "input"),
        ({"input": ["Hi"]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"type": "message"}]}, "input[0].role"),
        ({"input": [{"role": "tool", "content": "7"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "text"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
            "input[0].content[0].image_url",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "!"}}]}]},
            "input[0].content[0].input_audio.data",
        ),
        ({"input": [{"type": "reasoning", "summary": [5]}]}, "input[0].summary[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
        ({"input": [{"type": "custom_tool_call", "call_id": "c"}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        (
            {
                "input": [
                    {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_hologram"}]}
                ]
            },
            "input[0].output",
        ),
        ({"input": [{"type": "image_generation_call", "result": "!"}]}, "input[0].result"),
        ({"instructions": 5}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"reasoning": {"effort": "mad"}}, "reasoning.effort"),
        ({"text": {"verbosity": "mad"}}, "text.verbosity"),
        ({"text": {"format": {}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "mad"}, "tool_choice"),
        ({"tool_choice": {}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice.tools"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    """A bad field is refused with its path."""
    assert refusal(**fields).param == param


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.item_reference"),
    ],
)
def test_memory_is_refused(fields: dict[str, Any], field: str) -> None:
    """Nothing is kept between requests, and whoever counts on it is told what to do instead."""
    with pytest.raises(UnsupportedError) as caught:
        read(**fields)
    assert caught.value.field == field
    assert caught.value.hint
    status, told = dialect.encode_error(caught.value)
    assert (status, json.loads(told)["error"]["param"]) == (400, field)


def test_plain_question_is_the_users() -> None:
    """A string is a user's turn."""
    assert read().messages == (user("Hi"),)
