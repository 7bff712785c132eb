"""Stills in the colours that the film has."""

from __future__ import annotations

import io

import av

from ve_magics.sim.film.h264 import Picture
from ve_magics.sim.film.paint import Canvas, ink
from ve_magics.sim.film.png import encode, encode_small


def pixels(data: bytes) -> bytes:
    """Return what FFmpeg reads from a PNG file, three bytes a pixel."""
    with av.open(io.BytesIO(data), format="png_pipe") as still:
        frame = next(still.decode(video=0)).to_rgb()
    plane = frame.planes[0]
    raw, stride = bytes(plane), plane.line_size
    return b"".join(raw[row * stride : row * stride + 3 * frame.width] for row in range(frame.height))


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


def test_a_small_picture_shows_the_same() -> None:
    """With few colours a small file has the same pixels as the full one."""
    canvas = Canvas(32, 16)
    for number in range(8):
        canvas.box(4 * number, 0, 4 * number + 4, 16, ink((30 * number, 200 - 20 * number, 90)))
    full, small = (form(canvas.picture(), width=32, height=16) for form in (encode, encode_small))
    assert full != small
    assert pixels(full) == pixels(small)


def test_rare_colours_become_near_ones() -> None:
    """A small picture of more colours than its palette has keeps each within a little of what it was."""
    picture = Picture(bytes(range(16, 216)) + bytes((16,)) * 56, bytes((128,)) * 64, bytes((128,)) * 64)
    planes = [pixels(form(picture, width=16, height=16)) for form in (encode, encode_small)]
    assert planes[0] != planes[1]
    assert max(abs(a - b) for a, b in zip(*planes, strict=True)) <= 90
