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
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from ve_magics.catalog import Cost
from ve_magics.engine.entries import FORMAT, contents, misshapen, read_entries
from ve_magics.engine.keys import Redactor
from ve_magics.engine.uses import Status, Use, files_of, fold, said, title_of, unfold
from ve_magics.errors import RecordingError, StoreError
from ve_magics.messages import ChatRequest, ChatResponse

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


class _Facts(msgspec.Struct, frozen=True):
    """The facts of a film that are read again, by which others are not touched."""

    duration: float | None = None
    size: str = ""
    revised_prompt: str = ""
    cost: float | None = None
    directed: str = ""
    note: str = ""
    title: str = ""
    shots: tuple[Mapping[str, Any], ...] = ()


def request_key(request: ChatRequest) -> str:
    """Return the digest by which an answer to this request is found again.

    The model's name as the user wrote it counts, and so does everything that can change the answer; how the answer
    travels (streamed or whole) doesn't.
    """
    plain = msgspec.structs.replace(request, stream=False)
    return hashlib.sha256(b"chat\0" + msgspec.json.encode(plain, order="sorted")).hexdigest()


class Recording:
    """One notebook's recording.

    Args:
        path: The file, which need not exist yet.
        log: A file to which each use is written too, as lines of JSON; None writes none.

    Attributes:
        used: What was asked for or written since it was opened, by key: what became of the entry, and where.

    Raises:
        RecordingError: It exists and can't be read.
    """

    def __init__(self, path: Path, log: Path | None = None) -> None:
        self.path = path
        self.used: dict[str, Use] = {}
        self._log = log
        self._asked: dict[str, int] = {}
        self._entries: dict[str, dict[str, Any]] = {}
        self._seen: tuple[int, int] | None = None
        self._unwritten = False
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
            return read_entries(self.path.name, self.path.read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RecordingError(
                f"{self.path.name} can't be read: {error.__class__.__name__}.",
                hint="It was left as it is. Delete it and record again: %ve record",
            ) from None

    def expect(self, key: str) -> None:
        """Say that something is asked whose answer will be written: its entry's place is that of its question."""
        self._asked.setdefault(key, len(self._asked))

    def answer(self, key: str, *, cell: str = "") -> Kept | None:
        """Return the recorded answer to a request, or None where there is none.

        Args:
            key: The request's digest.
            cell: Who asks.

        Raises:
            RecordingError: The entry can't be read.
        """
        return self.entry(key, "answer", Kept, cell=cell)

    @property
    def unused(self) -> tuple[Use, ...]:
        """The entries that nobody has used since the recording was opened."""
        return tuple(
            Use(str(self.path), key, "unused", title_of(entry))
            for key, entry in self._entries.items()
            if key not in self.used
        )

    def film(self, key: str, *, cell: str = "") -> Film | None:
        """Return the recorded video of a request, or None where there is none.

        Raises:
            RecordingError: The entry can't be read, or its file is missing.
        """
        film = self.entry(key, "film", Film, cell=cell)
        if film is not None:
            try:
                msgspec.convert(film.facts, _Facts)
            except msgspec.ValidationError as error:
                raise misshapen(self.path.name, self._entries, key, f"film: {error}") from None
            for name in (film.file, film.poster):
                if name:
                    self.file(name)
        return film

    def file(self, name: str) -> Path:
        """Return a file of the media folder.

        Raises:
            RecordingError: It isn't there.
        """
        if not self._holds(name):
            raise RecordingError(
                f"{self.path.name} names {name!r}, which is not in {self.media.name}/.",
                hint="Record the notebook again: %ve record",
            )
        return self.media / name

    def _holds(self, name: str) -> bool:
        """Whether the media folder itself holds a file of this name."""
        file = self.media / name
        return Path(name).name == name and file.is_file() and not file.is_symlink()

    def entry(
        self, key: str, field: str, kind: type[Value], *, cell: str = "", optional: bool = False
    ) -> Value | None:
        """Return what an entry holds under a name, or None where there is no entry.

        Args:
            key: The request's digest.
            field: The name.
            kind: What it is.
            cell: Who asks.
            optional: Whether an entry may lack it; None is returned then too.

        Raises:
            RecordingError: The entry lacks it, or it can't be read: an entry that is there is never passed over.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        if field not in entry:
            if optional:
                return None
            raise misshapen(
                self.path.name, self._entries, key, f"it should hold {field!r}, and holds {contents(entry)}"
            )
        self._note(key, "replayed", entry, cell)
        try:
            return msgspec.convert(fold(entry[field]), kind)
        except (msgspec.ValidationError, RecursionError) as error:
            raise misshapen(self.path.name, self._entries, key, f"{field}: {error}") from None

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
        self, key: str, request: ChatRequest, kept: Kept, *, redactor: Redactor | None = None, cell: str = ""
    ) -> None:
        """Write an answer down; one with the same key is replaced in its place, unless it says the same.

        Args:
            key: The request's digest.
            request: The question.
            kept: The answer.
            redactor: Takes the keys that are known out of both.
            cell: Who asked.

        Raises:
            StoreError: The file can't be written.
        """
        facts = {"asked": msgspec.to_builtins(request), "answer": msgspec.to_builtins(kept)}
        self.keep(key, facts, redactor=redactor, cell=cell)

    def keep_film(
        self,
        key: str,
        asked: Any,
        film: Film,
        *,
        files: Iterable[Path],
        redactor: Redactor | None = None,
        cell: str = "",
    ) -> None:
        """Write a video down and copy its files into the media folder.

        Raises:
            StoreError: They can't be written.
        """
        files = list(files)
        try:
            other = not all(self._same(file.name, file.read_bytes()) for file in files)
            self.media.mkdir(parents=True, exist_ok=True)
            for file in files:
                part = self.media / f"{file.name}.part"
                shutil.copyfile(file, part)
                part.replace(self.media / file.name)
        except OSError as error:
            raise StoreError(f"{self.media.name}/ can't be written: {error.strerror}.") from None
        facts = {"asked": msgspec.to_builtins(asked), "film": msgspec.to_builtins(film)}
        self.keep(key, facts, other=other, redactor=redactor, cell=cell)

    def keep(
        self,
        key: str,
        facts: dict[str, Any],
        *,
        files: Mapping[str, bytes] | None = None,
        other: bool = False,
        redactor: Redactor | None = None,
        cell: str = "",
    ) -> None:
        """Write an entry, and its files into the media folder.

        An entry of the same key keeps its place, and stays as it is where the new one says the same: what differs in
        every run (ids, times, tokens) alone is no change.

        Args:
            key: The request's digest.
            facts: What was asked, under `asked`, and what came; JSON.
            files: Contents by name.
            other: Whether files that were written already differ from those of an earlier entry.
            redactor: Takes the keys that are known out of them.
            cell: Who asked.

        Raises:
            StoreError: They can't be written.
        """
        self.expect(key)
        new = {"key": key, **unfold((redactor or Redactor()).value(facts))}
        self._catch_up()
        old = self._entries.get(key)
        same = not other and old is not None and said(old) == said(new)
        same = same and all(self._same(*file) for file in (files or {}).items())
        self._note(key, "same" if same else "added" if old is None else "changed", new, cell)
        if same:
            if self._unwritten:
                self._write()
            return
        for name, content in (files or {}).items():
            self._write_file(name, content)
        if old is not None:
            self._forget_files(old, but=new)
        self._entries[key] = new
        if old is None:
            self._place(key)
        self._write()

    def outlive(self, key: str) -> None:
        """Drop an entry of an earlier run, because this one brought no such answer; one of this run stays.

        Raises:
            StoreError: The file can't be written.
        """
        old = self._entries.get(key)
        if old is not None and key not in self.used:
            self._forget_files(old)
            del self._entries[key]
            self._write()

    def _place(self, key: str) -> None:
        """Put a new entry, which stands last, before those whose questions were asked after its own."""
        own = self._asked[key]
        keys = list(self._entries)[:-1]
        after = (
            index for index, one in enumerate(keys) if self._is_new(one) and self._asked.get(one, -1) > own
        )
        later = next(after, None)
        if later is not None:
            keys.insert(later, key)
            self._entries = {one: self._entries[one] for one in keys}

    def _is_new(self, key: str) -> bool:
        use = self.used.get(key)
        return use is not None and use.status == "added"

    def _same(self, name: str, content: bytes) -> bool:
        return self._holds(name) and (self.media / name).read_bytes() == content

    def _write_file(self, name: str, content: bytes) -> None:
        try:
            self.media.mkdir(parents=True, exist_ok=True)
            part = self.media / f"{name}.part"
            part.write_bytes(content)
            part.replace(self.media / name)
        except OSError as error:
            raise StoreError(f"{self.media.name}/ can't be written: {error.strerror}.") from None

    def _forget_files(self, entry: Mapping[str, Any], *, but: Mapping[str, Any] | None = None) -> None:
        """Delete an entry's files, unless another entry has them."""
        kept = files_of(but or {}).union(
            *(files_of(one) for one in self._entries.values() if one is not entry)
        )
        for name in files_of(entry) - kept:
            if self._holds(name):
                (self.media / name).unlink()

    def _note(self, key: str, status: Status, entry: Mapping[str, Any], cell: str) -> None:
        if key in self.used:
            return
        use = self.used[key] = Use(str(self.path), key, status, title_of(entry), cell)
        if self._log is not None:
            with suppress(OSError), self._log.open("ab") as log:
                log.write(msgspec.json.encode(use) + b"\n")

    def prune(self, used: Container[str] | None = None) -> int:
        """Drop the entries that were not used, and their files; returns how many.

        Args:
            used: Keys of what was; None takes what was since the recording was opened.
        """
        used = self.used if used is None else used
        unused = [key for key in self._entries if key not in used]
        for key in unused:
            self._forget_files(self._entries[key])
            del self._entries[key]
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
            self._unwritten = True
            raise self._unwritable(error.strerror or type(error).__name__) from None
        self._unwritten = False
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
