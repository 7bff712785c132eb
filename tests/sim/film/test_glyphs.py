"""The font: what it has, how wide it is, and that its licence travels with it."""

from __future__ import annotations

from importlib import resources

import pytest

from ve_magics.sim.film import glyphs

CHINESE = "的一是不了人我在有他这为之大来以个中上们黎明红狐繁體龍鳳電影雪國"


@pytest.mark.parametrize("text", ["AZaz09~é£¿ßŁ", "ΑΩαω", "ДЖжЯё", "—…‘’“”€→≤■★", "ｱ"])
def test_has_narrow_and_common_signs(text: str) -> None:
    """Western alphabets and marks are there, no wider than 16 pixels, and not blank."""
    for character in text:
        width, rows = glyphs.glyph(character)
        assert width == glyphs.width(character) <= 16
        assert any(rows)
        assert rows != glyphs.glyph("\U0010ffff")[1]


@pytest.mark.parametrize("text", [CHINESE, "、。「」《》，！？；：", "あいうアイウ", "가한글"])
def test_has_wide_signs(text: str) -> None:
    """Chinese in both scripts, Japanese and Korean are there, 16 pixels wide."""
    missing = glyphs.glyph("\U0010ffff")
    for character in text:
        width, rows = glyphs.glyph(character)
        assert (width, glyphs.width(character)) == (16, 16)
        assert any(rows)
        assert (width, rows) != missing


def test_has_all_of_gb2312() -> None:
    """Each of the 6763 hanzi of the national standard."""
    hanzi: set[str] = set()
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            hanzi.update(bytes((high, low)).decode("gb2312", "ignore"))
    assert len(hanzi) == 6763
    assert all(glyphs.glyph(character) != glyphs.glyph("\U0010ffff") for character in hanzi)


def test_bits_run_from_left_to_right() -> None:
    """The leftmost pixel is the highest bit: an L has its stem on the left and its foot at the bottom."""
    width, rows = glyphs.glyph("L")
    inked = [f"{row:0{width}b}" for row in rows if row]
    assert len(rows) == glyphs.HEIGHT
    assert inked[0] == "01000000"
    assert inked[-1] == "01111110"


def test_unknown_sign_is_a_box() -> None:
    """An emoji isn't in the font; it shows as an outline."""
    width, rows = glyphs.glyph("🎈")
    assert (width, len(rows), glyphs.width("🎈")) == (16, glyphs.HEIGHT, 16)
    assert {row for row in rows if row} == {0x3FFC, 0x2004}


def test_font_is_small_and_carries_its_licence() -> None:
    """The package stays light, and the font's licence asks to be kept beside it."""
    room = resources.files("ve_magics.sim.film")
    assert len(room.joinpath("glyphs.bin").read_bytes()) < 350_000
    licence = room.joinpath("glyphs.LICENSE.txt").read_text("utf-8")
    assert "Copyright © 1998-2022" in licence
    assert "SIL OPEN FONT LICENSE" in licence
