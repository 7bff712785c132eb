"""How questions are written for Google: what goes where, and what can't be said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.generate_content import dialect
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
    Role,
    State,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    system,
    user,
)
from ve_magics.providers import Provider, Quirks

NAME = "generate_content"
GOOGLE = Provider(name="google", base_url="http://127.0.0.1/v1beta", quirks=Quirks(image_urls=False))
OPEN = Provider(name="open", base_url="http://127.0.0.1/v1beta")
SIGNED = State("google", NAME, {"thoughtSignature": "c2ln"})


def write(*messages: Message, to: Provider = OPEN, model: str = "gemini-x", **fields: Any) -> Any:
    """Return the body of a question."""
    request = ChatRequest(model=model, messages=messages or (user("Hi"),), **fields)
    return json.loads(dialect.encode_request(request, to).body)


def contents(*messages: Message, **fields: Any) -> list[tuple[str, list[Any]]]:
    """Return role and parts of the contents of a question."""
    return [(content["role"], content["parts"]) for content in write(*messages, **fields)["contents"]]


def parts(role: Role, *said: Part, **fields: Any) -> list[Any]:
    """Return the wire parts of one message."""
    found = contents(Message(role, said), **fields)
    return found[0][1] if found else []


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-x", "/models/gemini-x:generateContent"),
        ("tunedModels/mine", "/tunedModels/mine:generateContent"),
        ("a?b#c:d", "/models/a%3Fb%23c%3Ad:generateContent"),
    ],
)
def test_model_stands_in_the_path(model: str, path: str) -> None:
    """The model is part of the path and can't reach beyond it."""
    wire = dialect.encode_request(ChatRequest(model=model, messages=(user("Hi"),)), OPEN)
    assert (wire.path, wire.query, wire.stream) == (path, (), False)


def test_system_words_stand_apart_wherever_they_were() -> None:
    """System and developer messages become the one system instruction, in order."""
    body = write(system("A"), user("Hi"), Message("developer", (Text("B"), Opaque("messages", 1))))
    assert body["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "B"}]}
    assert len(body["contents"]) == 1


def test_neighbours_are_merged() -> None:
    """Messages of the same side in a row are one content; results of tools stand in one of their own."""
    call = Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")))
    assert contents(
        user("Hi"),
        user("there"),
        Message("assistant", (Text("Look."),)),
        call,
        Message("tool", (ToolResult("b", (Text("2"),)),)),
        Message("user", (Text("And?"), ToolResult("a", (Text("1"),), is_error=True))),
    ) == [
        ("user", [{"text": "Hi"}, {"text": "there"}]),
        (
            "model",
            [
                {"text": "Look."},
                {"functionCall": {"id": "a", "name": "f", "args": {}}},
                {"functionCall": {"id": "b", "name": "g", "args": {}}},
            ],
        ),
        (
            "user",
            [
                {"functionResponse": {"id": "a", "name": "f", "response": {"error": "1"}}},
                {"functionResponse": {"id": "b", "name": "g", "response": {"output": "2"}}},
            ],
        ),
        ("user", [{"text": "And?"}]),
    ]


def test_content_with_unknown_fields_stays_alone() -> None:
    """A content that carries fields of its own is not merged."""
    hi = Message("user", (Text("Hi"),), extra={"future": 1})
    body = write(hi, user("there"), dialect=NAME)
    assert body["contents"][0] == {"role": "user", "parts": [{"text": "Hi"}], "future": 1}
    assert len(body["contents"]) == 2


def test_results_among_words_stay_where_they_are_in_the_own_dialect() -> None:
    """A user of this dialect who mixes results and words gets them sent so."""
    mixed = Message("user", (Text("And?"), ToolResult("a", (Text("1"),), "f"), Image(b"x", "image/png")))
    assert [list(part) for part in parts("user", *mixed.parts, dialect=NAME)] == [
        ["text"],
        ["functionResponse"],
        ["inlineData"],
    ]


def test_a_result_may_show_pictures() -> None:
    """Pictures and files of a result are parts of the function's response."""
    result = ToolResult("a", (Text("Here:"), Image(b"x", "image/png")), "f")
    [wire] = parts("tool", result)
    assert wire["functionResponse"]["response"] == {"output": "Here:"}
    assert wire["functionResponse"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "eA=="}}]


