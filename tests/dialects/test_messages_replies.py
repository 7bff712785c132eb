"""How the Messages dialect reads replies that are not by the book, and how it tells and reads failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.messages import dialect
from ve_magics.errors import (
    BadRequestError,
    BudgetError,
    ConfigError,
    ConnectFailedError,
    ContextLengthError,
    DecodeError,
    MissingExtraError,
    MissingKeyError,
    OverloadedError,
    QuotaError,
    RateLimitError,
    RequestError,
    RouteExhaustedError,
    ServerTimeoutError,
    StatusError,
    TransportError,
    UnknownModelError,
    UnsupportedError,
    VeError,
)
from ve_magics.events import Event, Passthrough, UsageReported, accumulate
from ve_magics.messages import ChatResponse, Opaque, Reasoning, State, Text, ToolCall, Usage

NAME = "messages"
STATE = State("p", NAME, None)
START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 5}}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
STOP = {"type": "message_stop"}


def stream(*values: Any) -> bytes:
    """Return a stream of these events, named by their types."""
    pieces = [f"event: {value.get('type', '')}\ndata: {json.dumps(value)}\n\n" for value in values]
    return "".join(pieces).encode()


def events(raw: bytes, *, asked: bool = True) -> list[Event]:
    """Return what a reply's bytes mean."""
    decoder = dialect.decoder(origin="p", stream=asked)
    return [*decoder.feed(raw), *decoder.flush()]


def answer(*values: Any) -> ChatResponse:
    """Return the answer that these events make."""
    return accumulate(events(stream(*values)))


