"""The laws of the Responses codec, held against whatever hypothesis makes up."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.strategies import answers, counts, ids, names, requests, tool_calls, words
from ve_magics.dialects.responses import dialect
from ve_magics.errors import BadRequestError, RequestError, UnsupportedError
from ve_magics.events import Event, accumulate, events_of
from ve_magics.messages import (
    Audio,
    ChatRequest,
    ChatResponse,
    Choice,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    Usage,
    user,
)
from ve_magics.providers import Provider, Quirks

NAME = "responses"
PROVIDER = Provider(name="p", base_url="http://127.0.0.1/v1", dialect=NAME, quirks=Quirks(cache_key=True))

SETTINGS: dict[str, Any] = {
    "logprobs": st.sampled_from((None, True)),
    "top_logprobs": st.none() | st.integers(0, 20),
    "effort": st.sampled_from((None, "none", "low", "max")),
    "reasoning_summary": st.sampled_from((None, "auto", "detailed")),
    "verbosity": st.sampled_from((None, "low", "high")),
    "parallel_tool_calls": st.none() | st.booleans(),
    "service_tier": st.sampled_from((None, "flex")),
    "cache_key": st.none() | names,
    "cache_ttl": st.sampled_from((None, "30m", "12h", "24h")),
    "user": st.none() | names,
    "metadata": st.none() | st.dictionaries(names, words, max_size=2),
    "store": st.sampled_from((None, True)),
}


@given(requests(dialect=NAME, **SETTINGS))
def test_request_is_read_as_it_was_written(request: ChatRequest) -> None:
    """decode(encode(request)) is the request."""
    assert dialect.decode_request(dialect.encode_request(request, PROVIDER).body) == request


@given(requests(dialect=NAME, **SETTINGS))
def test_same_request_is_the_same_bytes(request: ChatRequest) -> None:
    """Equal requests give equal bytes, so that prompt caches and recordings find them again."""
    copy = msgspec.convert(msgspec.to_builtins(request), ChatRequest)
    assert dialect.encode_request(copy, PROVIDER) == dialect.encode_request(request, PROVIDER)


def serve(events: list[Event], *, stream: bool) -> bytes:
    """Return the bytes of a served reply."""
    question = ChatRequest(model="m", messages=(user("Hi"),), stream=stream, dialect=NAME)
    encoder = dialect.encoder(question, options={"id": "fresh", "created": 5})
    return b"".join(encoder.encode(event) for event in events) + encoder.flush()


def read(raw: bytes) -> ChatResponse:
    """Return the answer in the bytes of a reply."""
    decoder = dialect.decoder(origin="p", stream=True)
    return accumulate([*decoder.feed(raw), *decoder.flush()])


def plain(answer: ChatResponse) -> ChatResponse:
    """Return the answer without what a response repeats of its request."""
    choices = tuple(msgspec.structs.replace(choice, extra={}) for choice in answer.choices)
    return msgspec.structs.replace(answer, extra={}, choices=choices)


def output(raw: bytes) -> list[dict[str, Any]]:
    """Return the output of a served reply, whole or streamed."""
    value = json.loads(raw if raw.startswith(b"{") else raw.rstrip().rsplit(b"data: ", 1)[1])
    items: list[dict[str, Any]] = value.get("response", value)["output"]
    return items


@given(answers(dialect=NAME, custom=True), st.booleans())
def test_answer_is_read_as_it_was_written(answer: ChatResponse, stream: bool) -> None:
    """decode(encode(answer)) is the answer, whole and streamed."""
    assert plain(read(serve(list(events_of(answer)), stream=stream))) == answer


@given(answers(dialect=NAME, custom=True))
def test_streamed_and_whole_answer_are_one(answer: ChatResponse) -> None:
    """The response at the end of a stream is the response of a whole reply."""
    events = list(events_of(answer))
    last = serve(events, stream=True).rstrip().rsplit(b"data: ", 1)[1]
    assert json.loads(last)["response"] == json.loads(serve(events, stream=False))


states = st.builds(State, names, st.sampled_from(("messages", "generate_content")), st.text(max_size=9))
memories = st.builds(
    State, names, st.sampled_from((NAME, "messages")), st.dictionaries(names, words, max_size=1)
)


@st.composite
def remembered(draw: st.DrawFn) -> tuple[Part, ...]:
    """Return parts of an answer, of all kinds and in any order, with what providers want to find again."""
    maybe = st.none() | states
    said = st.one_of(
        st.builds(Text, words, state=maybe),
        st.builds(Text, st.just(""), state=states),
        st.builds(Refusal, words, state=maybe),
        st.builds(Reasoning, words, st.none() | memories),
        st.builds(Reasoning, st.just(""), memories),
        st.builds(Image, st.binary(min_size=1, max_size=9), st.just("image/png"), state=maybe),
        st.builds(Image, url=st.just("https://example.org/a.png")),
        st.builds(Audio, st.binary(min_size=1, max_size=9), st.just("wav"), st.just("Hi"), state=maybe),
        st.builds(Opaque, st.just("messages"), st.dictionaries(names, words, max_size=1), maybe),
        st.builds(Opaque, st.just(NAME), st.just({"type": "web_search_call", "id": "ws_1"})),
    )
    calls = [
        msgspec.structs.replace(call, state=draw(maybe)) for call in draw(tool_calls(custom=True))
    ] * draw(st.integers(0, 1))
    parts = draw(st.lists(said, min_size=1, max_size=5))
    cut = draw(st.integers(0, len(parts)))
    return (*parts[:cut], *calls, *parts[cut:])


@given(remembered(), st.booleans(), ids)
def test_memory_comes_back_through_a_client_that_knows_nothing_of_it(
    parts: tuple[Part, ...], stream: bool, id_: str
) -> None:
    """A client that sends an answer's output back gives every state and every part back, in their order."""
    answer = ChatResponse(id=id_, model="m", choices=(Choice(Message("assistant", parts), "stop"),))
    items = output(serve(list(events_of(answer)), stream=stream))
    asked = {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}, *items, {"role": "user", "content": "?"}],
    }
    messages = dialect.decode_request(json.dumps(asked).encode()).messages
    assert messages == (user("Hi"), Message("assistant", parts), user("?"))


