"""A connection without a socket: what a server may send, what it may not, and what that does to the next request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.engine.transport.http1.connection import (
    HELD,
    LONGEST_HEAD,
    PIECE,
    BrokenOffError,
    Connection,
    Http1Reply,
    NotHttpError,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = OK + b"Content-Length: 2\r\n\r\nok"


class Wire(asyncio.Transport):
    """A transport that keeps what is written and notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.pauses: list[bool] = []

    def write(self, data: Any) -> None:
        """Keep bytes."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed

    def abort(self) -> None:
        """Note the end."""
        self.closed = True

    def close(self) -> None:
        """Note the end."""
        self.closed = True

    def pause_reading(self) -> None:
        """Note that the server is to wait."""
        self.pauses.append(True)

    def resume_reading(self) -> None:
        """Note that the server may go on."""
        self.pauses.append(False)


@dataclass
class Line:
    """A connection, its wire, and how often it was said to be free or lost."""

    loop: asyncio.AbstractEventLoop
    carrier: socket.socket
    wire: Wire = field(default_factory=Wire)
    free: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        self.connection = Connection("place", self.loop, self.carrier, freed=self._freed, lost=self._lost)
        self.connection.connection_made(self.wire)

    def _freed(self, connection: Connection) -> None:
        self.free += 1

    def _lost(self, connection: Connection) -> None:
        self.lost += 1

    def ask(self, *, bodiless: bool = False) -> Http1Reply:
        """Send a request."""
        return self.connection.send(REQUEST, b"", bodiless=bodiless)

    def feed(self, *pieces: bytes) -> None:
        """Bring bytes of the server's, as long as the wire is open."""
        for piece in pieces:
            if piece and not self.wire.closed:
                self.connection.data_received(piece)

    def finish(self) -> None:
        """Close from the server's side, as asyncio tells it."""
        if not self.wire.closed:
            self.connection.eof_received()
        self.wire.closed = True
        self.connection.connection_lost(None)

    def read(self, reply: Http1Reply) -> tuple[bytes, type[Exception] | None]:
        """Return the body, and how it failed."""
        return self.loop.run_until_complete(_read(reply))


async def _read(reply: Http1Reply) -> tuple[bytes, type[Exception] | None]:
    body = b""
    try:
        async with asyncio.timeout(5):
            await reply.headers()
            while piece := await reply.receive():
                body += piece
    except (BrokenOffError, NotHttpError) as error:
        return body, type(error)
    return body, None


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Return a loop for futures."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def carrier() -> Iterator[socket.socket]:
    """Return a socket on which nothing ever arrives."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours


@pytest.fixture
def line(loop: asyncio.AbstractEventLoop, carrier: socket.socket) -> Line:
    """Return a connection that stands."""
    return Line(loop, carrier)


def bytewise(sent: bytes) -> list[bytes]:
    """Return bytes one by one."""
    return [sent[at : at + 1] for at in range(len(sent))]


@dataclass(frozen=True)
class Sent:
    """What a server sends, and whether it closes then."""

    data: bytes
    closes: bool


TOKEN = st.text("abcXYZ019!#-_.~", min_size=1, max_size=8).map(lambda text: f"X-{text}")
VALUE = st.text("abc ,;=\t\"'\xa0\x85\xe9~", max_size=12)
SPACE = st.sampled_from(["", " ", "  ", "\t", " \t "])


@st.composite
def answers(draw: st.DrawFn) -> Sent:
    """Return a valid answer: interim ones, odd headers, one of the framings, and what becomes of the connection."""
    interim = draw(st.lists(st.sampled_from([b"100 Continue", b"103 Hints", b"102"]), max_size=3))
    sent = b"".join(b"HTTP/1.1 %s\r\nX-Early: yes\r\n\r\n" % status for status in interim)
    framing = draw(st.sampled_from(["length", "chunked", "until close", "none"]))
    version = draw(st.sampled_from(["1.0", "1.1"])) if framing != "chunked" else "1.1"
    status = draw(st.sampled_from([204, 304] if framing == "none" else [200, 201, 206, 302, 404, 500, 599]))
    fields = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=5))
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4))
    cased = draw(st.sampled_from([str.lower, str.upper, str.title]))
    if framing == "length":
        fields.append(("Content-Length", str(sum(map(len, pieces)))))
        body = b"".join(pieces)
    elif framing == "chunked":
        fields.append(("Transfer-Encoding", cased("chunked")))
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b"']))
        body = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\nContent-Type: no\r\n"])) + b"\r\n"
    else:
        body = b"".join(pieces) if framing == "until close" else b""
    closes = draw(st.booleans())
    if closes:
        fields.insert(0, ("Connection", cased("close")))
    closes = closes or framing == "until close"
    head = f"HTTP/{version} {status}{draw(st.sampled_from(['', ' ', ' Fine', ' Not so']))}\r\n"
    for name, value in fields:
        behind = (
            "" if name in {"Connection", "Transfer-Encoding"} else draw(SPACE)
        )  # the parser knows no tabs there
        head += f"{cased(name)}:{draw(SPACE)}{value}{behind}\r\n"
    return Sent(sent + head.encode("latin-1") + b"\r\n" + body, closes)


def by_h11(sent: Sent) -> tuple[int, dict[str, str], bytes, bool]:
    """Return status, headers, body and whether the connection may be used again, as h11 sees it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(sent.data)
    if sent.closes:
        client.receive_data(b"")
    status, body = 0, b""
    fields: dict[str, str] = {}
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
            for name, value in event.headers:
                key, text = name.decode(), value.decode("latin-1")
                fields[key] = f"{fields[key]}, {text}" if key in fields else text
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    return status, fields, body, client.our_state is h11.DONE and client.trailing_data == (b"", False)


