"""Chance that is the same everywhere."""

from __future__ import annotations

from ve_magics.sim.film.palette import PALETTES, Chance

NUMBERS = [979, 134, 606, 793]


def test_numbers_depend_on_text_and_seed_alone() -> None:
    """The first numbers of a known text, written down once: another machine must draw them too."""
    chance = Chance("狐狸", 7)
    assert [chance.number(0, 999) for _ in range(4)] == NUMBERS
    assert Chance("狐狸", 8).number(0, 2**60) != Chance("狐狸", 7).number(0, 2**60)
    assert Chance("狐", 7).number(0, 2**60) != Chance("狐狸", 7).number(0, 2**60)


def test_numbers_stay_in_their_range_and_reach_its_ends() -> None:
    """Both ends are drawn, nothing beyond them, whatever the text."""
    chance = Chance("\ud800", -1)
    assert {chance.number(3, 5) for _ in range(100)} == {3, 4, 5}
    assert {chance.choice("ab") for _ in range(100)} == {"a", "b"}


def test_text_stands_out_from_the_ground() -> None:
    """White on every palette's ground has the contrast that WCAG asks for: 4.5 to 1."""

    def luminance(colour: tuple[int, int, int]) -> float:
        linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for palette in PALETTES:
        assert 1.05 / (luminance(palette.near) + 0.05) > 4.5
