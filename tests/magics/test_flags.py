"""Flags that several magics share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from ve_magics.errors import ArgumentsError
from ve_magics.magics.completion import PARSERS
from ve_magics.magics.parser import Parser

FILM_FLAGS = ("--seconds", "--size", "--seed", "--no-expand", "--param")
SHARED_FLAGS = ("-m", "-s", "-t", "--max-tokens", "--param", "--timeout", "--no-fallback", "-o", "-h")


def flag(make: Callable[[], Parser], name: str) -> argparse.Action | None:
    """Return what a parser knows of a flag; None where it has none of that name."""
    return next((action for action in make()._actions if name in action.option_strings), None)


@pytest.mark.parametrize("name", FILM_FLAGS)
def test_films_are_described_alike_wherever_they_are_made(name: str) -> None:
    """A flag that says what a film is like means the same in `%%video`, `%%storyboard` and `%%batch`."""
    found = [flag(PARSERS[magic], name) for magic in ("%%video", "%%storyboard", "%%batch")]
    assert len({(one.dest, one.type, one.nargs, repr(one.default)) for one in found if one is not None}) == 1
    assert None not in found


@pytest.mark.parametrize("name", SHARED_FLAGS)
def test_a_flag_means_the_same_in_every_magic(name: str) -> None:
    """A flag that several magics have is kept under one name, with one kind of value and one default."""
    found = [one for make in PARSERS.values() if (one := flag(make, name)) is not None]
    assert len(found) > 2
    assert len({(one.dest, one.type, one.nargs, repr(one.default)) for one in found}) == 1


@pytest.mark.parametrize("magic", ["%%video", "%%storyboard"])
def test_a_size_is_width_times_height(magic: str) -> None:
    """A size is written in pixels with an x; anything else is refused with the usage."""
    assert PARSERS[magic]().read("--size 1280X0720").size == "1280x720"
    for wrong in ("1280", "0x720", "ax720", "1280x"):
        with pytest.raises(ArgumentsError, match="is not WIDTHxHEIGHT"):
            PARSERS[magic]().read(f"--size {wrong}")
