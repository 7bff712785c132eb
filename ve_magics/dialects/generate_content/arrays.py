"""Splits a JSON array that arrives in pieces into its elements: the form of a stream without `alt=sse`."""

from __future__ import annotations

import re

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class ArrayDecoder:
    """Gives each element of one array as soon as its last byte has come. Elements must be objects or arrays."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._start = -1
        self._quoted = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes and return the elements that they complete."""
        buffer = self._buffer
        buffer += data
        elements: list[bytes] = []
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
                    elements.append(bytes(buffer[self._start : self._at]))
                    self._start = -1
        self._at = len(buffer)
        return self._cut(elements)

    def _cut(self, elements: list[bytes]) -> list[bytes]:
        """Forget what has been read."""
        read = self._at if self._start < 0 else self._start
        if elements or self._start < 0:
            del self._buffer[:read]
            self._at -= read
            self._start = -1 if self._start < 0 else 0
        return elements

    @property
    def inside(self) -> bool:
        """Whether an element has begun that is not complete."""
        return self._start >= 0
