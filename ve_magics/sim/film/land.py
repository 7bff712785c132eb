"""Hills that scroll by: a ridge is a band of rows, painted once over a period and then only shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ve_magics.sim.film.paint import Canvas, Colour, ink, mix

RowColour = Callable[[int], Colour]
"""The colour of a row of the picture that is the same all along it."""


def hills(knots: list[int], period: int, height: int) -> list[int]:
    """Draw a smooth periodic line through heights.

    Args:
        knots: Heights at equal distances, 0 to 255.
        period: Pixels after which the line repeats.
        height: Room in pixels for the line.

    Returns:
        How far the ground lies below the top of the room at each pixel, in sixteenths of a pixel.
    """
    line = []
    for x in range(period):
        knot, rest = divmod(256 * x * len(knots) // period, 256)
        share = rest * rest * (768 - 2 * rest) >> 16
        low, high = knots[knot], knots[(knot + 1) % len(knots)]
        line.append((low * (256 - share) + high * share) * (16 * height) >> 16)
    return line


def plant(line: list[int], trees: Iterable[tuple[int, int, int]]) -> list[int]:
    """Put firs on a line of hills.

    Args:
        line: From `hills`.
        trees: Place, height and half width in pixels of each tree.

    Returns:
        The line with the trees on it.
    """
    grown = line[:]
    for place, height, half in trees:
        foot = line[place % len(line)]
        for offset in range(-half, half + 1):
            x = (place + offset) % len(line)
            tip = foot - 16 * height * (half + 1 - abs(offset)) // (half + 1)
            grown[x] = max(0, min(grown[x], tip))
    return grown


class Ridge:
    """A row of hills in front of something that is the same all along each row.

    Args:
        line: From `hills`, of an even length.
        top: Row of the picture at which the room for the line begins, even.
        height: Rows of that room, even, at most 254.
        behind: Colours of what is behind.
        body: Colours of the hills.
        width: Width of the canvas.
    """

    def __init__(
        self, line: list[int], top: int, height: int, behind: RowColour, body: RowColour, width: int
    ) -> None:
        self.top = top
        self._period = len(line)
        pairs = [a + b for a, b in zip(line[::2], line[1::2], strict=True)]
        halves = (height // 2, 64, 2)
        self._planes = (
            _scan(line, height, 32, 1, top, behind, body, 0, width),
            _scan(pairs, *halves, top, behind, body, 1, width // 2),
            _scan(pairs, *halves, top, behind, body, 2, width // 2),
        )

    def draw(self, canvas: Canvas, offset: int) -> None:
        """Draw the band, moved to the left by an even number of pixels."""
        for plane, stride, rows, shift in zip(
            canvas.planes, canvas.strides, self._planes, (0, 1, 1), strict=True
        ):
            start = offset % self._period >> shift
            at = (self.top >> shift) * stride
            for row in rows:
                plane[at : at + stride] = row[start : start + stride]
                at += stride


def _scan(
    line: list[int],
    height: int,
    unit: int,
    step: int,
    top: int,
    behind: RowColour,
    body: RowColour,
    plane: int,
    width: int,
) -> list[bytes]:
    """Return the rows of one plane, long enough to be cut anywhere in the period.

    Luma heights come in sixteenths of a row, doubled here to share the unit with the chroma's sums of two.
    """
    if plane == 0:
        line = [2 * value for value in line]
    tops = bytes(min(255, value // unit) for value in line)
    border: dict[int, list[tuple[int, int]]] = {}
    for x, value in enumerate(line):
        border.setdefault(value // unit, []).append((x, unit - value % unit))
    rows = []
    for row in range(height):
        far, near = behind(top + step * row), body(top + step * row)
        shades = [ink(mix(far, near, share, unit))[plane] for share in range(unit + 1)]
        table = bytes(shades[unit] if value < row else shades[0] for value in range(256))
        samples = bytearray(tops.translate(table))
        for x, share in border.get(row, ()):
            samples[x] = shades[share]
        rows.append(bytes(samples * 2)[: len(line) + width])
    return rows
