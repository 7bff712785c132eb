"""Writes a 4:2:0 picture as a PNG file: in full colour, or small and the same to the last byte everywhere."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

from ve_magics.sim.film.deflate import pack
from ve_magics.sim.film.h264 import MACROBLOCK, Picture

_PALETTE = 128
"""Colours of a small picture; the rarer ones become the nearest of them."""


class _Colours(dict[tuple[int, int, int], bytes]):
    """RGB for BT.709 samples of limited range, each worked out once."""

    def __missing__(self, key: tuple[int, int, int]) -> bytes:
        y, u, v = key
        luma = 76309 * (y - 16) + 32768
        u -= 128
        v -= 128
        channels = (luma + 117489 * v, luma - 13975 * u - 34925 * v, luma + 138438 * u)
        self[key] = pixel = bytes(min(255, max(0, channel >> 16)) for channel in channels)
        return pixel


def encode(picture: Picture, *, width: int, height: int) -> bytes:
    """Encode the upper left part of a picture.

    Args:
        picture: Planes of a size padded up to a multiple of 16.
        width: Width in pixels, even.
        height: Height in pixels.

    Returns:
        The file: 8-bit RGB.
    """
    rows = b"".join(b"\0" + b"".join(row) for row in _rows(picture, width, height))
    return _file(width, height, 2, b"", zlib.compress(rows, 6))


def encode_small(picture: Picture, *, width: int, height: int) -> bytes:
    """Encode the upper left part of a picture in few colours, with bytes that are the same on every machine.

    Args:
        picture: Planes of a size padded up to a multiple of 16.
        width: Width in pixels, even.
        height: Height in pixels.

    Returns:
        The file: 8 bits that name one of at most 128 colours.
    """
    rows = list(_rows(picture, width, height))
    often = Counter(colour for row in rows for colour in row)
    ranked = sorted(often, key=lambda colour: (-often[colour], colour))
    palette = ranked[:_PALETTE]
    place = {colour: index for index, colour in enumerate(palette)}
    for colour in ranked[_PALETTE:]:
        place[colour] = min(range(_PALETTE), key=lambda index: _apart(colour, palette[index]))
    plain = b"".join(b"\0" + bytes([place[colour] for colour in row]) for row in rows)
    return _file(width, height, 3, b"".join(palette), pack(plain, stride=width + 1))


def _apart(one: bytes, other: bytes) -> int:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2


def _rows(picture: Picture, width: int, height: int) -> Iterator[list[bytes]]:
    """Yield the colours of each row."""
    stride = -(-width // MACROBLOCK) * MACROBLOCK
    colours = _Colours()
    wide_u, wide_v = bytearray(width), bytearray(width)
    for row in range(height):
        luma = picture.y[row * stride : row * stride + width]
        chroma = row // 2 * (stride // 2)
        for wide, plane in ((wide_u, picture.u), (wide_v, picture.v)):
            wide[::2] = wide[1::2] = plane[chroma : chroma + width // 2]
        yield [colours[pixel] for pixel in zip(luma, wide_u, wide_v, strict=True)]


def _file(width: int, height: int, kind: int, palette: bytes, packed: bytes) -> bytes:
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
            _chunk(b"sRGB", b"\0"),
            _chunk(b"PLTE", palette) if palette else b"",
            _chunk(b"IDAT", packed),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
