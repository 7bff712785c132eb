"""Glyphs of GNU Unifont, 16 pixels high: 8 wide for Latin and its like, 16 wide for Chinese and its like.

`glyphs.bin` holds a part of Unifont 15.0.01 under the licence in `glyphs.LICENSE.txt`: Latin, Greek, Cyrillic, marks,
arrows, mathematics, boxes and symbols, kana, Hangul, full-width forms, the hanzi of GB 2312 and of Big5 level 1.
It is a zlib stream of two tables, for narrow glyphs and for wide ones. A table is the number of its glyphs (16 bits,
little-endian), the gaps between their code points (16 bits each) and their bitmaps (16 rows of one or two bytes, the
leftmost pixel in the highest bit). It was packed from `unifont.hex` of Debian's package `unifont`, whose lines are
`code point:bitmap` in hexadecimal.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import Final

HEIGHT: Final = 16
"""Rows of a glyph."""

_BOX: Final = (16, (0, 0, *(0x3FFC if row in (0, 11) else 0x2004 for row in range(12)), 0, 0))
"""Stands for a character that the font lacks."""


@cache
def _font() -> dict[int, bytes]:
    packed = zlib.decompress(resources.files(__package__).joinpath("glyphs.bin").read_bytes())
    font: dict[int, bytes] = {}
    at = 0
    for size in (HEIGHT, 2 * HEIGHT):
        (count,) = struct.unpack_from("<H", packed, at)
        points = accumulate(struct.unpack_from(f"<{count}H", packed, at + 2))
        at += 2 + 2 * count
        for point in points:
            font[point] = packed[at : at + size]
            at += size
    return font


def width(character: str) -> int:
    """Return how many pixels wide a character is: 8 or 16."""
    return 8 if len(_font().get(ord(character), b"")) == HEIGHT else 16


def glyph(character: str) -> tuple[int, tuple[int, ...]]:
    """Return a character's width in pixels and its rows from top to bottom, the leftmost pixel in the highest bit.

    A character that the font lacks shows as a box.
    """
    bitmap = _font().get(ord(character))
    if bitmap is None:
        return _BOX
    if len(bitmap) == HEIGHT:
        return 8, tuple(bitmap)
    return 16, struct.unpack(">16H", bitmap)