def begun(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """Return the start of a block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def grown(delta: Any, index: int = 0) -> dict[str, Any]:
    """Return a delta."""
    return {"type": "content_block_delta", "index": index, "delta": delta}


def test_counts_come_early_and_again() -> None:
    """What was read is told at the start, so that a broken answer is paid for too; the last counts are the answer's."""
    found = events(stream(START, begun({"type": "text", "text": "Hi"}), END, STOP))
    told = [event.usage for event in found if isinstance(event, UsageReported)]
    assert told == [Usage(input=5), Usage(input=5, output=2)]


def test_counts_of_the_cache_by_their_split_alone() -> None:
    """Where only the split of what was written is told, its sum is what was written; nonsense counts nothing."""
    usage = {
        "input_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
        "output_tokens": "many",
    }
    found = answer({"type": "message_start", "message": {"usage": usage}}, END | {"usage": "none"}, STOP)
    assert found.usage == Usage(input=6, cache_write=5, cache_write_1h=3)
    assert answer(END | {"usage": {"output_tokens": 0}}, STOP).usage is None


def test_start_that_never_came() -> None:
    """Deltas without any start are an answer all the same, and a second start changes nothing."""
    found = answer(
        grown({"type": "thinking_delta", "thinking": "Hm."}),
        grown({"type": "text_delta", "text": "Hi"}, 1),
        grown({"type": "text_delta", "text": "!"}, 1),
        START,
        END,
        STOP,
    )
    assert found.message.parts == (Reasoning("Hm.", State("p", NAME, {"type": "thinking"})), Text("Hi!"))
    assert answer(STOP).finish == "stop"


def test_index_that_comes_again_ends_the_block_before() -> None:
    """A server that numbers every block 0 loses nothing."""
    found = answer(
        START,
        begun({"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}),
        begun({"type": "text", "text": "Hi"}),
        END,
        STOP,
    )
    assert found.message.parts == (ToolCall("a", "f", '{"x":1}'), Text("Hi"))
    assert found.finish == "tool_calls"


def test_calls_without_ids() -> None:
    """Ids that are missing or repeated are made up, different for each call; odd names and inputs are forgiven."""
    found = answer(
        START,
        begun({"type": "tool_use", "id": "a", "name": "f", "input": '{"x":1}'}),
        begun({"type": "tool_use", "id": "a", "name": 5, "input": None}, 1),
        begun({"type": "tool_use", "input": ""}, 2),
        END,
    )
    assert found.message.tool_calls == (
        ToolCall("a", "f", '{"x":1}'),
        ToolCall("toolu_msg_1_1", "", "{}"),
        ToolCall("toolu_msg_1_2", "", "{}"),
    )


def test_thoughts_without_words_or_signature() -> None:
    """A thought that holds nothing is no part; one that is signed in its start keeps its signature."""
    found = answer(
        START,
        begun({"type": "thinking", "thinking": ""}),
        begun({"type": "thinking", "thinking": "Hm.", "signature": "a", "future": 1}, 1),
        grown({"type": "signature_delta", "signature": "b"}, 1),
        grown({"type": "signature_delta", "signature": 5}, 1),
        END,
        STOP,
    )
    state = State("p", NAME, {"type": "thinking", "signature": "ab", "future": 1})
    assert found.message.parts == (Reasoning("Hm.", state),)


def test_citations() -> None:
    """Citations stay with the text that they belong to, wherever they come; what is none is passed over."""
    place = {"type": "char_location", "cited_text": "x"}
    found = answer(
        START,
        begun({"type": "text", "text": "Hi", "citations": [place, "odd"]}),
        grown({"type": "citations_delta", "citation": None}),
        begun({"type": "text", "text": "Yo", "citations": None}, 1),
        END,
        STOP,
    )
    assert found.message.parts == (Text("Hi", (place,), STATE), Text("Yo"))


def test_blocks_of_the_future_are_put_together() -> None:
    """Words and lists of an unknown block are joined, objects united, everything else is replaced."""
    found = answer(
        START,
        begun({"type": "compaction", "content": None, "list": [1], "map": {"a": 1}, "n": 1}),
        grown({"type": "compaction_delta", "content": "a", "list": [2], "map": {"b": 2}, "n": 2, "x": None}),
        grown({"type": "compaction_delta", "content": "b"}),
        begun({"type": "server_tool_use", "id": "s", "input": {}}, 1),
        grown({"type": "input_json_delta", "partial_json": ""}, 1),
        begun({"type": "server_tool_use", "id": "t", "input": {}}, 2),
        grown({"type": "input_json_delta", "partial_json": "{"}, 2),
        grown({"type": "input_json_delta", "partial_json": None}, 2),
        begun({"id": "no type"}, 3),
        END,
        STOP,
    )
    joined = {"type": "compaction", "content": "ab", "list": [1, 2], "map": {"a": 1, "b": 2}, "n": 2}
    assert found.message.parts == (
        Opaque(NAME, joined, STATE),
        Opaque(NAME, {"type": "server_tool_use", "id": "s", "input": {}}, STATE),
        Opaque(NAME, {"type": "server_tool_use", "id": "t", "input": {"INVALID_JSON": "{"}}, STATE),
        Opaque(NAME, {"id": "no type"}, STATE),
    )


@pytest.mark.parametrize(
    "value",
    [
        {"type": "aurora"},
        grown({"type": "hologram_delta"}),
        grown({"type": "input_json_delta", "partial_json": "{"}),
        grown({"type": 5}),
        {"type": "content_block_delta", "delta": "odd"},
        {"type": "content_block_start", "content_block": "odd"},
        {"type": "message_start"},
        {"nothing": 1},
    ],
)
def test_piece_that_nobody_understands_is_passed_through(value: dict[str, Any]) -> None:
    """Events of an unknown kind, and deltas of blocks that never began, are kept for users of the same dialect."""
    found = events(stream(START, value, END, STOP))
    assert Passthrough(NAME, str(value.get("type", "")), value) in found


def test_delta_of_another_kind_than_its_block_is_passed_through() -> None:
    """A thought inside a text block is nothing that is known."""
    found = events(stream(START, begun({"type": "text", "text": ""}), grown({"type": "thinking_delta"}), END))
    assert any(isinstance(event, Passthrough) for event in found)


def test_stray_stops_and_empty_deltas_say_nothing() -> None:
    """Stops of blocks that never began, empty words and words of another type change nothing."""
    found = answer(
        START,
        {"type": "content_block_stop", "index": 7},
        begun({"type": "text"}),
        grown({"type": "text_delta", "text": ""}),
        grown({"type": "text_delta", "text": None}),
        begun({"type": "thinking"}, 1),
        grown({"type": "thinking_delta", "thinking": ""}, 1),
        begun({"type": "tool_use", "id": "a", "name": "f"}, 2),
        grown({"type": "input_json_delta", "partial_json": None}, 2),
        {"type": "ping"},
        END,
        STOP,
        begun({"type": "text", "text": "late"}),
    )
    assert accumulate(events(stream(START, END, STOP) + b"data: {")).finish == "stop"
    nameless = b'data: {"type":"ping"}\n\n'
    assert events(nameless + stream(START, END, STOP)) == events(stream(START, END, STOP))
    assert found.message.parts == (ToolCall("a", "f", "{}"),)


def test_whole_message_inside_a_stream() -> None:
    """A server that writes the whole message as one event has answered."""
    message = {"type": "message", "id": "msg_1", "content": ["odd", {"type": "text", "text": "Hi"}]}
    assert answer(message).text == "Hi"


def test_stop_words_of_imitators() -> None:
    """Unknown words end the answer; a refusal's explanation is told."""
    assert answer(START, END | {"delta": {"stop_reason": "eos"}}, STOP).choices[0].detail == "eos"
    assert answer(START, END | {"delta": {"stop_reason": 5}}, STOP).finish == "stop"
    assert answer(START, END | {"delta": None}, STOP).finish == "stop"
    details = {"stop_reason": "refusal", "stop_details": {"explanation": "Declined."}}
    choice = answer(START, END | {"delta": details}, STOP).choices[0]
    assert (choice.finish, choice.detail) == ("content_filter", "Declined.")


def test_call_before_a_pause_is_no_call_of_the_users() -> None:
    """A turn that a provider paused goes back as it is, whatever it holds."""
    found = answer(
        START,
        begun({"type": "tool_use", "id": "a", "name": "f"}),
        END | {"delta": {"stop_reason": "pause_turn"}},
    )
    assert (found.finish, found.choices[0].detail) == ("stop", "pause_turn")


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"", DecodeError, "empty"),
        (b"  \n", DecodeError, "empty"),
        (b"{", DecodeError, "broken JSON"),
        (b"[1]", DecodeError, "no message"),
        (b'{"ok": true}', DecodeError, "no message"),
        (b"hello\n\n", DecodeError, "no message"),
        (b"data: 5\n\n", DecodeError, "int where an object"),
        (b"data: {\n\ndata: {}\n\n", DecodeError, "broken JSON"),
        (b": hi\n\n<html><title>Nope</title></html>\n", DecodeError, "Nope"),
        (b": hi\n\n[1]\n", DecodeError, "no message"),
        (b': hi\n\n{"error": {"message": "Bad gateway"}}\n', StatusError, "Bad gateway"),
        (b"event: error\ndata: upstream died\n\n", StatusError, "upstream died"),
        (b'event: error\ndata: {"message": "died"}\n\n', StatusError, "died"),
        (b'data: {"error": "died"}\n\n', StatusError, "died"),
        (b'{"error": "died"}', StatusError, "died"),
        (b'{"type": "error"}', StatusError, "error"),
        (b'data: {"type": "message_start", "message": {}}\n\ndata: {\n', TransportError, "inside an event"),
        (stream(START) + b"stray\n", TransportError, "before the answer was finished"),
    ],
)
def test_reply_that_is_no_answer(raw: bytes, kind: type[RequestError], words: str) -> None:
    """Each kind of reply that is no message has its error, in words that tell what came."""
    with pytest.raises(kind, match=words):
        events(raw, asked=False)


