"""The laws of the generateContent dialect as a whole: what is written is read again as it was."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.strategies import answers, names, numbers, requests, words
from ve_magics.dialects.generate_content import dialect
from ve_magics.errors import ServerError, VeError
from ve_magics.events import Event, Passthrough, Restarted, Started, UsageReported, accumulate, events_of
from ve_magics.messages import (
    Audio,
    ChatRequest,
    ChatResponse,
    Choice,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    user,
)
from ve_magics.providers import Provider

NAME = "generate_content"
PROVIDER = Provider(name="p", base_url="http://127.0.0.1/v1beta", dialect=NAME)


def asked(*, stream: bool) -> ChatRequest:
    """Return a question as a user of the server sends it."""
    return ChatRequest(model="m", messages=(user("Hi"),), stream=stream, dialect=NAME)


def serve(events: list[Event], form: str) -> bytes:
    """Return the bytes of a served reply: `whole`, `sse` or `json` (the array)."""
    options = {"id": "fresh", "created": 5} | ({"alt": form} if form != "whole" else {})
    encoder = dialect.encoder(asked(stream=form != "whole"), options=options)
    return b"".join(encoder.encode(event) for event in events) + encoder.flush()


FORMS = ("whole", "sse", "json")


def read(raw: bytes, origin: str = "p") -> ChatResponse:
    """Return the answer in the bytes of a reply."""
    decoder = dialect.decoder(origin=origin, stream=True)
    return accumulate([*decoder.feed(raw), *decoder.flush()])


def chunks(raw: bytes) -> list[Any]:
    """Return the JSON values of an event stream."""
    return [json.loads(piece.removeprefix(b"data: ")) for piece in raw.split(b"\r\n\r\n") if piece]


def told(*parts: Part, finish: Any = "stop") -> list[Event]:
    """Return the events of an answer."""
    return [*events_of(ChatResponse(choices=(Choice(Message("assistant", parts), finish),)))]


def sayable(answer: ChatResponse) -> ChatResponse:
    """Return an answer without the one count that the wire has no field for."""
    if answer.usage is None:
        return answer
    return msgspec.structs.replace(answer, usage=msgspec.structs.replace(answer.usage, cache_write=0))


@given(answers(dialect=NAME, choices=3, refusal=False).map(sayable), st.sampled_from(FORMS))
def test_answer_is_read_as_it_was_written(answer: ChatResponse, form: str) -> None:
    """decode(encode(answer)) is the answer: whole, as an event stream and as an array."""
    assert read(serve([*events_of(answer)], form)) == answer


SETTINGS: dict[str, Any] = {
    "top_k": st.none() | st.integers(1, 50),
    "presence_penalty": st.none() | numbers,
    "frequency_penalty": st.none() | numbers,
    "logprobs": st.none() | st.booleans(),
    "top_logprobs": st.none() | st.integers(0, 20),
    "seed": st.none() | st.integers(0, 99),
    "stop": st.lists(words, max_size=2).map(tuple),
    "n": st.none() | st.integers(1, 4),
    "effort": st.sampled_from((None, "minimal", "low", "medium", "high", "xhigh")),
    "reasoning_summary": st.sampled_from((None, "auto")),
    "modalities": st.sampled_from(((), ("text", "image"))),
    "service_tier": st.sampled_from((None, "flex")),
    "metadata": st.none() | st.dictionaries(names, words, max_size=2),
    "store": st.none() | st.booleans(),
}


def said(request: ChatRequest) -> ChatRequest:
    """Return a question in the words that the wire has: no name of a schema, one message for results in a row."""
    messages: list[Message] = []
    called = {call.id: call.name for message in request.messages for call in message.tool_calls}
    for message in request.messages:
        parts = tuple(
            msgspec.structs.replace(part, name=called[part.call_id]) if isinstance(part, ToolResult) else part
            for part in message.parts
        )
        if messages and messages[-1].role == message.role == "tool":
            messages[-1] = Message("tool", (*messages[-1].parts, *parts))
        else:
            messages.append(msgspec.structs.replace(message, parts=parts))
    output = None if request.output is None else OutputFormat("json_schema", request.output.schema)
    tools = tuple(Tool(tool.name, tool.description, tool.parameters) for tool in request.tools)
    return msgspec.structs.replace(request, messages=tuple(messages), output=output, tools=tools)


@given(requests(dialect=NAME, **SETTINGS).map(said))
def test_request_is_read_as_it_was_written(request: ChatRequest) -> None:
    """decode(encode(request)) is the request."""
    wire = dialect.encode_request(request, PROVIDER)
    name, _, method = wire.path.removeprefix("/models/").partition(":")
    stream = method == "streamGenerateContent"
    assert wire.query == ((("alt", "sse"),) if stream else ())
    assert dialect.decode_request(wire.body, model=name, stream=stream) == request


@given(requests(dialect=NAME, **SETTINGS))
def test_same_request_is_the_same_bytes(request: ChatRequest) -> None:
    """Equal requests give equal bytes, so that prompt caches and recordings find them again."""
    copy = msgspec.convert(msgspec.to_builtins(request), ChatRequest)
    assert dialect.encode_request(copy, PROVIDER) == dialect.encode_request(request, PROVIDER)


STARTS = (b"", b"data: ", b"[", b'{"candidates":[', b'data: {"event_type":"step.start","step":')


@given(st.sampled_from(STARTS), st.binary(max_size=200))
def test_no_bytes_break_the_decoder(start: bytes, raw: bytes) -> None:
    """Whatever comes, a decoder gives events or one of our errors, and the same for every split."""
    raw = start + raw
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


FIELDS = """
candidates content parts text thought thoughtSignature functionCall name args id index finishReason logprobsResult
inlineData data mimeType fileData fileUri usageMetadata promptFeedback blockReason error details groundingMetadata
contents systemInstruction tools functionDeclarations functionResponse response generationConfig responseSchema
thinkingConfig toolConfig functionCallingConfig mode role parameters event_type step delta type steps status summary
arguments interaction errors usage
"""
LEAVES = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(("", "x", "STOP", "c2ln"))
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(re.findall(r"\w+", FIELDS)), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_no_value_breaks_the_codec(value: Any) -> None:
    """Known names in places where they don't belong are read or refused, never a crash."""
    body = json.dumps(value).encode()
    for raw in (body, b"data: " + body + b"\n\n", b"[" + body + b"]"):
        decoder = dialect.decoder(origin="p", stream=True)
        try:
            accumulate([*decoder.feed(raw), *decoder.flush()])
        except VeError:
            continue
    for wrapped in (value, {"contents": [{"parts": [value]}]}):
        try:
            dialect.decode_request(json.dumps(wrapped).encode(), model="m")
        except VeError:
            continue
    assert isinstance(dialect.decode_error(400, {}, body), VeError)


