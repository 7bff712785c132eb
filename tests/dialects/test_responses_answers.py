"""How a reply is written for a user of the server: its items, its order, its ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.responses import dialect
from ve_magics.errors import AuthError, BadRequestError, RateLimitError, ServerError
from ve_magics.events import (
    Event,
    Finished,
    PartAdded,
    Passthrough,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    accumulate,
)
from ve_magics.messages import (
    ChatRequest,
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
    Usage,
    user,
)

NAME = "responses"
FOREIGN = State("anthropic", "messages", "c2ln")
DONE = Finished("stop")


def encoder(*, stream: bool = True, **settings: Any) -> Any:
    """Return a fresh encoder."""
    request = ChatRequest(model="m", messages=(user("Hi"),), stream=stream, dialect=NAME, **settings)
    return dialect.encoder(request, options={"id": "abc", "created": 5})


def serve(*events: Event, stream: bool = True, **settings: Any) -> bytes:
    """Return the bytes of a reply."""
    writer = encoder(stream=stream, **settings)
    return b"".join([*map(writer.encode, events), writer.flush()])


def told(raw: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream; their names are their types."""
    found: list[dict[str, Any]] = []
    for block in raw.strip().split(b"\n\n"):
        name, data = block.split(b"\n", 1)
        found.append(json.loads(data.removeprefix(b"data: ")))
        assert name == b"event: " + found[-1]["type"].encode()
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def output(*events: Event) -> list[dict[str, Any]]:
    """Return the items of a streamed reply."""
    items: list[dict[str, Any]] = told(serve(*events))[-1]["response"]["output"]
    return items


def kinds(raw: bytes) -> list[str]:
    """Return the types of a stream's events."""
    return [event["type"].removeprefix("response.") for event in told(raw)]


def test_response_repeats_what_was_asked() -> None:
    """A response made of another dialect's answer has every field that clients look for."""
    settings: dict[str, Any] = {
        "tools": (Tool("f", parameters={"type": "object"}, strict=True), Tool("g"), Tool("h", custom=True)),
        "effort": "low",
        "verbosity": "high",
        "output": OutputFormat("json_object"),
        "temperature": 0.5,
        "metadata": {"a": "b"},
    }
    body = json.loads(serve(Started("chatcmpl-1", "m2", 7), TextDelta("Hi"), DONE, stream=False, **settings))
    del body["output"]
    assert body == {
        "id": "resp_abc",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m2",
        "usage": None,
        "access_programs": None,
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {"a": "b"},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "service_tier": None,
        "store": False,
        "temperature": 0.5,
        "tool_choice": "auto",
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
            {"type": "function", "name": "g", "parameters": None, "strict": None},
            {"type": "custom", "name": "h"},
        ],
        "top_p": None,
        "truncation": "disabled",
        "user": None,
        "reasoning": {"effort": "low", "summary": None},
        "text": {"format": {"type": "json_object"}, "verbosity": "high"},
    }


def test_same_dialect_passes_through() -> None:
    """Identity and unknown fields of a provider that speaks the dialect reach the user."""
    started = Started("r1", "m2", 7, NAME, {"future": 1, "service_tier": "auto"})
    body = json.loads(serve(started, Finished("stop", extra={"service_tier": "flex"}), stream=False))
    assert (body["id"], body["future"], body["service_tier"]) == ("r1", 1, "flex")
    foreign = Started("r1", "m2", 7, "messages", {"future": 1})
    body = json.loads(serve(foreign, Finished("stop", extra={"service_tier": "flex"}), stream=False))
    assert (body["id"], body["service_tier"]) == ("resp_abc", None)
    assert "future" not in body
    bare = dialect.encoder(ChatRequest(model="m"))
    assert json.loads(bare.flush())["id"] == "resp_"


def test_stream_without_a_beginning() -> None:
    """A stream begins by itself, even if nothing is said."""
    assert kinds(serve()) == ["created", "in_progress", "completed"]
    assert kinds(serve(TextDelta("Hi"), DONE))[:3] == ["created", "in_progress", "output_item.added"]


