"""Paints anti-aliased shapes on a 4:2:0 picture, in integers throughout, so that every machine paints the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import isqrt
from typing import Final, NamedTuple

from ve_magics.sim.film.h264 import MACROBLOCK, Picture

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""
Ink = tuple[int, int, int]
"""Luma and the two chroma samples, BT.709, limited range."""
Point = tuple[int, int]
Shape = Callable[[int], list[Point]]
"""Maps a quarter row to the intervals that the shape covers in it, in sixteenths of a pixel."""

FULL: Final = 64
"""Coverage of a pixel that lies inside."""


def ink(colour: Colour) -> Ink:
    """Convert a colour to what a picture holds."""
    r, g, b = colour
    half = 32768
    return (
        16 + ((11966 * r + 40254 * g + 4064 * b + half) >> 16),
        128 + ((-6596 * r - 22189 * g + 28784 * b + half) >> 16),
        128 + ((28784 * r - 26145 * g - 2639 * b + half) >> 16),
    )


def mix(low: Colour, high: Colour, share: int, whole: int) -> Colour:
    """Return the colour that lies `share` of `whole` on the way from low to high."""
    r, g, b = (
        (a * (whole - share) + z * share + whole // 2) // whole for a, z in zip(low, high, strict=True)
    )
    return r, g, b


class Canvas:
    """A picture in the making.

    Args:
        width: Width in pixels; the planes are padded to a multiple of 16.
        height: Height in pixels, the same.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = -(-width // MACROBLOCK) * MACROBLOCK
        self.height = -(-height // MACROBLOCK) * MACROBLOCK
        size = self.width * self.height
        self.planes = (bytearray(size), bytearray(size // 4), bytearray(size // 4))
        self.strides = (self.width, self.width // 2, self.width // 2)

    def copy(self) -> Canvas:
        """Return a canvas of its own with the same content."""
        twin = Canvas.__new__(Canvas)
        twin.width, twin.height, twin.strides = self.width, self.height, self.strides
        twin.planes = (self.planes[0][:], self.planes[1][:], self.planes[2][:])
        return twin

    def rows(self, top: int, bottom: int, inks: Callable[[int], Ink]) -> None:
        """Fill whole rows, each with the ink that belongs to it; chroma takes that of the even rows."""
        for row in range(top, bottom):
            self.box(0, row, self.width, row + 1, inks(row))

    def box(self, left: int, top: int, right: int, bottom: int, fill: Ink) -> None:
        """Fill a rectangle; its sides are even, or its chroma is rounded outwards."""
        for plane, stride, value, shift in zip(self.planes, self.strides, fill, (0, 1, 1), strict=True):
            first, last = left >> shift, -(-right >> shift)
            run = bytes((value,)) * (last - first)
            # An odd row has no chroma of its own.
            for row in range(-(-top >> shift), -(-bottom >> shift)):
                plane[row * stride + first : row * stride + last] = run

    def paste(self, patch: Patch, left: int, top: int) -> None:
        """Lay an opaque patch on the canvas, wholly inside; the place is even."""
        for plane, stride, rows, shift in zip(self.planes, self.strides, patch, (0, 1, 1), strict=True):
            at = (top >> shift) * stride + (left >> shift)
            for row in rows:
                plane[at : at + len(row)] = row
                at += stride

    def picture(self) -> Picture:
        """Return what has been painted."""
        y, u, v = self.planes
        return Picture(bytes(y), bytes(u), bytes(v))


class Patch(NamedTuple):
    """A small opaque picture: the rows of its three planes."""

    y: list[bytes]
    u: list[bytes]
    v: list[bytes]


def print_patch(rows: Sequence[bytes], back: Colour, front: Colour) -> Patch:
    """Print rows of ink (1) and none (0) in two colours; odd sizes are padded with the back colour."""
    width = len(rows[0]) + len(rows[0]) % 2
    even = [row.ljust(width, b"\0") for row in rows]
    if len(even) % 2:
        even.append(bytes(width))
    shades = [ink(mix(back, front, share, 4)) for share in range(5)]
    luma = bytes((shades[0][0], shades[4][0])).ljust(256, b"\0")
    tables = [bytes(shade[plane] for shade in shades).ljust(256, b"\0") for plane in (1, 2)]
    shares = [
        bytes(a + b + c + d for a, b, c, d in zip(one[::2], one[1::2], two[::2], two[1::2], strict=True))
        for one, two in zip(even[::2], even[1::2], strict=True)
    ]
    u, v = ([row.translate(table) for row in shares] for table in tables)
    return Patch([row.translate(luma) for row in even], u, v)


def disc(x: int, y: int, radius: int) -> Shape:
    """Return a disc, in pixels."""
    cx, cy, r = 16 * x, 16 * y, 16 * radius

    def covers(quarter: int) -> list[Point]:
        rest = r * r - (4 * quarter + 2 - cy) ** 2
        if rest <= 0:
            return []
        half = isqrt(rest)
        return [(cx - half, cx + half)]

    return covers


def polygon(*points: Point) -> Shape:
    """Return a convex polygon, in pixels."""
    corners = [(16 * x, 16 * y) for x, y in points]
    sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))

    def covers(quarter: int) -> list[Point]:
        at = 4 * quarter + 2
        met = [
            xa + (xb - xa) * (at - ya) // (yb - ya)
            for (xa, ya), (xb, yb) in sides
            if (ya <= at) != (yb <= at)
        ]
        return [(min(met), max(met))] if met else []

    return covers


def union(*shapes: Shape) -> Shape:
    """Return what any of the shapes covers."""

    def covers(quarter: int) -> list[Point]:
        merged: list[Point] = []
        for start, end in sorted(interval for shape in shapes for interval in shape(quarter)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    return covers


def above(shape: Shape, bottom: int) -> Shape:
    """Return the part of a shape above a row of pixels."""
    return lambda quarter: shape(quarter) if quarter < 4 * bottom else []


def within(shape: Shape, other: Shape) -> Shape:
    """Return the part of a shape inside another one; both cover one interval in a row at most."""

    def covers(quarter: int) -> list[Point]:
        return [
            (max(a, c), min(b, d))
            for a, b in shape(quarter)
            for c, d in other(quarter)
            if max(a, c) < min(b, d)
        ]

    return covers


class Part(NamedTuple):
    """A shape in a colour that runs from top to bottom; opacity is out of 64."""

    shape: Shape
    top: Colour
    bottom: Colour
    opacity: int = FULL


class _Row(NamedTuple):
    plane: int
    row: int
    spans: list[tuple[int, int, bytes]]  # start, end, samples
    edges: list[tuple[int, int]]  # column, coverage out of 256
    value: int
    table: bytes | None  # how a span changes the samples under it, unless it hides them


class Sprite:
    """Parts that move as one.

    Args:
        width: Width in pixels of what the parts cover, even.
        height: Height in pixels, even.
        parts: From back to front.
    """

    def __init__(self, width: int, height: int, *parts: Part) -> None:
        self.width, self.height = width, height
        self._rows = [row for part in parts for row in _rows(width, height, part)]

    def draw(self, canvas: Canvas, left: int, top: int) -> None:
        """Draw the sprite; the place is even and its rows are on the canvas."""
        planes, strides = canvas.planes, canvas.strides
        for number, row, spans, edges, value, table in self._rows:
            plane, stride = planes[number], strides[number]
            shift = 1 if number else 0
            offset = left >> shift
            base = (row + (top >> shift)) * stride
            if 0 <= offset <= stride - (self.width >> shift):
                base += offset
                for start, end, samples in spans:
                    here = slice(base + start, base + end)
                    plane[here] = samples if table is None else plane[here].translate(table)
                for column, share in edges:
                    old = plane[base + column]
                    plane[base + column] = old + (((value - old) * share + 128) >> 8)
                continue
            for start, end, samples in spans:
                first, last = max(0, start + offset), min(stride, end + offset)
                if first < last:
                    here = slice(base + first, base + last)
                    plane[here] = samples[: last - first] if table is None else plane[here].translate(table)
            for column, share in edges:
                if 0 <= column + offset < stride:
                    at = base + column + offset
                    plane[at] += ((value - plane[at]) * share + 128) >> 8


def _rows(width: int, height: int, part: Part) -> list[_Row]:
    rows: list[_Row] = []
    for even in range(0, height, 2):
        pair = [_coverage(part.shape, row, width) for row in (even, even + 1)]
        y, u, v = zip(
            *(ink(mix(part.top, part.bottom, row, height)) for row in (even, even + 1)), strict=True
        )
        for row, covered, value in zip((even, even + 1), pair, y, strict=True):
            rows += _row(0, row, [4 * share for share in covered], value, part.opacity)
        one, two = pair
        quarter = [a + b + c + d for a, b, c, d in zip(one[::2], one[1::2], two[::2], two[1::2], strict=True)]
        rows += _row(1, even // 2, quarter, u[0], part.opacity)
        rows += _row(2, even // 2, quarter, v[0], part.opacity)
    return rows


def _row(plane: int, row: int, covered: list[int], value: int, opacity: int) -> list[_Row]:
    """Split coverage out of 256 into spans that are covered wholly and the pixels at their edges."""
    spans: list[tuple[int, int, bytes]] = []
    edges: list[tuple[int, int]] = []
    start = -1
    for column, share in enumerate([*covered, 0]):
        if share == 256:
            if start < 0:
                start = column
            continue
        if start >= 0:
            spans.append((start, column, bytes((value,)) * (column - start)))
            start = -1
        if share:
            edges.append((column, share * opacity // FULL))
    if not spans and not edges:
        return []
    table = None
    if opacity < FULL:
        table = bytes(old + (((value - old) * opacity + FULL // 2) // FULL) for old in range(256))
    return [_Row(plane, row, spans, edges, value, table)]


def _coverage(shape: Shape, row: int, width: int) -> list[int]:
    """Return how much of each pixel in a row is covered, out of 64."""
    change = [0] * (width + 2)
    for quarter in range(4 * row, 4 * row + 4):
        for start, end in shape(quarter):
            for at, sign in ((start, 1), (end, -1)):
                column, part = divmod(min(max(at, 0), 16 * width), 16)
                change[column] += sign * (16 - part)
                change[column + 1] += sign * part
    return list(accumulate(change[:width]))
