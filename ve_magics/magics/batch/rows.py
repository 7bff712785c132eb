"""The rows of a batch: any table or list as records, with a name for each field."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from ve_magics.engine.columns import aligned
from ve_magics.errors import ArgumentsError, VeError
from ve_magics.magics.markdown.links import words

Found = tuple[list[dict[str, Any]], str, list[VeError]]
"""What a batch brings: the results, a line that sums them up, and what went wrong."""

SHOWN = 10
"""Rows of a result that a cell shows."""
_WIDEST = 80
"""Characters of a value that a cell shows."""


class Row(dict[str, Any]):
    """One row of a table: `row.name` and `row["name"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            fields = ", ".join(map(str, self))
            raise AttributeError(f"the row has no field {name!r}; it has {fields}") from None


def rows_of(value: Any, name: str) -> list[Any]:
    """Return a value as rows: `Row` for a table's, the item itself for a list's.

    Args:
        value: A DataFrame, a Series, a list of anything, or a dict of columns.
        name: What the line calls it.

    Raises:
        ArgumentsError: It has no rows.
    """
    if callable(to_dict := getattr(value, "to_dict", None)) and hasattr(value, "columns"):
        items: Iterable[Any] = to_dict("records")
    elif isinstance(value, Mapping):
        columns = {str(key): list(column) for key, column in value.items() if _is_list(column)}
        if len(columns) < len(value) or len({len(column) for column in columns.values()}) > 1:
            raise ArgumentsError(
                f"{name} is a dict, and not one of columns of the same length.",
                hint="Give a list or a DataFrame.",
            )
        items = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    elif _is_list(value):
        items = list(value)
    else:
        raise ArgumentsError(
            f"{name} is a {type(value).__name__}, which has no rows.", hint="Give a list or a DataFrame."
        )
    rows = [
        Row((str(key), cell) for key, cell in item.items()) if isinstance(item, Mapping) else item
        for item in items
    ]
    if not rows:
        raise ArgumentsError(f"{name} has no rows.", hint="There is nothing to ask.")
    return rows


def _named(field: tuple[Any, Any]) -> tuple[str, Any]:
    return str(field[0]), field[1]


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, Mapping))


def record_of(row: Any) -> dict[str, Any]:
    """Return a row as the first columns of its result."""
    return dict(row) if isinstance(row, Row) else {"row": row}


def table_of(records: list[dict[str, Any]], index: Any = None) -> Any:
    """Return records as a DataFrame; as they are where pandas isn't installed.

    Args:
        records: The rows.
        index: The index of the table that they came from, where it had one.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return records
    return pandas.DataFrame(records, index=index)


def shown_table(records: list[dict[str, Any]], said: str) -> dict[str, str]:
    """Return the first records as a cell shows them, below a line that sums them up."""
    head = list(dict.fromkeys(key for record in records[:SHOWN] for key in record))
    cells = [[_short(record.get(key)) for key in head] for record in records[:SHOWN]]
    more = f"… and {len(records) - SHOWN:,} more" if len(records) > SHOWN else ""
    names = [_short(key) for key in head]
    lines = [names, ["---"] * len(head), *cells]
    markdown = "\n".join(
        f"| {' | '.join(cell if line is lines[1] else words(cell) for cell in line)} |" for line in lines
    )
    return {
        "text/markdown": "\n\n".join(part for part in (words(said), markdown, more) if part),
        "text/plain": "\n".join(part for part in (said, aligned([names, *cells]), more) if part),
    }


def _short(value: Any) -> str:
    text = (
        "" if value is None else f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    )
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def free_name(record: dict[str, Any], name: str) -> str:
    """Return a column's name that the row doesn't have yet."""
    while name in record:
        name += "_"
    return name


def summed_up(count: int, failed: int, cost: float | None) -> str:
    """Return the line above a result: how many rows, and US dollars."""
    parts = [f"{count - failed:,} of {count:,} rows", told_cost(cost)]
    if failed:
        parts.append(f"{failed:,} failed: run the cell again to ask for those alone")
    return " · ".join(parts)


def told_cost(cost: float | None) -> str:
    """Return US dollars as they are told; None where nobody knows them."""
    return "cost unknown" if cost is None else f"{cost:.4f} USD"


def added_up(costs: Iterable[float | None]) -> float | None:
    """Return the sum of US dollars; None where nobody knows one of them."""
    known = [*costs]
    return None if None in known else sum(cost or 0.0 for cost in known)


def bar(done: int, count: int) -> str:
    """Return a bar that is as full as the work is done."""
    full = round(20 * done / count)
    return "▰" * full + "▱" * (20 - full)