def test_usage_stands_in_the_last_event() -> None:
    """Counts stand in the terminal event alone."""
    usage = Usage(input=3, cached=1, output=2, cost=0.5)
    *_, before, last = told(serve(Started(), TextDelta("Hi"), DONE, UsageReported(usage)))
    assert "usage" not in before
    assert last["response"]["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5,
        "cost": 0.5,
    }


def test_other_choices_and_restarts_say_nothing() -> None:
    """There is one answer here; in a stream a restart can't be told, in a whole reply it is forgotten."""
    second = (TextDelta("B", choice=1), Finished("length", choice=1))
    events: tuple[Event, ...] = (Started(), TextDelta("A"), *second, Restarted("p/m", "it broke"), DONE)
    assert output(*events)[0]["content"][0]["text"] == "A"
    body = json.loads(serve(*events, stream=False))
    assert (body["status"], body["output"]) == ("completed", [])
    body = json.loads(serve(Started(), TextDelta("A"), *second, DONE, stream=False))
    assert (body["status"], len(body["output"])) == ("completed", 1)


def test_texts_share_a_message_unless_it_says_more() -> None:
    """Neighbouring texts are parts of one message; a phase of its own makes a message of its own."""
    events: list[Event] = [Started(dialect=NAME), TextDelta("a"), RefusalDelta("b", 1), TextDelta("", 2)]
    events += [StateDelta(State("p", NAME, {"phase": "final_answer"}), 2), TextDelta("c", 2)]
    events += [StateDelta(State("p", NAME, {"phase": "final_answer", "future": 1, "id": "msg_1"}), 2), DONE]
    messages = output(*events)
    assert [[part["type"] for part in message["content"]] for message in messages] == [
        ["output_text", "refusal"],
        ["output_text"],
    ]
    assert "phase" not in messages[0]
    assert (messages[1]["phase"], messages[1]["future"], messages[1]["id"]) == (
        "final_answer",
        1,
        "msg_ve_respabc_1",
    )


def test_annotations_and_log_probabilities() -> None:
    """They are told beside the text, whole and flat, and stand in the finished part; what is no citation is left out."""
    logprob = {"token": "Hi", "logprob": -0.1}
    nested = {"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}
    raw = serve(
        Started(), TextDelta("Hi", logprobs=(logprob,)), TextDelta("", annotations=(nested, "odd")), DONE
    )
    flat = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}
    whole = {**logprob, "bytes": [72, 105], "top_logprobs": []}
    events = {event["type"].removeprefix("response."): event for event in told(raw)}
    assert events["output_text.delta"]["logprobs"] == [whole]
    assert events["output_text.annotation.added"]["annotation_index"] == 0
    part = events["content_part.done"]["part"]
    assert part == {"type": "output_text", "text": "Hi", "annotations": [flat], "logprobs": [whole]}


