"""How odd replies are read: what no recorded fixture shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.generate_content import dialect
from ve_magics.dialects.generate_content.arrays import ArrayDecoder
from ve_magics.dialects.generate_content.chunks import seconds_of
from ve_magics.dialects.generate_content.evidence import decode_citations, decode_logprobs
from ve_magics.dialects.generate_content.usage import decode_usage, encode_usage
from ve_magics.errors import (
    BadRequestError,
    BudgetError,
    ContextLengthError,
    DecodeError,
    QuotaError,
    RateLimitError,
    RequestError,
    ServerError,
    TransportError,
    UnsupportedError,
    VeError,
)
from ve_magics.events import Event, Passthrough, Started, TextDelta, accumulate
from ve_magics.messages import (
    Choice,
    File,
    FinishReason,
    Image,
    Opaque,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
    Usage,
)

NAME = "generate_content"


def run(raw: bytes, *, stream: bool = True) -> list[Event]:
    """Return the events of a reply."""
    decoder = dialect.decoder(origin="p", stream=stream)
    return [*decoder.feed(raw), *decoder.flush()]


def sse(*values: Any) -> bytes:
    """Return a stream of these JSON values."""
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def chunk(*parts: Any, finish: str = "", **fields: Any) -> dict[str, Any]:
    """Return a chunk with one candidate."""
    candidate = {"content": {"parts": list(parts), "role": "model"}} | fields
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "responseId": "r-1"}


def choice(*chunks: Any) -> Choice:
    """Return the first answer of a stream."""
    return accumulate(run(sse(*chunks))).choices[0]


def parts(*chunks: Any) -> tuple[Part, ...]:
    """Return the parts of a streamed answer, which ends with one chunk more."""
    return choice(*chunks, chunk(finish="STOP")).message.parts


def state(**beside: Any) -> State:
    """Return the state that stands beside a part."""
    return State("p", NAME, beside)


def test_signed_words_are_parts_of_their_own() -> None:
    """Words go on across chunks; a signature keeps its piece apart, before and after."""
    signed = {"text": "c", "thoughtSignature": "x"}
    assert parts(
        chunk({"text": "a"}),
        chunk({"text": "b"}),
        chunk(signed),
        chunk({"text": "d"}),
        chunk({"text": "e", "thought": True}, {"text": "f", "thought": True}),
        chunk({"text": "g", "thought": True}),
        chunk({"text": "", "thoughtSignature": "y"}),
    ) == (
        Text("ab"),
        Text("c", state=state(thoughtSignature="x")),
        Text("d"),
        Reasoning("e"),
        Reasoning("fg"),
        Text("", state=state(thoughtSignature="y")),
    )


def test_what_stands_beside_words_is_their_state() -> None:
    """Fields of the future beside words are kept once, as long as they stay the same."""
    beside = {"partMetadata": {"a": 1}}
    assert parts(
        chunk({"text": "a"} | beside), chunk({"text": "b"} | beside), chunk({"text": "c", "nothing": None})
    ) == (Text("ab", state=state(partMetadata={"a": 1})), Text("c"))


def test_ids_of_calls() -> None:
    """A given id is kept; none, an odd one and a repeated one are made from the reply's id and the call's number."""
    call = {"functionCall": {"name": "f", "args": {"b": 1, "a": 2}, "future": 1, "id": "x"}}
    made = parts(
        chunk(call),
        chunk(call),
        chunk({"functionCall": {"id": 3, "args": []}}),
        chunk({"functionCall": {"name": "g"}}),
    )
    first = made[0]
    assert isinstance(first, ToolCall)
    assert (first.id, first.arguments, first.state) == (
        "x",
        '{"b":1,"a":2}',
        state(functionCall={"future": 1}),
    )
    assert [part.id for part in made if isinstance(part, ToolCall)] == [
        "x",
        "call_r1_0_1",
        "call_r1_0_2",
        "call_r1_0_3",
    ]
    again = parts(chunk({"functionCall": {"id": "call_r1_0_1"}}), chunk({"functionCall": {}}))
    assert [part.id for part in again if isinstance(part, ToolCall)] == ["call_r1_0_1", "call_r1_0_2"]


def test_call_in_fragments_is_refused() -> None:
    """Fragments of arguments come only where they were asked for, which is never."""
    with pytest.raises(DecodeError, match="fragments"):
        parts(chunk({"functionCall": {"name": "f", "willContinue": True}}))


def test_media_of_every_kind() -> None:
    """Files inline and by address are parts; what can't be read, and drafts of a thought, stay opaque."""
    broken = {"inlineData": {"mimeType": "image/png", "data": "?"}}
    draft = {"inlineData": {"mimeType": "image/png", "data": "eA=="}, "thought": True}
    assert parts(
        chunk(
            {"inlineData": {"mimeType": "video/mp4", "data": "eA=="}},
            {
                "fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a"},
                "thoughtSignature": "x",
            },
            broken,
            draft | {"thoughtSignature": "y", "future": 1},
            {"codeExecutionResult": {"output": "4"}},
            3,
        )
    ) == (
        File(b"x", "video/mp4"),
        Image(url="https://example.org/a", media_type="image/png", state=state(thoughtSignature="x")),
        Opaque(NAME, broken),
        Opaque(NAME, draft | {"future": 1}, state(thoughtSignature="y")),
        Opaque(NAME, {"codeExecutionResult": {"output": "4"}}),
    )


