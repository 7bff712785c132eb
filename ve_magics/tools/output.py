"""What a tool gave back, as parts that a model can read: text, tables, pictures; cut visibly where it is too long."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.messages import File, Image, Text

MOST_TEXT = 20_000
"""Characters of one result that a model gets."""
MOST_PICTURE = 8_000_000
"""Bytes of one picture."""
_ROWS = 50
"""Rows of a table that a model gets."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_ITEMS = 5_000
"""Items of a list or a mapping that are looked at, at every level."""
_LEVELS = 32


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool's result for the model, and for the notebook.

    Attributes:
        parts: What the model gets.
        failed: Whether it is an error.
        shown: What the cell shows besides, by a name that its maker knows: a film, say.
        cost: US dollars that it cost besides the model; None where that isn't known.
        sources: What an answer may cite of it, by number.
    """

    parts: tuple[Text | Image | File, ...] = ()
    failed: bool = False
    shown: tuple[Any, ...] = ()
    cost: float | None = 0.0
    sources: tuple[tuple[int, Any], ...] = ()

    @property
    def text(self) -> str:
        """The text parts, joined by line ends."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


def failure(message: str) -> Output:
    """Return a result that says what went wrong."""
    return Output((Text(f"Error: {message}"),), failed=True)


def cut(text: str, limit: int = MOST_TEXT) -> str:
    """Return a text of at most about so many characters: beginning and end, and between them how much is missing."""
    if len(text) <= limit:
        return text
    head, tail = limit * 3 // 4, limit // 4
    return f"{text[:head]}\n[… {len(text) - head - tail:,} characters were cut here …]\n{text[len(text) - tail :]}"


def output_of(value: Any, limit: int = MOST_TEXT) -> Output:
    """Return what a function gave back, for a model.

    A text stays as it is, a table becomes CSV, a picture (PIL, matplotlib, a file's bytes) a picture, what JSON can
    say becomes JSON, and everything else its `str`.

    Args:
        value: What came back.
        limit: Characters of text.
    """
    if isinstance(value, Output):
        return msgspec.structs.replace(value, parts=tuple(_bounded(part, limit) for part in value.parts))
    if isinstance(value, tuple | list) and value and any(_picture(one) is not None for one in value[:16]):
        parts = [part for one in value[:16] for part in output_of(one, limit).parts]
        return Output(tuple(parts))
    picture = _picture(value)
    if picture is not None:
        return Output((_bounded(picture, limit),))
    return Output((Text(cut(_words(value), limit)),))


def _bounded(part: Text | Image | File, limit: int) -> Text | Image | File:
    if isinstance(part, Text):
        return part if len(part.text) <= limit else msgspec.structs.replace(part, text=cut(part.text, limit))
    if len(part.data) > MOST_PICTURE:
        return Text(f"[{type(part).__name__.lower()} of {len(part.data):,} bytes left out: too large]")
    return part


def _picture(value: Any) -> Image | None:
    """Return a picture that a value is, or None where it is none."""
    if isinstance(value, Image):
        return value
    if isinstance(value, bytes | bytearray):
        data = bytes(value)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return Image(data, "image/webp")
        return next((Image(data, kind) for magic, kind in _MAGIC if data.startswith(magic)), None)
    figure = getattr(value, "savefig", None)
    saved = getattr(value, "save", None)
    with io.BytesIO() as file:
        if callable(figure):
            figure(file, format="png")
        elif callable(saved) and hasattr(value, "getbands"):
            saved(file, format="PNG")
        else:
            return None
        return Image(file.getvalue(), "image/png")


def _words(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value):,} bytes]"
    if callable(getattr(value, "to_csv", None)) and hasattr(value, "shape"):
        return _table(value)
    try:
        return msgspec.json.encode(_jsonable(value, _LEVELS)).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return str(value)


def _table(frame: Any) -> str:
    """Return a DataFrame or a Series as CSV, its first rows only where there are many."""
    rows = frame.shape[0]
    words = str(frame.head(_ROWS).to_csv())
    return words if rows <= _ROWS else f"{words}[… {rows - _ROWS:,} more rows of {rows:,} were cut …]"


def _jsonable(value: Any, levels: int) -> Any:
    """Return a value in JSON's own kinds; raises TypeError where that can't be."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if not levels:
        raise TypeError("nested too deep")
    if callable(dump := getattr(value, "model_dump", None)):
        return _jsonable(dump(mode="json"), levels - 1)
    if callable(plain := getattr(value, "tolist", None)):
        return _jsonable(plain(), levels - 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: _jsonable(getattr(value, one.name), levels - 1) for one in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        pairs = [*value.items()][:_ITEMS]
        found = {str(key): _jsonable(one, levels - 1) for key, one in pairs}
        return found if len(value) <= _ITEMS else {**found, "…": f"{len(value) - _ITEMS:,} more were cut"}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_jsonable(one, levels - 1) for one in [*value][:_ITEMS]]
        return items if len(value) <= _ITEMS else [*items, f"… {len(value) - _ITEMS:,} more were cut"]
    return msgspec.to_builtins(value)