@given(sent=answers(), cuts=st.lists(st.integers(0, 400), max_size=8), bit_by_bit=st.booleans())
def test_a_valid_answer_reads_as_h11_reads_it(
    loop: asyncio.AbstractEventLoop, carrier: socket.socket, sent: Sent, cuts: list[int], bit_by_bit: bool
) -> None:
    """Status, headers, body and whether the connection may go on are h11's, in whatever pieces the bytes come."""
    ends = [*sorted({cut for cut in cuts if 0 < cut < len(sent.data)}), len(sent.data)]
    pieces = [sent.data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    line = Line(loop, carrier)
    reply = line.ask()
    line.feed(*(bytewise(sent.data) if bit_by_bit else pieces))
    may_go_on = line.free == 1 and not line.wire.closed
    if sent.closes:
        line.finish()
    body, error = line.read(reply)
    assert error is None
    status, fields, expected, reusable = by_h11(sent)
    came = dict(reply.fields)
    if "transfer-encoding" in came:
        came["transfer-encoding"] = came["transfer-encoding"].lower()  # as h11 tells it
    assert (reply.status, came, body) == (status, fields, expected)
    assert may_go_on == reusable
    if may_go_on:
        after = line.ask()
        line.feed(SMALL)
        assert line.read(after) == (b"ok", None)


@given(pieces=st.lists(st.binary(max_size=80) | st.sampled_from([OK, CHUNKED, SMALL, b"\r\n", b"0\r\n\r\n"])))
def test_no_bytes_whatsoever_do_more_than_end_the_call(
    loop: asyncio.AbstractEventLoop, carrier: socket.socket, pieces: list[bytes]
) -> None:
    """Whatever comes: nothing is raised to asyncio, every wait ends with the connection, in one of two errors or whole."""
    line = Line(loop, carrier)
    reply = line.ask()
    line.feed(*pieces)
    assert line.free <= 1
    line.finish()
    assert line.lost == 1
    _, error = line.read(reply)
    assert reply.whole == (error is None)


REFUSED = {
    "length and chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a list of lengths": OK + b"Content-Length: 5,5\r\n\r\nhello",
    "a plus": OK + b"Content-Length: +5\r\n\r\nhello",
    "a minus": OK + b"Content-Length: -1\r\n\r\nhello",
    "no digits": OK + b"Content-Length:\r\n\r\nhello",
    "a length beyond counting": OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a space before the colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "a folded line": OK + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "NUL": OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a bare CR": OK + b"X: a\rb\r\nContent-Length: 0\r\n\r\n",
    "a bare LF": OK + b"X: a\nContent-Length: 0\r\n\r\n",
    "another coding": OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "a coding in a coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding around a coding": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "twice chunked": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "nearly chunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a tab": OK + b"Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
    "an upgrade to nothing": b"HTTP/1.1 101 Switch\r\n\r\n",
    "a status that is none": b"HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_head_that_could_be_read_in_two_ways_is_refused(line: Line, name: str) -> None:
    """Unclear framing, foreign codings and odd bytes are no HTTP, however they are cut, and end the connection."""
    for pieces in ([REFUSED[name]], bytewise(REFUSED[name])):
        again = Line(line.loop, line.carrier)
        reply = again.ask()
        again.feed(*pieces)
        assert again.wire.closed
        assert again.free == 0
        assert again.read(reply) == (b"", NotHttpError)


@pytest.mark.parametrize(
    "size", [b"fffffffffffffffff\r\n", b" 1\r\na", b"1 \r\na", b"-1\r\na", b"1\na\n", b"1;a\nb\r\na", b"\r\n"]
)
def test_a_chunk_whose_size_makes_no_sense_ends_the_body(line: Line, size: bytes) -> None:
    """Sizes beyond counting, with signs, spaces or bare line feeds are refused; nothing passes for the body's end."""
    reply = line.ask()
    line.feed(CHUNKED + size)
    assert line.wire.closed
    assert line.read(reply) == (b"", NotHttpError)


ENDLESS = {
    "header value": (OK + b"X: ", b"y" * 1000),
    "header name": (OK, b"y" * 1000),
    "header fields": (OK, b"X-Small: y\r\n" * 100),
    "reason": (b"HTTP/1.1 200 ", b"y" * 1000),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
    "trailer value": (CHUNKED + b"1\r\na\r\n0\r\nX: ", b"y" * 1000),
    "trailer name": (CHUNKED + b"1\r\na\r\n0\r\n", b"y" * 1000),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"X-Small: y\r\n" * 100),
    "chunk extension": (CHUNKED + b"1;", b"y" * 1000),
    "empty lines": (b"", b"\r\n" * 500),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_given_up(line: Line, name: str) -> None:
    """Anything but a body is cut off at some 200 KB, so that no server fills the memory or holds a call up for ever."""
    begin, more = ENDLESS[name]
    reply = line.ask()
    line.feed(begin)
    fed = 0
    while not line.wire.closed:
        line.feed(more)
        fed += len(more)
        assert fed < 2 * LONGEST_HEAD
    assert fed > LONGEST_HEAD / 2
    assert line.read(reply)[1] is NotHttpError


def test_a_head_in_one_piece_is_no_longer_than_one_in_many(line: Line) -> None:
    """A hundred thousand small fields that come at once are refused like those that trickle in."""
    reply = line.ask()
    line.feed(OK + b"a: b\r\n" * 110_000 + b"\r\n")
    assert line.read(reply) == (b"", NotHttpError)


def test_a_long_head_and_a_long_body_are_fine(line: Line) -> None:
    """What is counted is neither the body nor the framing between its pieces."""
    reply = line.ask()
    line.feed(OK + b"X: " + b"y" * (LONGEST_HEAD // 2) + b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        line.feed(b"1;extension\r\na\r\n" * 1000)
    line.feed(b"0\r\n\r\n")
    assert line.read(reply) == (b"a" * 100_000, None)
    assert line.free == 1


def test_trailers_change_no_headers(line: Line) -> None:
    """What a server adds after the body can't alter headers that the caller already goes by."""
    reply = line.ask()
    line.feed(CHUNKED + b"1\r\na\r\n")
    before = dict(reply.fields)
    line.feed(b"0\r\nContent-Encoding: gzip\r\nTransfer-Encoding: gzip\r\n\r\n")
    assert line.read(reply) == (b"a", None)
    assert reply.fields == before


@pytest.mark.parametrize("surplus", [b"x", b"H", SMALL, b"HTTP/1.1 100 Continue\r\n\r\n", b"\0"])
def test_bytes_after_the_end_are_never_the_next_answer(line: Line, surplus: bytes) -> None:
    """A second answer, or its first byte, in the same piece or later, ends the connection; the first answer stands."""
    for pieces in ([SMALL + surplus], [SMALL, surplus]):
        again = Line(line.loop, line.carrier)
        reply = again.ask()
        again.feed(*pieces)
        assert again.wire.closed
        assert again.free == len(pieces) - 1
        assert again.read(reply) == (b"ok", None)
        late = again.ask()
        assert again.read(late) == (b"", BrokenOffError)
        assert again.wire.written == [REQUEST]


def test_an_answer_to_no_request_ends_the_connection(line: Line) -> None:
    """What comes before the first request is not taken for its answer."""
    line.feed(b"HTTP/1.1 408 Too Slow\r\nContent-Length: 0\r\n\r\n")
    assert line.wire.closed
    assert not line.connection.usable
    assert line.read(line.ask()) == (b"", BrokenOffError)


def test_an_answer_to_head_has_no_body(line: Line) -> None:
    """HEAD's answer is whole with its headers whatever length they name; its connection isn't trusted any further."""
    reply = line.ask(bodiless=True)
    line.feed(OK + b"Content-Length: 5\r\n\r\n")
    assert line.read(reply) == (b"", None)
    assert (line.free, line.wire.closed) == (0, True)


def test_what_follows_an_answer_to_head_is_dropped(line: Line) -> None:
    """A body that must not be there is delivered to nobody."""
    reply = line.ask(bodiless=True)
    line.feed(SMALL)
    assert line.read(reply) == (b"", None)
    assert line.wire.closed


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"", b""),
        (OK, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b""),
        (OK + b"Content-Length: 5\r\n\r\nhell", b"hell"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", b"hello"),
    ],
)
def test_an_end_in_the_middle_is_a_break(line: Line, sent: bytes, body: bytes) -> None:
    """What came is delivered; then the break is an error, never a silent end."""
    reply = line.ask()
    line.feed(sent)
    line.finish()
    assert line.read(reply) == (body, BrokenOffError)
    assert reply.touched == bool(sent)


def test_a_broken_connection_ends_no_body_without_a_length(line: Line) -> None:
    """Only an orderly end is the end of a body that has no other; a reset isn't."""
    reply = line.ask()
    line.feed(OK + b"\r\nhalf")
    line.connection.connection_lost(ConnectionResetError())
    assert line.read(reply) == (b"half", BrokenOffError)
    line.connection.data_received(b"late")
    line.connection.abort()
    line.connection.close()


def test_a_server_waits_for_a_slow_reader(line: Line) -> None:
    """From some unread bytes on the server is held up; reading lets it go on."""
    reply = line.ask()
    line.feed(OK + b"Content-Length: %d\r\n\r\n" % (3 * HELD), b"x" * (HELD - 1))
    assert line.wire.pauses == []
    line.feed(b"x")
    assert line.wire.pauses == [True]
    assert line.loop.run_until_complete(reply.receive()) == b"x" * HELD
    assert line.wire.pauses == [True, False]


def test_an_unread_answer_holds_no_later_one_up(line: Line) -> None:
    """Once an answer is whole its reader may take his time: the connection reads on, for the next request."""
    reply = line.ask()
    line.feed(OK + b"Content-Length: %d\r\n\r\n" % (HELD + 1), b"x" * HELD)
    assert line.wire.pauses == [True]
    line.feed(b"x")
    assert (line.wire.pauses[-1], line.free) == (False, 1)
    after = line.ask()
    line.feed(SMALL)
    assert line.read(after) == (b"ok", None)
    assert line.read(reply) == (b"x" * (HELD + 1), None)


def test_closing_an_answer_in_the_middle_closes_the_connection(line: Line) -> None:
    """A whole answer frees its connection, any other takes it along."""
    reply = line.ask()
    line.feed(SMALL)
    line.loop.run_until_complete(reply.aclose())
    assert line.connection.usable
    reply = line.ask()
    line.feed(OK + b"Content-Length: %d\r\n\r\n" % (2 * HELD) + b"x" * HELD)
    line.loop.run_until_complete(reply.aclose())
    assert line.wire.closed


LONG = b"b" * (3 * PIECE)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _pouring(line: Line) -> tuple[Http1Reply, asyncio.Task[None]]:
    """Return a long request of which one piece is out, and its answer."""
    line.connection.loop = asyncio.get_running_loop()
    reply = line.connection.send(REQUEST, LONG)
    line.connection.pause_writing()
    task = asyncio.create_task(line.connection.pour(LONG, reply))
    await _settle()
    assert line.wire.written == [REQUEST]
    line.connection.resume_writing()
    line.connection.pause_writing()
    await _settle()
    return reply, task


@pytest.mark.anyio
async def test_a_long_request_goes_no_faster_than_it_is_taken(carrier: socket.socket) -> None:
    """A piece goes out when there is room for it, and then the connection carries the next request."""
    line = Line(asyncio.get_running_loop(), carrier)
    reply, task = await _pouring(line)
    assert not task.done()
    line.connection.resume_writing()
    await task
    assert b"".join(line.wire.written) == REQUEST + LONG
    line.feed(SMALL)
    assert await _read(reply) == (b"ok", None)
    assert line.free == 1
    line.connection.pause_writing()
    line.connection.resume_writing()
    after = line.ask()
    line.feed(SMALL)
    assert await _read(after) == (b"ok", None)


@pytest.mark.anyio
@pytest.mark.parametrize("rest", [b"", b"no"])
async def test_a_refusal_in_the_middle_ends_the_sending(carrier: socket.socket, rest: bytes) -> None:
    """An early 413 is the answer, whole at once or not; the half-sent request's connection carries no other."""
    line = Line(asyncio.get_running_loop(), carrier)
    reply, task = await _pouring(line)
    line.feed(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n" % len(rest))
    await task
    line.feed(rest)
    assert await _read(reply) == (rest, None)
    assert (reply.status, line.free, line.wire.closed) == (413, 0, True)
    assert len(b"".join(line.wire.written)) < len(LONG)


@pytest.mark.anyio
async def test_a_success_in_the_middle_does_not_end_the_sending(carrier: socket.socket) -> None:
    """A server that begins its answer while it still reads gets the rest, and the connection goes on."""
    line = Line(asyncio.get_running_loop(), carrier)
    reply, task = await _pouring(line)
    line.feed(OK + b"Content-Length: 2\r\n\r\n")
    line.connection.resume_writing()
    await task
    assert b"".join(line.wire.written) == REQUEST + LONG
    line.feed(b"ok")
    assert await _read(reply) == (b"ok", None)
    assert line.free == 1


@pytest.mark.anyio
async def test_a_break_in_the_middle_of_the_sending_is_an_error(carrier: socket.socket) -> None:
    """A connection that ends, or what isn't HTTP, ends the sending in its error."""
    line = Line(asyncio.get_running_loop(), carrier)
    _, task = await _pouring(line)
    line.connection.connection_lost(ConnectionResetError())
    with pytest.raises(BrokenOffError):
        await task
    line = Line(asyncio.get_running_loop(), carrier)
    _, task = await _pouring(line)
    line.feed(b"nonsense\r\n")
    with pytest.raises(NotHttpError):
        await task
    line = Line(asyncio.get_running_loop(), carrier)
    line.wire.closed = True
    with pytest.raises(BrokenOffError):
        await line.connection.pour(LONG, line.connection.send(REQUEST, LONG))