@pytest.mark.parametrize(
    ("word", "said", "reason", "detail"),
    [
        ("STOP", {"text": "a"}, "stop", ""),
        ("STOP", {"functionCall": {"name": "f"}}, "tool_calls", ""),
        ("SOMETHING_NEW", {"text": "a"}, "stop", "SOMETHING_NEW"),
        ("OTHER", {"functionCall": {"name": "f"}}, "tool_calls", "OTHER"),
        ("MAX_TOKENS", {"functionCall": {"name": "f"}}, "length", ""),
        ("CONTINUATION", {"text": "a"}, "length", "CONTINUATION"),
        ("MODEL_ARMOR", {"text": "a"}, "content_filter", "MODEL_ARMOR"),
    ],
)
def test_finish_reasons(word: str, said: Any, reason: FinishReason, detail: str) -> None:
    """Google's words are told as ours, with the word itself where it says more."""
    found = choice(chunk(said, finish=word))
    assert (found.finish, found.detail) == (reason, detail)


def test_candidates_that_failed() -> None:
    """A reply without any answer is an error, of the model or of the question; beside an answer it is a finish."""
    with pytest.raises(BadRequestError, match="MISSING_THOUGHT_SIGNATURE"):
        choice(chunk(finish="MISSING_THOUGHT_SIGNATURE"))
    with pytest.raises(ServerError, match=r"OTHER\.$"):
        choice(chunk(finish="OTHER"))
    good = chunk({"text": "a"}, finish="STOP", index=0)
    good["candidates"] += chunk(finish="TOO_MANY_TOOL_CALLS")["candidates"]
    response = accumulate(run(sse(good)))
    assert [found.finish for found in response.choices] == ["stop", "error"]


def test_two_candidates_go_on_side_by_side() -> None:
    """The fast way keeps candidates apart, and looks closely at one that has not begun."""
    begin = {"candidates": [{"index": 0, "content": {"parts": [{"text": "a"}]}}]}
    other = {"candidates": [{"index": 1, "content": {"parts": [{"text": "b"}]}}]}
    third = {"candidates": [{"index": 2, "content": {"parts": [{"text": "", "thought": True}]}}]}
    end = {"candidates": [{"index": i, "finishReason": "STOP"} for i in range(3)]}
    raw = sse(begin, begin, other, other, third, end)
    assert [c.message.text for c in accumulate(run(raw)).choices] == ["aa", "bb", ""]


def test_counts_in_a_plain_chunk_are_the_last_ones() -> None:
    """Counts that came the fast way are reported at the end; broken ones are an error."""
    counted = chunk({"text": "b"}) | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}
    begin = chunk({"text": "a"}, finish="STOP")
    assert accumulate(run(sse(begin, counted))).usage == Usage(input=3, output=2)
    odd = sse(begin, chunk({"text": "b"}) | {"usageMetadata": "?"})
    assert accumulate(run(odd.replace(b'"?"', b'{"promptTokenCount":3,"future":1e999}'))).usage == Usage(
        input=3
    )
    with pytest.raises(DecodeError, match="deep"):
        run(odd.replace(b'"?"', b"[" * 150 + b"]" * 150))


def test_empty_pieces_are_looked_at_more_closely() -> None:
    """A chunk whose words are empty adds nothing and breaks nothing."""
    assert parts(chunk({"text": "a"}), chunk({"text": ""}), chunk({"text": "b"})) == (Text("ab"),)


def test_unknown_fields_come_once() -> None:
    """Fields of the future are told with the start, and again only where they change."""
    events = run(
        sse(
            {"early": 1, "modelVersion": "m", "createTime": "2026-11-23T10:00:00Z"},
            chunk({"text": "a"}) | {"early": 1, "later": 2, "none": None},
            chunk({"text": "b"}) | {"early": 1, "later": 3, "candidate": 1},
            chunk(finish="STOP", tokenCount=None) | {"promptFeedback": {"safetyRatings": []}},
        )
    )
    assert events[0] == Started("r-1", "m", 1795428000, NAME, {"early": 1, "later": 2})
    assert [event.data for event in events if isinstance(event, Passthrough)] == [
        {"later": 3, "candidate": 1},
        {"promptFeedback": {"safetyRatings": []}},
    ]


