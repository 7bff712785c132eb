"""What the reading of every reply has in common: from bytes to JSON values, in whatever form they come.

A dialect's decoder is a subclass that knows what the values mean. It is fed an event stream, one JSON value, or what
should have been one of these and is a web page or an error instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

from ve_magics.dialects.failures import is_html, mask, page_reply
from ve_magics.dialects.loose import decode_json
from ve_magics.dialects.sse import ServerSentEvent, SSEDecoder
from ve_magics.errors import DecodeError, RequestError, StatusError, TransportError
from ve_magics.events import Event

BOM = b"\xef\xbb\xbf"

LONGEST = 64 * 1024 * 1024
"""Most bytes of a reply in one piece, or of one event of a stream."""


class Splitter(Protocol):
    """Splits a stream into its pieces.

    Attributes:
        stray: Lines that belong to none.
    """

    stray: list[str]

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take more bytes and return the pieces that they complete."""

    def flush(self) -> list[ServerSentEvent]:
        """Say that the bytes have ended and return what was still open."""


class ReplyReader(ABC):
    """Reads one reply. See `contract.Decoder`.

    A failure that comes in the same bytes as good events is raised by the next call, so that no event is lost.

    Args:
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    what: ClassVar[str] = "answer"
    """What a reply should be, as errors call it."""

    def __init__(self, *, stream: bool) -> None:
        self._stream = stream
        self._head = b""
        self._pieces: Splitter | None = None
        self._body: list[bytes] | None = None
        self._held = 0  # bytes that have come and can't be read yet
        self._failure: RequestError | None = None
        self._over = False

    @property
    @abstractmethod
    def _begun(self) -> bool:
        """Whether an answer has begun."""

    @property
    @abstractmethod
    def _finished(self) -> bool:
        """Whether the answer is whole although nothing has said that the reply is over."""

    @abstractmethod
    def _piece(self, piece: ServerSentEvent, events: list[Event]) -> None:
        """Read one piece of a stream."""

    @abstractmethod
    def _answer(self, value: Any, events: list[Event]) -> bool:
        """Read a reply that came as one JSON value, to its end; return whether it was an answer."""

    @abstractmethod
    def _fault(self, value: Any) -> StatusError | None:
        """Return the failure that a value tells, None where it tells none."""

    @abstractmethod
    def _close(self, events: list[Event]) -> None:
        """End the answer."""

    def _splitter(self, start: bytes) -> Splitter | None:
        """Return what splits a stream that begins with this byte, None where it begins one JSON value or a page."""
        return None if start in b"{[<" else SSEDecoder()

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes and return the events that they complete."""
        if self._failure is not None:
            raise self._failure
        if self._pieces is not None:
            pieces = self._pieces.feed(data)
            if pieces:
                self._held = 0
                return self._read(pieces)
            self._hold(data)
            return []
        if self._body is not None:
            self._hold(data)
            self._body.append(data)
            return []
        held = self._head + data if self._head else data
        start = held.removeprefix(BOM).lstrip()[:1]
        if not start or BOM.startswith(held):
            self._hold(data)
            self._head = held if start or len(held) < 3 else held.removeprefix(BOM)[:1]
            return []
        self._head = b""
        self._pieces = self._splitter(start)
        if self._pieces is None:
            self._body = [held]
            return []
        return self._read(self._pieces.feed(held))

    def _hold(self, data: bytes) -> None:
        """Count bytes that have to wait for others.

        Raises:
            DecodeError: There are too many of them.
        """
        self._held += len(data)
        if self._held > LONGEST:
            self._failure = DecodeError(
                f"The reply goes on for more than {LONGEST >> 20} MiB without an end.", retryable=False
            )
            self._body, self._pieces = None, None
            raise self._failure

    def flush(self) -> list[Event]:
        """Say that the bytes have ended and return the last events."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        if self._body is not None:
            self._read_body(b"".join(self._body), events)
        elif self._pieces is not None:
            self._read_rest(self._pieces, events)
        if not self._over:
            self._end(events)
        return events

    def _read(self, pieces: list[ServerSentEvent]) -> list[Event]:
        events: list[Event] = []
        try:
            for piece in pieces:
                if self._over:
                    break
                self._piece(piece, events)
        except RequestError as failure:
            self._failure = failure
            if not events:
                raise
        return events

    def _read_body(self, body: bytes, events: list[Event]) -> None:
        """Read a reply that came as one JSON value, or as something else. It would come so again: nobody asks twice."""
        try:
            value = decode_json(body)
        except ValueError:
            if is_html(body):
                raise page_reply(body) from None
            raise DecodeError(f"The reply is broken JSON: {_shown(body)}", retryable=False) from None
        try:
            answered = self._answer(value, events)
        except DecodeError as error:
            error.retryable = False
            raise
        if not answered:
            raise self._fault(value) or self._no_answer(_shown(body))

    def _read_rest(self, pieces: Splitter, events: list[Event]) -> None:
        """Read the piece that was still open, and what was no piece at all: an error in bare JSON, most likely."""
        for piece in pieces.flush():
            if not self._over:
                try:
                    self._piece(piece, events)
                except DecodeError:
                    raise TransportError("The stream ended inside an event.") from None
        if not pieces.stray or self._over:
            return
        text = "\n".join(pieces.stray)
        if is_html(text.encode()):
            raise page_reply(text.encode())
        try:
            fault = self._fault(decode_json(text))
        except ValueError:
            fault = None
        if fault is not None:
            raise fault
        if not self._begun:
            raise self._no_answer(mask(text, limit=120))

    def _end(self, events: list[Event]) -> None:
        """End the answer where its dialect allows that, for the stream has ended."""
        if self._finished:
            self._close(events)
            return
        if not self._begun:
            if not self._stream and not isinstance(self._pieces, SSEDecoder):
                raise DecodeError("The reply is empty.")
            raise TransportError("The stream ended before an answer began.")
        raise TransportError("The stream ended before the answer was finished.")

    def _no_answer(self, shown: str) -> DecodeError:
        return DecodeError(f"The reply is no {self.what}: {shown}", retryable=False)


def decode_piece(data: str) -> Any:
    """Return the JSON value in one piece of a stream.

    Raises:
        DecodeError: There is none.
    """
    try:
        return decode_json(data)
    except ValueError:
        raise DecodeError(f"The stream holds broken JSON: {mask(data[:2000], limit=120)}") from None


def _shown(body: bytes) -> str:
    return mask(body[:2000].decode("utf-8", "replace").removeprefix("\ufeff"), limit=120)
