"""Values of the notebook, as a model sees them."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import io
import math
import os
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from ve_magics.engine.gateway import Trace
from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.attachments import IMAGE_LIMIT
from ve_magics.magics.chat.render import LIMIT, ROWS, render, source_of
from ve_magics.messages import ChatRequest, ChatResponse, Choice, Image, assistant

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


class Frame:
    """Looks like a pandas data frame."""

    def __init__(self, rows: int, columns: list[str], cell: Any = "x") -> None:
        self.columns = columns
        self.shape = (rows, len(columns))
        self._cell = cell

    def head(self, count: int) -> Frame:
        """Return the first rows."""
        return Frame(min(count, self.shape[0]), self.columns, self._cell)

    def itertuples(self, *, index: bool, name: str | None) -> list[tuple[Any, ...]]:
        """Return the rows."""
        assert index
        assert name is None
        return [(number, *[self._cell] * len(self.columns)) for number in range(self.shape[0])]


class Polar(Frame):
    """Looks like a polars data frame."""

    itertuples = None  # type: ignore[assignment]  # polars has none

    def head(self, count: int) -> Polar:
        """Return the first rows."""
        return Polar(min(count, self.shape[0]), self.columns, self._cell)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return [tuple([self._cell] * len(self.columns)) for _ in range(self.shape[0])]


class Series:
    """Looks like a series."""

    def head(self, count: int) -> Series:
        """Return itself."""
        return self

    def to_frame(self) -> Frame:
        """Return it as a data frame."""
        return Frame(2, ["n"], 5)


class Array:
    """Looks like an array."""

    shape = (2, 2)
    dtype = "float64"

    def tolist(self) -> list[float]:
        """Return its values."""
        return [1.0]

    def __repr__(self) -> str:
        return "array([[1., 2.],\n       [3., 4.]])"


class Scalar(Array):
    """Looks like an array's number."""

    shape = ()  # type: ignore[assignment]  # as numpy's own scalars have it

    def __str__(self) -> str:
        return "7"


class Figure:
    """Looks like a figure."""

    def savefig(self, file: Any, format: str) -> None:  # noqa: A002 - matplotlib's own word
        """Write it."""
        file.write(PNG)


class Axes:
    """Looks like matplotlib's axes."""

    figure = Figure()


class Drawing:
    """Looks like a PIL image."""

    def _repr_png_(self) -> bytes:
        return PNG


class Point(msgspec.Struct):
    """A point."""

    x: int


@dataclasses.dataclass
class Town:
    """A town."""

    name: str
    founded: dt.date


class Model(pydantic.BaseModel):
    """A model."""

    name: str


def double(value: int) -> int:
    """Return twice the value."""
    return value * 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("as {it} is\n" * 3, "as {it} is\n" * 3),
        (7, "7"),
        (None, "None"),
        (math.nan, "nan"),
        ({"a": [1, None, "é"]}, '{"a": [1, null, "é"]}'),
        ([1, (2, 3)], "[1, [2, 3]]"),
        ({1: 2}, '{"1": 2}'),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ([Path("/a"), object], '["/a", "<class \'object\'>"]'),
        ([Array()], "[[1.0]]"),
        ([Model(name="a")], '[{"name": "a"}]'),
        ([collections.UserDict(a=1)], '[{"a": 1}]'),
        (collections.OrderedDict(a=1), '{"a": 1}'),
        (frozenset({1}), "[1]"),
        ({}.keys(), "[]"),
        (Point(1), '{"x": 1}'),
        (Town("Ur", dt.date(1, 2, 3)), '{"name": "Ur", "founded": "0001-02-03"}'),
        (Model(name="a"), '{"name": "a"}'),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (range(3), "range(0, 3)"),
        (b"words \xc3\xa9", "words é"),
        (bytearray(b"words"), "words"),
        (Array(), "array of shape (2, 2), float64\narray([[1., 2.],\n       [3., 4.]])"),
        (Scalar(), "7"),
        (io.StringIO("text"), "text"),
        (io.BytesIO(b"text"), "text"),
        (ValueError("no"), "ValueError: no"),
    ],
    ids=lambda value: None if " at 0x" in repr(value) else repr(value),
)
def test_values_become_words(value: Any, words: str) -> None:
    """Strings go out as they are, containers and records as JSON, the rest as it prints."""
    assert render(value) == words


def test_long_json_has_lines() -> None:
    """What is short stands in one line, what is long is indented."""
    assert str(render(list(range(100)))).startswith("[\n  0,\n")


def test_circle_is_told() -> None:
    """A list that holds itself is shown as Python shows it."""
    circle: list[Any] = []
    circle.append(circle)
    assert render(circle) == "[[...]]"


def test_answer_goes_out_as_its_words() -> None:
    """An earlier answer can be put into the next prompt."""
    response = ChatResponse(choices=(Choice(assistant("It is blue."), "stop"),))
    assert render(Answer(ChatRequest(model="m"), response, Trace())) == "It is blue."


@pytest.mark.parametrize("frame", [Frame, Polar])
def test_tables_are_markdown(frame: type[Frame]) -> None:
    """A data frame is a Markdown table with its shape; cells can't break it."""
    shown = str(render(frame(2, ["a", "b|c"], "x\ny|z")))
    assert shown.startswith("2 rows × 2 columns\n\n| ")
    assert "b\\|c" in shown
    assert shown.count("x y\\|z") == 4
    assert "cut" not in shown
    assert len({line.replace("\\|", "").count("|") for line in shown.splitlines()[2:]}) == 1