def test_log_probabilities_find_their_words() -> None:
    """They come with the words of their chunk, after them where they come later, and on empty words at worst."""
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1}], "topCandidates": 3}
    entry = {"token": "a", "logprob": -1, "top_logprobs": []}
    for chunks in (
        (chunk({"text": "a"}, finish="STOP", logprobsResult=result),),
        (chunk({"text": "a"}), chunk(finish="STOP", logprobsResult=result)),
    ):
        found = choice(*chunks)
        assert (found.logprobs, found.message.parts) == ((entry,), (Text("a"),))
    alone = choice(chunk({"functionCall": {}}, finish="STOP", logprobsResult=result))
    assert alone.logprobs == (entry,)
    assert decode_logprobs(3) == ()


def test_sources_are_citations() -> None:
    """Sources of a search are annotations of the text; where there is none they stay with the rest."""
    chunks: list[Any] = [
        {"web": {"uri": "https://example.org", "title": "T"}},
        {"maps": {"uri": "https://maps.example.org"}},
        {"web": {}},
        {"web": 3},
    ]
    grounding = {"groundingChunks": chunks}
    text = choice(chunk({"text": "a"}, finish="STOP", groundingMetadata=grounding)).message.parts[0]
    assert isinstance(text, Text)
    assert [note["url_citation"] for note in text.annotations] == [
        {"url": "https://example.org", "title": "T"},
        {"url": "https://maps.example.org", "title": ""},
    ]
    bare = choice(chunk({"functionCall": {}}, finish="STOP", groundingMetadata=grounding))
    assert bare.extra == {"groundingMetadata": grounding}
    assert len(bare.message.parts) == 1
    assert decode_citations(3) == ()


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (None, None),
        ({}, None),
        ({"promptTokenCount": "many", "candidatesTokenCount": True}, Usage(output=1)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(input=14, cached=9)),
        (
            {
                "promptTokenCount": 5,
                "candidatesTokenCount": 9,
                "thoughtsTokenCount": 4,
                "totalTokenCount": 14,
            },
            Usage(input=5, output=9, reasoning=4),
        ),
        ({"promptTokenCount": 5, "totalTokenCount": 9}, Usage(input=5, output=4)),
        (
            {
                "promptTokenCount": 5,
                "candidatesTokenCount": 9,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 8}, {"modality": "TEXT"}],
            },
            Usage(input=5, output=9, input_audio=5, output_audio=8),
        ),
    ],
)
def test_counts(wire: Any, expected: Usage | None) -> None:
    """Counts mean the same here whoever wrote them, and are read again as they are written."""
    assert decode_usage(wire) == expected
    if expected is not None:
        assert decode_usage(encode_usage(expected)) == expected


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b"", TransportError, "before an answer began"),
        (b"\xef\xbb\xbf", TransportError, "before an answer began"),
        (b"data: [DONE]\n\n", TransportError, "before an answer began"),
        (b"[]", TransportError, "before an answer began"),
        (b'[{"candidates":', TransportError, "inside an event"),
        (b"[{bad}]", DecodeError, "broken JSON"),
        (b'[[{"a":1}]]', DecodeError, "a list where an object"),
        (b"<html><title>Log in</title>", DecodeError, "Log in"),
        (b"data: {bad}\n\n", DecodeError, "broken JSON"),
        (b"data: 3\n\n", DecodeError, "a int where an object"),
        (b"data: {bad", TransportError, "inside an event"),
        (b"nothing here\n", DecodeError, "no answer: nothing here"),
        (b"hi\n<html><title>Log in</title></html>", DecodeError, "no answer"),
        (b" <html><title>Log in</title></html>", DecodeError, "Log in"),
        (b'{"candidates":', DecodeError, "broken JSON"),
        (b"{}", DecodeError, "no answer"),
        (sse(chunk({"text": "a"})) + b"data: [DONE]\n\n", TransportError, "finished"),
        (sse(chunk({"text": "a"})) + b"lost words\n", TransportError, "finished"),
        (sse(chunk({"text": "a"})) + b'{"error":"gone"}\n', RequestError, "gone"),
    ],
)
def test_broken_replies(raw: bytes, kind: type[RequestError], words: str) -> None:
    """What is no answer says so, and whether it is worth another try."""
    with pytest.raises(kind, match=words):
        run(raw)


def test_a_page_in_mid_stream_is_named() -> None:
    """A proxy's page where the stream should go on is told as one."""
    with pytest.raises(DecodeError, match="Log in"):
        run(b": hi\n<html><title>Log in</title></html>\n")


def test_an_empty_body_is_no_stream() -> None:
    """Where one JSON value was due, no byte at all is a broken answer."""
    with pytest.raises(DecodeError, match="empty"):
        run(b"", stream=False)


