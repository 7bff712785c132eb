"""The Interactions API, for the models that need it: what is asked, and what is read."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.test_contract import ORIGIN, check_failure, check_reply, expectation, run, splits
from ve_magics.dialects.generate_content import dialect
from ve_magics.errors import (
    DecodeError,
    OverloadedError,
    QuotaError,
    ServerError,
    TransportError,
    UnsupportedError,
)
from ve_magics.events import Event, Passthrough, Started, accumulate
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    FinishReason,
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
    Usage,
    system,
    user,
)
from ve_magics.providers import Provider

FIXTURES = Path(__file__).parent.parent / "fixtures" / "generate_content"
GOOGLE = Provider(name="google", base_url="http://127.0.0.1/v1beta")
REPLIES = [
    path
    for ending in (".sse", ".json")
    for path in sorted(FIXTURES.glob(f"interactions_*{ending}"))
    if path.name.count(".") == 1
]
ERRORS = sorted(FIXTURES.glob("interactions_*.error.json"))
MODEL = "gemini-omni-1.1-flash"
STATE = State("google", "interactions", {"signature": "c2lnbmF0dXJl"})


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.name)
def test_recorded_replies(path: Path) -> None:
    """A recorded interaction means what its neutral expectation says, whole and in every split the same."""
    raw, stream = path.read_bytes(), path.suffix == ".sse"
    events, failure = run(dialect.decoder(origin=ORIGIN, stream=stream), [raw])
    check_reply(events, failure, expectation(path))
    for pieces in splits(raw, path.name):
        again, failure_again = run(dialect.decoder(origin=ORIGIN, stream=stream), pieces)
        assert (again, str(failure_again)) == (events, str(failure))


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.name)
def test_recorded_failures(path: Path) -> None:
    """A code that is a word classifies a failure."""
    recorded = json.loads(path.read_bytes())
    failure = dialect.decode_error(recorded["status"], {}, recorded["body"].encode())
    check_failure(failure, expectation(path)["error"])


def write(*messages: Message, **fields: Any) -> Any:
    """Return the body of a question."""
    request = ChatRequest(model=MODEL, messages=messages or (user("Hi"),), **fields)
    wire = dialect.encode_request(request, GOOGLE)
    assert (wire.path, wire.query, wire.stream) == ("/interactions", (), request.stream)
    return json.loads(wire.body)


def steps(role: Role, *parts: Part) -> Any:
    """Return the steps of one message."""
    return write(Message(role, parts), user("?"))["input"][:-1]


def test_question_is_what_the_recorded_client_sends() -> None:
    """A conversation with a thought, a call and its result is written as the official client writes it."""
    recorded = json.loads((FIXTURES / "interactions_steps.request.json").read_bytes())["body"]
    schema = recorded["tools"][0]["parameters"]
    body = write(
        system("Be brief."),
        user("Weather?"),
        Message("assistant", (Reasoning("Plan.", STATE), ToolCall("x1", "weather", '{"city":"Köln"}'))),
        Message("tool", (ToolResult("x1", (Text("7"),)),)),
        tools=(Tool("weather", "Weather.", schema),),
        tool_choice=ToolChoice("auto"),
        effort="low",
        max_tokens=256,
        stream=True,
        store=False,
    )
    recorded["input"][-1]["result"] = "7"
    recorded["model"] = MODEL
    assert body == recorded


def test_thoughts_go_back_to_their_own_provider_only() -> None:
    """A thought without a state of this provider from this API is left out, as is what others alone understand."""
    foreign = State("openai", "responses", {"id": "rs"})
    other = State("google", "generate_content", {"thoughtSignature": "x"})
    said = (Reasoning("a"), Reasoning("b", foreign), Reasoning("c", other), Opaque("messages", {"type": "x"}))
    assert write(user("Hi"), Message("assistant", (*said, Text("d"))))["input"][1:] == [
        {"type": "model_output", "content": [{"type": "text", "text": "d"}]}
    ]
    call = ToolCall("a", "f", "{}", state=State("google", "interactions", {"future": 1}))
    search = Opaque("interactions", {"type": "google_search_call", "id": "s"})
    assert steps("assistant", Reasoning("", STATE), search, call) == [
        {"type": "thought", "summary": [], "signature": "c2lnbmF0dXJl"},
        {"type": "google_search_call", "id": "s"},
        {"type": "function_call", "id": "a", "name": "f", "arguments": {}, "future": 1},
    ]
    odd = ToolCall("a", "f", "{}", state=State("google", "interactions", 3))
    assert steps("assistant", odd)[0].keys() == {"type", "id", "name", "arguments"}


def test_content_of_every_kind() -> None:
    """Words, refusals and media are content of their step; results may be failed, named, and show pictures."""
    assert steps(
        "assistant",
        Text("a"),
        Refusal("No."),
        Image(b"x", "image/png"),
        Image(file_id="gs://b/a"),
        Audio(b"x", "mp3"),
        File(b"x", "video/mp4"),
        File(url="https://example.org/a"),
    ) == [
        {
            "type": "model_output",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "text", "text": "No."},
                {"type": "image", "data": "eA==", "mime_type": "image/png"},
                {"type": "image", "uri": "gs://b/a"},
                {"type": "audio", "data": "eA==", "mime_type": "audio/mp3"},
                {"type": "video", "data": "eA==", "mime_type": "video/mp4"},
                {"type": "document", "uri": "https://example.org/a"},
            ],
        }
    ]
    shown = ToolResult("a", (Text("Here:"), Image(b"x", "image/png")), "f", is_error=True)
    assert steps("user", Opaque("messages", 1), shown, ToolResult("b")) == [
        {
            "type": "function_result",
            "call_id": "a",
            "name": "f",
            "is_error": True,
            "result": [
                {"type": "text", "text": "Here:"},
                {"type": "image", "data": "eA==", "mime_type": "image/png"},
            ],
        },
        {"type": "function_result", "call_id": "b", "result": ""},
    ]
    assert write(Message("system", (Opaque("messages", 1), Text("A"))), system("B"), user("?"))[
        "system_instruction"
    ] == ("A\n\nB")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasoning_summary": "auto"}, {"generation_config": {"thinking_summaries": "auto"}}),
        ({"stop": ("x",), "seed": 1}, {"generation_config": {"seed": 1, "stop_sequences": ["x"]}}),
        (
            {"n": 1, "service_tier": "flex", "metadata": {"a": "b"}},
            {"service_tier": "flex", "labels": {"a": "b"}},
        ),
        (
            {"tool_choice": ToolChoice("required", ("f",))},
            {"generation_config": {"tool_choice": {"allowed_tools": {"mode": "any", "tools": ["f"]}}}},
        ),
        (
            {"tool_choice": ToolChoice("auto", ("f",))},
            {"generation_config": {"tool_choice": {"allowed_tools": {"mode": "validated", "tools": ["f"]}}}},
        ),
        ({"tool_choice": ToolChoice("none", ("f",))}, {"generation_config": {"tool_choice": "none"}}),
        (
            {"tools": (Tool("f", strict=True),)},
            {"tools": [{"type": "function", "name": "f"}], "generation_config": {"tool_choice": "validated"}},
        ),
        ({"tools": (Tool("f"),)}, {"tools": [{"type": "function", "name": "f"}]}),
        ({"output": OutputFormat("text")}, {"response_format": {"type": "text", "mime_type": "text/plain"}}),
        (
            {"output": OutputFormat("json_schema", {"type": "object"})},
            {
                "response_format": {
                    "type": "text",
                    "mime_type": "application/json",
                    "schema": {"type": "object"},
                }
            },
        ),
        ({"modalities": ("video",)}, {"response_format": {"type": "video"}}),
        (
            {"modalities": ("image",), "output": OutputFormat("json_object")},
            {"response_format": [{"type": "text", "mime_type": "application/json"}, {"type": "image"}]},
        ),
        ({"modalities": ("text", "image")}, {"response_format": [{"type": "text"}, {"type": "image"}]}),
        ({"extra": {"background": True, "safetySettings": []}}, {"background": True}),
        ({"extra": {"background": True}, "dialect": "messages"}, {}),
    ],
)
def test_settings(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each setting has its place and this API's word."""
    body = write(**fields)
    assert {name: value for name, value in body.items() if name not in ("model", "input")} == expected


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"n": 2}, "n"), ({"top_k": 3}, "top_k"), ({"thinking_budget": 3}, "thinking_budget")],
)
def test_settings_without_a_word(fields: dict[str, Any], field: str) -> None:
    """What this API lacks is refused by its canonical name."""
    with pytest.raises(UnsupportedError) as caught:
        write(**fields)
    assert caught.value.field == field