def test_empty_words_are_left_out() -> None:
    """Google refuses empty parts, so they go, unless nothing else is there or a signature hangs on them."""
    assert parts("user", Text("")) == [{"text": ""}]
    assert parts("user", Text(""), Text("a")) == [{"text": "a"}]
    assert contents(user("Hi"), Message("assistant", (Text(""), Reasoning("x")))) == [
        ("user", [{"text": "Hi"}])
    ]
    assert parts("assistant", Text("", state=SIGNED), to=GOOGLE) == [{"text": "", "thoughtSignature": "c2ln"}]


def test_state_goes_back_exactly_in_place_and_to_nobody_else() -> None:
    """Signatures go back beside the parts on which they came; another provider sees none, and no thoughts."""
    said = (
        Reasoning("Plan.", SIGNED),
        Text("Hm."),
        ToolCall("a", "f", "{}", state=SIGNED),
        ToolCall("b", "g", "{}"),
        Image(b"x", "image/png", state=SIGNED),
        Opaque(NAME, {"executableCode": {"code": "1"}}, SIGNED),
    )
    own = parts("assistant", *said, to=GOOGLE)
    assert [part.get("thoughtSignature") for part in own] == ["c2ln", None, "c2ln", None, "c2ln", "c2ln"]
    assert own[0] == {"text": "Plan.", "thought": True, "thoughtSignature": "c2ln"}
    other = parts("assistant", *said)
    assert "c2ln" not in json.dumps(other)
    assert [list(part) for part in other] == [
        ["text"],
        ["functionCall"],
        ["functionCall"],
        ["inlineData"],
        ["executableCode"],
    ]


@pytest.mark.parametrize("model", ["gemini-3-pro", "models/gemini-3.8-flash", "gemini-flash-latest"])
def test_calls_of_other_models_get_the_documented_stand_in(model: str) -> None:
    """Models that insist on signatures get Google's stand-in on the first call of a turn that has none."""
    calls = (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))
    first, second = parts("assistant", *calls, model=model)
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second
    signed = ToolCall("a", "f", "{}", state=SIGNED)
    assert parts("assistant", signed, model=model, to=GOOGLE)[0]["thoughtSignature"] == "c2ln"
    assert "thoughtSignature" not in parts("assistant", *calls, model="gemini-2.5-pro")[0]


def test_media_in_every_form() -> None:
    """Bytes go inline, addresses and files that Google has as file data; unknown types are looked at."""
    assert parts(
        "user",
        Image(b"\x89PNG"),
        Image(b"\xff\xd8"),
        Image(b"?"),
        Image(url="https://example.org/a.webp"),
        Image(file_id="https://example.org/v1beta/files/f"),
        Audio(b"x", "mp3"),
        Audio(b"x"),
        File(b"x", name="a"),
        File(url="https://example.org/a.pdf", media_type="application/pdf", name="a"),
        File(file_id="gs://b/a"),
    ) == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
        {"inlineData": {"mimeType": "image/jpeg", "data": "/9g="}},
        {"inlineData": {"mimeType": "image/jpeg", "data": "Pw=="}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.org/a.webp"}},
        {"fileData": {"fileUri": "https://example.org/v1beta/files/f"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "eA=="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "eA=="}},
        {"inlineData": {"mimeType": "application/octet-stream", "data": "eA=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.org/a.pdf"}},
        {"fileData": {"fileUri": "gs://b/a"}},
    ]
    film = File(url="https://www.youtube.com/watch?v=1")
    assert parts("user", film, to=GOOGLE) == [{"fileData": {"fileUri": film.url}}]


