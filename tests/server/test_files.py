"""A file over HTTP: any part of it, as fast as it is read, dropped when nobody reads, and never held in memory."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.running import TOKEN, Running, until
from tests.server.test_videos import job_of, put
from ve_magics.errors import BadRequestError
from ve_magics.server.files import PIECE, Part, send_file, wanted_part
from ve_magics.server.http import Reply
from ve_magics.server.refusals import ClientLeftError


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-9", Part(0, 10)),
        ("bytes=90-", Part(90, 100)),
        ("bytes=90-500", Part(90, 100)),
        ("bytes=-10", Part(90, 100)),
        ("bytes=-500", Part(0, 100)),
        (" Bytes = 5 - 5 ", Part(5, 6)),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=٠-٩", None),
        ("bytes=a-b", None),
    ],
)
def test_a_part_as_the_standard_has_it(header: str, part: Part | None) -> None:
    """A part is cut to the file; what can't be read, and several parts at once, mean the whole file."""
    assert wanted_part(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9999999999999999999-"])
def test_a_part_that_isn_t_there(header: str) -> None:
    """A part behind the file's end is 416."""
    with pytest.raises(BadRequestError) as caught:
        wanted_part(header, 100)
    assert caught.value.http_status == 416


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,21}-\d{0,21}", fullmatch=True), st.integers(0, 1000))
def test_any_range_header(header: str, size: int) -> None:
    """Whatever it says, a part lies inside the file, or there is none."""
    with suppress(BadRequestError):
        part = wanted_part(header, size)
        assert part is None or 0 <= part.start < part.end <= size


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """A server with one film that is 40 MB of any bytes."""
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(1 << 20) * 40)
    with Running(tmp_path, "[prices]\n") as server:
        put(server, job_of("big", state="succeeded", path=str(film)))
        yield server, film.read_bytes()


def test_parts_over_a_socket(served: tuple[Running, bytes]) -> None:
    """Whole, part, tail, validator and head come with the right status, length and bytes."""
    server, data = served
    path, size = "/v1/videos/big/content", len(data)
    whole = server(path)
    assert (whole.status, whole.body == data, whole.headers["accept-ranges"]) == (200, True, "bytes")
    tag, date = whole.headers["etag"], whole.headers["last-modified"]
    first = f"bytes={PIECE - 5}-{PIECE + 4}"
    for headers in ({}, {"if-range": tag}, {"if-range": date}):
        part = server(path, headers={"range": first, **headers})
        assert (part.status, part.body) == (206, data[PIECE - 5 : PIECE + 5])
        assert part.headers["content-range"] == f"bytes {PIECE - 5}-{PIECE + 4}/{size}"
        assert part.headers["content-length"] == "10"
    assert server(path, headers={"range": "bytes=-7"}).body == data[-7:]
    assert server(path, headers={"range": first, "if-range": '"older"'}).status == 200
    beyond = server(path, headers={"range": f"bytes={size}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert beyond.json["error"]["code"] == "invalid_range"
    head = server(path, method="HEAD", headers={"range": first})
    assert (head.status, head.headers["content-length"], head.body) == (200, str(size), b"")
    same = server(path, headers={"if-none-match": f'"x", W/{tag}'})
    assert (same.status, same.body) == (304, b"")


def test_a_reader_that_stops_holds_nothing_in_memory(served: tuple[Running, bytes]) -> None:
    """Who reads slowly gets the bytes slowly: not even two more pieces are read than the sockets take; who leaves ends it."""
    server, data = served
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(
            b"GET /v1/videos/big/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n\r\n"
            % TOKEN.encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
        time.sleep(0.3)
        assert server.app.metrics.open == 1
        assert server.app.metrics.sent == 0
    until(lambda: server.app.metrics.open == 0)
    assert server.app.metrics.left == 1
    assert server.app.metrics.sent < len(data)


class Sink:
    """Takes a reply's messages, and stops taking after so many.

    Args:
        takes: Pieces that it takes; None takes all.
    """

    def __init__(self, takes: int | None = None) -> None:
        self.takes = takes
        self.messages: list[MutableMapping[str, Any]] = []
        self.most = 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Take a message."""
        self.messages.append(message)
        self.most = max(self.most, len(message.get("body", b"")))
        if self.takes is not None and len(self.messages) > self.takes:
            await asyncio.Event().wait()

    @property
    def body(self) -> bytes:
        """What came."""
        return b"".join(message.get("body", b"") for message in self.messages)


@pytest.mark.anyio
async def test_a_file_goes_out_in_pieces(tmp_path: Path) -> None:
    """No piece is larger than what is read at a time, and the next is read when the one before was taken."""
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(3 * PIECE + 7))
    sink = Sink()
    assert await send_file(Reply(sink), path, "video/mp4", method="GET", asked={}) == 3 * PIECE + 7
    assert sink.body == path.read_bytes()
    assert sink.most == PIECE
    assert [message.get("more_body") for message in sink.messages[1:]] == [True, True, True, False]


@pytest.mark.anyio
async def test_who_reads_nothing_is_dropped(tmp_path: Path) -> None:
    """After some seconds without a byte taken the connection is given up."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(3 * PIECE))
    with pytest.raises(ClientLeftError):
        await send_file(Reply(Sink(takes=2)), path, "video/mp4", method="GET", asked={}, stall=0.05)


@pytest.mark.anyio
async def test_a_file_that_shrinks_never_looks_whole(tmp_path: Path) -> None:
    """Where bytes that were promised are gone, the reply is broken off."""
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(3 * PIECE))

    class Cutting(Sink):
        async def __call__(self, message: MutableMapping[str, Any]) -> None:
            await super().__call__(message)
            os.truncate(path, PIECE)

    sink = Cutting()
    with pytest.raises(ClientLeftError):
        await send_file(Reply(sink), path, "video/mp4", method="GET", asked={})
    assert all(message.get("more_body", True) for message in sink.messages)


@pytest.mark.anyio
async def test_an_empty_file(tmp_path: Path) -> None:
    """A file of nothing is a reply of nothing, and ends."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"")
    sink = Sink()
    assert await send_file(Reply(sink), path, "video/mp4", method="GET", asked={"range": "bytes=x"}) == 0
    assert sink.messages[-1]["more_body"] is False
