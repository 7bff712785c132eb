"""Shapes cover what geometry says they cover, in luma and in chroma."""

from __future__ import annotations

from math import pi

import pytest

from ve_magics.sim.film.paint import (
    Canvas,
    Part,
    Shape,
    Sprite,
    above,
    disc,
    ink,
    mix,
    polygon,
    print_patch,
    union,
    within,
)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def area(shape: Shape, *, width: int = 64, height: int = 64, opacity: int = 64) -> tuple[float, float]:
    """Draw a red shape on black; return what share of a pixel it covers in all, by luma and by chroma."""
    canvas = Canvas(width, height)
    canvas.box(0, 0, canvas.width, canvas.height, ink(BLACK))
    red = (255, 0, 0)
    Sprite(width, height, Part(shape, red, red, opacity)).draw(canvas, 0, 0)
    luma, _, chroma = canvas.planes
    back, front = ink(BLACK), ink(red)
    return (
        sum(value - back[0] for value in luma) / (front[0] - back[0]),
        4 * sum(value - back[2] for value in chroma) / (front[2] - back[2]),
    )


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (disc(32, 32, 20), pi * 400),
        (polygon((10, 10), (50, 10), (50, 30), (10, 30)), 800),
        (polygon((10, 10), (50, 10), (10, 50)), 800),
        (union(disc(20, 32, 10), disc(44, 32, 10)), 2 * pi * 100),
        (union(disc(32, 32, 10), disc(32, 32, 20)), pi * 400),
        (above(disc(32, 32, 20), 32), pi * 200),
        (within(disc(32, 32, 20), polygon((32, 0), (64, 0), (64, 64), (32, 64))), pi * 200),
        (within(disc(10, 10, 5), disc(40, 10, 5)), 0),
        (disc(0, 32, 20), pi * 200),
        (disc(64, 32, 20), pi * 200),
    ],
)
def test_shapes_have_their_area(shape: Shape, size: float) -> None:
    """Anti-aliasing neither adds nor loses ground; what lies outside the sprite is cut off."""
    luma, chroma = area(shape)
    assert luma == pytest.approx(size, rel=0.01, abs=1)
    assert chroma == pytest.approx(size, rel=0.02, abs=1)


def test_opacity_thins_a_shape() -> None:
    """At 16 of 64, a quarter of the colour arrives."""
    assert area(disc(32, 32, 20), opacity=16)[0] == pytest.approx(pi * 100, rel=0.03)


def test_colour_runs_from_top_to_bottom() -> None:
    """A part is painted row by row in the colours between its two."""
    canvas = Canvas(16, 64)
    whole = polygon((0, 0), (16, 0), (16, 64), (0, 64))
    Sprite(16, 64, Part(whole, BLACK, WHITE)).draw(canvas, 0, 0)
    column = canvas.planes[0][::16]
    assert list(column) == sorted(column)
    assert (column[0], column[32]) == (16, ink((128, 128, 128))[0])


@pytest.mark.parametrize("opacity", [64, 20])
def test_sprites_are_cut_at_the_border(opacity: int) -> None:
    """A sprite half outside looks like the half of one inside, and touches no other row."""
    sprite = Sprite(32, 32, Part(disc(16, 16, 15), WHITE, WHITE, opacity))
    inside, left, right = (Canvas(64, 32) for _ in range(3))
    sprite.draw(inside, 32, 0)
    sprite.draw(left, -16, 0)
    sprite.draw(right, 48, 0)
    for plane, (stride, half) in enumerate(((64, 16), (32, 8), (32, 8))):
        for row in range(32 >> (plane > 0)):
            whole, cut, start = inside.planes[plane], left.planes[plane], row * stride
            middle = start + stride // 2
            assert cut[start : start + half] == whole[middle + half : middle + 2 * half]
            assert not any(cut[start + half : start + stride])
            assert (
                right.planes[plane][start + stride - half : start + stride] == whole[middle : middle + half]
            )
    far = Canvas(64, 32)
    sprite.draw(far, -32, 0)
    sprite.draw(far, 64, 0)
    assert not any(map(any, far.planes))


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (BLACK, (16, 128, 128)),
        (WHITE, (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_ink_is_bt709(colour: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    """The samples that ITU-R BT.709 gives in limited range."""
    assert ink(colour) == expected


def test_mix_ends_where_it_says() -> None:
    """None of it is the first colour, all of it the second, half of it halfway."""
    assert [mix((0, 10, 20), (100, 30, 20), share, 4) for share in (0, 2, 4)] == [
        (0, 10, 20),
        (50, 20, 20),
        (100, 30, 20),
    ]


def test_copy_is_independent() -> None:
    """Painting on a copy leaves the first canvas alone."""
    canvas = Canvas(30, 18)
    assert (canvas.width, canvas.height) == (32, 32)
    twin = canvas.copy()
    twin.box(0, 0, 32, 32, (1, 2, 3))
    assert not any(map(any, canvas.planes))
    assert [set(plane) for plane in twin.picture()] == [{1}, {2}, {3}]


def test_print_pads_and_halves() -> None:
    """An odd print gets even sides; chroma is the mean of four pixels."""
    patch = print_patch([b"\1\1\1"] * 3, BLACK, (0, 0, 255))
    blue = ink((0, 0, 255))
    assert patch.y == [bytes((blue[0],) * 3 + (16,))] * 3 + [bytes((16,)) * 4]
    half, quarter = (ink(mix(BLACK, (0, 0, 255), share, 4))[1] for share in (2, 1))
    assert patch.u == [bytes((blue[1], half)), bytes((half, quarter))]
    canvas = Canvas(16, 16)
    canvas.paste(patch, 2, 4)
    assert canvas.planes[0][4 * 16 + 2 : 4 * 16 + 6] == patch.y[0]
    assert canvas.planes[1][2 * 8 + 1 : 2 * 8 + 3] == patch.u[0]
