"""How a user's question is read: strictly where it is known, kept where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.failures import seal
from ve_magics.dialects.generate_content import dialect
from ve_magics.dialects.generate_content.schema import json_schema
from ve_magics.dialects.generate_content.signatures import Mark, Placed, decode_signature, restore
from ve_magics.dialects.generate_content.wire import encode_bytes
from ve_magics.errors import BadRequestError
from ve_magics.messages import (
    Audio,
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

NAME = "generate_content"
HI = {"parts": [{"text": "Hi"}]}


def read(*contents: Any, **fields: Any) -> ChatRequest:
    """Return the question in a body with these fields."""
    body = {"contents": list(contents) or [HI]} | fields
    return dialect.decode_request(json.dumps(body).encode(), model="m")


def parts(*wire: Any, role: str = "user") -> tuple[Any, ...]:
    """Return the parts of one content as they are read."""
    return read({"role": role, "parts": list(wire)}).messages[0].parts


def config(**fields: Any) -> ChatRequest:
    """Return a question with these fields of its generation config."""
    return read(generationConfig=fields)


def call(**fields: Any) -> dict[str, Any]:
    """Return a part that calls a function."""
    return {"functionCall": {"name": "f"} | fields}


def result(response: Any, **fields: Any) -> dict[str, Any]:
    """Return a part that answers a call."""
    return {"functionResponse": {"name": "f", "response": response} | fields}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"contents": [3]}, "contents[0]"),
        ({"contents": [{"parts": [3]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 3}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"text": "a", "thought": 1}]}]}, "contents[0].parts[0].thought"),
        (
            {"contents": [{"parts": [{"text": "a", "thoughtSignature": 1}]}]},
            "contents[0].parts[0].thoughtSignature",
        ),
        ({"contents": [{"parts": [call(name="")]}]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [{"parts": [call(args="{}")]}]}, "contents[0].parts[0].functionCall.args"),
        ({"contents": [{"parts": [result("x")]}]}, "contents[0].parts[0].functionResponse.response"),
        (
            {"contents": [{"parts": [result({}, parts=[{"text": "a"}])]}]},
            "contents[0].parts[0].functionResponse.parts[0]",
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]}]},
            "contents[0].parts[0].inlineData.data",
        ),
        (
            {"contents": [{"parts": [{"inline_data": {"data": "eA=="}}]}]},
            "contents[0].parts[0].inlineData.mimeType",
        ),
        ({"contents": [{"parts": [{"fileData": {}}]}]}, "contents[0].parts[0].fileData.fileUri"),
        ({"systemInstruction": "Be brief."}, "systemInstruction"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        (
            {
                "tools": [
                    {"functionDeclarations": [{"name": "f", "parameters": {}, "parametersJsonSchema": {}}]}
                ]
            },
            "tools[0].functionDeclarations[0].parameters",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "auto"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        ({"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"responseMimeType": 3}}, "generationConfig.responseMimeType"),
        (
            {"generationConfig": {"responseSchema": {}, "responseJsonSchema": {}}},
            "generationConfig.responseSchema",
        ),
        ({"generationConfig": {"thinkingConfig": 3}}, "generationConfig.thinkingConfig"),
    ],
)
def test_bad_fields_are_named(body: dict[str, Any], param: str) -> None:
    """A field that can't be read is blamed by its path."""
    with pytest.raises(BadRequestError) as caught:
        dialect.decode_request(json.dumps({"contents": [HI]} | body).encode(), model="m")
    assert caught.value.param == param


def test_model_comes_from_the_url_or_else_from_the_body() -> None:
    """The URL's model counts, then the body's; without one the request is bad."""
    body = json.dumps({"model": "models/a", "contents": [HI]}).encode()
    assert dialect.decode_request(body).model == "a"
    assert dialect.decode_request(body, model="models/b", stream=True).model == "b"
    with pytest.raises(BadRequestError) as caught:
        dialect.decode_request(json.dumps({"contents": [HI]}).encode())
    assert caught.value.param == "model"


def test_every_kind_of_part() -> None:
    """Words, thoughts, media, calls and what nobody knows are read; unknown fields stay with their part."""
    assert parts(
        {"text": "a", "future": 1},
        {"inlineData": {"mimeType": "application/pdf", "data": "eA", "displayName": "a.pdf"}},
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "e-_4"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"fileUri": "https://example.org/a"}},
        {"fileData": {"fileUri": "files/a", "mimeType": "image/png"}},
        {"file_data": {"file_uri": "gs://b/a.wav", "mime_type": "audio/wav"}},
        {"inlineData": {"mimeType": "image/png", "data": "eA=="}, "thought": True},
        {"hologram": 1},
    ) == (
        Text("a", extra={"future": 1}),
        File(b"x", "application/pdf", "a.pdf"),
        Audio(b"{\xef\xf8", "L16;rate=24000", extra={"videoMetadata": {"fps": 1}}),
        File(url="https://example.org/a"),
        Image(file_id="files/a", media_type="image/png"),
        File(file_id="gs://b/a.wav", media_type="audio/wav"),
        Opaque(NAME, {"inlineData": {"mimeType": "image/png", "data": "eA=="}, "thought": True}),
        Opaque(NAME, {"hologram": 1}),
    )
    assert parts(
        {"text": "Plan.", "thought": True, "thoughtSignature": "c2ln"},
        call(id="a", future=1),
        {"text": ""},
        role="model",
    ) == (
        Reasoning("Plan.", extra={"thoughtSignature": "c2ln"}),
        ToolCall("a", "f", "{}", extra={"functionCall": {"future": 1}}),
    )