def test_calls_that_interleave_are_told_one_after_the_other() -> None:
    """What belongs to the second call waits until the first is a whole JSON object."""
    writer = encoder()
    steps: list[tuple[Event, list[str]]] = [
        (Started(), ["created", "in_progress"]),
        (ToolCallDelta(0, "c1", "f", '{"a'), ["output_item.added", "function_call_arguments.delta"]),
        (ToolCallDelta(1, "c2", "g"), []),
        (ToolCallDelta(1, arguments="{}"), []),
        (TextDelta("So.", 2), []),
        (ToolCallDelta(0, arguments="{}"), ["function_call_arguments.delta"]),
        (
            ToolCallDelta(0, arguments='":1}'),
            [
                *("function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
                *("output_item.added", "function_call_arguments.delta"),
                *("function_call_arguments.done", "output_item.done"),
                *("output_item.added", "content_part.added", "output_text.delta"),
            ],
        ),
        (ToolCallDelta(0, arguments=" "), []),
        (DONE, []),
    ]
    for event, expected in steps:
        raw = writer.encode(event)
        found = [line[7:].decode() for line in raw.split(b"\n") if line.startswith(b"event: ")]
        assert [kind.removeprefix("response.") for kind in found] == expected
    items = json.loads(writer.flush().rsplit(b"data: ", 1)[1])["response"]["output"]
    assert [item.get("arguments") for item in items] == ['{"a{}":1}', "{}", None]


def test_custom_calls_and_empty_calls_hold_the_others_back_to_the_end() -> None:
    """A text that may always grow is closed at the end; a call without arguments has an empty object."""
    items = output(
        Started(),
        ToolCallDelta(0, "c1", "sql", "SELECT", custom=True),
        ToolCallDelta(1, "c2", "f"),
        TextDelta("So.", 2),
        ToolCallDelta(0, arguments=" 1"),
        Finished("tool_calls"),
    )
    assert [(item["type"], item.get("input"), item.get("arguments")) for item in items] == [
        ("custom_tool_call", "SELECT 1", None),
        ("function_call", None, "{}"),
        ("message", None, None),
    ]


def test_text_that_goes_on_later_begins_again() -> None:
    """An item that is done can't grow; what comes later is a new one."""
    items = output(Started(), TextDelta("a"), ToolCallDelta(1, "c", "f", "{}"), TextDelta("b"), DONE)
    assert [item["type"] for item in items] == ["message", "function_call", "message"]


def test_memory_of_a_part_waits_in_the_last_item() -> None:
    """States that have no field here are sealed at the end, late ones too."""
    items = output(
        Started(),
        ReasoningDelta("Hm."),
        TextDelta("a", 1),
        ToolCallDelta(2, "c", "f", "{}"),
        StateDelta(FOREIGN, 0),
        StateDelta(FOREIGN, 2),
        StateDelta(FOREIGN, 1),
        PartAdded(Image(b"\x89", "image/png", state=FOREIGN), 3),
        PartAdded(Opaque("messages", {"type": "server_tool_use"}), 4),
        Finished("tool_calls"),
    )
    assert [item["type"] for item in items] == [
        *("reasoning", "message", "function_call", "image_generation_call", "reasoning"),
    ]
    asked = {"model": "m", "input": items}
    (message,) = dialect.decode_request(json.dumps(asked).encode()).messages
    assert message == Message(
        "assistant",
        (
            Reasoning("Hm.", FOREIGN),
            Text("a", state=FOREIGN),
            ToolCall("c", "f", "{}", state=FOREIGN),
            Image(b"\x89", "image/png", state=FOREIGN),
            Opaque("messages", {"type": "server_tool_use"}),
        ),
    )


def test_silence_is_not_told() -> None:
    """Thoughts and texts without a word make no item."""
    assert output(Started(), ReasoningDelta(""), TextDelta("", 1), RefusalDelta("", 2), DONE) == []


def test_memory_of_silent_parts() -> None:
    """A state of a text without words, or of a refusal, is carried all the same; so is one of a thought."""
    items = output(
        Started(),
        TextDelta(""),
        StateDelta(FOREIGN, 0),
        RefusalDelta("No.", 1),
        StateDelta(FOREIGN, 1),
        StateDelta(FOREIGN, 2),
        ReasoningDelta("Hm.", 2),
        RefusalDelta("", 3),
        StateDelta(FOREIGN, 3),
        DONE,
    )
    assert [item["type"] for item in items] == ["message", "reasoning", "reasoning"]
    asked = {"model": "m", "input": items}
    (message,) = dialect.decode_request(json.dumps(asked).encode()).messages
    assert message.parts == (
        Text("", state=FOREIGN),
        Refusal("No.", FOREIGN),
        Reasoning("Hm.", FOREIGN),
        Refusal("", FOREIGN),
    )


def test_cut_answer_is_incomplete() -> None:
    """The item that was cut says so, and the response says why; what was done before is complete."""
    thought = (ReasoningDelta("H"), ReasoningDelta("m."))
    last = told(serve(Started(), *thought, TextDelta("a", 1), Finished("length")))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item.get("status") for item in last["response"]["output"]] == [None, "incomplete"]
    assert last["response"]["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm."}]


def test_events_of_the_wrong_kind_say_nothing() -> None:
    """A part stays what it began as, whatever else carries its number."""
    items = output(
        Started(),
        TextDelta("a"),
        ReasoningDelta("x"),
        ReasoningDelta("b", 1),
        TextDelta("x", 1),
        ToolCallDelta(2, "c", "f"),
        TextDelta("x", 2),
        ToolCallDelta(2),
        DONE,
    )
    assert [item["type"] for item in items] == ["message", "reasoning", "function_call"]


