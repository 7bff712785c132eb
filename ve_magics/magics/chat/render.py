"""A value of the notebook as a model should see it: words or a picture, of limited size, that say what was cut."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import msgspec

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.attachments import IMAGE_LIMIT, image_type, picture_of
from ve_magics.magics.chat.pending import Pending
from ve_magics.magics.chat.traces import trace
from ve_magics.messages import Image

LIMIT = 50_000
"""Most characters of a value; strings go out whole, whatever their length."""
ROWS = 20
"""Most rows of a table."""
COLUMNS = 30
"""Most columns of a table."""
CELL = 200
"""Most characters of a table's cell."""
_SHORT = 100
_CALLABLES = (
    type,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
)


def render(value: Any, *, cells: Sequence[str] = (), directory: Path | None = None) -> str | Image:
    """Return a value as words, or as a picture.

    Args:
        value: Anything. A string goes out as it is.
        cells: The source of the cells that have run, in which classes are looked for.
        directory: Where paths start; the working directory where None.

    Raises:
        ArgumentsError: It is bytes or a file that hold neither text nor a picture, or can't be read.
    """
    match value:
        case str():
            return value
        case Answer():
            return value.text
        case Pending():
            return render(value.wait(), cells=cells, directory=directory)
        case None | bool() | int() | float() | complex():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return _content(bytes(value), "these bytes")
        case Path():
            return _file(value if directory is None else directory / value)
        case BaseException():
            return trace(value)
        case _ if callable(getattr(value, "read", None)):
            return _stream(value)
        case types.ModuleType():
            return cut(f"module {value.__name__}\n{inspect.getdoc(value) or ''}".strip())
        case _ if isinstance(value, _CALLABLES):
            return cut(source_of(value, cells))
    if (table := _table(value)) is not None:
        return table
    if _is_array(value):
        return cut(f"array of shape {tuple(value.shape)}, {value.dtype}\n{value!r}")
    if (picture := _picture(value)) is not None:
        return picture
    if (plain := _json(value)) is not None:
        return cut(plain)
    return cut(str(value))


def cut(text: str) -> str:
    """Return a text of at most `LIMIT` characters; one that was longer says so."""
    if len(text) <= LIMIT:
        return text
    return f"{text[:LIMIT]}\n[cut: the first {LIMIT:,} of {len(text):,} characters]"


