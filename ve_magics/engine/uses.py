"""What became of a recording's entries in one run: used, written anew, changed; and how an entry lies in the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

Status = Literal["replayed", "same", "added", "changed", "unused"]
_TITLE = 60


class Use(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry in one run.

    Attributes:
        recording: The file.
        key: The entry's key.
        status: What became of it: only read; written with the same words, anew or with others; or nothing.
        title: What was asked, in a few words.
        cell: Who asked, where known.
    """

    recording: str
    key: str
    status: Status
    title: str = ""
    cell: str = ""


def report(uses: Iterable[Use], unused: Sequence[Use] = (), *, pruned: bool = False) -> list[str]:
    """Return the lines that say what changed in a recording; the first one counts.

    Args:
        uses: The entries that were used.
        unused: Those that were not.
        pruned: Whether these have been dropped.
    """
    uses = list(uses)
    count = {
        status: sum(use.status == status for use in uses)
        for status in ("changed", "added", "same", "replayed")
    }
    words = {"changed": "changed", "added": "added", "same": "as before", "replayed": "replayed"}
    gone = "dropped" if pruned else "not used"
    parts = [f"{number} {words[status]}" for status, number in count.items() if number]
    if unused:
        parts.append(f"{len(unused)} {gone}")
    told = [use for status in ("changed", "added") for use in uses if use.status == status]
    rows = [(use.status, use.cell, use.title) for use in told] + [(gone, "", use.title) for use in unused]
    return [", ".join(parts) or "nothing was used", *(f"  {'  '.join(filter(None, row))}" for row in rows)]


def said(entry: Mapping[str, Any]) -> Any:
    """Return of an entry, as it lies in the file, what a reader would call its content."""
    if isinstance(answer := entry.get("answer"), Mapping):
        response = answer.get("response")
        choices = response.get("choices") if isinstance(response, Mapping) else None
        return ("answer", choices, answer.get("served"))
    return {
        name: {inner: one for inner, one in value.items() if inner not in ("usage", "created")}
        if isinstance(value, Mapping)
        else value
        for name, value in entry.items()
        if name not in ("key", "asked", "cost")
    }


def files_of(entry: Mapping[str, Any]) -> set[str]:
    """Return the names of an entry's files in the media folder."""
    names: list[Any] = []
    if isinstance(film := entry.get("film"), Mapping):
        names += [film.get("file"), film.get("poster")]
    if isinstance(files := entry.get("files"), list):
        names += files
    return {name for name in names if isinstance(name, str) and name}


def title_of(entry: Mapping[str, Any]) -> str:
    """Return in a few words what an entry's request was."""
    asked = fold(entry.get("asked"))
    if not isinstance(asked, dict):
        return ""
    words = " ".join(" ".join(_texts(asked)).split())
    words = words if len(words) <= _TITLE else f"{words[: _TITLE - 1]}…"
    return f"{asked.get('model', '')}: {words}".strip(": ")


def _texts(asked: Mapping[str, Any]) -> list[str]:
    messages = asked.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        parts = messages[-1].get("parts")
        found = (
            [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        )
    else:
        inputs = asked.get("inputs")
        found = [asked.get("prompt"), asked.get("query"), *(inputs[:1] if isinstance(inputs, list) else [])]
    return [text for text in found if isinstance(text, str)]


def unfold(value: Any) -> Any:
    """Return the value with every text of several lines written as a list of lines."""
    match value:
        case str() if "\n" in value:
            return {"lines": value.split("\n")}
        case dict():
            folded = {key: unfold(item) for key, item in value.items()}
            return {"literal": folded} if set(value) in ({"lines"}, {"literal"}) else folded
        case list() | tuple():
            return [unfold(item) for item in value]
        case _:
            return value


def fold(value: Any) -> Any:
    """Undo `unfold`."""
    match value:
        case {"lines": [*lines], **rest} if not rest and all(isinstance(line, str) for line in lines):
            return "\n".join(lines)
        case {"literal": dict() as inner, **rest} if not rest:
            return {key: fold(item) for key, item in inner.items()}
        case dict():
            return {key: fold(item) for key, item in value.items()}
        case list():
            return [fold(item) for item in value]
        case _:
            return value
