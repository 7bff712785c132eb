"""The entries of a recording as they lie in its file: data of anybody's, so each is looked at before it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ve_magics.engine.uses import title_of
from ve_magics.errors import RecordingError

FORMAT = 1


def read_entries(name: str, text: str) -> dict[str, dict[str, Any]]:
    """Return a recording's entries by key, in their order.

    Args:
        name: What the file is called, for errors.
        text: What it holds.

    Raises:
        RecordingError: A newer version has written it, or an entry is none.
        ValueError: It is no recording.
        KeyError: As well.
        TypeError: As well.
        RecursionError: As well.
    """
    data = json.loads(text)
    version = data["ve_magics_recording"]
    if isinstance(version, int) and version > FORMAT:
        raise RecordingError(
            f"{name} was written by a newer version (format {version}, this one reads {FORMAT}).",
            hint="pip install -U ve_magics. The file was left as it is.",
        )
    if version != FORMAT or not isinstance(data["entries"], list):
        raise ValueError("no format of ours")
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(data["entries"], 1):
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str):
            raise RecordingError(
                f"{name}: entry {number} can't be used: it is no object with a key.",
                hint="The file was left as it is. Mend or delete that entry,"
                " or delete the file and record again: %ve record",
            )
        found[entry["key"]] = entry
    return found


def misshapen(name: str, entries: Mapping[str, Mapping[str, Any]], key: str, why: str) -> RecordingError:
    """Return the error for an entry that is there and can't be used.

    Args:
        name: What the file is called.
        entries: All of them, by key.
        key: The entry's.
        why: What is wrong with it.
    """
    title = title_of(entries[key]) or key[:8]
    return RecordingError(
        f"{name}: entry {[*entries].index(key) + 1} ({title}) can't be used: {why}.",
        hint="It was left as it is, and nothing was asked in its place."
        " Mend or delete the entry, or record the notebook again: %ve record",
    )


def contents(entry: Mapping[str, Any]) -> str:
    """Return what an entry holds beside its question, for an error."""
    return ", ".join(name for name in entry if name not in ("key", "asked")) or "nothing"