def test_table_says_what_was_cut() -> None:
    """Rows, columns and cells are limited; the last line says how many there were."""
    shown = str(render(Frame(1234, [f"c{n}" for n in range(40)], "v" * 30)))
    assert shown.endswith("[cut: the first 20 of 1,234 rows, the first 30 of 40 columns]")
    assert len(shown.splitlines()) == 2 + 2 + ROWS + 1
    assert "v" * 200 + "…" in str(render(Frame(1, ["a"], "v" * 500)))


def test_wide_table_keeps_whole_rows() -> None:
    """A table that is too large as text loses rows, never half a row."""
    shown = str(render(Frame(20, [f"c{n}" for n in range(30)], "v" * 500)))
    assert len(shown) <= LIMIT + 200
    rows = shown.splitlines()[4:-1]
    assert all(row.count("|") == 32 for row in rows)
    assert shown.endswith(f"[cut: the first {len(rows)} of 20 rows]")


def test_series_is_a_table_of_one_column() -> None:
    """A series goes out as a table."""
    assert str(render(Series())).startswith("2 rows × 1 columns")


def test_a_head_alone_makes_no_table() -> None:
    """Things that have a `head` for other reasons are not taken for tables."""

    class Snake:
        def head(self) -> str:
            return "hiss"

        def __str__(self) -> str:
            return "a snake"

    class Odd(Frame):
        itertuples = None  # type: ignore[assignment]  # neither pandas nor polars

        def head(self, count: int) -> Odd:
            return self

        def __str__(self) -> str:
            return "odd"

    assert render(Snake()) == "a snake"
    assert render(Odd(1, ["a"])) == "odd"


@pytest.mark.parametrize(
    "value", [PNG, io.BytesIO(PNG), Figure(), Axes(), Drawing()], ids=lambda v: type(v).__name__
)
def test_pictures_are_pictures(value: Any) -> None:
    """Figures, PIL images and the bytes of pictures go out as pictures."""
    assert render(value) == Image(data=PNG, media_type="image/png")


def test_files_are_read(tmp_path: Path) -> None:
    """A path goes out as what the file holds: words, or a picture."""
    (tmp_path / "words.txt").write_text("\ufeffWords", "utf-8")
    (tmp_path / "dot.png").write_bytes(PNG)
    assert render(Path("words.txt"), directory=tmp_path) == "Words"
    assert render(tmp_path / "dot.png") == Image(data=PNG, media_type="image/png")
    with (tmp_path / "words.txt").open(encoding="utf-8-sig") as file:
        assert [render(file), render(file)] == ["Words", "Words"]
        file.read()
        assert render(file) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\xff\xfe\x00", "these bytes: neither text in UTF-8 nor a picture"),
        (Path("missing"), "missing can't be read: No such file"),
        (Path(), "can't be read: Is a directory"),
    ],
)
def test_what_can_not_be_sent_is_refused(value: Any, said: str, tmp_path: Path) -> None:
    """What is neither words nor a picture is an error before anything is sent."""
    with pytest.raises(ArgumentsError, match=said):
        render(value, directory=tmp_path)


def test_closed_and_large_files_are_refused(tmp_path: Path) -> None:
    """A closed file and one that is too large are errors that name it."""
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        os.truncate(file.fileno(), IMAGE_LIMIT + 1)
    with pytest.raises(ArgumentsError, match="is larger than 20 MiB"):
        render(path)
    with pytest.raises(ArgumentsError, match="can't be read: I/O operation"):
        render(file)
    large = PNG + b"0" * IMAGE_LIMIT
    with pytest.raises(ArgumentsError, match="picture of more than 20 MiB"):
        render(large)

    class Huge:
        def _repr_png_(self) -> bytes:
            return large

    with pytest.raises(ArgumentsError, match="larger than 20 MiB"):
        render(Huge())


def test_long_values_say_what_was_cut() -> None:
    """A value that is no string has a limit, and says how much is missing."""
    shown = str(render(b"a" * (LIMIT + 5)))
    assert shown == "a" * LIMIT + f"\n[cut: the first {LIMIT:,} of {LIMIT + 5:,} characters]"
    assert render("a" * (LIMIT + 5)) == "a" * (LIMIT + 5)


def test_functions_and_classes_are_their_source() -> None:
    """A function goes out as its source, a builtin as signature and description, a module as its description."""
    assert (
        render(double)
        == 'def double(value: int) -> int:\n    """Return twice the value."""\n    return value * 2'
    )
    assert str(render(Point)).startswith("class Point(msgspec.Struct):")
    assert str(render(len)).startswith("def len(obj, /)\nReturn the number")
    assert str(render(dict)).startswith("class dict(…)\ndict() -> new empty")
    assert str(render(math)).startswith("module math\n")


def test_hints_that_nothing_defines_cost_the_signature_only() -> None:
    """Where a type hint can't be evaluated, as Python 3.14 finds out only now, the name and the description go out."""

    class Late:
        """Later."""

        @property
        def __signature__(self) -> Any:
            raise NameError("name 'Nowhere' is not defined")

        def __call__(self) -> None: ...

    late = Late()
    late.__qualname__ = "late"  # type: ignore[attr-defined]  # as functions have it
    assert source_of(late, []) == "def late(…)\nLater."


def test_classes_of_the_notebook_are_found_in_its_cells() -> None:
    """The newest definition in a cell counts, decorators included; broken cells are passed over."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("class City:\n    name: str", namespace)
    cells = [
        "class City: ...",
        "@final\nclass City:\n    name: str\n\nx = 1",
        "x = City()",
        "class City:\n  ?",
    ]
    assert source_of(namespace["City"], cells) == "@final\nclass City:\n    name: str"
    nested = source_of(namespace["City"], ["if True:\n    class City:\n        name: str"])
    assert nested == "class City:\n    name: str"
    assert source_of(namespace["City"], []).startswith("class City()")
