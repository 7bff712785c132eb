"""Server-sent events, bytes in and bytes out.

Follows the WHATWG HTML standard, section 9.2, and forgives what real servers get wrong: a byte order mark, a last
event without its blank line. Lines end at CR, LF or CRLF only: U+2028 and its kin stand unescaped in JSON strings.
"""

from __future__ import annotations

import msgspec

STRAY = 1000
"""Most stray lines that are kept."""


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event: the `event` field (empty where there is none) and the data lines joined by line ends."""

    event: str
    data: str


class SSEDecoder:
    """Splits a byte stream into events. Comments and fields other than `event` and `data` are passed over.

    Attributes:
        stray: The first lines that are no SSE field at all: some servers write a bare JSON error there.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._begun = False
        self._event = ""
        self._data: list[str] = []
        self.stray: list[str] = []

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take more bytes and return the events that they complete."""
        buffer = self._buffer
        if self._begun and not buffer and data[-1:] == b"\n" and b"\r" not in data:
            return self._lines(data.split(b"\n")[:-1])
        buffer += data
        if not self._begun:
            if len(buffer) < 3 and b"\xef\xbb\xbf".startswith(bytes(buffer)):
                return []
            if buffer.startswith(b"\xef\xbb\xbf"):
                del buffer[:3]
            self._begun = True
        return self._split(final=False)

    def flush(self) -> list[ServerSentEvent]:
        """Say that the bytes have ended and return the event that was still open."""
        self._begun = True
        events = self._split(final=True)
        if self._data:
            events.append(self._dispatch())
        return events

    def _split(self, *, final: bool) -> list[ServerSentEvent]:
        buffer = self._buffer
        if b"\r" in buffer:
            if buffer.endswith(b"\r") and not final:
                held, tail = bytes(buffer[:-1]), b"\r"
            else:
                held, tail = bytes(buffer), b""
            body = held.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail
        else:
            if not final and buffer.find(b"\n", self._scanned) < 0:
                self._scanned = len(buffer)
                return []
            body = bytes(buffer)
        *lines, rest = body.split(b"\n")
        if final and rest:
            lines.append(rest.removesuffix(b"\r"))
            rest = b""
        self._buffer = bytearray(rest)
        self._scanned = 0
        return self._lines(lines)

    def _lines(self, lines: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        for line in lines:
            if line:
                self._field(line)
            elif self._data:
                events.append(self._dispatch())
            else:
                self._event = ""
        return events

    def _field(self, line: bytes) -> None:
        if line.startswith(b"data: "):
            self._data.append(line[6:].decode("utf-8", "replace"))
            return
        name, colon, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
        elif name == b"event":
            self._event = value.removeprefix(b" ").decode("utf-8", "replace")
        elif name and len(self.stray) < STRAY and not (colon and name in (b"id", b"retry")):
            self.stray.append(line.decode("utf-8", "replace"))

    def _dispatch(self) -> ServerSentEvent:
        event = ServerSentEvent(self._event, "\n".join(self._data))
        self._event = ""
        self._data = []
        return event


def encode_event(data: bytes, event: str = "") -> bytes:
    """Return one event whose data is a single line, such as JSON."""
    return (b"event: " + event.encode() + b"\n" if event else b"") + b"data: " + data + b"\n\n"
