"""Values as tables: the records that a value holds, and records as a pandas DataFrame."""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ve_magics.errors import DecodeError, MissingExtraError

_KEPT = (dt.datetime, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID)


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Any:
    """Return records as a pandas DataFrame, a row each.

    Args:
        rows: The records.
        columns: The columns, in order; those of the records where None.

    Raises:
        MissingExtraError: pandas isn't installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        missing = MissingExtraError("A DataFrame", "all")
        missing.hint = "pip install pandas"
        raise missing from None
    return pandas.DataFrame(rows) if columns is None else pandas.DataFrame(rows, columns=columns)


def records(value: Any) -> list[dict[str, Any]]:
    """Return an answer's value as records: those of a list, of the one list that it holds, or itself.

    Raises:
        DecodeError: It is no record and no list of records.
    """
    if callable(dump := getattr(value, "model_dump", None)):
        value = dump()
    if isinstance(value, (list, tuple)):
        rows = [_record(item) for item in value]
    else:
        row = _record(value)
        lists = [item for item in row.values() if isinstance(item, list)] if row else []
        whole = row is not None and len(row) == 1 and len(lists) == 1
        rows = [_record(item) for item in lists[0]] if whole else [row]
    found = [row for row in rows if row is not None]
    if len(found) < len(rows):
        raise DecodeError(
            "The answer holds no records.", hint="Ask for a list of objects: --schema list[NAME]"
        )
    return found


def _record(item: Any) -> dict[str, Any] | None:
    if callable(dump := getattr(item, "model_dump", None)):
        item = dump()
    plain = msgspec.to_builtins(item, enc_hook=lambda other: other, builtin_types=_KEPT)
    return plain if isinstance(plain, dict) else None