@given(st.lists(remembered(), min_size=1, max_size=2), st.randoms(use_true_random=False))
def test_stream_is_well_formed_however_parts_interleave(turns: list[tuple[Part, ...]], dice: Any) -> None:
    """Each item is announced, grows and is done before the next; numbers rise; the sums agree with the pieces."""
    parts = tuple(part for turn in turns for part in turn)
    answer = ChatResponse(choices=(Choice(Message("assistant", parts), "stop"),))
    first, *events, last = events_of(answer)
    queues: dict[int, list[Event]] = {}
    for event in events:
        queues.setdefault(getattr(event, "part", 0), []).append(event)
    shuffled: list[Event] = []
    while queues:
        number = dice.choice(list(queues))
        shuffled.append(queues[number].pop(0))
        if not queues[number]:
            del queues[number]
    check_stream(serve([first, *shuffled, last], stream=True))


def check_stream(raw: bytes) -> list[dict[str, Any]]:
    """Check the grammar of a stream and return its events."""
    events = [json.loads(block.split(b"data: ", 1)[1]) for block in raw.strip().split(b"\n\n")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    open_item: int | None = None
    grown: dict[tuple[Any, ...], str] = {}
    done: dict[int, dict[str, Any]] = {}
    for event in events[2:-1]:
        kind, index = event["type"].removeprefix("response."), event.get("output_index")
        if kind == "output_item.added":
            assert open_item is None
            assert index == len(done)
            open_item = index
        elif kind == "output_item.done":
            assert index == open_item
            done[index], open_item = event["item"], None
        else:
            assert index == open_item
        where = (index, event.get("content_index"), event.get("summary_index"), kind.rpartition(".")[0])
        if kind.endswith(".delta"):
            grown[where] = grown.get(where, "") + event["delta"]
        elif kind.endswith(".done") and where in grown:
            sums = [event[name] for name in ("text", "refusal", "arguments", "input") if name in event]
            assert sums == [grown[where]]
    assert events[-1]["response"]["output"] == [done[index] for index in range(len(done))]
    return events


@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_one_of_our_errors(raw: bytes) -> None:
    """Whatever comes, a decoder gives events or one of our errors, and the same for every split."""
    check_any(raw)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("type", "id", "item", "item_id", "output_index", "content_index", "delta", "response"),
                    *(
                        "output",
                        "content",
                        "text",
                        "summary",
                        "call_id",
                        "name",
                        "arguments",
                        "error",
                        "status",
                    ),
                    *("logprobs", "annotation", "usage", "encrypted_content", "model", "created_at"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        *("created", "completed", "incomplete", "failed", "output_item.added", "output_item.done"),
        *("output_text.delta", "refusal.delta", "output_text.annotation.added", "reasoning_text.delta"),
        *("reasoning_summary_text.delta", "function_call_arguments.delta", "custom_tool_call_input.delta"),
    ]
).map(lambda kind: f"response.{kind}")


@given(
    st.lists(st.tuples(KINDS, st.dictionaries(names | st.just("item"), junk, max_size=2), junk), max_size=5)
)
def test_any_events_are_events_or_one_of_our_errors(pieces: list[tuple[str, dict[str, Any], Any]]) -> None:
    """The right event names with the wrong contents break nothing but the reply."""
    lines = [
        f"event: {kind}\ndata: {json.dumps({**fields, **(more if isinstance(more, dict) else {}), 'type': kind})}\n\n"
        for kind, fields, more in pieces
    ]
    check_any("".join(lines).encode())


def check_any(raw: bytes) -> None:
    """Check that bytes give the same events, or the same error, whole and one by one."""
    outcomes: list[Any] = []
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        decoder = dialect.decoder(origin="p", stream=True)
        events: list[Event] = []
        try:
            for piece in pieces:
                events += decoder.feed(piece)
            events += decoder.flush()
        except RequestError as failure:
            outcomes.append((events, type(failure), str(failure)))
        else:
            accumulate(events)
            outcomes.append(events)
    assert outcomes[0] == outcomes[1]


@given(junk, junk)
def test_any_question_is_read_or_refused(value: Any, items: Any) -> None:
    """A request is read or refused with the status 400; nothing else can happen."""
    body = {**(value if isinstance(value, dict) else {}), "model": "m", "input": items}
    try:
        request = dialect.decode_request(json.dumps(body).encode())
    except (BadRequestError, UnsupportedError) as refusal:
        status, told = dialect.encode_error(refusal)
    else:
        status, told = 0, request.dialect.encode()
    assert (status, told) == (0, b"responses") or (status == 400 and json.loads(told)["error"]["message"])


@given(counts, st.booleans())
def test_counts_survive(count: int, stream: bool) -> None:
    """Token counts are the same on both sides, as is what the provider says it charged."""
    answer = ChatResponse(choices=(Choice(Message("assistant", (Text("Hi"),)), "stop"),))
    usage = Usage(input=count, output=count, cost=count / 1000)
    answer = msgspec.structs.replace(answer, usage=usage)
    assert read(serve(list(events_of(answer)), stream=stream)).usage == usage