def read(*values: Any) -> list[Event]:
    """Return the events of a streamed reply."""
    raw = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)
    decoder = dialect.decoder(origin="google", stream=True)
    return [*decoder.feed(raw), *decoder.flush()]


def step(kind: str, index: Any = 0, **fields: Any) -> dict[str, Any]:
    """Return an event of a step."""
    return {"event_type": f"step.{kind}", "index": index} | fields


def delta(kind: str, index: Any = 0, **fields: Any) -> dict[str, Any]:
    """Return a delta of a step."""
    return step("delta", index, delta={"type": kind} | fields)


def status(word: str, kind: str = "interaction.completed", **fields: Any) -> dict[str, Any]:
    """Return an event of the interaction."""
    return {"event_type": kind, "interaction": {"id": "v1", "status": word} | fields}


def parts(*values: Any) -> tuple[Part, ...]:
    """Return the parts of a streamed answer that ends well."""
    return accumulate(read(*values, status("completed"))).message.parts


def test_steps_without_a_start() -> None:
    """Deltas whose step was never announced tell what it is; without an index they belong to the last step."""
    assert parts(
        delta("text", None, text="a"),
        delta("thought_summary", 1, content={"text": "b"}),
        delta("thought_summary", 1, content=3),
        delta("arguments_delta", 2, arguments='{"x":1}'),
        delta("arguments_delta", 2, arguments=""),
        delta("text", "?", text="c"),
    ) == (Text("a"), Reasoning("b"), ToolCall("call_0_0", "", '{"x":1}'), Text("c"))


