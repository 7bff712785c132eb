"""Writes a 4:2:0 picture as a PNG file."""

from __future__ import annotations

import struct
import zlib

from ve_magics.sim.film.h264 import MACROBLOCK, Picture


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
    stride = -(-width // MACROBLOCK) * MACROBLOCK
    colours = _Colours()
    rows = bytearray()
    wide_u, wide_v = bytearray(width), bytearray(width)
    for row in range(height):
        luma = picture.y[row * stride : row * stride + width]
        chroma = row // 2 * (stride // 2)
        for wide, plane in ((wide_u, picture.u), (wide_v, picture.v)):
            wide[::2] = wide[1::2] = plane[chroma : chroma + width // 2]
        rows += b"\0"
        rows += b"".join([colours[pixel] for pixel in zip(luma, wide_u, wide_v, strict=True)])
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            _chunk(b"sRGB", b"\0"),
            _chunk(b"IDAT", zlib.compress(rows, 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
