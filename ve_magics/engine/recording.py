"""The file beside a notebook from which it replays: reviewable text, stable order, media in a folder of its own.

`NAME.recording.json` holds one entry per request, in the order in which the requests were first made; texts of several
lines are written as lists of lines, so that a changed answer is a small diff. Media lie in `NAME.recording/`.
Reading never trusts the file: it is data with a version, and a broken one is refused and left as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from ve_magics.catalog import Cost
from ve_magics.engine.keys import Redactor
from ve_magics.errors import RecordingError, StoreError
from ve_magics.messages import ChatRequest, ChatResponse

FORMAT = 1
SUFFIX = ".recording.json"
SIZE_LIMIT = 256 * 1024 * 1024
"""A larger recording is refused, in bytes."""

Value = TypeVar("Value")

Mode = Literal["off", "auto", "record", "replay"]


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer that is kept, in the session's cache or in a recording.

    Attributes:
        response: The whole answer.
        served: `provider/model` that answered.
        cost: What it cost when it was made.
    """

    response: ChatResponse
    served: str = ""
    cost: Cost = Cost()


class Film(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A video that is kept.

    Attributes:
        file: Name of the mp4 in the recording's media folder.
        poster: Name of the poster there; empty where there is none.
        facts: What the job said of itself: prompt, seconds, size, revised prompt, cost.
    """

    file: str
    poster: str = ""
    served: str = ""
    facts: Mapping[str, Any] = {}


def request_key(request: ChatRequest) -> str:
    """Return the digest by which an answer to this request is found again.

    The model's name as the user wrote it counts, and so does everything that can change the answer; how the answer
    travels (streamed or whole) doesn't.
    """
    plain = msgspec.structs.replace(request, stream=False)
    return hashlib.sha256(b"chat\0" + msgspec.json.encode(plain, order="sorted")).hexdigest()


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


class Recording:
    """One notebook's recording.

    Args:
        path: The file, which need not exist yet.

    Raises:
        RecordingError: It exists and can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used: list[str] = []
        self._entries: dict[str, dict[str, Any]] = {}
        self._seen: tuple[int, int] | None = None
        self._catch_up()

    @property
    def media(self) -> Path:
        """The folder that holds the recording's media."""
        return self.path.with_name(self.path.name.removesuffix(".json"))

    def __len__(self) -> int:
        return len(self._entries)

    def _catch_up(self) -> None:
        """Read the file if somebody else has written it since; what is known here stays."""
        now = self._state()
        if now is not None and now != self._seen:
            self._entries = self._read() | self._entries
        self._seen = now

    def _state(self) -> tuple[int, int] | None:
        """Return what changes whenever the file does; None where there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordingError(f"{self.path.name} can't be read: {error.__class__.__name__}.") from None
        return found.st_mtime_ns, found.st_size

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            if self.path.stat().st_size > SIZE_LIMIT:
                raise RecordingError(f"{self.path.name} is larger than {SIZE_LIMIT >> 20} MiB.")
            data = json.loads(self.path.read_text("utf-8"))
            version = data["ve_magics_recording"]
            if isinstance(version, int) and version > FORMAT:
                raise RecordingError(
                    f"{self.path.name} was written by a newer version (format {version}, this one reads {FORMAT}).",
                    hint="pip install -U ve_magics. The file was left as it is.",
                )
            if version != FORMAT:
                raise ValueError("no format of ours")
            return {str(entry["key"]): dict(entry) for entry in data["entries"]}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RecordingError(
                f"{self.path.name} can't be read: {error.__class__.__name__}.",
                hint="It was left as it is. Delete it and record again: %ve record",
            ) from None

    def answer(self, key: str) -> Kept | None:
        """Return the recorded answer to a request, or None where there is none.

        Raises:
            RecordingError: The entry can't be read.
        """
        return self._convert(key, "answer", Kept)

    def film(self, key: str) -> Film | None:
        """Return the recorded video of a request, or None where there is none.

        Raises:
            RecordingError: The entry can't be read, or its file is missing.
        """
        film = self._convert(key, "film", Film)
        if film is not None:
            for name in (film.file, film.poster):
                if name and not self._holds(name):
                    raise RecordingError(
                        f"{self.path.name} names {name!r}, which is not in {self.media.name}/.",
                        hint="Record the notebook again: %ve record",
                    )
        return film

    def _holds(self, name: str) -> bool:
        """Whether the media folder itself holds a file of this name."""
        file = self.media / name
        return Path(name).name == name and file.is_file() and not file.is_symlink()

    def _convert(self, key: str, field: str, kind: type[Value]) -> Value | None:
        entry = self._entries.get(key)
        if entry is None or field not in entry:
            return None
        if key not in self.used:
            self.used.append(key)
        try:
            return msgspec.convert(fold(entry[field]), kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise RecordingError(
                f"{self.path.name}: the entry {key[:8]} can't be read: {error}.",
                hint="The file was left as it is. Record the notebook again: %ve record",
            ) from None

    def check_writable(self) -> None:
        """Look whether the recording could be written, before anything is paid that should be kept in it.

        Raises:
            StoreError: It can't.
        """
        folder = self.path.parent
        if not os.access(self.path if self.path.exists() else folder, os.W_OK) or not os.access(
            folder, os.W_OK
        ):
            raise self._unwritable("the folder or the file is read-only")

    def keep_answer(
        self, key: str, request: ChatRequest, kept: Kept, *, redactor: Redactor | None = None
    ) -> None:
        """Write an answer down; one with the same key is replaced in its place.

        Args:
            key: The request's digest.
            request: The question.
            kept: The answer.
            redactor: Takes the keys that are known out of both.

        Raises:
            StoreError: The file can't be written.
        """
        self._keep(
            key, {"asked": msgspec.to_builtins(request), "answer": msgspec.to_builtins(kept)}, redactor
        )

    def keep_film(
        self, key: str, asked: Any, film: Film, *, files: Iterable[Path], redactor: Redactor | None = None
    ) -> None:
        """Write a video down and copy its files into the media folder.

        Raises:
            StoreError: They can't be written.
        """
        try:
            self.media.mkdir(parents=True, exist_ok=True)
            for file in files:
                part = self.media / f"{file.name}.part"
                shutil.copyfile(file, part)
                part.replace(self.media / file.name)
        except OSError as error:
            raise StoreError(f"{self.media.name}/ can't be written: {error.strerror}.") from None
        self._keep(key, {"asked": msgspec.to_builtins(asked), "film": msgspec.to_builtins(film)}, redactor)

    def _keep(self, key: str, facts: dict[str, Any], redactor: Redactor | None) -> None:
        if key not in self.used:
            self.used.append(key)
        clean = (redactor or Redactor()).value(facts)
        self._catch_up()
        self._entries[key] = {"key": key, **unfold(clean)}
        self._write()

    def prune(self) -> int:
        """Drop the entries that were not used since the recording was opened; returns how many."""
        unused = [key for key in self._entries if key not in self.used]
        for key in unused:
            film = self._entries.pop(key).get("film", {})
            for name in (film.get("file"), film.get("poster")):
                if isinstance(name, str) and name and self._holds(name):
                    (self.media / name).unlink()
        if unused:
            self._write()
        return len(unused)

    def _write(self) -> None:
        data = {"ve_magics_recording": FORMAT, "entries": list(self._entries.values())}
        text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, "utf-8")
            part.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise self._unwritable(error.strerror or type(error).__name__) from None
        self._seen = self._state()

    def _unwritable(self, why: str) -> StoreError:
        return StoreError(
            f"{self.path.name} can't be written: {why}.",
            hint="Free some space or choose another folder; answers that have come are not lost.",
        )


def beside(notebook: Path | None, directory: Path) -> list[Path]:
    """Return the recordings that a notebook may replay from: its own, or all in its folder where it has no name."""
    if notebook is not None:
        return [notebook.with_name(notebook.stem + SUFFIX)]
    return sorted(directory.glob(f"*{SUFFIX}"))