def test_whole_steps_of_every_kind() -> None:
    """Content of an announced step, media by bytes and address, steps of server tools, and what can't be read."""
    media = {"type": "image", "mime_type": "image/png", "data": "eA=="}
    assert parts(
        step(
            "start",
            step={
                "type": "model_output",
                "content": [
                    {"type": "text", "text": "a", "annotations": [{"type": "url_citation"}]},
                    media,
                    {"type": "image", "uri": "https://example.org/a"},
                    {"type": "audio", "data": "eA=="},
                    {"type": "video", "data": "?"},
                    {"type": "document"},
                    {"type": "text", "text": "b"},
                ],
            },
        ),
        delta("text", text="c"),
        delta("text_annotation_delta", annotations=[{"type": "x"}]),
        step("stop"),
        step("start", 1, step={"type": "google_search_call", "id": "s"}),
        delta("google_search_call", 1, arguments={"queries": ["q"]}),
        step("stop", 1),
        step("stop", 1),
        step("stop", 9),
        step("start", 2, step={"type": "user_input", "content": []}),
        step(
            "start",
            3,
            step={"type": "thought", "summary": [{"text": "d"}, {"text": ""}, 3], "signature": "x"},
        ),
        step("start", 4, step={"type": "function_call", "name": "f", "arguments": {"a": 1}}),
    ) == (
        Text("a", ({"type": "url_citation"},)),
        Image(b"x", "image/png"),
        Image(url="https://example.org/a"),
        Audio(b"x"),
        Opaque("interactions", {"type": "video", "data": "?"}),
        Opaque("interactions", {"type": "document"}),
        Text("bc", ({"type": "x"},)),
        Opaque("interactions", {"type": "google_search_call", "id": "s", "arguments": {"queries": ["q"]}}),
        Reasoning("d", State("google", "interactions", {"signature": "x"})),
        ToolCall("call_0_0", "f", '{"a":1}'),
    )


def test_ids_of_calls_are_unique() -> None:
    """Calls without an id, and with one that was seen, get one of their own."""
    call = {"type": "function_call", "name": "f", "id": "x"}
    made = parts(
        status("in_progress", "interaction.created"), step("start", 0, step=call), step("start", 1, step=call)
    )
    assert [part.id for part in made if isinstance(part, ToolCall)] == ["x", "call_v1_0_1"]


