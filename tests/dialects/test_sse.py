"""Server-sent events as the WHATWG standard has them, and as servers send them."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.sse import ServerSentEvent, SSEDecoder, encode_event


def decode(*pieces: bytes) -> list[tuple[str, str]]:
    """Return name and data of the events in these pieces."""
    decoder = SSEDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.flush()
    return [(event.event, event.data) for event in events]


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data: a\n\n", [("", "a")]),
        (b"data:a\n\n", [("", "a")]),
        (b"data:  a\n\n", [("", " a")]),
        (b"data: a\ndata: b\n\n", [("", "a\nb")]),
        (b"data\n\n", [("", "")]),
        (b"event: e\ndata: a\n\ndata: b\n\n", [("e", "a"), ("", "b")]),
        (b"event: e\n\ndata: b\n\n", [("", "b")]),
        (b": comment\nid: 1\nretry: 5\ndata: a\n\n", [("", "a")]),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [("", "a"), ("", "b")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\r\n", [("", "a"), ("", "b"), ("", "c")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", "a")]),
        (b"data: a\n\ndata: b", [("", "a"), ("", "b")]),
        (b"data: a\r", [("", "a")]),
        (b"", []),
        (b"\xef\xbb", []),
        ("data: a\u2028b\x0b\x0c\x85\n\n".encode(), [("", "a\u2028b\x0b\x0c\x85")]),
        (b"data: \xff\n\n", [("", "\ufffd")]),
    ],
)
def test_events_come_out_whole_in_every_split(raw: bytes, events: list[tuple[str, str]]) -> None:
    """Lines, fields and blank lines are read by the standard, wherever the network cuts them."""
    assert decode(raw) == events
    assert decode(*(raw[at : at + 1] for at in range(len(raw)))) == events
    for cut in range(len(raw)):
        assert decode(raw[:cut], b"", raw[cut:]) == events


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_in_any_split_mean_the_same(raw: bytes, cuts: list[int]) -> None:
    """The decoder's answer depends on the bytes alone."""
    marks = [0, *sorted(cuts), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(marks)]
    assert decode(*pieces) == decode(raw)


@given(st.lists(st.tuples(st.from_regex(r"[a-z_.]{0,9}", fullmatch=True), st.text(max_size=40)), max_size=5))
def test_what_is_encoded_is_decoded(pairs: list[tuple[str, str]]) -> None:
    """Events with JSON data go out and come in as they were."""
    encoded = b"".join(encode_event(json.dumps(data).encode(), name) for name, data in pairs)
    assert [(name, json.loads(data)) for name, data in decode(encoded)] == pairs


def test_lines_that_are_no_field_are_kept_aside() -> None:
    """Some servers write a bare JSON error into the stream: the lines can be looked at."""
    decoder = SSEDecoder()
    decoder.feed(b'{\n"error": 1\n}\nid: 3\nretry: x\n: comment\ndata: a\n\n')
    assert decoder.stray == ["{", '"error": 1', "}"]


def test_long_lines_cost_in_proportion_to_their_length() -> None:
    """A picture of megabytes in one line, in small pieces, is found without reading it over and over."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: ") == []
    for _ in range(4000):
        assert decoder.feed(b"x" * 1000) == []
    (event,) = decoder.feed(b"\n\n")
    assert event == ServerSentEvent("", "x" * 4_000_000)
    assert re.fullmatch("x+", event.data)
