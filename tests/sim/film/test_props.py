"""Everything that can travel is there to be seen and fits into its frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ve_magics.sim.film import props
from ve_magics.sim.film.paint import Canvas, Sprite, ink
from ve_magics.sim.film.palette import PALETTES, Chance, Palette


@pytest.mark.parametrize("palette", [PALETTES[0], next(palette for palette in PALETTES if palette.night)])
@pytest.mark.parametrize("size", [8, 31, 90])
@pytest.mark.parametrize(
    "draw",
    [
        props.sun,
        lambda palette, size: props.cloud(palette, Chance("", size), size),
        props.balloon,
        props.paper_plane,
        props.flock,
    ],
    ids=["sun", "cloud", "balloon", "plane", "flock"],
)
def test_props_are_drawn_inside_their_frame(
    draw: Callable[[Palette, int], Sprite], size: int, palette: Palette
) -> None:
    """Even sides, a good part of the frame painted, and nothing that would be cut off at its sides."""
    sprite = draw(palette, size)
    assert sprite.width % 2 == sprite.height % 2 == 0
    canvas = Canvas(sprite.width, sprite.height)
    canvas.box(0, 0, canvas.width, canvas.height, ink(palette.sky))
    blank = canvas.picture().y
    sprite.draw(canvas, 0, 0)
    painted = [now != old for now, old in zip(canvas.picture().y, blank, strict=True)]
    assert sum(painted) > sprite.width * sprite.height // 60
    for row in range(sprite.height):
        assert not any(painted[row * canvas.width + sprite.width : (row + 1) * canvas.width])


def test_even_rounds_down() -> None:
    """Also below zero, where places left of the picture are."""
    assert [props.even(number) for number in (-3, -2, 0, 5, 6)] == [-4, -2, 0, 4, 6]