@pytest.mark.parametrize(
    ("word", "finish", "detail"),
    [
        ("completed", "stop", ""),
        ("requires_action", "tool_calls", ""),
        ("incomplete", "length", ""),
        ("requires_continuation", "length", "requires_continuation"),
        ("budget_exceeded", "length", "budget_exceeded"),
    ],
)
def test_statuses(word: str, finish: FinishReason, detail: str) -> None:
    """The status says why the answer ended."""
    choice = accumulate(read(delta("text", text="a"), status(word))).choices[0]
    assert (choice.finish, choice.detail) == (finish, detail)


def test_call_in_a_completed_interaction() -> None:
    """A call asks for its result whatever the status says."""
    call = step("start", step={"type": "function_call", "name": "f", "id": "x"})
    assert accumulate(read(call, status("completed"))).finish == "tool_calls"


def test_failed_interactions() -> None:
    """A failure is told by the list of errors, by the step that failed, or by the status alone."""
    with pytest.raises(QuotaError, match="Used up"):
        read(status("failed", errors=[{"code": "insufficient_quota", "message": "Used up."}]))
    failed = step("start", step={"type": "model_output", "error": {"code": 503, "message": "Broke."}})
    with pytest.raises(OverloadedError, match="Broke"):
        read(failed, status("failed"))
    with pytest.raises(ServerError, match="cancelled"):
        read(status("cancelled"))


def test_unfinished_interactions() -> None:
    """An interaction in the background, and a stream without an end, are not finished."""
    with pytest.raises(TransportError, match="finished"):
        read(status("in_progress"))
    with pytest.raises(TransportError, match="finished"):
        read({"event_type": "interaction.status_update", "interaction_id": "v1", "status": "queued"})
    with pytest.raises(TransportError, match="began"):
        read({"event_type": "aurora"})
    decoder = dialect.decoder(origin="google", stream=False)
    decoder.feed(b'{"object":"interaction"}')
    with pytest.raises(DecodeError, match="no answer"):
        decoder.flush()


def test_what_nobody_knows_goes_by() -> None:
    """Events and deltas of the future are kept for whoever understands them; odd ones do no harm."""
    odd = delta("hologram", x=1)
    events = read(
        {"event_type": "aurora", "early": 1},
        status("in_progress", "interaction.created", model="m", created="2026-11-23T10:00:00Z"),
        {"event_type": "aurora", "x": 1},
        step("start", step=3),
        step("delta", delta=3),
        odd,
        {"event_type": "interaction.completed"},
        status(
            "completed",
            usage={"total_input_tokens": 3, "input_tokens_by_modality": [{"modality": "audio", "tokens": 2}]},
        ),
    )
    assert events[0] == Started("v1", "m", 1795428000, "interactions")
    assert [event.name for event in events if isinstance(event, Passthrough)] == [
        "aurora",
        "step.start",
        "step.delta",
    ]
    assert accumulate(events).usage == Usage(input=3, input_audio=2)


def test_steps_at_the_end_count_only_where_none_came_before() -> None:
    """The completed interaction may repeat its steps; they are read only where the stream held none."""
    told = {"type": "model_output", "content": [{"type": "text", "text": "a"}]}
    assert parts(status("completed", steps=[told, 3], usage={"future": 1})) == (Text("a"),)
    assert parts(delta("text", text="a"), status("completed", steps=[told])) == (Text("a"),)


def test_order_of_events_does_not_matter_for_the_answer() -> None:
    """Calls that grow in turns come out whole."""
    dice = random.Random(7)
    starts = [step("start", i, step={"type": "function_call", "id": f"c{i}", "name": "f"}) for i in range(3)]
    pieces = [delta("arguments_delta", i, arguments=piece) for piece in ('{"a"', ":", "1}") for i in range(3)]
    blocks = [pieces[i : i + 3] for i in (0, 3, 6)]
    for block in blocks:
        dice.shuffle(block)
    made = parts(*starts, *[event for block in blocks for event in block])
    assert [part.arguments for part in made if isinstance(part, ToolCall)] == ['{"a":1}'] * 3
