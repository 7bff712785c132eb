"""The laws of the chat completions dialect as a whole: what is written is read again as it was."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.strategies import answers, names, numbers, requests, words
from ve_magics.dialects.chat_completions import dialect
from ve_magics.errors import ServerError, VeError
from ve_magics.events import (
    Event,
    Finished,
    Passthrough,
    ReasoningDelta,
    Restarted,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    accumulate,
    events_of,
)
from ve_magics.messages import (
    Audio,
    ChatRequest,
    ChatResponse,
    Choice,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    Usage,
    user,
)
from ve_magics.providers import Provider, Quirks

NAME = "chat_completions"
PROVIDER = Provider(
    name="p",
    base_url="http://127.0.0.1/v1",
    quirks=Quirks(
        reasoning_field="reasoning_content", max_tokens_field="max_completion_tokens", cache_key=True
    ),
)
WITH_USAGE = {"stream_options": {"include_usage": True}}


def asked(*, stream: bool, **extra: Any) -> ChatRequest:
    """Return a question as a user of the server sends it."""
    return ChatRequest(
        model="m", messages=(user("Hi"),), stream=stream, dialect=NAME, extra=WITH_USAGE | extra
    )


def serve(events: list[Event], *, stream: bool, **extra: Any) -> bytes:
    """Return the bytes of a served reply."""
    encoder = dialect.encoder(asked(stream=stream, **extra), options={"id": "fresh", "created": 5})
    return b"".join(encoder.encode(event) for event in events) + encoder.flush()


def read(raw: bytes, origin: str = "p") -> ChatResponse:
    """Return the answer in the bytes of a reply."""
    decoder = dialect.decoder(origin=origin, stream=True)
    return accumulate([*decoder.feed(raw), *decoder.flush()])


def chunks(raw: bytes) -> list[Any]:
    """Return the JSON values of a stream, without its end mark."""
    payloads = [piece.removeprefix(b"data: ") for piece in raw.split(b"\n\n") if piece]
    return [json.loads(payload) for payload in payloads if payload != b"[DONE]"]


@given(answers(dialect=NAME, choices=3, custom=True), st.booleans())
def test_answer_is_read_as_it_was_written(answer: ChatResponse, stream: bool) -> None:
    """decode(encode(answer)) is the answer, whole and streamed."""
    assert read(serve(list(events_of(answer)), stream=stream)) == answer


SETTINGS: dict[str, Any] = {
    "top_k": st.none() | st.integers(1, 50),
    "presence_penalty": st.none() | numbers,
    "frequency_penalty": st.none() | numbers,
    "logit_bias": st.none() | st.dictionaries(st.integers(0, 999).map(str), numbers, min_size=1, max_size=2),
    "logprobs": st.none() | st.booleans(),
    "top_logprobs": st.none() | st.integers(0, 20),
    "seed": st.none() | st.integers(0, 99),
    "stop": st.lists(words, max_size=2).map(tuple),
    "n": st.none() | st.integers(1, 4),
    "effort": st.sampled_from((None, "none", "low", "max")),
    "verbosity": st.sampled_from((None, "low", "high")),
    "modalities": st.sampled_from(((), ("text", "audio"))),
    "parallel_tool_calls": st.none() | st.booleans(),
    "service_tier": st.sampled_from((None, "flex")),
    "cache_key": st.none() | names,
    "cache_ttl": st.sampled_from((None, "30m", "24h")),
    "user": st.none() | names,
    "metadata": st.none() | st.dictionaries(names, words, max_size=2),
    "store": st.none() | st.booleans(),
}


@given(requests(dialect=NAME, **SETTINGS))
def test_request_is_read_as_it_was_written(request: ChatRequest) -> None:
    """decode(encode(request)) is the request; only the gateway's own wish for counts is added."""
    again = dialect.decode_request(dialect.encode_request(request, PROVIDER).body)
    assert again.extra.get("stream_options") == ({"include_usage": True} if request.stream else None)
    assert msgspec.structs.replace(again, extra={}) == request


@given(requests(dialect=NAME, **SETTINGS))
def test_same_request_is_the_same_bytes(request: ChatRequest) -> None:
    """Equal requests give equal bytes, so that prompt caches and recordings find them again."""
    copy = msgspec.convert(msgspec.to_builtins(request), ChatRequest)
    assert dialect.encode_request(copy, PROVIDER) == dialect.encode_request(request, PROVIDER)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_decoder(raw: bytes) -> None:
    """Whatever comes, a decoder gives events or one of our errors, and the same for every split."""
    outcomes: list[tuple[list[Event], type[Exception], str]] = []
    for pieces in ([raw], [raw[:7], raw[7:]], [raw[at : at + 1] for at in range(len(raw))]):
        decoder = dialect.decoder(origin="p", stream=True)
        events: list[Event] = []
        try:
            for piece in pieces:
                events += decoder.feed(piece)
            events += decoder.flush()
        except Exception as error:
            outcomes.append((events, type(error), str(error)))
        else:
            outcomes.append((events, VeError, ""))
    assert outcomes.count(outcomes[0]) == 3
    assert issubclass(outcomes[0][1], VeError)


