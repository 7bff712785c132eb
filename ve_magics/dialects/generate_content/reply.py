"""Reads one reply, in whatever form it comes: event stream, JSON array, one JSON value; of either of Google's APIs."""

from __future__ import annotations

from typing import Any, Protocol

from ve_magics.dialects.failures import is_html, mask, page_reply
from ve_magics.dialects.generate_content.arrays import ArrayDecoder
from ve_magics.dialects.generate_content.chunks import ChunkReader
from ve_magics.dialects.generate_content.faults import decode_fault
from ve_magics.dialects.generate_content.interactions.reader import InteractionReader, is_interaction
from ve_magics.dialects.loose import decode_json
from ve_magics.dialects.sse import ServerSentEvent, SSEDecoder
from ve_magics.errors import DecodeError, RequestError, TransportError
from ve_magics.events import Event

_BOM = b"\xef\xbb\xbf"


class _Reader(Protocol):
    """What understands the JSON values of a reply."""

    begun: bool

    @property
    def finished(self) -> bool: ...

    def take(self, chunk: dict[str, Any], name: str, events: list[Event]) -> None: ...

    def close(self, events: list[Event]) -> None: ...


class ReplyDecoder:
    """Reads one reply. See `contract.Decoder`.

    A failure that comes in the same bytes as good events is raised by the next call, so that no event is lost.

    Args:
        origin: Name of the provider that answers.
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    def __init__(self, origin: str, *, stream: bool) -> None:
        self._origin = origin
        self._stream = stream
        self._head = b""
        self._sse: SSEDecoder | None = None
        self._array: ArrayDecoder | None = None
        self._body: bytearray | None = None
        self._reader: _Reader | None = None
        self._chunks: ChunkReader | None = None
        self._failure: RequestError | None = None
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes and return the events that they complete."""
        if self._failure is not None:
            raise self._failure
        if self._sse is not None:
            return self._read(self._sse.feed(data))
        if self._array is not None:
            return self._read_elements(self._array.feed(data))
        if self._body is not None:
            self._body += data
            return []
        self._head += data
        start = self._head.removeprefix(_BOM).lstrip()[:1]
        if not start or _BOM.startswith(self._head):
            return []
        held, self._head = self._head, b""
        if start == b"[":
            self._array = ArrayDecoder()
            return self._read_elements(self._array.feed(held.removeprefix(_BOM)))
        if start in b"{<":
            self._body = bytearray(held)
            return []
        self._sse = SSEDecoder()
        return self._read(self._sse.feed(held))

    def flush(self) -> list[Event]:
        """Say that the bytes have ended and return the last events."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        if self._body is not None:
            self._read_body(bytes(self._body), events)
        elif self._sse is not None:
            self._read_rest(self._sse, events)
        elif self._array is not None and self._array.inside:
            raise TransportError("The stream ended inside a chunk.")
        if not self._over:
            self._close(events)
        return events

    def _read(self, pieces: list[ServerSentEvent]) -> list[Event]:
        return self._collect([(piece.data, piece.event) for piece in pieces])

    def _read_elements(self, elements: list[bytes]) -> list[Event]:
        return self._collect([(element.decode("utf-8", "replace"), "") for element in elements])

    def _collect(self, pieces: list[tuple[str, str]]) -> list[Event]:
        events: list[Event] = []
        try:
            for text, name in pieces:
                if not self._over:
                    self._piece(text, name, events)
        except RequestError as failure:
            self._failure = failure
            if not events:
                raise
        return events

    def _piece(self, text: str, name: str, events: list[Event]) -> None:
        if self._chunks is not None and self._chunks.plain and not name:
            event = self._chunks.words(text)
            if event is not None:
                events.append(event)
                return
        data = text.strip()
        if data.startswith("[DONE]"):
            self._close(events)
        elif data:
            try:
                value = decode_json(data)
            except ValueError:
                raise DecodeError(f"The stream holds broken JSON: {mask(data, limit=120)}") from None
            self._value(value, name, events)

    def _value(self, value: Any, name: str, events: list[Event]) -> None:
        """Read one JSON value of the reply."""
        fault = decode_fault(value)
        if fault is not None:
            raise fault
        if not isinstance(value, dict):
            raise DecodeError(f"The reply holds a {type(value).__name__} where an object was due.")
        if self._reader is None and is_interaction(value):
            self._reader = InteractionReader(self._origin)
        elif self._reader is None:
            self._reader = self._chunks = ChunkReader(self._origin)
        self._reader.take(value, name, events)

    def _read_rest(self, sse: SSEDecoder, events: list[Event]) -> None:
        """Read the event that was still open, and what was no event at all: an error in bare JSON, most likely."""
        for piece in sse.flush():
            if not self._over:
                try:
                    self._piece(piece.data, piece.event, events)
                except DecodeError:
                    raise TransportError("The stream ended inside a chunk.") from None
        if not sse.stray or self._over:
            return
        text = "\n".join(sse.stray)
        if is_html(text.encode()):
            raise page_reply(text.encode())
        try:
            fault = decode_fault(decode_json(text))
        except ValueError:
            fault = None
        if fault is not None:
            raise fault
        if self._reader is None:
            raise DecodeError(f"The reply is no answer: {mask(text, limit=120)}")

    def _read_body(self, body: bytes, events: list[Event]) -> None:
        """Read a reply that came as one JSON value, or as something else."""
        if is_html(body):
            raise page_reply(body)
        text = body.decode("utf-8", "replace").removeprefix("\ufeff").strip()
        try:
            value = decode_json(text)
        except ValueError:
            raise DecodeError(f"The reply is broken JSON: {mask(text, limit=120)}") from None
        self._value(value, "", events)
        if self._reader is None or not self._reader.begun:
            raise DecodeError(f"The reply is no answer: {mask(text, limit=120)}")

    def _close(self, events: list[Event]) -> None:
        reader = self._reader
        if reader is None or not reader.begun:
            if not self._stream and self._sse is None:
                raise DecodeError("The reply is empty.")
            raise TransportError("The stream ended before an answer began.")
        if not reader.finished:
            raise TransportError("The stream ended before the answer was finished.")
        self._over = True
        reader.close(events)
