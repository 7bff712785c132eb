"""One connection to a server: a request goes out, its answer comes in, and then the next."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Hashable, Mapping
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LONGEST_HEAD = 200 * 1024
"""Most bytes of header fields, and of anything else that isn't body, like interim answers and trailers."""

HELD = 256 * 1024
"""Bytes of a body that nobody has read yet, from which on the server is made to wait."""

PIECE = 256 * 1024
"""Bytes of a request that are handed to the connection at once."""


class BrokenOffError(ConnectionError):
    """The connection ended before the answer did."""


class NotHttpError(Exception):
    """What came is not an answer in HTTP."""


class Http1Reply:
    """A `RawReply`: an answer while it comes in.

    Args:
        connection: Over which it comes.
        bodiless: Whether it has no body whatever its headers say, as for HEAD.

    Attributes:
        status: HTTP status; 0 until the headers are here.
        fields: Header fields by lower-case name, repeated ones joined.
        whole: Whether all of it has come.
        touched: Whether any byte of it has come.
    """

    __slots__ = (
        "_connection",
        "_error",
        "_held",
        "_pieces",
        "_waiter",
        "bodiless",
        "fields",
        "status",
        "touched",
        "whole",
    )

    def __init__(self, connection: Connection, *, bodiless: bool) -> None:
        self.status = 0
        self.fields: Mapping[str, str] = {}
        self.whole = False
        self.touched = False
        self.bodiless = bodiless
        self._connection = connection
        self._pieces: list[bytes] = []
        self._held = 0
        self._error: type[Exception] | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def final(self) -> bool:
        """Whether the rest of the request can't change it any more: all of it is here, or it is no success."""
        return self.whole or self.status >= 300

    async def headers(self) -> None:
        """Wait until status and headers are here.

        Raises:
            BrokenOffError: The connection ended without them.
            NotHttpError: They make no sense.
        """
        while not self.status:
            await self.change()

    async def receive(self) -> bytes:
        """Return the next piece of the body, empty at its end.

        Raises:
            BrokenOffError: The connection ended before the body did.
            NotHttpError: Its framing makes no sense.
        """
        pieces = self._pieces
        while not pieces:
            if self.whole:
                return b""
            await self.change()
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._held >= HELD and not self.whole:
            self._connection.resume()
        self._held = 0
        return piece

    async def change(self) -> None:
        """Wait until something happens.

        Raises:
            BrokenOffError: It was the end of the connection.
            NotHttpError: It made no sense.
        """
        if self._error is not None:
            raise self._error
        waiter = self._waiter = self._connection.loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    async def aclose(self) -> None:
        """Close the connection if the answer isn't whole; if it is, it has long been free for the next."""
        self._pieces.clear()
        if not self.whole:
            self._connection.abort()

    def begin(self, status: int, fields: Mapping[str, str]) -> None:
        """Take status and headers."""
        self.status, self.fields = status, fields
        self.wake()

    def take(self, piece: bytes) -> bool:
        """Take a piece of the body; return whether the server should wait before it sends more."""
        self._pieces.append(piece)
        self._held += len(piece)
        self.wake()
        return self._held >= HELD

    def end(self, error: type[Exception] | None) -> None:
        """Note that nothing more will come, and why if it isn't all."""
        if error is None:
            self.whole = True
        else:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Wake whoever waits for a change."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Connection(asyncio.Protocol):
    """A connection, as asyncio sees it.

    Args:
        place: Where it leads.
        loop: The loop that it lives in.
        carrier: The socket below it.
        freed: Called when it may carry the next request.
        lost: Called once when it has ended.

    Attributes:
        idle_since: The loop's time at which it was last put aside.
    """

    __slots__ = (
        "_bare",
        "_carrier",
        "_fields",
        "_freed",
        "_full",
        "_head",
        "_lost",
        "_parser",
        "_paused",
        "_reply",
        "_sending",
        "_spoilt",
        "_transport",
        "_until_close",
        "idle_since",
        "loop",
        "place",
    )

    def __init__(
        self,
        place: Hashable,
        loop: asyncio.AbstractEventLoop,
        carrier: socket.socket,
        *,
        freed: Callable[[Connection], None],
        lost: Callable[[Connection], None],
    ) -> None:
        self.place = place
        self.loop = loop
        self.idle_since = 0.0
        self._carrier = carrier
        self._freed = freed
        self._lost = lost
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._reply: Http1Reply | None = None
        self._transport: asyncio.Transport | None = None
        self._fields: dict[str, str] = {}
        self._head = 0
        self._bare = 0
        self._full = False
        self._sending = False
        self._paused = False
        self._spoilt = False
        self._until_close = False

    @property
    def usable(self) -> bool:
        """Whether a request can be sent, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def silent(self) -> bool:
        """Whether nothing has arrived, not even an end, that the loop hasn't come to read yet."""
        try:
            self._carrier.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def send(self, head: bytes, body: bytes, *, bodiless: bool = False) -> Http1Reply:
        """Send a request, or the first piece of a long one, and return its answer, of which nothing is here yet.

        Args:
            head: Request line and header fields up to the empty line.
            body: The body; what is longer than `PIECE` is left to `pour`.
            bodiless: Whether the answer has no body whatever its headers say, as for HEAD.
        """
        assert self._reply is None
        reply = self._reply = Http1Reply(self, bodiless=bodiless)
        self._head = self._bare = 0
        self._sending = len(body) > PIECE
        if self._transport is None or self._transport.is_closing():
            self._end(BrokenOffError)
        else:
            self._transport.write(head if self._sending else head + body)
        return reply

    async def pour(self, body: bytes, reply: Http1Reply) -> None:
        """Send a long body no faster than it is taken. A refusal that comes before its end ends it.

        Raises:
            BrokenOffError: The connection ended.
            NotHttpError: What came is no answer.
        """
        view = memoryview(body)
        for begin in range(0, len(view), PIECE):
            while self._full and not reply.final:
                await reply.change()
            if reply.final:
                return
            if self._transport is None or self._transport.is_closing():
                raise BrokenOffError
            self._transport.write(view[begin : begin + PIECE])
        self._sending = False

    def abort(self) -> None:
        """Close at once; whoever waits for the answer learns it."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close in good order."""
        if self._transport is not None:
            self._transport.close()

    def resume(self) -> None:
        """Let the server go on."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _end(self, error: type[Exception] | None) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.end(error)
            self.resume()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # One in kind, but uvloop's isn't one by class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read bytes of an answer; what nobody asked for ends the connection."""
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            self.abort()
            return
        reply.touched = True
        self._bare += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._spoilt = True
            self._end(NotHttpError)
        if self._reply is None:
            if self._spoilt or self._sending:
                self.abort()
            else:
                self._freed(self)
        elif self._bare > LONGEST_HEAD:
            self._end(NotHttpError)
            self.abort()

    def eof_received(self) -> None:
        """Take the server's end as the end of a body that has no other."""
        if self._until_close and self._reply is not None and self._reply.status:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        del exc
        self._full = False
        self._end(BrokenOffError)
        self._transport = self._parser = None
        self._lost(self)

    def pause_writing(self) -> None:
        """Send no more for now."""
        self._full = True

    def resume_writing(self) -> None:
        """Send on."""
        self._full = False
        if self._reply is not None:
            self._reply.wake()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin an answer; a second one, to no question, spoils the connection."""
        self._fields = {}
        if self._reply is None:
            self._spoilt = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header field; a trailer is left out, so that nothing changes headers that are in use."""
        self._head += len(name) + len(value)
        if self._head > LONGEST_HEAD:
            raise NotHttpError
        if self._reply is None or self._reply.status:
            return
        fields, key, text = self._fields, name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        if key == "transfer-encoding" and b"\t" in value:
            raise NotHttpError  # the parser reads a coding with a tab behind it as one that it doesn't know
        fields[key] = f"{fields[key]}, {text}" if key in fields else text

    def on_headers_complete(self) -> None:
        """Hand on status and headers, unless they are but an interim answer's."""
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            return
        status, fields = parser.get_status_code(), self._fields
        if status < 200:
            if status < 100:
                raise NotHttpError
            return
        coding = fields.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            raise NotHttpError  # a coding that nobody asked for, or a length that two readers would see differently
        self._until_close = coding is None and "content-length" not in fields
        self._bare = 0
        reply.begin(status, fields)
        if reply.bodiless:
            self._spoilt = True
            self._end(None)

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        self._bare = 0
        if self._reply is not None and self._reply.take(body) and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note that an answer is whole."""
        reply, parser = self._reply, self._parser
        if reply is None or parser is None or not reply.status:
            return
        if not parser.should_keep_alive():
            self._spoilt = True
        self._end(None)
