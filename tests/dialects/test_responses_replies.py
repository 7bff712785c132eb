"""How replies are read, from OpenAI and from those who only almost speak its format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.responses import dialect
from ve_magics.errors import (
    BadRequestError,
    DecodeError,
    RateLimitError,
    RequestError,
    ServerError,
    ServerTimeoutError,
    TransportError,
)
from ve_magics.events import (
    Event,
    Finished,
    PartAdded,
    Passthrough,
    ReasoningDelta,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    accumulate,
)
from ve_magics.messages import (
    ChatResponse,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    Usage,
)

NAME = "responses"


def sse(*values: Any) -> bytes:
    """Return a stream of events, named as their type says."""
    return b"".join(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of a response."""
    return {"type": f"response.{kind}", **fields}


def ended(output: Any = (), status: str = "completed", **fields: Any) -> dict[str, Any]:
    """Return the event that ends a stream."""
    return event(status, response={"id": "r", "status": status, "output": list(output), **fields})


def events_in(raw: bytes, *, stream: bool = True) -> list[Event]:
    """Return the events in the bytes of a reply."""
    decoder = dialect.decoder(origin="p", stream=stream)
    return [*decoder.feed(raw), *decoder.flush()]


def read(*values: Any) -> ChatResponse:
    """Return the answer in a stream of these events."""
    return accumulate(events_in(sse(*values)))


def whole(**fields: Any) -> ChatResponse:
    """Return the answer in a whole reply."""
    return accumulate(events_in(json.dumps(fields).encode(), stream=False))


def parts(response: ChatResponse) -> tuple[Any, ...]:
    """Return the parts of an answer."""
    return response.message.parts


def own(data: Any) -> State:
    """Return a state of the provider that answers."""
    return State("p", NAME, data)


def test_unannounced_deltas_make_their_items() -> None:
    """Imitators that announce nothing are understood by what their deltas are."""
    response = read(
        event("reasoning_text.delta", delta="Hm."),
        event("output_text.delta", delta="Hi"),
        event("output_text.delta", delta=" there"),
        event("refusal.delta", delta="No.", content_index=1),
        event("function_call_arguments.delta", delta='{"a":1}', item_id="fc_1", output_index=2),
        event("custom_tool_call_input.delta", delta="SELECT", item_id="ctc_1", output_index=3),
        ended(),
    )
    assert parts(response) == (
        Reasoning("Hm."),
        Text("Hi there"),
        Refusal("No."),
        ToolCall("fc_1", "", '{"a":1}'),
        ToolCall("ctc_1", "", "SELECT", custom=True),
    )
    assert response.finish == "tool_calls"


def test_items_are_found_by_id_then_by_place() -> None:
    """An index that is always 0, or ids that change at the end, make no item twice."""
    message = {"type": "message", "role": "assistant", "content": []}
    said = {**message, "content": [{"type": "output_text", "text": "One"}]}
    response = read(
        event("output_item.added", output_index=0, item={**message, "id": "m1"}),
        event("output_text.delta", item_id="m1", output_index=0, content_index=0, delta="One"),
        event("output_item.done", output_index=0, item={**said, "id": "m1"}),
        event("output_item.added", output_index=0, item={**message, "id": "m2"}),
        event("output_item.added", output_index=0, item={**message, "id": "m2"}),
        event("output_text.delta", item_id="m2", output_index=0, content_index=0, delta="Two"),
        event("output_item.done", output_index=1, item={**said, "id": "new"}),
        ended([{**said, "id": "m1"}, {**said, "id": "m2"}, {**said, "id": "newer"}]),
    )
    assert response.text == "OneTwoOne" + "One"


