"""How odd replies are read: what no recorded fixture shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.chat_completions import dialect
from ve_magics.dialects.chat_completions.think import ThinkSplitter
from ve_magics.dialects.chat_completions.usage import decode_usage
from ve_magics.errors import DecodeError, RequestError, ServerError, StatusError, TransportError
from ve_magics.events import Event, Finished, Passthrough, TextDelta, accumulate
from ve_magics.messages import Audio, Choice, FinishReason, Image, Opaque, Reasoning, Text, ToolCall, Usage

DONE = b"data: [DONE]\n\n"


def sse(*values: Any) -> bytes:
    """Return a stream of these JSON values."""
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def delta(*, finish: str | None = None, index: Any = 0, **fields: Any) -> dict[str, Any]:
    """Return a chunk with one choice."""
    return {
        "id": "c-1",
        "model": "m",
        "choices": [{"index": index, "delta": fields} | ({"finish_reason": finish} if finish else {})],
    }


def run(raw: bytes, *, stream: bool = True) -> list[Event]:
    """Return the events of a reply."""
    decoder = dialect.decoder(origin="p", stream=stream)
    return [*decoder.feed(raw), *decoder.flush()]


def choice(raw: bytes) -> Choice:
    """Return the first answer in a reply."""
    return accumulate(run(raw)).choices[0]


def calls(*fragments: Any) -> list[tuple[str, str, str]]:
    """Return id, name and arguments of the calls that these fragments make."""
    chunks = [delta(tool_calls=[fragment]) for fragment in fragments]
    return [(c.id, c.name, c.arguments) for c in choice(sse(*chunks) + DONE).message.tool_calls]


def f(name: str = "", arguments: Any = None, **fields: Any) -> dict[str, Any]:
    """Return a fragment of a function call."""
    function = {"name": name} if name else {}
    return fields | {"function": function | ({} if arguments is None else {"arguments": arguments})}


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        # By the book.
        ([f("f", "{", index=0, id="a"), f("", "}", index=0)], [("a", "f", "{}")]),
        # The id and name on each fragment.
        ([f("f", '{"a"', index=0, id="a"), f("f", ":1}", index=0, id="a")], [("a", "f", '{"a":1}')]),
        # A fresh id on each fragment, without and with the name.
        ([f("f", "{", index=0, id="a"), f("", "}", index=0, id="b")], [("a", "f", "{}")]),
        ([f("f", "{", index=0, id="a"), f("f", "}", index=0, id="b")], [("a", "f", "{}")]),
        # Another name at the same index is another call.
        (
            [f("f", "{}", index=0, id=""), f("g", "{}", index=0, id="")],
            [("call_c1_0_0", "f", "{}"), ("call_c1_0_1", "g", "{}")],
        ),
        # No index and no id: goes on with the last, until its arguments are whole and a name comes.
        ([f("f", "{"), f("", "}"), f("f", "{}")], [("call_c1_0_0", "f", "{}"), ("call_c1_0_1", "f", "{}")]),
        # No index, the same id each time.
        (
            [f("f", "{", id="a"), f("", "}", id="a"), f("f", "{}", id="a")],
            [("a", "f", "{}"), ("call_c1_0_1", "f", "{}")],
        ),
        # The name comes after the id; a call that never gets one is kept without.
        ([f("", "", index=0, id="a"), f("f", "{}", index=0)], [("a", "f", "{}")]),
        ([f("", "{}", index=0, id="a")], [("a", "", "{}")]),
        # The index comes only later.
        ([f("f", "{", id="a"), f("", "}", index=0)], [("a", "f", "{}")]),
        # Arguments as an object; none at all; a function that is no object; fragments that are none.
        (
            [f("f", {"a": 1}, id=7), "odd", {"id": "b", "function": 3}],
            [("7", "f", '{"a":1}'), ("b", "", "{}")],
        ),
        # A new index with neither name nor id begins a call.
        (
            [f("f", "{}", index=0, id="a"), f("", "{}", index=1)],
            [("a", "f", "{}"), ("call_c1_0_1", "", "{}")],
        ),
        # A made id never meets a given one.
        (
            [f("f", "{}", index=0, id="call_c1_0_1"), f("g", "{}", index=1)],
            [("call_c1_0_1", "f", "{}"), ("call_c1_0_2", "g", "{}")],
        ),
        # Several calls without arguments at one index.
        ([f("f", index=0, id="a"), f("f", index=0, id="b")], [("a", "f", "{}"), ("b", "f", "{}")]),
    ],
)
def test_tool_call_fragments(fragments: list[Any], expected: list[tuple[str, str, str]]) -> None:
    """Calls come out right whatever a server does to index, id and name."""
    assert calls(*fragments) == expected


def test_unknown_fields_of_a_call_are_its_state() -> None:
    """A signature beside a call (Gemini's compatible endpoint) is kept as opaque state of that call."""
    fragment = f("f", "{}", index=0, id="a", extra_content={"google": 1}, nothing=None)
    state = choice(sse(delta(tool_calls=[fragment])) + DONE).message.tool_calls[0].state
    assert state is not None
    assert (state.origin, state.dialect, state.data) == (
        "p",
        "chat_completions",
        {"extra_content": {"google": 1}},
    )


def test_words_after_thoughts_are_parts_of_their_own() -> None:
    """Thought, word, thought, word keeps its order; a call between words does not split them."""
    raw = sse(
        delta(reasoning="a"),
        delta(content="b"),
        delta(reasoning_content="c"),
        delta(content="d", tool_calls=[f("f", "{}", index=0, id="x")]),
        delta(content="e", tool_calls="odd", images="odd"),
    )
    parts = choice(raw + DONE).message.parts
    assert parts == (Reasoning("a"), Text("b"), Reasoning("c"), Text("de"), ToolCall("x", "f", "{}"))


def test_typed_content_lists() -> None:
    """Mistral's typed items: thoughts, words, pictures; what is not known is kept as it came."""
    items: list[Any] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "a"}, 3]},
        {"type": "thinking", "thinking": "b"},
        {"type": "thinking", "thinking": 3},
        {"type": "text", "text": "c"},
        "d",
        7,
        {"type": "refusal", "refusal": "no"},
        {"type": "image_url", "image_url": "data:image/png;base64,eA=="},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}},
        {"type": "reference", "reference_ids": [1]},
    ]
    message = choice(sse(delta(content=items)) + DONE).message
    assert (message.reasoning, message.text, message.refusal) == ("ab", "cd", "no")
    assert message.parts[3:] == (
        Image(b"x", "image/png"),
        Image(url="https://example.org/a.png"),
        Image(url="data:image/png;base64,?"),
        Opaque("chat_completions", {"type": "reference", "reference_ids": [1]}),
    )


