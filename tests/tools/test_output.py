"""What a function gave back, as a model can read it, and never more of it than allowed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.messages import File, Image, Text
from ve_magics.tools import Output, cut, output_of
from ve_magics.tools.output import MOST_PICTURE, failure

PNG = b"\x89PNG\r\n\x1a\n0000"


@dataclasses.dataclass
class Point:
    """A point."""

    x: int
    at: dt.date


class Model(pydantic.BaseModel):
    """A pydantic model."""

    when: dt.date


class Array:
    """What numpy's arrays can do."""

    def tolist(self) -> list[int]:
        """Return a list."""
        return [1, 2]


class Frame:
    """What pandas' frames can do."""

    def __init__(self, rows: int) -> None:
        self.shape = (rows, 1)

    def head(self, count: int) -> Frame:
        """Return the first rows."""
        return Frame(min(count, self.shape[0]))

    def to_csv(self) -> str:
        """Return CSV."""
        return "n\n" + "".join(f"{number}\n" for number in range(self.shape[0]))


class Figure:
    """What matplotlib's figures can do."""

    def savefig(self, file: Any, format: str) -> None:  # noqa: A002 - matplotlib's own name
        """Write a picture."""
        file.write(PNG + format.encode())


class Drawing:
    """What PIL's images can do."""

    def getbands(self) -> str:
        """Return the bands."""
        return "RGB"

    def save(self, file: Any, format: str) -> None:  # noqa: A002 - PIL's own name
        """Write a picture."""
        file.write(PNG + format.encode())


class Odd:
    """What nothing is known of."""

    def __str__(self) -> str:
        return "something odd"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("words {not JSON}", "words {not JSON}"),
        (None, "null"),
        (7, "7"),
        (float("inf"), "null"),
        ([1, "二"], '[1,"二"]'),
        ({1: (True, None)}, '{"1":[true,null]}'),
        (Point(1, dt.date(2026, 1, 2)), '{"x":1,"at":"2026-01-02"}'),
        (Model(when=dt.date(2026, 1, 2)), '{"when":"2026-01-02"}'),
        (Array(), "[1,2]"),
        (decimal.Decimal("1.5"), '"1.5"'),
        ({"a": Odd()}, None),
        (Odd(), "something odd"),
        (b"abc", "[3 bytes]"),
        (Frame(2), "n\n0\n1\n"),
    ],
)
def test_values_become_text(value: Any, text: str | None) -> None:
    """Text stays, what JSON can say becomes JSON, tables become CSV, and everything else what it says of itself."""
    assert output_of(value) == Output((Text(str(value) if text is None else text),))


def test_long_tables_are_cut_with_a_word() -> None:
    """Of a table with many rows the first come, and how many are missing."""
    assert output_of(Frame(60)).text.endswith("49\n[… 10 more rows of 60 were cut …]")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (PNG, "image/png"),
        (bytearray(b"\xff\xd8\xff0"), "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF0000WEBPVP8", "image/webp"),
        (Figure(), "image/png"),
        (Drawing(), "image/png"),
        (Image(PNG, "image/png"), "image/png"),
    ],
)
def test_pictures_become_pictures(value: Any, kind: str) -> None:
    """Figures, drawings and the bytes of picture files are pictures for the model."""
    (part,) = output_of(value).parts
    assert isinstance(part, Image)
    assert part.media_type == kind


def test_pictures_among_others_are_told_apart() -> None:
    """A list that holds pictures gives each of them, and the rest as text."""
    parts = output_of(["look:", PNG, 3]).parts
    assert [type(part) for part in parts] == [Text, Image, Text]


def test_too_large_pictures_are_left_out_with_a_word() -> None:
    """A picture beyond the limit is named, not sent."""
    (part,) = output_of(PNG + bytes(MOST_PICTURE)).parts
    assert isinstance(part, Text)
    assert "too large" in part.text


def test_deep_and_circular_values_end() -> None:
    """A value without end is told as Python tells it."""
    circle: list[Any] = []
    circle.append(circle)
    assert output_of(circle).text == "[[...]]"


def test_long_lists_and_mappings_are_cut_with_a_word() -> None:
    """Of very many items the first come, and how many are missing."""
    assert "… 1 more were cut" in output_of([0] * 5_001, 100_000).text
    assert '"…":"1 more were cut"' in output_of({str(n): n for n in range(5_001)}, 200_000).text


def test_outputs_are_bounded_too() -> None:
    """What a tool has put together itself is held to the limit as well."""
    made = Output((Text("x" * 1_000), File(b"1", "text/plain")), failed=True, shown=(1,), cost=2.0)
    found = output_of(made, 100)
    assert (found.failed, found.shown, found.cost) == (True, (1,), 2.0)
    assert len(found.text) < 170
    assert output_of(made, 2_000) == made


def test_failures_say_what_went_wrong() -> None:
    """An error is told as one."""
    assert failure("no luck") == Output((Text("Error: no luck"),), failed=True)


@given(st.text(max_size=600), st.integers(40, 300))
def test_cutting_is_bounded_and_said(text: str, limit: int) -> None:
    """A text is whole or cut in its middle; then it says how much is missing."""
    found = cut(text, limit)
    if len(text) <= limit:
        assert found == text
    else:
        assert len(found) <= limit + 60
        assert "characters were cut here" in found
        assert found.startswith(text[: limit // 2])
        assert found.endswith(text[-(limit // 5) :])