@pytest.mark.parametrize("model", ["gemini-x", "gemini-omni-1"])
def test_addresses_go_to_google_where_it_loads_them(model: str) -> None:
    """A question in this dialect keeps its address as it came; from others go `https` addresses, and no others."""
    file = File(url="https://example.org/a.pdf", media_type="application/pdf")
    for url, to, spoken in (
        ("https://example.org/a.png", OPEN, ""),
        ("https://example.org/a.png", GOOGLE, NAME),
        ("http://example.org/a.png", OPEN, NAME),
    ):
        wire = write(Message("user", (Image(url=url), file)), model=model, to=to, dialect=spoken)
        assert url in json.dumps(wire)
        assert file.url in json.dumps(wire)
    for url, to in (("https://example.org/a.png", GOOGLE), ("http://example.org/a.png", OPEN)):
        with pytest.raises(UnsupportedError) as caught:
            write(Message("user", (Image(url=url),)), model=model, to=to)
        assert caught.value.field == "image.url"


def test_names_of_files_go_out_in_the_own_dialect() -> None:
    """Whoever named a file in this dialect gets its name sent; the Developer API takes no other."""
    [inline, file] = parts(
        "user", File(b"x", "text/csv", "a.csv"), File(url="https://e.org/f", name="f"), dialect=NAME
    )
    assert inline["inlineData"]["displayName"] == "a.csv"
    assert file["fileData"]["displayName"] == "f"


def test_history_that_has_other_words_here() -> None:
    """A refusal is said as text; what another dialect alone understands is left out."""
    assert parts("assistant", Refusal("No."), Opaque("messages", {"type": "x"}), Opaque(NAME, 3)) == [
        {"text": "No."}
    ]
    assert contents(Message("user", (Opaque("messages", {"type": "x"}), Text("Hi")))) == [
        ("user", [{"text": "Hi"}])
    ]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message("user", (Text("Hi"),), "Ann"), "message.name"),
        (Message("system", (Image(b"x"),)), "system.image"),
        (Message("tool", (Text("x"),)), "tool.text"),
        (Message("user", (Reasoning("x"),)), "user.reasoning"),
        (Message("user", (Image(),)), "user.image"),
        (Message("user", (Image(url="https://example.org/a.png"),)), "image.url"),
        (Message("user", (File(url="https://example.org/a.pdf"),)), "file.url"),
        (Message("assistant", (Audio(id="a"),)), "assistant.audio"),
        (Message("assistant", (ToolResult("a"),)), "assistant.tool_result"),
        (Message("assistant", (ToolCall("a", "f", "x", custom=True),)), "tool_call.custom"),
        (Message("assistant", (ToolCall("a", "f", "{"),)), "tool_call.arguments"),
        (Message("assistant", (ToolCall("a", "f", "[1]"),)), "tool_call.arguments"),
        (Message("system", (Text("x"),)), "messages"),
    ],
)
@pytest.mark.parametrize("model", ["gemini-x", "gemini-omni-1"])
def test_what_a_message_can_t_say_is_named(message: Message, field: str, model: str) -> None:
    """Nothing is dropped in silence: the error names the canonical field, whichever API is spoken."""
    with pytest.raises(UnsupportedError) as caught:
        write(message, to=GOOGLE, model=model)
    assert caught.value.field == field


def test_a_result_needs_the_name_of_its_call() -> None:
    """A function's response carries the function's name, so a result without any call before it can't be said."""
    with pytest.raises(UnsupportedError) as caught:
        write(Message("tool", (ToolResult("a"),)))
    assert caught.value.field == "tool_result.name"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"verbosity": "low"}, "verbosity"),
        ({"user": "u"}, "user"),
        ({"cache_ttl": "1h"}, "cache_ttl"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"effort": "low", "thinking_budget": 5}, "thinking_budget"),
        ({"tools": (Tool("f", custom=True),)}, "tools.custom"),
        ({"tools": (Tool("f", hosted={"type": "x"}),)}, "tools.hosted"),
    ],
)
@pytest.mark.parametrize("model", ["gemini-x", "gemini-omni-1"])
def test_what_a_request_can_t_say_is_named(fields: dict[str, Any], field: str, model: str) -> None:
    """Settings without a word are refused by their canonical names, whichever API is spoken."""
    with pytest.raises(UnsupportedError) as caught:
        write(model=model, **fields)
    assert caught.value.field == field


