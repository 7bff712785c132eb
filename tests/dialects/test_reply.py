"""What the reading of every reply has in common: none fills the memory."""

from __future__ import annotations

import tracemalloc

import pytest

from ve_magics.dialects.registry import get_dialect
from ve_magics.dialects.reply import LONGEST
from ve_magics.dialects.sse import STRAY, SSEDecoder
from ve_magics.errors import DecodeError

MIB = 1 << 20


@pytest.mark.parametrize("name", ["chat_completions", "responses", "messages", "generate_content"])
@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b'{"a": "', b"a" * MIB),
        (b'data: "', b"a" * MIB),
        (b"event: x\n", b"data: " + b"a" * MIB + b"\n"),
        (b'[{"a": "', b"a" * MIB),
        (b"", b" " * MIB),
    ],
    ids=["one value", "one line", "one event", "one element", "nothing"],
)
def test_a_reply_without_end_is_given_up(name: str, start: bytes, more: bytes) -> None:
    """Bytes that never become an event are read up to a limit; then that is the failure, again and again."""
    decoder = get_dialect(name).decoder(origin="a", stream=True)
    decoder.feed(start)
    for _ in range(LONGEST // MIB - 1):
        assert decoder.feed(more) == []
    with pytest.raises(DecodeError, match="without an end") as caught:
        decoder.feed(more + more)
    assert not caught.value.retryable
    with pytest.raises(DecodeError, match="without an end"):
        decoder.feed(b"x")
    with pytest.raises(DecodeError, match="without an end"):
        decoder.flush()


def test_comments_and_stray_lines_take_no_room() -> None:
    """A stream of lines that mean nothing isn't kept."""
    decoder = SSEDecoder()
    decoder.feed(b": hello\n")
    tracemalloc.start()
    for _ in range(1000):
        assert decoder.feed((b": " + b"x" * 1000 + b"\n") * 10 + b"stray\n" * 10) == []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MIB
    assert len(decoder.stray) == STRAY