def test_place_of_another_kind_is_not_taken_for_the_item() -> None:
    """A finished item at a place where another kind has begun is one of its own."""
    response = read(
        event("output_item.added", output_index=0, item={"type": "reasoning"}),
        event("reasoning_summary_text.delta", output_index=0, delta="Hm."),
        ended([{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]),
    )
    assert parts(response) == (Reasoning("Hm."), Text("Hi"))


def test_deltas_with_the_id_of_another_kind_go_by_their_place() -> None:
    """A text whose id belongs to a thought is still one text."""
    delta = event("output_text.delta", item_id="rs", output_index=1, content_index=0, delta="a")
    response = read(
        event("output_item.added", output_index=0, item={"type": "reasoning", "id": "rs"}),
        delta,
        delta,
        ended(),
    )
    assert parts(response) == (Text("aa"),)


def test_call_waits_for_its_name_and_has_an_id_of_its_own() -> None:
    """A call without name begins when its name comes; ids that are missing or taken are made up."""
    call = {"type": "function_call", "call_id": "call_1", "name": "f"}
    response = read(
        event("created", response={"id": "resp_a-b"}),
        event("output_item.added", output_index=0, item={"type": "function_call", "call_id": "call_1"}),
        event("function_call_arguments.delta", output_index=0, delta='{"a"'),
        event("output_item.done", output_index=0, item={**call, "arguments": '{"a":1}'}),
        event("output_item.added", output_index=1, item=dict(call)),
        event(
            "output_item.added",
            output_index=2,
            item={"type": "function_call", "name": "g", "arguments": {"b": 2}},
        ),
        event("output_item.added", output_index=3, item={"type": "custom_tool_call", "name": "h", "id": "x"}),
        ended(),
    )
    assert parts(response) == (
        ToolCall("call_1", "f", '{"a":1}'),
        ToolCall("call_respab_1", "f", "{}"),
        ToolCall("call_respab_2", "g", '{"b":2}'),
        ToolCall("x", "h", "", custom=True),
    )


def test_fields_of_an_item_are_kept_for_its_origin() -> None:
    """What an item says besides its part goes back with it."""
    content = [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No."}]
    output = [
        {"type": "message", "phase": "commentary", "content": content},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"},
    ]
    state = own({"phase": "commentary"})
    expected = (
        Text("Hi", state=state),
        Refusal("No.", state=state),
        ToolCall("c", "f", "{}", state=own({"namespace": "n"})),
    )
    assert parts(whole(output=output)) == expected
    late = read(event("output_text.delta", output_index=0, delta="Hi"), ended(output))
    assert parts(late) == expected


def test_unknown_content_is_kept_as_a_message_of_its_own() -> None:
    """A content part that nobody knows stays inside a message, so that it can go back; a string is text."""
    strange = {"type": "output_hologram", "x": 1}
    response = whole(
        output=[{"type": "message", "content": [strange]}, {"type": "message", "content": "Hi"}, 7]
    )
    item = {"type": "message", "role": "assistant", "content": [strange]}
    assert parts(response) == (Opaque(NAME, item, own(None)), Text("Hi"))


def test_of_summary_and_thought_one_is_told() -> None:
    """Where a server shows both, the one that spoke first is told and the item keeps the other."""
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Short."}],
        "content": [{"type": "reasoning_text", "text": "At length."}],
    }
    assert parts(whole(output=[item])) == (Reasoning("Short.", own(item)),)
    streamed = read(
        event("reasoning_text.delta", delta="At "),
        event("reasoning_summary_text.delta", delta="Short."),
        event("output_item.done", output_index=0, item=item),
        ended([item]),
    )
    assert parts(streamed) == (Reasoning("At length.", own(item)),)


def test_item_that_the_provider_ran_comes_with_its_progress() -> None:
    """Progress passes through, the item itself is a part; a picture is one, unless it can't be read."""
    added = event("output_item.added", output_index=0, item={"type": "web_search_call", "id": "ws"})
    search = event("web_search_call.searching", output_index=0, item_id="ws")
    broken = {"type": "image_generation_call", "result": "a"}
    found = events_in(sse(added, search, event("output_item.done", output_index=1, item=broken), ended()))
    assert found[1:5] == [
        Passthrough(NAME, "response.output_item.added", added),
        Passthrough(NAME, "response.web_search_call.searching", search),
        PartAdded(Opaque(NAME, broken, own(None)), 0),
        PartAdded(Opaque(NAME, added["item"], own(None)), 1),
    ]
    item = {"type": "image_generation_call", "id": "ig", "result": "iQ==", "output_format": "webp"}
    state = own({name: value for name, value in item.items() if name != "result"})
    assert parts(whole(output=[item])) == (Image(b"\x89", "image/webp", state=state),)


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("max_output_tokens", "length", ""),
        ("content_filter", "content_filter", ""),
        ("steered", "stop", "steered"),
        ("max_messages", "length", "max_messages"),
        (None, "length", ""),
    ],
)
def test_reasons_of_an_incomplete_response(reason: str | None, finish: str, detail: str) -> None:
    """Each reason becomes one of ours; a word that says more is kept as the detail."""
    details = {"reason": reason} if reason else None
    response = whole(output=[], status="incomplete", incomplete_details=details)
    assert (response.finish, response.choices[0].detail) == (finish, detail)


