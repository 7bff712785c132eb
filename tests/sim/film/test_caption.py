"""Text is broken where a typesetter would break it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.sim.film.caption import balance, clean, draw, measure, wrap

FORBIDDEN = tuple("，。！？；：）》」,.!?")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  a \n\t b\u3000c ", "a b c"),
        ("e\u0301", "é"),
        ("a\0b\u200d\ufe0fc\ud800", "abc"),
        ("", ""),
    ],
)
def test_text_is_cleaned(text: str, shown: str) -> None:
    """White space becomes one space, letters are composed, what can't be seen goes."""
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 64, ["one two", "three"]),
        ("one two", 56, ["one two"]),
        ("abcdefghijkl mn", 64, ["abcdefgh", "ijkl mn"]),
        ("一二三四五六", 64, ["一二三四", "五六"]),
        ("一二三，四五", 48, ["一二", "三，四", "五"]),
        ("一二（三四）", 48, ["一二", "（三", "四）"]),
        ("中文 and English", 64, ["中文 and", "English"]),
        ("", 64, []),
    ],
)
def test_lines_break_at_spaces_and_between_hanzi(text: str, width: int, lines: list[str]) -> None:
    """Words stay whole if they can, a closing mark never begins a line, an opening one never ends it."""
    assert wrap(text, width, 5) == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [("one two three four", ["one two", "three…"]), ("一二三四五六七八九", ["一二三四", "五六七…"])],
)
def test_what_does_not_fit_ends_in_an_ellipsis(text: str, lines: list[str]) -> None:
    """The reader sees that there is more."""
    assert wrap(text, 64, 2) == lines


@given(
    st.text(alphabet="ab ,.()一二三，。（）《》é🎈", max_size=120), st.integers(32, 200), st.integers(1, 4)
)
def test_lines_fit_and_lose_nothing(text: str, width: int, lines: int) -> None:
    """No line is wider than it may be or empty, and together they say the text, or its beginning."""
    text = clean(text)
    for broken in (wrap(text, width, lines), balance(text, width, lines)):
        assert len(broken) <= lines
        assert all(line and measure(line) <= width for line in broken)
        said = "".join(broken).replace(" ", "")
        if said != text.replace(" ", ""):
            assert said.endswith("…")
            assert text.replace(" ", "").startswith(said[:-1])


def test_balanced_lines_are_about_equally_long() -> None:
    """No line of its own for the last word."""
    text = "A red fox runs through fresh snow at dawn and sleeps"
    assert wrap(text, 400, 3) == ["A red fox runs through fresh snow at dawn and", "sleeps"]
    assert balance(text, 400, 3) == ["A red fox runs through fresh", "snow at dawn and sleeps"]


def test_a_very_long_prompt_is_quick() -> None:
    """Only as much of it is looked at as could be shown."""
    assert wrap("x" * 1_000_000, 64, 2) == ["xxxxxxxx", "xxxxxxx…"]


def test_drawing_puts_ink_where_the_font_has_it() -> None:
    """Rows are equally long, lines stand apart by the gap, and each pixel grows by the scale."""
    one = draw(["L"], 1)
    assert (len(one), {len(row) for row in one}) == (16, {8})
    assert [sum(row) for row in one if any(row)] == [1] * 9 + [6]
    two = draw(["L", "中"], 2, gap=6)
    assert (len(two), {len(row) for row in two}) == (70, {32})
    assert not any(map(any, two[32:38]))
    assert [row[:16:2] for row in two[:32:2]] == one
    assert [row[1:16:2] for row in two[1:32:2]] == one