def test_nothing_counts_after_the_end() -> None:
    """What comes after an end mark is passed over, in the same bytes and later."""
    end = sse(chunk({"text": "a"}, finish="STOP")) + b"data: [DONE]\n\n"
    for tail in (b"data: {bad}\n\n", b"data: {bad", b'{"error":"gone"}\n'):
        assert accumulate(run(end + tail)).text == "a"


def test_a_failure_waits_for_the_words_before_it() -> None:
    """Words that came in the same bytes as an error are given out first; the error is raised by the next call."""
    raw = sse(chunk({"text": "a"}), {"error": {"code": 500, "message": "gone"}})
    for method in ("feed", "flush"):
        decoder = dialect.decoder(origin="p", stream=True)
        assert TextDelta("a") in decoder.feed(raw)
        with pytest.raises(ServerError, match="gone"):
            decoder.flush() if method == "flush" else decoder.feed(b"")


def test_array_elements_in_any_split() -> None:
    """Quotes, escapes and brackets inside strings don't confuse the splitter, wherever the bytes are cut."""
    elements = [b'{"a":"]}\\"\\\\"}', b'{"b":[{"c":1}]}', b"[1]"]
    raw = b" [ " + b" ,\n".join(elements) + b" ] tail"
    for at in range(len(raw)):
        decoder = ArrayDecoder()
        found = [*decoder.feed(raw[:at]), *decoder.feed(raw[at:]), *decoder.flush()]
        assert [piece.data.encode() for piece in found] == elements


def test_times() -> None:
    """Times are seconds since 1970; what is none is 0."""
    assert seconds_of("2026-11-23T10:00:00.5Z") == 1795428000
    assert [seconds_of(odd) for odd in (None, "soon", 3, "0001-01-01T00:00:00Z")] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "server", "without a word"),
        (b"busy", "server", "busy"),
        (b'{"message":"gone"}', "server", "gone"),
        (b'{"error":{"message":"x","type":"invalid_api_key"}}', "authentication", "x"),
        (
            b'{"error":{"status":"NOT_FOUND","details":[3,{"violations":3,"retryDelay":3}]}}',
            "model_not_found",
            "",
        ),
        (b'[3,{"error":{"message":"gone"}}]', "server", "gone"),
        (b"<html><title>Down</title>", "server", "Down"),
        (b'{"error":{"code":500,"message":"API key sk-abcdefghijklmno"}}', "server", "[key]"),
    ],
)
def test_failures_in_any_shape(body: bytes, kind: str, words: str) -> None:
    """Whatever the body is, the failure has a class and safe words."""
    error = dialect.decode_error(500, {}, body)
    assert error.kind == kind
    assert words in error.message


def test_details_of_a_failure() -> None:
    """The blamed field, the wait and the limit are read from the details; headers win."""
    details = [
        {"fieldViolations": [{"field": "contents"}]},
        {"retryDelay": "17s"},
        {"violations": [{"quotaId": "RequestsPerMinute"}]},
    ]
    body = json.dumps({"error": {"code": 429, "message": "billing", "details": details}}).encode()
    error = dialect.decode_error(429, {"x-request-id": "r"}, body)
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.request_id) == (17.0, "r")
    bad = dialect.decode_error(
        400, {}, json.dumps({"error": {"message": "x", "details": details[:1]}}).encode()
    )
    assert bad.param == "contents"
    assert dialect.decode_error(429, {"retry-after": "3"}, body).retry_after == 3.0


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (QuotaError("Used up.", status=429), 429, "RESOURCE_EXHAUSTED"),
        (ContextLengthError("Too long.", status=400), 400, "INVALID_ARGUMENT"),
        (RateLimitError("Slow down.", status=429, retry_after=3.5), 429, "RESOURCE_EXHAUSTED"),
        (ServerError("Broke.", status=500), 502, "INTERNAL"),
        (TransportError("Gone."), 502, "INTERNAL"),
        (BadRequestError("No.", status=400, param="contents"), 400, "INVALID_ARGUMENT"),
        (UnsupportedError("tools", "x"), 400, "INVALID_ARGUMENT"),
        (BudgetError("Too dear."), 402, "RESOURCE_EXHAUSTED"),
        (VeError("A bug."), 500, "INTERNAL"),
    ],
)
def test_told_failures_are_read_again(error: VeError, status: int, word: str) -> None:
    """Every error has a status and Google's word for it, and its kind, field and wait survive the way."""
    told, body = dialect.encode_error(error)
    assert (told, json.loads(body)["error"]["status"]) == (status, word)
    again = dialect.decode_error(told, {}, body)
    assert again.retry_after == getattr(error, "retry_after", None)
    assert again.param == (getattr(error, "param", None) or getattr(error, "field", None))
    if isinstance(error, (QuotaError, ContextLengthError, RateLimitError, BadRequestError)):
        assert again.kind == error.kind
