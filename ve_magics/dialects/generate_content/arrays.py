"""Splits a JSON array that arrives in pieces into its elements: the form of a stream without `alt=sse`."""

from __future__ import annotations

import re

from ve_magics.dialects.sse import ServerSentEvent
from ve_magics.errors import TransportError

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class ArrayDecoder:
    """Gives each element of one array as soon as its last byte has come. Elements must be objects or arrays.

    Attributes:
        stray: Nothing; an array has no lines.
    """

    def __init__(self) -> None:
        self.stray: list[str] = []
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._start = -1
        self._quoted = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take more bytes and return the elements that they complete."""
        buffer = self._buffer
        buffer += data
        elements: list[ServerSentEvent] = []
        while (found := (_INSIDE if self._quoted else _OUTSIDE).search(buffer, self._at)) is not None:
            mark = found[0]
            self._at = found.end()
            if self._quoted:
                if mark == b'"':
                    self._quoted = False
                elif self._at < len(buffer):
                    self._at += 1
                else:
                    self._at -= 1
                    return self._cut(elements)
            elif mark == b'"':
                self._quoted = True
            elif mark in b"[{":
                self._depth += 1
                if self._depth == 2:
                    self._start = self._at - 1
            else:
                self._depth -= 1
                if self._depth == 1 and self._start >= 0:
                    element = buffer[self._start : self._at].decode("utf-8", "replace")
                    elements.append(ServerSentEvent("", element))
                    self._start = -1
        self._at = len(buffer)
        return self._cut(elements)

    def _cut(self, elements: list[ServerSentEvent]) -> list[ServerSentEvent]:
        """Forget what has been read."""
        read = self._at if self._start < 0 else self._start
        if elements or self._start < 0:
            del self._buffer[:read]
            self._at -= read
            self._start = -1 if self._start < 0 else 0
        return elements

    def flush(self) -> list[ServerSentEvent]:
        """Say that the bytes have ended.

        Raises:
            TransportError: They ended inside an element.
        """
        if self._start >= 0:
            raise TransportError("The stream ended inside an event.")
        return []