def test_reasoning_details_are_merged_by_index() -> None:
    """Fragments of one detail grow together; its signature and details of another index stay apart."""
    details = [
        {"type": "reasoning.text", "text": "a", "index": 0},
        {"type": "reasoning.text", "text": "b", "index": 0, "signature": None},
        {"type": "reasoning.text", "signature": "s", "index": 0},
        {"type": "reasoning.summary", "summary": "c", "index": 1},
        {"type": "reasoning.encrypted", "data": "d"},
        {"type": "reasoning.encrypted", "data": "e"},
        "odd",
    ]
    raw = sse(
        delta(content="x"),
        *(delta(reasoning_details=[detail]) for detail in details),
        delta(reasoning_details=3),
    )
    message = choice(raw + DONE).message
    assert message.reasoning == "abc"
    states = [part.state for part in message.parts if part.state is not None]
    assert len(states) == 1
    assert states[0].data == [
        {"type": "reasoning.text", "text": "ab", "index": 0, "signature": "s"},
        {"type": "reasoning.summary", "summary": "c", "index": 1},
        {"type": "reasoning.encrypted", "data": "d"},
        {"type": "reasoning.encrypted", "data": "e"},
    ]


@pytest.mark.parametrize(
    ("pieces", "data"),
    [(["eA==", "eQ=="], b"xy"), (["e", "Hk="], b"xy"), (["e"], b""), ([None], b"")],
)
def test_sound_is_put_together(pieces: list[Any], data: bytes) -> None:
    """Sound comes as pieces that are base64 each, or as base64 cut anywhere; what can't be read is left out."""
    chunks = [delta(audio={"id": "a", "data": piece, "transcript": "t"}) for piece in pieces]
    answer = choice(sse(*chunks, delta(audio={"expires_at": 9, "format": "wav"})) + DONE)
    assert answer.message.parts == (Audio(data, "wav", "t" * len(pieces), "a"),)
    assert answer.extra == {"message": {"audio": {"expires_at": 9}}}