def test_plain_text_streams_fast() -> None:
    """A core decodes at least 25,000 chunks a second, a fifth of what was measured, so that only a blunder fails."""
    chunk = (
        b'data: {"candidates": [{"content": {"parts": [{"text": "word "}],"role": "model"},"index": 0}],'
        b'"usageMetadata": {"promptTokenCount": 9,"candidatesTokenCount": 1,"totalTokenCount": 10,'
        b'"promptTokensDetails": [{"modality": "TEXT","tokenCount": 9}]},"modelVersion": "m","responseId": "r"}\r\n\r\n'
    )
    decoder = dialect.decoder(origin="p", stream=True)
    began = time.perf_counter()
    count = sum(len(decoder.feed(chunk)) for _ in range(20_000))
    assert count == 20_001
    assert 20_000 / (time.perf_counter() - began) > 25_000


FUTURE: dict[str, Any] = {
    "future": 1,
    "modelVersion": "m",
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Hi"}, {"hologram": {"x": 1}}]},
            "finishReason": "RECITATION",
            "finishMessage": "Seen before.",
            "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://example.org"}}]},
            "logprobsResult": {
                "chosenCandidates": [{"token": "Hi", "tokenId": 1, "logProbability": -0.1}],
                "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -2.0}]}],
            },
        }
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_unknown_fields_of_an_answer_go_through(form: str) -> None:
    """Where both ends speak this dialect, fields and parts of the future reach the user in every form."""
    decoder = dialect.decoder(origin="p", stream=False)
    events = [*decoder.feed(json.dumps(FUTURE).encode()), *decoder.flush()]
    events.insert(1, Passthrough(NAME, "", {"late": 4}))
    raw = serve(events, form)
    bodies = chunks(raw) if form == "sse" else json.loads(raw)
    bodies = bodies if isinstance(bodies, list) else [bodies]
    assert all((body["future"], body["late"]) == (1, 4) for body in bodies)
    candidates = [body["candidates"][0] for body in bodies]
    parts = [
        part for candidate in candidates for part in candidate["content"]["parts"] if part != {"text": ""}
    ]
    assert parts == FUTURE["candidates"][0]["content"]["parts"]
    wire = FUTURE["candidates"][0]
    assert (
        candidates[-1].items()
        >= {name: wire[name] for name in ("finishReason", "finishMessage", "groundingMetadata")}.items()
    )
    assert candidates[0]["logprobsResult"]["chosenCandidates"] == wire["logprobsResult"]["chosenCandidates"]
    assert candidates[0]["logprobsResult"]["topCandidates"] == wire["logprobsResult"]["topCandidates"]


