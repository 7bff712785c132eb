"""Tables and lists as the rows of a batch."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from ve_magics.magics.batch.rows import Row, added_up, rows_of, shown_table, summed_up, table_of, told_cost


class Frame:
    """What a batch uses of a DataFrame."""

    columns = ("a", 2)
    index = (7, 8)

    def to_dict(self, form: str) -> list[dict[Any, Any]]:
        """Return the rows."""
        assert form == "records"
        return [{"a": 1, 2: "x"}, {"a": 3, 2: "y"}]


def test_tables_and_lists_have_rows() -> None:
    """A DataFrame, a dict of columns, a list of dicts and a list of anything all have rows."""
    assert rows_of(Frame(), "f") == [{"a": 1, "2": "x"}, {"a": 3, "2": "y"}]
    assert rows_of({"a": [1, 2], "b": ("x", "y")}, "f") == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert rows_of([{"a": 1}], "f")[0].a == 1
    assert rows_of(range(3), "f") == [0, 1, 2]


def test_a_missing_field_is_named_with_those_there_are() -> None:
    """Who mistypes a column is told which there are."""
    with pytest.raises(AttributeError, match="no field 'b'; it has a"):
        Row(a=1).b  # noqa: B018 - looking it up is the test


def test_results_are_a_frame_where_pandas_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pandas the result is a DataFrame under the index of the rows; without it a list of dicts."""
    pandas: Any = ModuleType("pandas")
    pandas.DataFrame = lambda records, index: ("frame", records, index)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert table_of([{"a": 1}], (7,)) == ("frame", [{"a": 1}], (7,))
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert table_of([{"a": 1}]) == [{"a": 1}]


def test_a_long_table_is_shown_in_part() -> None:
    """The cell shows the first rows, says how many more there are, and cuts long values visibly."""
    shown = shown_table([{"text|": "<b>" + "x" * 200, "n": number / 3} for number in range(12)], "12 rows")
    assert "… and 2 more" in shown["text/markdown"]
    assert "<b>" not in shown["text/markdown"]
    assert "0.333333" in shown["text/plain"]
    assert "x…" in shown["text/plain"]
    assert len(shown["text/plain"].splitlines()) == 13


def test_a_cost_that_nobody_knows_is_no_zero() -> None:
    """One answer without a known price makes the sum unknown, on the way as at the end."""
    assert told_cost(added_up([0.25, 0.5])) == "0.7500 USD"
    assert told_cost(added_up([])) == "0.0000 USD"
    assert told_cost(added_up([0.25, None])) == "cost unknown"
    assert "cost unknown" in summed_up(2, 0, None)


def test_wide_characters_keep_their_columns() -> None:
    """A Chinese value takes two columns a character, so that what stands behind it stands in line."""
    text = shown_table([{"text": "纸船", "n": 1}, {"text": "boat", "n": 2}], "2 rows")["text/plain"]
    assert text.splitlines()[1:] == ["text  n", "纸船  1", "boat  2"]