def test_fields_of_the_response_pass_through() -> None:
    """What isn't known of a response is kept, what comes with its end beside its end."""
    first = {"id": "r", "model": "m", "created_at": 5.5, "service_tier": "auto", "tools": [1], "future": None}
    found = events_in(sse(event("created", response=first), ended(service_tier="flex", future=1, model="m")))
    assert found == [
        Started("r", "m", 5, NAME, {"service_tier": "auto"}),
        Finished("stop", extra={"service_tier": "flex", "future": 1}),
    ]


def test_bare_response_as_an_event() -> None:
    """A whole response as the only event of a stream is an answer, whatever it is named."""
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    raw = b"data: " + json.dumps({"object": "response", "output": [item]}).encode()
    assert accumulate(events_in(raw)).text == "Hi"


def test_usage() -> None:
    """Counts are read as they are; a cost alone is a report, nothing is none."""
    assert whole(output=[], usage={"input_tokens": 3, "cost": 0.5}).usage == Usage(input=3, cost=0.5)
    assert whole(output=[], usage={"cost": 0}).usage == Usage(cost=0.0)
    assert whole(output=[], usage={"input_tokens": True, "cost": True, "output_tokens": "x"}).usage == Usage(
        input=1
    )
    assert whole(output=[], usage={}).usage is None
    assert whole(output=[], usage=[]).usage is None


def test_empty_deltas_and_odd_items_say_nothing() -> None:
    """Empty text, an item that is no object, an empty data line, a comment: nothing comes of them."""
    raw = sse(
        event("refusal.delta", delta="", item_id="m", output_index=0, content_index=1),
        event("output_text.delta", delta="a", item_id="m", output_index=0, content_index=0),
        event("output_text.delta", delta="", item_id="m", output_index=0, content_index=0),
        event("output_item.added", item=None),
        event("reasoning_text.delta", delta=""),
        event("output_text.delta", delta="b", item_id="m", output_index=0, content_index=0),
        event("output_text.delta", delta="c", item_id="m", output_index=0, content_index=0),
    )
    found = events_in(b": hi\n\ndata:\n\n" + raw + sse(ended()))
    assert [event for event in found if isinstance(event, (TextDelta, ReasoningDelta))] == [
        TextDelta("a"),
        TextDelta("b"),
        TextDelta("c"),
    ]


def test_hot_text_keeps_apart_what_is_apart() -> None:
    """Deltas of two texts that come in turns, with and without log probabilities, don't mix."""
    rows: list[tuple[int, Any, dict[str, Any]]] = [
        (0, "a", {}),
        (1, "b", {}),
        (1, "c", {"logprobs": [{"token": "c"}]}),
        (0, "d", {}),
        (0, 5, {}),
    ]
    values = [
        event("output_text.delta", delta=text, item_id=f"m{at}", output_index=at, content_index=0, **more)
        for at, text, more in rows
    ]
    response = read(*values, ended())
    assert [part.text for part in parts(response)] == ["ad5", "bc"]
    assert response.choices[0].logprobs == ({"token": "c"},)