STATE = State("anthropic", "messages", {"signature": "s"})
STATED: tuple[Part, ...] = (
    Reasoning("One.", STATE),
    Reasoning("", State("openai", "responses", {"id": "rs_1"})),
    Text("Two "),
    Reasoning("Three."),
    Text("four.", state=State("google", "generate_content", "sig")),
    Opaque("messages", {"type": "server_tool_use"}, STATE),
    Refusal("No.", STATE),
    Image(b"x", "image/png", state=STATE),
    Image(b"y", "image/png"),
    Image(url="https://example.org/a.png", state=STATE),
    ToolCall("call_1", "f", "{}"),
    ToolCall("call_2", "g", "{}", state=STATE),
    File(b"z", "application/pdf", "a.pdf"),
)


@pytest.mark.parametrize("stream", [False, True])
def test_states_of_other_providers_come_back_through_the_client(stream: bool) -> None:
    """A client that sends the answer back as it got it gives every part its state again, in the old order."""
    answer = ChatResponse(choices=(Choice(Message("assistant", STATED), "tool_calls"),))
    raw = serve(list(events_of(answer)), stream=stream)
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    if stream:
        for chunk in chunks(raw):
            for choice in chunk["choices"]:
                for name, value in choice["delta"].items():
                    if isinstance(value, str) and name != "role":
                        message[name] = message.get(name, "") + value
                    elif name == "tool_calls":
                        message.setdefault(name, []).append(value[0])
                    elif isinstance(value, list):
                        message.setdefault(name, []).extend(value)
    else:
        message = json.loads(raw)["choices"][0]["message"]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}, message]})
    back = dialect.decode_request(body.encode()).messages[1]
    stated = [part for part in back.parts if part.state is not None]
    assert stated == [part for part in STATED if part.state is not None]
    assert (back.text, back.reasoning) == ("Two four.", "One.Three.")
    assert [part for part in back.parts if isinstance(part, (Image, File, ToolCall, Opaque))] == [
        part for part in STATED if isinstance(part, (Image, File, ToolCall, Opaque))
    ]
    assert back.parts[:2] == STATED[:2]


def test_plain_text_streams_fast() -> None:
    """A chunk costs a few times what parsing its JSON costs at the least, so that only a blunder fails this."""
    head = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    chunk = head + b'{"content":"word "},"finish_reason":null}]}\n\n'
    decoder = dialect.decoder(origin="p", stream=True)
    began = time.process_time()
    count = sum(len(decoder.feed(chunk)) for _ in range(20_000))
    cost = time.process_time() - began
    began = time.process_time()
    for _ in range(20_000):
        json.loads(chunk[6:])
    assert count == 20_001
    assert cost < 25 * (time.process_time() - began)


def test_unknown_fields_of_an_answer_go_through() -> None:
    """Where both ends speak this dialect, fields of the future reach the user, streamed and whole."""
    body: dict[str, Any] = {
        "id": "c1",
        "model": "m",
        "future": 1,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "annotations": [{"type": "x"}],
                    "future": 2,
                },
                "finish_reason": "stop",
                "logprobs": {"content": [{"token": "Hi"}], "refusal": [{"token": "No"}]},
                "future": 3,
            }
        ],
    }
    decoder = dialect.decoder(origin="p", stream=False)
    events = [*decoder.feed(json.dumps(body).encode()), *decoder.flush(), Passthrough(NAME, "", {"late": 4})]
    whole = json.loads(serve(events, stream=False))
    assert (whole["future"], whole["late"]) == (1, 4)
    assert whole["choices"][0]["future"] == 3
    assert whole["choices"][0]["message"]["future"] == 2
    assert whole["choices"][0]["message"]["annotations"] == [{"type": "x"}]
    assert whole["choices"][0]["logprobs"] == body["choices"][0]["logprobs"]
    streamed = chunks(serve(events, stream=True))
    assert all(chunk["future"] == 1 for chunk in streamed if chunk["choices"])
    assert {"late": 4, "choices": []}.items() <= streamed[-1].items()
    last = [chunk for chunk in streamed if chunk["choices"]][-1]["choices"][0]
    assert (last["future"], last["delta"]["future"]) == (3, 2)
    assert last["logprobs"] == {"content": None, "refusal": [{"token": "No"}]}


def test_unknown_fields_stay_in_their_dialect() -> None:
    """What another dialect's answer carries beyond the canonical is not written here."""
    events: list[Event] = [
        Started("msg_1", "m", 0, "messages", {"future": 1}),
        Passthrough("messages", "x", {"y": 2}),
    ]
    for stream in (False, True):
        raw = serve(events, stream=stream)
        assert b"future" not in raw
        assert b'"y"' not in raw
        assert b"fresh" in raw