def test_responses_find_their_calls() -> None:
    """By id; without one by name and order; one that answers nothing gets an id of its own."""
    calls = {"role": "model", "parts": [call(), call(id="x"), call(), call(name="g")]}
    answers = {"role": "function", "parts": [result({}), result({}, id="x"), result({}), result({})]}
    said, heard = read(calls, answers).messages
    assert heard.role == "tool"
    made = [part.id for part in said.tool_calls]
    assert made == ["call_0_0", "x", "call_0_2", "call_0_3"]
    assert [part.call_id for part in heard.parts if isinstance(part, ToolResult)] == [
        "call_0_0",
        "x",
        "call_0_2",
        "call_f",
    ]


@pytest.mark.parametrize(
    ("response", "text", "is_error", "kept"),
    [
        ({"output": "7"}, "7", False, False),
        ({"error": "no"}, "no", True, False),
        ({"result": "7"}, "7", False, True),
        ({"output": {"a": 1}}, '{"a":1}', False, True),
        ({"error": {"a": 1}}, '{"a":1}', True, True),
        ({"a": 1, "b": 2}, '{"a":1,"b":2}', False, True),
        ({"temp": 7}, '{"temp":7}', False, True),
        ({}, "", False, True),
    ],
)
def test_responses_are_read_as_text(response: Any, text: str, is_error: bool, kept: bool) -> None:
    """What a function gave back is text for other dialects; its own form is kept where the text doesn't say it all."""
    [part] = parts(result(response))
    assert (part.text, part.is_error) == (text, is_error)
    assert part.extra.get("response") == (response if kept else None)


def test_a_response_may_hold_pictures() -> None:
    """Pictures in a response are parts of the result; words with it make a user's message."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "eA=="}}
    message = read({"parts": [result({"output": "a"}, parts=[picture]), {"text": "And?"}]}).messages[0]
    assert message.role == "user"
    assert message.parts == (
        ToolResult("call_f", (Text("a"), Image(b"x", "image/png")), "f"),
        Text("And?"),
    )


def test_neighbours_are_one_message() -> None:
    """Contents of the same role in a row are one message, unless they carry fields of their own."""
    model = {"role": "model"}
    messages = read(
        HI,
        {"parts": [{"text": "there"}], "role": "user"},
        model | {"parts": [{"text": "He"}]},
        model | {"parts": [{"text": "llo"}, {"text": "!"}]},
        model | {"parts": [{"text": "?"}, call(id="a")]},
        model | {"parts": [call(id="b")]},
        model | {"parts": [{"text": "x"}], "future": 1},
        {"role": "user"},
    ).messages
    assert [message.parts for message in messages] == [
        (Text("Hi"), Text("there")),
        (Text("Hello"), Text("!?"), ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")),
        (Text("x"),),
        (),
    ]
    assert messages[2].extra == {"future": 1}


def test_system_instruction_keeps_what_it_holds() -> None:
    """Its parts are the system's words; a signature of ours among them is nothing."""
    sealed = encode_bytes(
        seal(State("", f"{NAME}.place", {"start": 0, "length": 1, "state": ["p", "d", 1]})).encode()
    )
    request = read(
        systemInstruction={
            "role": "user",
            "parts": [{"text": "A"}, {"text": "", "thoughtSignature": sealed}],
        }
    )
    assert request.messages[0].role == "system"
    assert request.messages[0].parts[0] == Text("A")
    assert request.messages[0].extra == {"role": "user"}


@pytest.mark.parametrize(
    ("calling", "expected", "left"),
    [
        ({}, None, {}),
        ({"mode": "MODE_UNSPECIFIED"}, None, {"functionCallingConfig": {"mode": "MODE_UNSPECIFIED"}}),
        ({"mode": "AUTO", "future": 1}, ToolChoice("auto", extra={"future": 1}), {}),
        ({"mode": "VALIDATED"}, ToolChoice("auto", extra={"mode": "VALIDATED"}), {}),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("auto", ("f",)), {}),
        ({"mode": "NONE"}, ToolChoice("none"), {}),
        ({"mode": "ANY"}, ToolChoice("required"), {}),
    ],
)
def test_tool_modes(calling: Any, expected: ToolChoice | None, left: Any) -> None:
    """Each mode is a choice; what isn't one stays as it came."""
    request = read(toolConfig={"functionCallingConfig": calling})
    assert request.tool_choice == expected
    assert request.extra.get("toolConfig", {}) == left