def test_log_probabilities_and_citations_without_words_are_kept() -> None:
    """They come with empty deltas at some servers, and before, between or after words."""
    chunk = delta()
    chunk["choices"][0]["logprobs"] = {"content": [{"token": "a"}], "refusal": [{"token": "r"}]}
    early = sse(chunk, chunk, delta(annotations=[{"type": "x"}]))
    lone = choice(early + DONE)
    assert lone.logprobs == ({"token": "a"}, {"token": "a"})
    assert lone.extra == {"logprobs": {"refusal": [{"token": "r"}, {"token": "r"}]}}
    assert lone.message.parts == (Text("", ({"type": "x"},)),)
    late = choice(sse(delta(content="w")) + early + sse(delta(content="x")) + DONE)
    assert late.message.parts == (Text("wx", ({"type": "x"},)),)
    assert len(late.logprobs) == 2


def think(*pieces: str) -> tuple[str, str]:
    """Return what a splitter takes for thought and for text."""
    splitter = ThinkSplitter()
    found = [pair for piece in pieces for pair in splitter.feed(piece)] + splitter.flush()
    assert all(text for _, text in found)
    return "".join(t for thought, t in found if thought), "".join(t for thought, t in found if not thought)


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        ("<think>a</think>b", ("a", "b")),
        ("\n<think>\na b\n\n</think>\n\nc </think>", ("a b", "c </think>")),
        ("<think></think>b", ("", "b")),
        ("<think>a</thin", ("a</thin", "")),
        ("<think>a</think> ", ("a", "")),
        ("<think> ", ("", "")),
        ("<thi", ("", "<thi")),
        ("<thing>", ("", "<thing>")),
        (" a <think>b</think>", ("", " a <think>b</think>")),
    ],
)
def test_thoughts_at_the_start_of_the_text(whole: str, expected: tuple[str, str]) -> None:
    """Only a mark at the very start counts, in every split."""
    assert think(whole) == expected
    assert think(*whole) == expected
    for cut in range(len(whole)):
        assert think(whole[:cut], whole[cut:]) == expected


def test_text_that_looks_like_a_mark_is_told_before_a_call() -> None:
    """What was held back comes out before other parts, and where thoughts have a field of their own."""
    raw = sse(delta(content="<th"), delta(tool_calls=[f("f", "{}", index=0, id="a")]))
    assert choice(raw + DONE).message.parts == (Text("<th"), ToolCall("a", "f", "{}"))
    held = delta(content="<th", nothing=None)
    held["choices"][0]["logprobs"] = {"content": None}
    assert choice(sse(held) + DONE).message.parts == (Text("<th"),)
    thought = choice(sse(delta(content="<think>a "), delta(reasoning="b"), delta(content="<think>")) + DONE)
    assert (thought.message.reasoning, thought.message.text) == ("ab", "<think>")


@pytest.mark.parametrize(
    ("word", "reason", "detail"),
    [
        ("stop", "stop", ""),
        ("MAX_TOKENS", "length", "MAX_TOKENS"),
        ("new", "stop", "new"),
        ("error", "error", ""),
    ],
)
def test_finish_words(word: str, reason: FinishReason, detail: str) -> None:
    """Every server's word becomes one of ours; a word that is not the same is kept as the detail."""
    last = run(sse(delta(content="a", finish=word)) + DONE)[-1]
    assert last == Finished(reason, detail)


def test_choices_are_told_apart_by_index() -> None:
    """A missing index is 0 in a stream and the position in a whole reply; what is no choice is passed over."""
    streamed = accumulate(
        run(sse(delta(content="a", index=None), delta(content="b", index=1), {"choices": [3]}) + DONE)
    )
    assert [c.message.text for c in streamed.choices] == ["a", "b"]
    whole = {"choices": [{"message": {"content": text}} for text in "ab"]}
    assert [c.message.text for c in accumulate(run(json.dumps(whole).encode())).choices] == ["a", "b"]


def test_plain_deltas_and_odd_ones_take_turns() -> None:
    """The short way round for plain text gives what the long way gives."""
    raw = (
        sse(
            delta(content="a"),
            delta(content="b"),
            delta(content=""),
            delta(content=["c"]),
            delta(content="d"),
        )
        + DONE
    )
    assert [event.text for event in run(raw) if isinstance(event, TextDelta)] == ["a", "b", "c", "d"]


