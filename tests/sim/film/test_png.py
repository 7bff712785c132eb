"""Stills in the colours that the film has."""

from __future__ import annotations

import io

import av

from ve_magics.sim.film.h264 import Picture
from ve_magics.sim.film.paint import Canvas, ink
from ve_magics.sim.film.png import encode


def test_another_decoder_sees_the_colours() -> None:
    """FFmpeg reads size and colours back, within the rounding of limited-range samples."""
    colours = [(255, 255, 255), (0, 0, 0), (200, 40, 60), (30, 180, 90), (20, 60, 220)]
    canvas = Canvas(20, 10)
    for number, colour in enumerate(colours):
        canvas.box(4 * number, 0, 4 * number + 4, 16, ink(colour))
    with av.open(io.BytesIO(encode(canvas.picture(), width=20, height=10)), format="png_pipe") as still:
        frame = next(still.decode(video=0))
    assert (frame.width, frame.height, frame.format.name) == (20, 10, "rgb24")
    raw, stride = bytes(frame.planes[0]), frame.planes[0].line_size
    for row in range(10):
        for number, colour in enumerate(colours):
            for x in range(4 * number, 4 * number + 4):
                at = row * stride + 3 * x
                assert all(abs(a - b) <= 3 for a, b in zip(raw[at : at + 3], colour, strict=True))


def test_impossible_samples_are_clipped() -> None:
    """Samples outside the range of colours give the nearest colour."""
    png = encode(Picture(bytes((255,)) * 256, bytes((255,)) * 64, bytes(64)), width=2, height=2)
    with av.open(io.BytesIO(png), format="png_pipe") as still:
        plane = next(still.decode(video=0)).planes[0]
    assert list(bytes(plane)[:3]) == [49, 255, 255]