def test_hosted_items_stream_through() -> None:
    """Beginning, progress and end of what the provider ran keep their order and point at their index here."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    added = Passthrough(
        NAME, "response.output_item.added", {"output_index": 9, "item": search, "sequence_number": 77}
    )
    progress = {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 9}
    raw = serve(
        Started(dialect=NAME),
        TextDelta("a"),
        added,
        Passthrough(NAME, "response.web_search_call.searching", progress),
        PartAdded(Opaque(NAME, search | {"status": "completed"}), 1),
        PartAdded(Opaque(NAME, {"type": "telepathy"}), 2),
        PartAdded(Image(b"\x89", "image/webp", state=State("p", NAME, {"id": "ig_1"})), 3),
        Passthrough(NAME, "keepalive", {"type": "keepalive"}),
        Passthrough("messages", "ping", {}),
        Passthrough(NAME, "odd", 7),
        DONE,
    )
    found = [(event["type"].removeprefix("response."), event.get("output_index")) for event in told(raw)]
    assert found[6:-1] == [
        *(("content_part.done", 0), ("output_item.done", 0)),
        *(("output_item.added", 1), ("web_search_call.searching", 1), ("output_item.done", 1)),
        *(("output_item.added", 2), ("output_item.done", 2)),
        *(("output_item.added", 3), ("output_item.done", 3)),
        ("keepalive", None),
    ]
    items = told(raw)[-1]["response"]["output"]
    assert [item["type"] for item in items] == [
        "message",
        "web_search_call",
        "telepathy",
        "image_generation_call",
    ]
    assert items[1]["status"] == "completed"
    assert (items[3]["id"], items[3]["result"]) == ("ig_1", "iQ==")


def test_hosted_item_beside_an_open_call() -> None:
    """A hosted item that begins while a call is open gets the next index; one that never ends stays as it began."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    added = Passthrough(NAME, "response.output_item.added", {"item": search})
    items = output(
        Started(dialect=NAME), ToolCallDelta(0, "c", "f", "{"), added, ToolCallDelta(0, arguments="}"), DONE
    )
    assert [item["type"] for item in items] == ["function_call", "web_search_call"]
    assert items[0]["arguments"] == "{}"
    assert items[1] == search


@pytest.mark.parametrize("stream", [False, True])
def test_failure_of_the_model_is_a_failed_response(*, stream: bool) -> None:
    """An answer that ended in an error is a failed response, and is read as a failure."""
    raw = serve(Started(), TextDelta("Hi"), Finished("error", "it broke"), stream=stream)
    decoder = dialect.decoder(origin="p", stream=stream)
    with pytest.raises(ServerError, match="it broke"):
        accumulate(decoder.feed(raw) + decoder.flush())


def test_failure_inside_a_stream() -> None:
    """The failure is told flat and nested, with the next number, and nothing follows."""
    writer = encoder()
    begin = writer.encode(Started())
    failure = RateLimitError("Slow down.", status=429)
    (event,) = told(begin + writer.encode_failure(failure))[2:]
    assert event == {
        "type": "error",
        "sequence_number": 2,
        "code": "rate_limit_exceeded",
        "message": "Slow down.",
        "param": None,
        "error": {
            "message": "Slow down.",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        },
    }
    decoder = dialect.decoder(origin="p", stream=True)
    decoder.feed(begin)
    with pytest.raises(RateLimitError, match="Slow down"):
        decoder.feed(writer.encode_failure(failure))
    bad = json.loads(
        writer.encode_failure(BadRequestError("No.", status=400, param="input")).split(b"data: ")[1]
    )
    assert (bad["code"], bad["param"]) == ("invalid_request_error", "input")


def test_failure_of_a_whole_reply() -> None:
    """Before anything has gone out a failure is a body of its own, with its status."""
    failure = AuthError("No key.", status=401)
    assert json.loads(encoder(stream=False).encode_failure(failure))["error"]["code"] == "invalid_api_key"
    status, body = dialect.encode_error(failure)
    assert (status, json.loads(body)["error"]["type"]) == (401, "authentication_error")