def test_fields_of_the_future_are_told_once() -> None:
    """A field of later chunks is passed on when it changes, not with every chunk."""
    first = delta(content="a") | {"future": 1}
    events = run(sse(first, first, first | {"future": 2}, first | {"future": 2, "nothing": None}) + DONE)
    assert [event.data for event in events if isinstance(event, Passthrough)] == [{"future": 2}]


@pytest.mark.parametrize(
    ("raw", "error", "words"),
    [
        (b"", TransportError, "before an answer began"),
        (DONE, TransportError, "before an answer began"),
        (sse({"choices": []}) + DONE, TransportError, "before an answer began"),
        (sse(delta(content="a")), TransportError, "before the answer was finished"),
        (sse(delta(content="a")) + b'data: {"choi', TransportError, "inside an event"),
        (sse(delta(content="a")) + b"data: {broken sk-abcdefghijklmnop}\n\n", DecodeError, "[key]"),
        (sse([1]), DecodeError, "list"),
        (sse(3), DecodeError, "int"),
        (b"upstream connect error", DecodeError, "upstream connect error"),
        (b"[1, 2", DecodeError, "broken JSON"),
        (b"{}", DecodeError, "no chat completion"),
        (b"[" * 100_000, DecodeError, "broken JSON"),
        (b'{"x":' + b"[" * 500 + b"]" * 500 + b"}", DecodeError, "broken JSON"),
        (b"<xml/>", DecodeError, "broken JSON"),
        (b"<html><title>Hi</title></html>", DecodeError, "a web page titled “Hi”"),
        (b"\n: x\n\nid: 1\n<html><title>Hi</title></html>", DecodeError, "a web page titled “Hi”"),
        (b'event: error\ndata: {"message": "Boom."}\n\n', StatusError, "Boom."),
        (b"event: error\ndata: Boom.\n\n", StatusError, "Boom."),
        (b": x\n" + b'{"error": {"message": "Boom.",\n"code": 503}}', StatusError, "Boom."),
        (sse({"choices": [{"index": 0, "error": {"message": "Boom.", "code": 502}}]}), ServerError, "Boom."),
        (sse({"detail": "Boom."}), StatusError, "Boom."),
        (sse([{"error": "Boom."}]), StatusError, "Boom."),
    ],
)
def test_broken_replies(raw: bytes, error: type[RequestError], words: str) -> None:
    """What is no finished answer is the right error, and shows what came without any key."""
    with pytest.raises(error) as caught:
        run(raw)
    assert words in str(caught.value)


def test_an_empty_whole_reply_is_no_answer() -> None:
    """Where no stream was asked for, nothing at all is a body that can't be read."""
    with pytest.raises(DecodeError, match="empty"):
        run(b" \n", stream=False)


def test_a_failure_never_swallows_the_events_before_it() -> None:
    """Good events in the same bytes are given first; the failure is raised by the next call, and by every later one."""
    decoder = dialect.decoder(origin="p", stream=True)
    events = decoder.feed(sse(delta(content="a"), {"error": {"message": "Boom."}}))
    assert accumulate(events).choices[0].message.text == "a"
    with pytest.raises(StatusError, match=r"Boom\."):
        decoder.feed(b"x")
    for _ in range(2):
        with pytest.raises(StatusError, match=r"Boom\."):
            decoder.flush()


def test_nothing_counts_after_the_end_mark() -> None:
    """Whatever follows `[DONE]` is passed over, an open event and stray lines too."""
    decoder = dialect.decoder(origin="p", stream=True)
    decoder.feed(sse(delta(content="a", finish="stop")) + DONE)
    assert decoder.feed(sse({"error": "late"}) + b"stray\ndata: {") == []
    assert decoder.flush() == []
    stray = sse(delta(content="a", finish="stop")) + b"stray\n"
    assert accumulate(run(stray)).choices[0].finish == "stop"