def test_tools_of_every_kind() -> None:
    """Declarations with either schema, and hosted tools with whatever stands beside them."""
    old = {"type": "OBJECT"}
    declared = [{"name": "f", "parameters": old, "behavior": "BLOCKING"}, {"name": "g", "description": "d"}]
    assert read(tools=[{"function_declarations": declared, "googleSearch": {}}]).tools == (
        Tool("f", parameters={"type": "object"}, extra={"behavior": "BLOCKING", "parameters": old}),
        Tool("g", "d"),
        Tool("googleSearch", hosted={"googleSearch": {}}),
    )


def test_output_formats() -> None:
    """Schemas of either kind, JSON and text are formats; other media types stay as they came."""
    old = {"type": "STRING"}
    assert config(responseSchema=old).output == OutputFormat(
        "json_schema", {"type": "string"}, extra={"responseSchema": old}
    )
    assert config(responseJsonSchema={}).output == OutputFormat("json_schema", {})
    assert config(responseMimeType="text/plain").output == OutputFormat("text")
    assert config().output is None
    enum = {"responseMimeType": "text/x.enum", "responseSchema": old}
    assert config(**enum).output is None
    assert config(**enum).extra == {"generationConfig": enum}


def test_thinking_is_read_as_effort_or_budget() -> None:
    """Levels are efforts; an unknown level, and the wish to hide thoughts, stay as they came."""
    request = config(thinkingConfig={"thinkingLevel": "XHIGH", "includeThoughts": True})
    assert (request.effort, request.reasoning_summary, request.thinking_budget) == ("xhigh", "auto", None)
    odd = {"thinkingLevel": "ULTRA", "includeThoughts": False}
    request = config(thinkingConfig=odd | {"thinkingBudget": -1})
    assert (request.effort, request.reasoning_summary, request.thinking_budget) == (None, None, -1)
    assert request.extra == {"generationConfig": {"thinkingConfig": odd}}


@pytest.mark.parametrize("level", [[], {}, 3, True])
def test_a_level_that_is_no_word_is_refused(level: Any) -> None:
    """What is no text can't be a level: the error names the field."""
    with pytest.raises(BadRequestError) as caught:
        config(thinkingConfig={"thinkingLevel": level})
    assert caught.value.param == "generationConfig.thinkingConfig.thinkingLevel"


def test_schemas_become_plain_json_schema() -> None:
    """OpenAPI's words are turned into JSON Schema's, deep inside; names of fields are nobody's business."""
    assert json_schema(
        {
            "type": "OBJECT",
            "property_ordering": ["min_items"],
            "properties": {
                "min_items": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "2"},
                "b": {"anyOf": [{"type": "INTEGER", "nullable": True}, {"enum": ["x"], "nullable": True}]},
            },
            "required": ["b"],
            "items": True,
        }
    ) == {
        "type": "object",
        "properties": {
            "min_items": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "b": {"anyOf": [{"type": ["integer", "null"]}, {"enum": ["x"]}]},
        },
        "required": ["b"],
        "items": True,
    }


STATE = State("p", "d", 1)


@pytest.mark.parametrize(
    "data",
    [
        "c2ln",
        "?",
        3,
        encode_bytes(seal(State("", f"{NAME}.place", {"start": "x"})).encode()),
        encode_bytes(seal(State("", f"{NAME}.part", {"type": "hologram"})).encode()),
    ],
)
def test_signatures_of_others_mean_nothing(data: Any) -> None:
    """What was not sealed here, or was spoilt, is nobody's state."""
    assert decode_signature(data) is None


def test_marks_find_their_words() -> None:
    """Words are cut and joined as their marks say; a mark without words, or over another's, is a part of its own."""
    late = Mark(Text, Placed(2, 3, STATE))
    lost = Mark(Text, Placed(40, 3, STATE))
    over = Mark(Text, Placed(3, 3, State("o", "d", 2)))
    kept = Text("!", extra={"future": 1})
    call = ToolCall("a", "f", "{}")
    assert restore([Text("abc"), call, Text("def"), kept, late, lost, over]) == [
        Text("ab"),
        Text("cde", state=STATE),
        call,
        Text("f"),
        kept,
        Text("", state=STATE),
        Text("", state=State("o", "d", 2)),
    ]
    thought = Mark(Reasoning, Placed(0, 1, STATE))
    assert restore([Reasoning("a"), Text("b"), thought]) == [Reasoning("a", STATE), Text("b")]


def test_a_state_is_read_where_it_stands() -> None:
    """A sealed state comes back on any kind of part, in either alphabet of base64."""
    signature = encode_bytes(seal(STATE).encode())
    for wire in (
        {"text": "a"},
        call(id="a"),
        {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
        {"x": 1},
    ):
        for written in (signature, signature.replace("+", "-").replace("/", "_").rstrip("=")):
            [part] = parts(wire | {"thoughtSignature": written}, role="model")
            assert part.state == STATE
    assert read({"parts": [{"text": "a"}]}).messages == (Message("user", (Text("a"),)),)
