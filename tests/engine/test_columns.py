"""Text in columns."""

from __future__ import annotations

import pytest

from ve_magics.engine.columns import aligned, columns


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("film", 4), ("纸船", 4), ("A 船", 4), ("（１）", 6), ("e\u0301\u200b", 1), ("…", 1)],
)
def test_wide_characters_take_two_columns(text: str, count: int) -> None:
    """Chinese and full-width characters take two columns, marks and invisible ones none, all others one."""
    assert columns(text) == count


def test_columns_stand_below_each_other() -> None:
    """Each cell begins, or ends, at the column of its head, whatever is written; nothing hangs over at the end."""
    rows = [("name", "size", "note"), ("纸船", "7", ""), ("boat", "12", "x")]
    assert aligned(rows) == "name  size  note\n纸船  7\nboat  12    x"
    assert aligned(rows, right=[1]) == "name  size  note\n纸船     7\nboat    12  x"