def _content(data: bytes, name: str) -> str | Image:
    if media_type := image_type(data):
        if len(data) > IMAGE_LIMIT:
            raise ArgumentsError(f"{name} is a picture of more than {IMAGE_LIMIT >> 20} MiB.")
        return Image(data=data, media_type=media_type)
    try:
        return cut(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ArgumentsError(f"{name}: neither text in UTF-8 nor a picture.") from None


def _file(path: Path) -> str | Image:
    path = path.expanduser()
    try:
        if path.stat().st_size > IMAGE_LIMIT:
            raise ArgumentsError(f"{path.name} is larger than {IMAGE_LIMIT >> 20} MiB.")
        data = path.read_bytes()
    except OSError as error:
        raise ArgumentsError(
            f"{path.name} can't be read: {error.strerror or type(error).__name__}."
        ) from None
    return _content(data, path.name)


def _stream(file: Any) -> str | Image:
    """Return what an open file holds from where it stands, and leave it there."""
    name = str(getattr(file, "name", "the file"))
    try:
        here = file.tell()
        data = file.read()
        file.seek(here)
    except (OSError, ValueError) as error:
        raise ArgumentsError(f"{name} can't be read: {error}.") from None
    return cut(data) if isinstance(data, str) else _content(bytes(data), name)


def source_of(value: Any, cells: Sequence[str] = ()) -> str:
    """Return the source of a function or class; its signature and description where there is no source.

    Args:
        value: The function or class.
        cells: The source of the cells that have run, in which a class of the notebook is looked for.
    """
    if isinstance(value, type) and value.__module__ == "__main__" and (found := _class_in(cells, value)):
        return found
    try:
        return textwrap.dedent(inspect.getsource(value)).rstrip()
    except (OSError, TypeError, SyntaxError):
        pass
    try:
        signature = str(inspect.signature(value))
    except (
        TypeError,
        ValueError,
        NameError,
    ):  # NameError: an annotation, which Python 3.14 evaluates only now
        signature = "(…)"
    kind = "class" if isinstance(value, type) else "def"
    name = getattr(value, "__qualname__", type(value).__name__)
    return f"{kind} {name}{signature}\n{inspect.getdoc(value) or ''}".strip()


def _class_in(cells: Sequence[str], value: type) -> str:
    """Return the newest definition of a class in the cells; Python itself can't find it before version 3.13."""
    for cell in reversed(cells):
        if f"class {value.__name__}" not in cell:
            continue
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == value.__name__:
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                lines = cell.splitlines()[first - 1 : node.end_lineno]
                return textwrap.dedent("\n".join(lines))
    return ""


def _table(value: Any) -> str | None:
    """Return a data frame or a series as a Markdown table with its shape; None for anything else."""
    if isinstance(value, type) or not callable(getattr(value, "head", None)):
        return None
    if not hasattr(value, "columns"):
        to_frame = getattr(value, "to_frame", None)
        if not callable(to_frame):
            return None
        value = to_frame()
    columns = [str(column) for column in value.columns]
    head = value.head(ROWS)
    indexed = callable(getattr(head, "itertuples", None))
    if indexed:
        rows: list[Sequence[Any]] = [tuple(row) for row in head.itertuples(index=True, name=None)]
    elif callable(getattr(head, "rows", None)):
        rows = [tuple(row) for row in head.rows()]
    else:
        return None
    count, width = int(value.shape[0]), len(columns)
    names = [""] * indexed + columns
    shown = min(width, COLUMNS) + indexed
    grid = [names[:shown], ["---"] * shown, *(row[:shown] for row in rows)]
    lines = [f"| {' | '.join(_cell(item) for item in row)} |" for row in grid]
    while len(lines) > 3 and sum(map(len, lines)) > LIMIT:
        lines.pop()
    cuts = [f"the first {len(lines) - 2:,} of {count:,} rows"] if len(lines) - 2 < count else []
    if width > COLUMNS:
        cuts.append(f"the first {COLUMNS} of {width} columns")
    note = f"\n[cut: {', '.join(cuts)}]" if cuts else ""
    return f"{count:,} rows × {width} columns\n\n{chr(10).join(lines)}{note}"


def _cell(item: Any) -> str:
    text = " ".join(str(item).split())
    text = text if len(text) <= CELL else f"{text[:CELL]}…"
    return text.replace("|", "\\|")


def _is_array(value: Any) -> bool:
    """Tell an array from its scalars, which look like one without dimensions."""
    return all(hasattr(value, name) for name in ("shape", "dtype", "tolist")) and value.shape != ()


def _picture(value: Any) -> Image | None:
    """Return a figure or a PIL image as a picture; None for anything else."""
    if isinstance(value, (Mapping, AbstractSet, list, tuple)):
        return None
    figure = getattr(value, "figure", None)
    if callable(getattr(figure, "savefig", None)):
        value = figure
    data = picture_of(value)
    if data is None or not (media_type := image_type(data)):
        return None
    if len(data) > IMAGE_LIMIT:
        raise ArgumentsError(f"The picture is larger than {IMAGE_LIMIT >> 20} MiB.")
    return Image(data=data, media_type=media_type)


def _json(value: Any) -> str | None:
    """Return containers and records as JSON; None for anything else."""
    if callable(dump := getattr(value, "model_dump", None)) and not isinstance(value, type):
        value = dump()
    if not (
        isinstance(value, (Mapping, AbstractSet, list, tuple, msgspec.Struct))
        or hasattr(value, "__dataclass_fields__")
    ):
        return None
    try:
        plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_other)
        short = json.dumps(plain, ensure_ascii=False, default=str)
        return short if len(short) <= _SHORT else json.dumps(plain, ensure_ascii=False, indent=2, default=str)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _other(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): item for key, item in value.items()}
        case AbstractSet():
            return [*value]
        case _ if callable(dump := getattr(value, "model_dump", None)):
            return dump()
        case _ if callable(tolist := getattr(value, "tolist", None)):
            return tolist()
        case _:
            return str(value)