@pytest.mark.parametrize("form", FORMS)
def test_unknown_fields_stay_in_their_dialect(form: str) -> None:
    """What another dialect's answer carries beyond the canonical is not written here."""
    events: list[Event] = [
        Started("msg_1", "m", 0, "messages", {"future": 1}),
        Passthrough("messages", "x", {"y": 2}),
        Passthrough(NAME, "x", {"y": 2}),
        *told(Text("a"))[1:],
    ]
    raw = serve(events, form)
    assert b"future" not in raw
    assert b'"y"' not in raw
    assert b"fresh" in raw


@pytest.mark.parametrize("form", FORMS)
def test_a_blocked_prompt_stays_blocked(form: str) -> None:
    """A blocked prompt is a reply without candidates on both sides; one that was cut off later keeps its words."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    decoder = dialect.decoder(origin="p", stream=False)
    raw = json.dumps({"promptFeedback": feedback, "responseId": "r"}).encode()
    blocked = [*decoder.feed(raw), *decoder.flush()]
    body = json.loads(serve(blocked, "whole"))
    assert (body["promptFeedback"], "candidates" in body) == (feedback, False)
    again = read(serve(blocked, form))
    assert (again.finish, again.choices[0].detail) == ("content_filter", "PROHIBITED_CONTENT")
    later = b'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}\n\n'
    decoder = dialect.decoder(origin="p", stream=True)
    cut = [*decoder.feed(later + b"data: " + raw + b"\n\n"), *decoder.flush()]
    again = read(serve(cut, form))
    assert (again.finish, again.text) == ("content_filter", "Hel")


@pytest.mark.parametrize("form", FORMS)
def test_restart_says_nothing(form: str) -> None:
    """What was sent can't be taken back, so the encoder passes a restart over and goes on."""
    events = told(Text("a"))
    assert serve([*events[:2], Restarted("p/m", "broke"), *events[2:]], form) == serve(events, form)


def test_failure_inside_a_reply_is_the_last_thing() -> None:
    """A broken stream ends with an error object, an array with its bracket; a whole reply is the error."""
    error = ServerError("It broke.", status=500)
    streamed = dialect.encoder(asked(stream=True)).encode_failure(error)
    assert chunks(streamed)[0]["error"]["message"] == "It broke."
    array = dialect.encoder(asked(stream=True), options={"alt": "json"})
    raw = b"".join(array.encode(event) for event in told(Text("a"))[:2]) + array.encode_failure(error)
    assert json.loads(raw)[-1]["error"]["status"] == "INTERNAL"
    whole = dialect.encoder(asked(stream=False)).encode_failure(error)
    assert json.loads(whole)["error"]["code"] == 502


def test_every_chunk_has_content_and_the_last_one_the_counts() -> None:
    """Clients refuse a chunk without content, and look for reason and counts in the last one."""
    events = [*told(Text("a"), Text("b")), UsageReported(Usage(input=3, output=2))]
    events.insert(2, UsageReported(Usage(input=1)))
    bodies = chunks(serve(events, "sse"))
    assert all(body["candidates"][0]["content"]["parts"] for body in bodies)
    assert [body["candidates"][0].get("finishReason") for body in bodies] == [None, None, "STOP"]
    assert [body.get("usageMetadata", {}).get("totalTokenCount") for body in bodies] == [None, None, 5]


def test_an_empty_reply_is_well_formed() -> None:
    """An encoder that was told nothing writes an empty reply of its form."""
    assert serve([], "sse") == b""
    assert json.loads(serve([], "json")) == []
    assert "candidates" not in json.loads(serve([], "whole"))
    held = told(ToolCall("a", "f"))[:-1]
    assert [call.name for call in accumulate(held).message.tool_calls] == ["f"]
    [body] = chunks(serve(held, "sse"))
    assert body["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "f"


@pytest.mark.parametrize("form", FORMS)
def test_what_the_wire_has_no_words_for_is_said_as_near_as_can_be(form: str) -> None:
    """A refusal is text; sources of another dialect are grounding; sound and pictures are inline data."""
    cited = Text("Rain.", ({"type": "url_citation", "url": "https://example.org", "title": "T"}, {}, 3))
    parts = (
        cited,
        Refusal("No."),
        Audio(b"s", "wav"),
        Image(url="https://example.org/a.png"),
        Reasoning("x"),
    )
    answer = read(serve(told(*parts, finish="content_filter"), form))
    assert answer.text == "Rain.No."
    assert answer.finish == "content_filter"
    where = {"url": "https://example.org", "title": "T"}
    notes = [note for part in answer.message.parts if isinstance(part, Text) for note in part.annotations]
    assert notes == [{"type": "url_citation", "url_citation": where}]
    assert answer.message.parts[2:4] == (
        Audio(b"s", "wav"),
        Image(url="https://example.org/a.png", media_type="image/png"),
    )
