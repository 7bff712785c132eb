"""Content encodings: gzip and deflate undone piece by piece, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

PIECE = 256 * 1024
"""Most bytes that are unpacked at once; a small answer that unpacks to gigabytes never fills the memory."""


class Decoder(Protocol):
    """Undoes one content encoding. Errors are `zlib.error`."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to."""

    def end(self) -> None:
        """Check that the body was whole."""


class Inflater:
    """Unpacks gzip (one or more members) or deflate (with or without its zlib header)."""

    def __init__(self, encoding: str) -> None:
        self._gzip = encoding != "deflate"
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16 if self._gzip else zlib.MAX_WBITS)
        self._head = b""
        self._begun = self._gzip

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to, in pieces of at most `PIECE` bytes."""
        if len(self._head) < 2:
            self._head += data
            if len(self._head) < 2 and not self._gzip:
                return
            if not self._begun:
                self._begun = True
                data = self._head
                if not _is_zlib(data):
                    self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        while data:
            if self._inflate.eof:
                if not self._gzip or not data.strip(b"\0"):
                    return
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            piece = self._inflate.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def end(self) -> None:
        """Check that the body was whole; an empty body is."""
        if self._head and not self._inflate.eof:
            raise zlib.error("truncated")


class Inflaters:
    """Undoes several encodings, the last applied first."""

    def __init__(self, encodings: list[str]) -> None:
        self._inner = Inflater(encodings[-1])
        self._outer = decoder(encodings[:-1])

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to."""
        for piece in self._inner.feed(data):
            if self._outer is None:
                yield piece
            else:
                yield from self._outer.feed(piece)

    def end(self) -> None:
        """Check that the body was whole at every layer."""
        self._inner.end()
        if self._outer is not None:
            self._outer.end()


def decoder(encodings: list[str]) -> Decoder | None:
    """Return what undoes these encodings, None where there is nothing to undo."""
    if not encodings:
        return None
    return Inflaters(encodings) if len(encodings) > 1 else Inflater(encodings[0])


def encodings(header: str) -> list[str]:
    """Return the encodings that a Content-Encoding header names, in the order in which they were applied."""
    names = (name.strip().lower().removeprefix("x-") for name in header.split(","))
    return [name for name in names if name not in ("", "identity")]


def _is_zlib(data: bytes) -> bool:
    """Return whether bytes begin with a zlib header (RFC 1950); some servers send deflate without one."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0


KNOWN = frozenset({"gzip", "deflate"})
"""The encodings that can be undone."""