def test_restart_says_nothing() -> None:
    """What was sent can't be taken back, so the encoder passes a restart over and goes on."""
    for stream in (False, True):
        events: list[Event] = [
            *events_of(ChatResponse(choices=(Choice(Message("assistant", (Text("a"),)), "stop"),)))
        ]
        with_restart = [*events[:2], Restarted("p/m", "broke"), *events[2:]]
        assert serve(with_restart, stream=stream) == serve(events, stream=stream)


def test_failure_inside_a_reply_is_the_last_thing() -> None:
    """A broken stream ends with an error object and without the end mark; a whole reply is the error."""
    error = ServerError("It broke.", status=500)
    streamed = dialect.encoder(asked(stream=True)).encode_failure(error)
    assert chunks(streamed)[0]["error"]["message"] == "It broke."
    assert b"[DONE]" not in streamed
    whole = dialect.encoder(asked(stream=False)).encode_failure(error)
    assert json.loads(whole)["error"]["type"] == "server_error"


def test_old_functions_are_answered_as_functions() -> None:
    """A user who offers `functions` gets `function_call`, one call, streamed and whole."""
    parts = (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"))
    events = list(events_of(ChatResponse(choices=(Choice(Message("assistant", parts), "tool_calls"),))))
    whole = json.loads(serve(events, stream=False, functions=[{"name": "f"}]))["choices"][0]
    assert whole["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert "tool_calls" not in whole["message"]
    assert whole["finish_reason"] == "function_call"
    deltas = [c["choices"][0]["delta"] for c in chunks(serve(events, stream=True, functions=[{"name": "f"}]))]
    assert [d["function_call"] for d in deltas if "function_call" in d] == [
        {"name": "f", "arguments": '{"x":1}'}
    ]


def test_usage_is_streamed_only_when_asked_for() -> None:
    """With include_usage every chunk says null and the last one, without a choice, the counts; else nothing does."""
    events: list[Event] = [
        Started("c", "m"),
        UsageReported(Usage(input=1, output=1)),
        UsageReported(Usage(input=3, output=2, cost=0.5)),
    ]
    told = chunks(serve(events, stream=True))
    assert [chunk["usage"] for chunk in told[:-1]] == [None]
    assert told[-1]["choices"] == []
    assert (told[-1]["usage"]["total_tokens"], told[-1]["usage"]["cost"]) == (5, 0.5)
    encoder = dialect.encoder(ChatRequest(model="m", stream=True, dialect=NAME))
    assert b"usage" not in b"".join(encoder.encode(event) for event in events) + encoder.flush()


def test_calls_are_numbered_as_they_begin() -> None:
    """A call's index counts the calls of its choice, not its parts; later fragments carry arguments only."""
    events: list[Event] = [
        Started("c", "m"),
        TextDelta("t"),
        ToolCallDelta(3, "a", "f"),
        ToolCallDelta(5, "b", "g", custom=True),
        ToolCallDelta(5, arguments="x"),
        ToolCallDelta(3, arguments="{}"),
        Finished("tool_calls"),
    ]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(serve(events, stream=True))]
    assert [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta] == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "b", "type": "custom", "custom": {"name": "g", "input": ""}},
        {"index": 1, "custom": {"input": "x"}},
        {"index": 0, "function": {"arguments": "{}"}},
    ]


def test_empty_deltas_write_nothing() -> None:
    """An event without content opens its choice at most."""
    encoder = dialect.encoder(asked(stream=True))
    assert encoder.encode(TextDelta("")) != b""
    for event in (TextDelta(""), ReasoningDelta(""), Restarted("p/m", "x"), Passthrough("messages", "x", {})):
        assert encoder.encode(event) == b""


def test_stream_begins_with_the_role_and_ends_with_the_mark() -> None:
    """The first chunk of each choice carries the role; `[DONE]` is last."""
    answer = ChatResponse(
        choices=tuple(
            Choice(Message("assistant", (Audio(b"s", "wav", "Hi", "au"),)), "stop", index=i) for i in (0, 1)
        )
    )
    raw = serve(list(events_of(answer)), stream=True)
    for index in (0, 1):
        own = [c["choices"][0] for c in chunks(raw) if c["choices"] and c["choices"][0]["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert own[-1]["finish_reason"] == "stop"
        assert not any("role" in choice["delta"] for choice in own[1:])
    assert raw.endswith(b"data: [DONE]\n\n")
    assert read(raw).choices[1].message.parts == (Audio(b"s", "wav", "Hi", "au"),)
    whole = serve(list(events_of(answer)), stream=False)
    assert read(whole).choices[1].message.parts == (Audio(b"s", "wav", "Hi", "au"),)