def test_what_the_provider_rejects_is_named() -> None:
    """Quirks of a provider count: fields that it rejects, sampling, strict tools."""
    picky = Provider(
        name="picky",
        base_url="http://127.0.0.1",
        quirks=Quirks(unsupported=("seed",), sampling=False, strict_tools=False),
    )
    for fields, field in (
        ({"seed": 1}, "seed"),
        ({"top_k": 1}, "top_k"),
        ({"tools": (Tool("f", strict=True),)}, "tools.strict"),
    ):
        with pytest.raises(UnsupportedError) as caught:
            write(to=picky, **fields)
        assert caught.value.field == field
    assert write(to=picky, tools=(Tool("f", strict=False),))["tools"]
    streamed = {"toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}}}
    with pytest.raises(UnsupportedError, match="streamFunctionCallArguments"):
        write(extra=streamed)


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        ("gemini-3-pro", {"effort": "none"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro", {"effort": "max"}, {"thinkingLevel": "XHIGH"}),
        ("gemini-3-pro", {"thinking_budget": 7}, {"thinkingBudget": 7}),
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"effort": "high"}, {"thinkingBudget": 24576}),
        ("gemini-2.5-flash", {"effort": "high", "thinking_budget": 7}, {"thinkingBudget": 7}),
        ("gemini-x", {"reasoning_summary": "concise"}, {"includeThoughts": True}),
    ],
)
def test_thinking_in_levels_or_in_tokens(model: str, fields: Any, expected: Any) -> None:
    """Effort is a level, and a budget for the models that count."""
    assert write(model=model, **fields)["generationConfig"]["thinkingConfig"] == expected


@pytest.mark.parametrize(
    ("choice", "strict", "expected"),
    [
        (None, None, None),
        (None, True, {"mode": "VALIDATED"}),
        (ToolChoice("auto"), None, {"mode": "AUTO"}),
        (ToolChoice("auto"), True, {"mode": "VALIDATED"}),
        (ToolChoice("auto", ("f",)), None, {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice("required"), True, {"mode": "ANY"}),
        (ToolChoice("required", ("f",)), None, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("none", ("f",)), None, {"mode": "NONE"}),
    ],
)
def test_tool_choice_and_strictness(choice: ToolChoice | None, strict: bool | None, expected: Any) -> None:
    """Modes of choice; strict tools are held to their schemas by VALIDATED where nothing stronger is asked."""
    body = write(tools=(Tool("f", strict=strict),), tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == expected


def test_tools_keep_their_order_and_groups() -> None:
    """Functions stand together; a hosted tool keeps its place among them."""
    tools = (
        Tool("f", "d", {"type": "object"}),
        Tool("googleSearch", hosted={"googleSearch": {}}),
        Tool("g", extra={"parameters": {"type": "OBJECT"}}, parameters={"type": "object"}),
    )
    assert write(tools=tools, dialect=NAME)["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}
            ]
        },
        {"googleSearch": {}},
        {"functionDeclarations": [{"name": "g", "parameters": {"type": "OBJECT"}}]},
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (OutputFormat("text"), {"responseMimeType": "text/plain"}),
        (OutputFormat("json_object"), {"responseMimeType": "application/json"}),
        (
            OutputFormat("json_schema", {"type": "object"}, "n", "d"),
            {
                "responseMimeType": "application/json",
                "responseJsonSchema": {"type": "object", "description": "d"},
            },
        ),
        (
            OutputFormat("json_schema"),
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
    ],
)
def test_output_format(output: OutputFormat, expected: Any) -> None:
    """The form of the answer is asked for in plain JSON Schema; its description goes with it."""
    assert write(output=output)["generationConfig"] == expected


def test_fields_that_the_user_typed_go_out() -> None:
    """Unknown fields of our own requests and of this dialect go out, joined with what is known; others don't."""
    extra = {"safetySettings": [], "generationConfig": {"future": 1, "seed": 9}}
    body = write(extra=extra, seed=7)
    assert body["safetySettings"] == []
    assert body["generationConfig"] == {"seed": 7, "future": 1}
    assert "safetySettings" not in write(extra=extra, dialect="messages")