def test_json_that_is_almost_json() -> None:
    """NaN and halves of surrogate pairs, which other parsers let through, do not break an answer."""
    raw = b'data: {"x": NaN, "created": Infinity, "choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n' + DONE
    response = accumulate(run(raw))
    assert (response.choices[0].message.text, response.created) == ("a\ufffd", 0)


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(input=3)),
        ({"input_tokens": 3, "output_tokens": 2}, Usage(input=3, output=2)),
        ({"prompt_tokens": 3, "total_tokens": 5}, Usage(input=3, output=2)),
        (
            {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "completion_tokens": 1},
            Usage(input=9, cached=4, output=1),
        ),
        (
            {"prompt_tokens": 9, "cached_tokens": 4, "completion_tokens": 1},
            Usage(input=9, cached=4, output=1),
        ),
        (
            {
                "prompt_tokens": 3,
                "cache_read_input_tokens": 5,
                "cache_creation_input_tokens": 2,
                "completion_tokens": 1,
            },
            Usage(input=10, cached=5, cache_write=2, output=1),
        ),
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 5,
                "total_tokens": 12,
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
            Usage(input=3, output=9, reasoning=4),
        ),
        (
            {"prompt_tokens": 3, "completion_tokens": 1, "reasoning_tokens": 4},
            Usage(input=3, output=5, reasoning=4),
        ),
        ({"cost": 0}, Usage(cost=0.0)),
        ({"prompt_tokens": 1, "cost": True}, Usage(input=1)),
        (
            {
                "prompt_tokens": 9,
                "prompt_tokens_details": {"audio_tokens": 2},
                "completion_tokens": 8,
                "completion_tokens_details": {"audio_tokens": 3},
            },
            Usage(input=9, input_audio=2, output=8, output_audio=3),
        ),
    ],
)
def test_counts_are_normalised(wire: Any, usage: Usage | None) -> None:
    """Input holds cached tokens and output holds reasoning, whichever way a server counts; nothing known is None."""
    assert decode_usage(wire) == usage


def test_counts_come_from_wherever_they_stand() -> None:
    """Moonshot counts inside the choice, Groq in a field of its own; the last counts win."""
    inside = delta(content="a", finish="stop")
    inside["choices"][0]["usage"] = {"prompt_tokens": 1, "completion_tokens": 1}
    assert accumulate(run(sse(inside) + DONE)).usage == Usage(input=1, output=1)
    groq = {"choices": [], "x_groq": {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}}
    assert accumulate(run(sse(delta(content="a", finish="stop"), groq) + DONE)).usage == Usage(
        input=2, output=1
    )
    last = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    assert accumulate(run(sse(inside, groq, last) + DONE)).usage == Usage(input=3, output=1)


def test_an_event_without_data_says_nothing() -> None:
    """Some proxies keep a stream alive with empty events."""
    assert accumulate(run(b"data: \n\ndata:\n\n" + sse(delta(content="a", finish="stop")) + DONE)).text == "a"


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": [{"index": 0, "delta": {"content": "b"}}, {"index": 1, "delta": {"content": "B"}}]},
        {"choices": [{"index": 1, "delta": {"content": "B"}}]},
        {"choices": [{"index": 0, "delta": {"content": "b"}}], "system_fingerprint": "fp_2"},
        {"choices": [{"index": 0, "delta": {"content": "b"}}], "usage": {"prompt_tokens": 1}},
        {"choices": [{"index": 0, "delta": {"content": "b"}, "logprobs": {"content": [{"token": "b"}]}}]},
        {"choices": [{"index": 0, "delta": {"content": "b", "reasoning_content": "hm"}}]},
        {"choices": [{"index": 0, "delta": {"content": ""}}]},
        {"choices": []},
    ],
)
def test_the_short_way_tells_the_same(odd: dict[str, Any]) -> None:
    """Chunks of plain words are read a short way; one that holds more in between is read in full, as if alone."""
    plain = [delta(content=word) | {"system_fingerprint": "fp"} for word in ("one ", "two ", "three ")]
    mixed = [*plain, {"id": "c-1", "model": "m"} | odd, *plain]
    indexes = {part["index"] for chunk in mixed for part in chunk["choices"]}
    last = {"choices": [{"index": index, "delta": {}, "finish_reason": "stop"} for index in indexes]}
    found = accumulate(run(sse(*mixed, last) + DONE))
    text = "".join(
        part["delta"]["content"] for chunk in mixed for part in chunk["choices"] if not part["index"]
    )
    assert found.text == text
    decoder = dialect.decoder(origin="p", stream=True)
    one_by_one = [event for chunk in (*mixed, last) for event in decoder.feed(sse(chunk))]
    assert accumulate([*one_by_one, *decoder.flush()]) == found
    assert len(found.choices) == len(indexes)


@pytest.mark.parametrize("raw", [b'{"a":1}', b"[]", b"{]", b"<html><title>Hi</title></html>"])
def test_a_whole_answer_of_another_shape_would_come_again(raw: bytes) -> None:
    """So nobody is asked for it a second time."""
    with pytest.raises(DecodeError) as caught:
        run(raw, stream=False)
    assert not caught.value.retryable
