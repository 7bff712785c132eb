"""A small lossless H.264 encoder (ITU-T H.264, constrained baseline profile, CAVLC) without a transform.

Each macroblock is said in the cheapest way that reproduces it exactly:

    P_Skip / P_L0_16x16   a copy out of the picture before, moved sideways by an even number of pixels
    I_16x16               its left or upper neighbour's border, drawn out over the block (flat areas, gradients)
    I_PCM                 the samples themselves

Nothing is quantised and the deblocking filter is off, so a decoder gives back the very bytes that went in.
Blocks are compared sixteen rows at a time, as one large integer, which keeps it quick in pure Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

MACROBLOCK: Final = 16
"""Edge of a macroblock, in luma samples."""

_LEVELS: Final = (
    (30, 40500, 1620),
    (31, 108000, 3600),
    (32, 216000, 5120),
    (40, 245760, 8192),
    (50, 589824, 22080),
    (51, 983040, 36864),
    (52, 2073600, 36864),
)
"""Level times ten, macroblocks per second, macroblocks per picture (table A-1)."""

_MAX_SHIFT: Final = 2046
"""Widest motion that every level allows, in luma samples."""

_VERTICAL: Final = 0
_HORIZONTAL: Final = 1
_CHROMA_MODE: Final = {_VERTICAL: 2, _HORIZONTAL: 1}
_I_PCM: Final = 25

_AWAY: Final = 1 << 20
"""Stands for the motion of a neighbour outside the picture."""
_INTRA: Final = _AWAY + 1
"""Stands for the motion of a neighbour that has none."""


class Picture(NamedTuple):
    """Planes of a 4:2:0 picture, both edges padded up to a multiple of 16."""

    y: bytes
    u: bytes
    v: bytes


class Motion(NamedTuple):
    """How far something within some rows has moved to the right since the picture before, in pixels; even."""

    shift: int
    top: int
    bottom: int


class _Strip(NamedTuple):
    """One row of macroblocks, each plane as a little-endian integer."""

    y: int
    u: int
    v: int


@cache
def _ue(value: int) -> str:
    """Write an unsigned Exp-Golomb code (9.1) as a string of 0 and 1."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


@cache
def _se(value: int) -> str:
    """Write a signed Exp-Golomb code (9.1.1)."""
    return _ue(2 * value - 1 if value > 0 else -2 * value)


