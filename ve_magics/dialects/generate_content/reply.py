"""Reads one reply, in whatever form it comes: event stream, JSON array, one JSON value; of either of Google's APIs."""

from __future__ import annotations

from typing import Any, Protocol

from ve_magics.dialects.generate_content.arrays import ArrayDecoder
from ve_magics.dialects.generate_content.chunks import ChunkReader
from ve_magics.dialects.generate_content.faults import decode_fault
from ve_magics.dialects.generate_content.interactions.reader import InteractionReader, is_interaction
from ve_magics.dialects.reply import ReplyReader, Splitter, decode_piece
from ve_magics.dialects.sse import ServerSentEvent
from ve_magics.errors import DecodeError, StatusError
from ve_magics.events import Event


class _Reader(Protocol):
    """What understands the JSON values of a reply."""

    begun: bool

    @property
    def finished(self) -> bool: ...

    def take(self, chunk: dict[str, Any], name: str, events: list[Event]) -> None: ...

    def close(self, events: list[Event]) -> None: ...


class ReplyDecoder(ReplyReader):
    """Reads one reply. See `contract.Decoder`.

    Args:
        origin: Name of the provider that answers.
        stream: Whether a stream was asked for; it decides only how an empty reply is named.
    """

    def __init__(self, origin: str, *, stream: bool) -> None:
        super().__init__(stream=stream)
        self._origin = origin
        self._reader: _Reader | None = None
        self._chunks: ChunkReader | None = None

    @property
    def _begun(self) -> bool:
        return self._reader is not None and self._reader.begun

    @property
    def _finished(self) -> bool:
        return self._reader is not None and self._reader.begun and self._reader.finished

    def _splitter(self, start: bytes) -> Splitter | None:
        return ArrayDecoder() if start == b"[" else super()._splitter(start)

    def _piece(self, piece: ServerSentEvent, events: list[Event]) -> None:
        name = piece.event
        if self._chunks is not None and self._chunks.plain and not name:
            event = self._chunks.words(piece.data)
            if event is not None:
                events.append(event)
                return
        data = piece.data.strip()
        if data.startswith("[DONE]"):
            self._end(events)
        elif data:
            self._value(decode_piece(data), name, events)

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

    def _answer(self, value: Any, events: list[Event]) -> bool:
        self._value(value, "", events)
        if not self._begun:
            return False
        self._end(events)
        return True

    def _fault(self, value: Any) -> StatusError | None:
        return decode_fault(value)

    def _close(self, events: list[Event]) -> None:
        self._over = True
        assert self._reader is not None, "an answer has begun"
        self._reader.close(events)
