"""Values as records, and records as a DataFrame."""

from __future__ import annotations

import sys

import pydantic
import pytest

from ve_magics.errors import DecodeError, MissingExtraError
from ve_magics.magics.frames import frame, records
from ve_magics.messages import Usage


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]),
        ({"a": 1, "b": [2]}, [{"a": 1, "b": [2]}]),
        ({"rivers": [{"a": 1}]}, [{"a": 1}]),
        ([Usage(input=3)], [{"input": 3}]),
        ([], []),
    ],
)
def test_records_make_a_table(value: object, rows: list[dict[str, object]]) -> None:
    """A list gives a row for each record, one record one row, and the only list in an object its own rows."""
    assert records(value) == rows


def test_pydantic_models_are_records() -> None:
    """Models give their fields, alone, in a list, and in a model that holds a list of them."""

    class River(pydantic.BaseModel):
        name: str

    class Rivers(pydantic.BaseModel):
        rivers: list[River]

    row = {"name": "Po"}
    assert records(River(name="Po")) == records([River(name="Po")]) == [row]
    assert records(Rivers(rivers=[River(name="Po")])) == [row]


@pytest.mark.parametrize("value", [7, "words", [1], {"names": ["a"]}])
def test_what_has_no_records_says_so(value: object) -> None:
    """Values without fields make no table."""
    with pytest.raises(DecodeError, match="holds no records"):
        records(value)


def test_a_frame_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pandas isn't installed, the error names it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError) as caught:
        frame([{"a": 1}])
    assert caught.value.hint == "pip install pandas"