class _Bits:
    """Collects the bits of one NAL unit."""

    def __init__(self, first: int) -> None:
        self._done = bytearray([first])
        self._codes: list[str] = []
        self.put = self._codes.append

    def align(self) -> None:
        """Fill up the last byte with zeros."""
        bits = "".join(self._codes)
        self._codes.clear()
        size = -(-len(bits) // 8)
        self._done += int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")

    def samples(self, raw: bytes) -> None:
        """Append whole bytes at the next byte boundary."""
        self.align()
        self._done += raw

    def close(self) -> bytes:
        """End the unit: stop bit, then a 3 wherever two zeros could be taken for a start code (7.4.1)."""
        self.put("1")
        self.align()
        return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", self._done)


class Encoder:
    """Encodes pictures of one size, in the order in which they are shown.

    Args:
        width: Width in pixels, even.
        height: Height in pixels, even.
        fps: Pictures per second.

    Raises:
        ValueError: The size is odd, not positive, or larger than H.264 allows.
    """

    def __init__(self, width: int, height: int, fps: int) -> None:
        if width < 2 or height < 2 or width % 2 or height % 2 or fps < 1:
            raise ValueError(f"a film needs even sizes and a whole frame rate, not {width}x{height} at {fps}")
        self.columns = -(-width // MACROBLOCK)
        self.rows = -(-height // MACROBLOCK)
        self.level = self._find_level(fps)
        self.sps = self._write_sps(width, height, fps)
        self.pps = self._write_pps()
        self._stride = self.columns * MACROBLOCK
        self._current = self._previous = Picture(b"", b"", b"")
        self._strips: dict[int, _Strip] = {}
        self._old_strips: dict[int, _Strip] = {}
        self._frame_number = 0
        self._keys = 0

    def key(self, picture: Picture) -> bytes:
        """Encode a picture that stands alone.

        Args:
            picture: Planes of the padded size.

        Returns:
            One NAL unit behind its length in four bytes, as MP4 stores it.
        """
        self._begin(picture)
        self._frame_number = 0
        bits = _Bits(0x65)
        # first_mb, I, pps, frame_num, idr_pic_id, both marking flags, qp delta, deblocking off
        bits.put(_ue(0) + _ue(7) + _ue(0) + f"{0:08b}" + _ue(self._keys % 2) + "00" + _se(0) + _ue(1))
        self._keys += 1
        raw_above = bytearray(self.columns)
        for row in range(self.rows):
            modes = self._intra_modes(row, range(self.columns))
            raw_here = bytearray(self.columns)
            for column in range(self.columns):
                raw_here[column] = self._put_intra(bits, 0, row, column, modes[column], raw_above, raw_here)
            raw_above = raw_here
        return self._end(bits)

    def delta(self, picture: Picture, motions: Sequence[Motion] = ()) -> bytes:
        """Encode a picture by what changed since the one before.

        Args:
            picture: Planes of the padded size.
            motions: What may have moved; a wrong guess costs bytes, never exactness.

        Returns:
            One NAL unit behind its length in four bytes, as MP4 stores it.

        Raises:
            ValueError: A shift is odd or too wide, or there is no picture before this one.
        """
        if any(motion.shift % 2 or abs(motion.shift) > _MAX_SHIFT for motion in motions):
            raise ValueError("shifts are even and at most 2046 pixels")
        if not self._keys:
            raise ValueError("a film begins with a key picture")
        self._begin(picture)
        self._frame_number = (self._frame_number + 1) % 256
        bits = _Bits(0x61)
        # first_mb, P, pps, frame_num, no override, no reordering, sliding window, qp delta, deblocking off
        bits.put(_ue(0) + _ue(5) + _ue(0) + f"{self._frame_number:08b}" + "000" + _se(0) + _ue(1))
        still = [0] * self.columns
        above = [_AWAY] * self.columns
        raw_above = bytearray(self.columns)
        run = 0
        for row in range(self.rows):
            if self._unchanged(row):
                # Its first block has no left neighbour and so stands still; the others follow it.
                run += self.columns
                above, raw_above = still, bytearray(self.columns)
                continue
            motion, modes = self._find_motion(row, motions)
            raw_here = bytearray(self.columns)
            for column, move in enumerate(motion):
                a = motion[column - 1] if column else _AWAY
                if move == _INTRA:
                    bits.put(_ue(run))
                    run = 0
                    mode = modes[column]
                    raw_here[column] = self._put_intra(bits, 5, row, column, mode, raw_above, raw_here)
                elif move == _skip_motion(a, above, column):
                    run += 1
                else:
                    guess = _median_motion(a, above, column)
                    # skip run, P_L0_16x16, difference to the guess in quarter pixels, no residual
                    bits.put(_ue(run) + _ue(0) + _se(4 * (move - guess)) + _se(0) + _ue(0))
                    run = 0
            above, raw_above = motion, raw_here
        if run:
            bits.put(_ue(run))
        return self._end(bits)

    def _begin(self, picture: Picture) -> None:
        size = self.columns * self.rows * MACROBLOCK * MACROBLOCK
        if (len(picture.y), len(picture.u), len(picture.v)) != (size, size // 4, size // 4):
            raise ValueError(f"planes of {size} and twice {size // 4} bytes are wanted")
        self._current = picture
        self._strips = {}

    def _end(self, bits: _Bits) -> bytes:
        self._previous, self._old_strips = self._current, self._strips
        unit = bits.close()
        return len(unit).to_bytes(4, "big") + unit

    def _unchanged(self, row: int) -> bool:
        size = self._stride * MACROBLOCK
        start = row * size
        now, old = self._current, self._previous
        if now.y[start : start + size] != old.y[start : start + size]:
            return False
        size, start = size // 4, start // 4
        end = start + size
        return now.u[start:end] == old.u[start:end] and now.v[start:end] == old.v[start:end]

    def _strip(self, row: int) -> _Strip:
        if row not in self._strips:
            self._strips[row] = self._load(self._current, row)
        return self._strips[row]

    def _old_strip(self, row: int) -> _Strip:
        if row not in self._old_strips:
            self._old_strips[row] = self._load(self._previous, row)
        return self._old_strips[row]

    def _load(self, picture: Picture, row: int) -> _Strip:
        size = self._stride * MACROBLOCK
        quarter = size // 4
        chroma = slice(row * quarter, (row + 1) * quarter)
        return _Strip(
            int.from_bytes(picture.y[row * size : (row + 1) * size], "little"),
            int.from_bytes(picture.u[chroma], "little"),
            int.from_bytes(picture.v[chroma], "little"),
        )

    def _differs(self, luma: int, chroma: int) -> bytes:
        """Fold the differences of a strip into one byte per macroblock; zero where there are none."""
        folded = _fold(luma, self._stride, MACROBLOCK) | _fold(chroma, self._stride // 2, MACROBLOCK // 2)
        return folded.to_bytes(self.columns, "little")

    def _find_motion(self, row: int, motions: Sequence[Motion]) -> tuple[list[int], dict[int, int]]:
        """Return where each macroblock of a row comes from, and how the rest is predicted.

        A motion points from the block back to its source, in luma samples.
        """
        new, old = self._strip(row), self._old_strip(row)
        differs = self._differs(new.y ^ old.y, (new.u ^ old.u) | (new.v ^ old.v))
        motion = [0] * self.columns
        left = [column for column in range(self.columns) if differs[column]]
        top, bottom = row * MACROBLOCK, (row + 1) * MACROBLOCK
        for move in dict.fromkeys(-m.shift for m in motions if m.top < bottom and top < m.bottom):
            if not left:
                break
            differs = self._differs(
                new.y ^ _moved(old.y, move),
                (new.u ^ _moved(old.u, move // 2)) | (new.v ^ _moved(old.v, move // 2)),
            )
            rest = []
            for column in left:
                start = column * MACROBLOCK + move
                if differs[column] or start < 0 or start + MACROBLOCK > self._stride:
                    rest.append(column)
                else:
                    motion[column] = move
            left = rest
        for column in left:
            motion[column] = _INTRA
        return motion, self._intra_modes(row, left) if left else {}

    def _intra_modes(self, row: int, columns: Sequence[int]) -> dict[int, int]:
        """Return how each of the columns is predicted from its neighbours, or `_I_PCM`."""
        strip = self._strip(row)
        sideways = self._differs(
            strip.y ^ (strip.y << 8), (strip.u ^ (strip.u << 8)) | (strip.v ^ (strip.v << 8))
        )
        modes = {c: _HORIZONTAL if c and not sideways[c] else _I_PCM for c in columns}
        if row:
            above = self._strip(row - 1)
            luma, chroma = 8 * self._stride, 4 * self._stride
            downwards = self._differs(
                strip.y ^ _lowered(strip.y, above.y, luma, MACROBLOCK),
                (strip.u ^ _lowered(strip.u, above.u, chroma, MACROBLOCK // 2))
                | (strip.v ^ _lowered(strip.v, above.v, chroma, MACROBLOCK // 2)),
            )
            for column in columns:
                if not downwards[column]:
                    modes[column] = _VERTICAL
        return modes

    def _put_intra(
        self, bits: _Bits, base: int, row: int, column: int, mode: int, above: bytearray, here: bytearray
    ) -> bool:
        """Write an intra macroblock; return whether it holds its samples."""
        if mode == _I_PCM:
            bits.put(_ue(base + _I_PCM))
            bits.samples(b"".join(self._block(row, column)))
            return True
        # An I_PCM neighbour counts as 16 coefficients and changes the code for "none here" (9.2.1).
        none = "000011" if (column and here[column - 1]) or above[column] else "1"
        bits.put(_ue(base + 1 + mode) + _ue(_CHROMA_MODE[mode]) + _se(0) + none)
        return False

    def _block(self, row: int, column: int) -> Iterator[bytes]:
        for plane, edge, stride in (
            (self._current.y, MACROBLOCK, self._stride),
            (self._current.u, MACROBLOCK // 2, self._stride // 2),
            (self._current.v, MACROBLOCK // 2, self._stride // 2),
        ):
            start = row * edge * stride + column * edge
            for at in range(start, start + edge * stride, stride):
                yield plane[at : at + edge]

    def _find_level(self, fps: int) -> int:
        size = self.columns * self.rows
        for level, per_second, per_picture in _LEVELS:
            longest = max(self.columns, self.rows) ** 2
            if size <= per_picture and size * fps <= per_second and longest <= 8 * per_picture:
                return level
        raise ValueError("the film is larger or faster than H.264 allows")

    def _write_sps(self, width: int, height: int, fps: int) -> bytes:
        bits = _Bits(0x67)
        bits.put(f"{66:08b}" + "11000000" + f"{self.level:08b}")  # constrained baseline
        bits.put(_ue(0) + _ue(4) + _ue(2) + _ue(1) + "0")  # id, 8-bit frame_num, output order, one reference
        bits.put(_ue(self.columns - 1) + _ue(self.rows - 1) + "11")
        right = (self.columns * MACROBLOCK - width) // 2
        bottom = (self.rows * MACROBLOCK - height) // 2
        bits.put("1" + _ue(0) + _ue(right) + _ue(0) + _ue(bottom))
        bits.put("1")  # video usability information follows
        bits.put("1" + f"{1:08b}" + "0")  # square pixels
        bits.put("1" + "101" + "0" + "1" + f"{1:08b}" * 3 + "0")  # limited range, BT.709 throughout
        bits.put("1" + f"{1:032b}" + f"{2 * fps:032b}" + "1")  # two ticks a picture, constant rate
        bits.put("000")
        # No motion across the border, no limits, nothing reordered, one picture held.
        bits.put("10" + _ue(0) + _ue(0) + _ue(13) + _ue(13) + _ue(0) + _ue(1))
        return bits.close()

    def _write_pps(self) -> bytes:
        bits = _Bits(0x68)
        bits.put(_ue(0) + _ue(0) + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + _se(0) * 3)
        bits.put("100")  # the slice controls deblocking
        return bits.close()


def _fold(difference: int, stride: int, edge: int) -> int:
    """Return an integer with one byte for each block of `edge` columns: zero where the strip has only zeros."""
    rows = edge
    while rows > 1:
        rows //= 2
        difference |= difference >> (8 * stride * rows)
    difference &= (1 << (8 * stride)) - 1
    width = edge
    while width > 1:
        width //= 2
        difference |= difference >> (8 * width)
    return int.from_bytes(difference.to_bytes(stride, "little")[::edge], "little")


def _moved(plane: int, move: int) -> int:
    return plane >> (8 * move) if move >= 0 else plane << (-8 * move)


def _lowered(strip: int, above: int, bits: int, rows: int) -> int:
    """Return the strip moved down by one line of that many bits, the last line of the strip above on top."""
    return ((strip << bits) | (above >> (bits * (rows - 1)))) & ((1 << (bits * rows)) - 1)


def _median_motion(a: int, above: Sequence[int], column: int) -> int:
    """Predict a motion from the neighbours left, above and above right (8.4.1.3)."""
    b = above[column]
    c = above[column + 1] if column + 1 < len(above) else _AWAY
    if c == _AWAY and column:
        c = above[column - 1]
    known = [motion for motion in (a, b, c) if motion < _AWAY]
    if len(known) == 1:
        return known[0]
    a, b, c = (motion if motion < _AWAY else 0 for motion in (a, b, c))
    return max(min(a, b), min(max(a, b), c))


def _skip_motion(a: int, above: Sequence[int], column: int) -> int:
    """Return the motion of a skipped macroblock (8.4.1.1)."""
    if a in (_AWAY, 0) or above[column] in (_AWAY, 0):
        return 0
    return _median_motion(a, above, column)