@pytest.mark.parametrize("depth", [200, 900, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """A value that is nested beyond reason is an error of ours, in a stream and in a whole reply."""
    deep = "[" * depth + "]" * depth
    block = f'{{"type":"tool_use","id":"a","name":"f","input":{{"x":{deep}}}}}'
    start = f'data: {{"type":"content_block_start","index":0,"content_block":{block}}}\n\n'
    for raw in (f'{{"type":"message","content":[{block}]}}', start):
        with pytest.raises(DecodeError):
            events(raw.encode())


def failed(status: int, body: Any, **headers: str) -> StatusError:
    """Return the failure that a reply tells."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return dialect.decode_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )


def test_failures_in_other_shapes() -> None:
    """Imitators tell failures in shapes of their own; the words and codes are found."""
    openai = {"error": {"message": "No credit.", "type": "x", "code": "insufficient_quota", "param": "model"}}
    error = failed(429, openai)
    assert (type(error), error.param, error.message) == (QuotaError, "model", "No credit.")
    assert failed(400, {"message": "prompt is too long"}).kind == "context_length"
    assert failed(422, {"detail": [{"msg": "bad"}]}).message == '[{"msg":"bad"}]'
    assert failed(500, [1]).message == "[1]"
    assert failed(500, b"oops").message == "oops"
    assert failed(500, b"[" * 5000).kind == "server"
    assert failed(401, {"error": {"type": "authentication_error"}}).kind == "authentication"


def test_request_id_of_the_body() -> None:
    """The id in the headers wins; the body's is used where there is none."""
    body = {"type": "error", "error": {"type": "api_error", "message": "x"}, "request_id": "req_body"}
    assert failed(500, body).request_id == "req_body"
    assert failed(500, body, request_id="req_head").request_id == "req_head"


def test_wait_by_the_limits_that_are_used_up() -> None:
    """Without retry-after, the limit that is used up tells when it is full again."""
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}
    limits = {
        "anthropic_ratelimit_requests_remaining": "0",
        "anthropic_ratelimit_requests_reset": "2026-11-23T10:00:07Z",
        "anthropic_ratelimit_tokens_remaining": "0",
        "anthropic_ratelimit_tokens_reset": "soon",
        "anthropic_ratelimit_input_tokens_remaining": "5",
        "date": "Mon, 23 Nov 2026 10:00:00 GMT",
    }
    assert failed(429, body, **limits).retry_after == 7.0
    assert failed(429, body, **limits, retry_after="3").retry_after == 3.0
    assert failed(429, body).retry_after is None


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadRequestError("x", status=400), 400, "invalid_request_error"),
        (ContextLengthError("x", status=400), 400, "invalid_request_error"),
        (RateLimitError("x", status=429), 429, "rate_limit_error"),
        (QuotaError("x", status=429), 402, "billing_error"),
        (OverloadedError("x", status=503), 529, "overloaded_error"),
        (ServerTimeoutError("x", status=504), 504, "timeout_error"),
        (ConnectFailedError("x"), 502, "api_error"),
        (RouteExhaustedError("x", attempts=[OverloadedError("y", status=529)]), 529, "overloaded_error"),
        (UnknownModelError("x"), 404, "not_found_error"),
        (MissingKeyError("x"), 401, "authentication_error"),
        (BudgetError("x"), 402, "billing_error"),
        (UnsupportedError("seed", NAME), 400, "invalid_request_error"),
        (ConfigError("x"), 400, "invalid_request_error"),
        (MissingExtraError("x", "y"), 501, "api_error"),
        (VeError("x"), 500, "api_error"),
    ],
)
def test_failures_are_told_with_status_and_type(error: VeError, status: int, kind: str) -> None:
    """Every error of ours has a status and a type that clients of this dialect know."""
    told, body = dialect.encode_error(error)
    assert told == status
    assert json.loads(body) == {"type": "error", "error": {"type": kind, "message": str(error)}}


def test_body_that_is_too_large_keeps_its_status() -> None:
    """A bad request with a status of its own is told with it."""
    error = BadRequestError("Too large.", status=413)
    error.http_status = 413
    assert dialect.encode_error(error)[0] == 413