def test_state_begins_a_silent_thought() -> None:
    """An encrypted thought without words is a part of its own."""
    item = {"type": "reasoning", "id": "rs", "encrypted_content": "x"}
    found = events_in(sse(event("output_item.done", output_index=0, item=item), ended([item])))
    assert found[1] == StateDelta(own(item), 0)


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"<html><title>Down</title></html>", DecodeError, "Down"),
        (b"<!doctype html>\n<title>Down</title>", DecodeError, "Down"),
        (b"{]", DecodeError, "broken JSON"),
        (b"[1]", DecodeError, "no response"),
        (b'{"object":"chat.completion"}', DecodeError, "no response"),
        (b'{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}', RateLimitError, "Slow down"),
        (b'{"output":[],"status":"in_progress"}', DecodeError, "background"),
        (b'{"output":[],"status":"failed"}', ServerError, "failed"),
        (b'{"output":[],"status":"cancelled"}', ServerTimeoutError, "was cancelled"),
        (b'{"output":[],"error":{"code":"image_parse_error","message":"Bad"}}', BadRequestError, "Bad"),
        (b'{"output":[],"error":"odd"}', ServerError, "odd"),
        (b"data: {]\n\n", DecodeError, "broken JSON"),
        (b"data: {]", TransportError, "inside an event"),
        (b"event: error\ndata: gone\n\n", ServerError, "gone"),
        (b"data: 7\n\n", ServerError, "7"),
        (b'data: {"a":1}\n\n', DecodeError, "no response"),
        (b'data: {"error":{"message":"Slow down","code":"slow_down"}}\n\n', RateLimitError, "Slow down"),
        (b"event: ping\n\nnonsense here\n\n", DecodeError, "nonsense"),
        (b'event: ping\n\nx{"error":"y"}\n', DecodeError, "no response"),
        (b'upstream\n\n{"error":{"message":"Slow down","code":"slow_down"}}\n', DecodeError, "upstream"),
        (b"data: [DONE]\n\n", TransportError, "ended before"),
        (b": nothing\n\n", TransportError, "began"),
        (b"event: x\n<html><title>Down</title></html>", DecodeError, "Down"),
    ],
)
def test_replies_that_are_none(raw: bytes, kind: type[RequestError], words: str) -> None:
    """Whatever stands where an answer was due is an error that says what came."""
    decoder = dialect.decoder(origin="p", stream=True)
    with pytest.raises(kind, match=words):
        decoder.feed(raw) + decoder.flush()


def test_bare_error_outside_of_any_event() -> None:
    """A JSON error that was written into a stream without `data:` is read all the same."""
    raw = b': hello\n\n{"error":{"message":"Slow down","code":"slow_down"}}\n'
    decoder = dialect.decoder(origin="p", stream=True)
    assert decoder.feed(raw) == []
    with pytest.raises(RateLimitError, match="Slow down"):
        decoder.flush()


def test_empty_reply() -> None:
    """No byte at all is a broken stream, or an empty reply where a whole one was due."""
    with pytest.raises(TransportError):
        dialect.decoder(origin="p", stream=True).flush()
    with pytest.raises(DecodeError, match="empty"):
        dialect.decoder(origin="p", stream=False).flush()


def test_no_event_is_lost_to_a_failure() -> None:
    """Good events in the same bytes are given first; the failure is raised by the next call, and by each later one."""
    raw = sse(event("output_text.delta", delta="Hi"), event("failed", response={"error": {"message": "No"}}))
    decoder = dialect.decoder(origin="p", stream=True)
    assert decoder.feed(raw) == [Started(dialect=NAME), TextDelta("Hi")]
    for call in (decoder.flush, lambda: decoder.feed(b"x")):
        with pytest.raises(ServerError, match="No"):
            call()


def test_nothing_counts_after_the_end() -> None:
    """What comes after the terminal event is passed over."""
    tail = sse(ended(), event("output_text.delta", delta="more")) + b"junk\n\ndata: [DONE]"
    decoder = dialect.decoder(origin="p", stream=True)
    assert [type(event) for event in decoder.feed(tail) + decoder.flush()] == [Started, Finished]
    assert [type(event) for event in events_in(sse(ended())[:-2])] == [Started, Finished]


def test_call_delta_carries_no_identity_twice() -> None:
    """Id and name stand in the first event of a call alone."""
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": ""}
    found = events_in(
        sse(
            event("output_item.added", output_index=0, item=call),
            event("function_call_arguments.delta", output_index=0, item_id="fc", delta="{}"),
            event("function_call_arguments.delta", output_index=0, item_id="fc", delta=""),
            ended(),
        )
    )
    assert found[1:3] == [ToolCallDelta(0, "c", "f"), ToolCallDelta(0, arguments="{}")]
