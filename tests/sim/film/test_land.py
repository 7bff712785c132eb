"""Hills are smooth and periodic, and scrolling is nothing but shifting."""

from __future__ import annotations

from ve_magics.sim.film.land import Ridge, hills, plant
from ve_magics.sim.film.paint import Canvas, Colour, ink

KNOTS = [0, 255, 60, 200]


def sky(row: int) -> Colour:
    return (10, 20, min(255, 3 * row))


def earth(row: int) -> Colour:
    return (200, min(255, 2 * row), 10)


def test_hills_pass_through_their_knots_without_a_jump() -> None:
    """Heights are met at equal distances, and the end of the period meets its beginning."""
    line = hills(KNOTS, 400, 50)
    assert [line[at] for at in (0, 100, 200, 300)] == [knot * 16 * 50 // 256 for knot in KNOTS]
    assert all(0 <= value < 16 * 50 for value in line)
    assert max(abs(a - b) for a, b in zip(line, line[1:] + line[:1], strict=True)) <= 16


def test_trees_stand_on_the_ground() -> None:
    """A tree is as high as it is told to be, and never above the room, even across the seam."""
    line = [480] * 100
    grown = plant(line, [(0, 10, 4), (50, 99, 3)])
    assert grown[0] == 480 - 160
    assert grown[99] == grown[1] > grown[0]
    assert grown[50] == 0
    assert grown[20] == 480
    assert line == [480] * 100


def test_ridge_is_sky_above_and_earth_below() -> None:
    """Far from the line a row has one ink only; on it, something between."""
    line = [16 * 8 + 8] * 96
    canvas = Canvas(64, 32)
    Ridge(line, 8, 16, sky, earth, 64).draw(canvas, 0)
    column = canvas.planes[0][::64]
    assert column[8:16] == bytes(ink(sky(row))[0] for row in range(8, 16))
    assert column[17:24] == bytes(ink(earth(row))[0] for row in range(17, 24))
    low, high = sorted((ink(sky(16))[0], ink(earth(16))[0]))
    assert low < column[16] < high
    chroma = canvas.planes[1][::32]
    assert chroma[4:8] == bytes(ink(sky(row))[1] for row in range(8, 16, 2))
    assert chroma[9:12] == bytes(ink(earth(row))[1] for row in range(18, 24, 2))


def test_scrolling_only_shifts() -> None:
    """What is at a place comes to the left by the offset; a whole period changes nothing."""
    ridge = Ridge(hills(KNOTS, 96, 30), 0, 32, sky, earth, 64)
    start, later, lap = (Canvas(64, 32) for _ in range(3))
    ridge.draw(start, 0)
    ridge.draw(later, 10)
    ridge.draw(lap, 96)
    assert start.planes == lap.planes
    for plane, stride, step in zip(range(3), (64, 32, 32), (10, 5, 5), strict=True):
        for row in range(32 >> (plane > 0)):
            line = start.planes[plane][row * stride : (row + 1) * stride]
            assert later.planes[plane][row * stride : (row + 1) * stride - step] == line[step:]
