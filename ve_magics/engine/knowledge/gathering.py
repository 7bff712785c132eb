"""From what the user named (files, folders, patterns, addresses) to the files that are to be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from ve_magics.engine.knowledge.readers.choice import readable
from ve_magics.errors import ArgumentsError

LARGEST = 100 * 1024 * 1024
"""Most bytes of a file."""
SKIPPED = frozenset(
    {
        "node_modules",
        "__pycache__",
        "site-packages",
        "venv",
        "__MACOSX",
    }
)
"""Folders that are passed over, and so are those whose names begin with a dot."""
_MAGIC = re.compile(r"[*?\[]")
_DEEPEST = 64
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class Problem(NamedTuple):
    """Something that was not read.

    Attributes:
        name: Which.
        why: Why, in words that go on after the name.
    """

    name: str
    why: str


class Item(NamedTuple):
    """One file or page that is to be read.

    Attributes:
        source: Absolute path or address.
        name: What it is called.
        size: Bytes; 0 for a page.
        mtime: When it was changed, in nanoseconds since 1970; 0 for a page.
    """

    source: str
    name: str
    size: int = 0
    mtime: int = 0


class Gathered(NamedTuple):
    """What was found.

    Attributes:
        items: What is to be read, each once, in order of name within each root.
        problems: What can't be read.
        others: How many files of folders no reader knows.
        unread: Absolute paths of what is there and can't be read: files, and folders with all that is below them.
    """

    items: list[Item]
    problems: list[Problem]
    others: int
    unread: set[str]

    def unseen(self, source: str) -> bool:
        """Whether a source may be there all the same: nobody could look, or it can't be read now."""
        path = PurePath(source)
        return not self.unread.isdisjoint(map(str, (path, *path.parents)))

    def refuse(self, path: Path, name: str, why: str) -> None:
        """Note something that is there and can't be read."""
        self.problems.append(Problem(shown(name), why))
        self.unread.add(str(path))


def shown(name: str) -> str:
    """Return a file's name without what breaks lines, turns the direction of writing, or is no character at all."""
    return _UNSHOWN.sub("\ufffd", name)


def is_address(word: str) -> bool:
    """Whether a word is the address of a page."""
    return re.match(r"https?://", word, re.IGNORECASE) is not None


def root_of(word: str, directory: Path) -> str:
    """Return what a word of the user's means: an address as it stands, or an absolute path or pattern.

    Raises:
        ArgumentsError: There is nothing there.
    """
    if is_address(word):
        return word
    path = os.path.abspath(directory / Path(word).expanduser())  # noqa: PTH100 - resolve() would follow links
    if not Path(path).exists() and not (_MAGIC.search(word) and any(_matching(path))):
        raise ArgumentsError(
            f"There is no file or folder {word!r}, and no file matches it.", hint=f"Looked for {path}."
        )
    return path


def gather(roots: tuple[str, ...]) -> Gathered:
    """Return the files that roots stand for."""
    found = Gathered([], [], 0, set())
    seen: set[str] = set()
    others = 0
    for root in roots:
        if is_address(root):
            _keep(found, seen, Item(root, root.partition("://")[2]))
            continue
        path = Path(root)
        folder = path.is_dir()
        if folder:
            walked = _walk(path, found)
        elif not os.path.lexists(root) and _MAGIC.search(root):
            walked = _matching(root, found)
        else:  # a file that is gone is no problem: it leaves
            walked = iter([(path, path.name)] if os.path.lexists(root) else [])
        for file, name in sorted(walked, key=lambda pair: pair[1]):
            if folder and not readable(file.name):
                others += 1
            elif str(file) not in seen:
                _take(found, seen, file, name)
    return found._replace(others=others)


def _take(found: Gathered, seen: set[str], file: Path, name: str) -> None:
    """Take a file if it can be read, or the reason why not."""
    try:
        state = file.stat()
    except OSError as error:
        found.refuse(file, name, f"can't be read: {(error.strerror or 'unknown').lower()}")
        return
    if not stat.S_ISREG(state.st_mode):
        found.refuse(file, name, "is no regular file")
    elif state.st_size > LARGEST:
        size = f"{state.st_size / 2**20:,.0f} MiB"
        found.refuse(file, name, f"is larger than {LARGEST >> 20} MiB ({size}): split it")
    elif not _is_unicode(str(file)):
        found.refuse(file, name, "has a name that is no valid text: rename it")
    else:
        _keep(found, seen, Item(str(file), shown(name), state.st_size, state.st_mtime_ns))


def _is_unicode(path: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in path)


def _keep(found: Gathered, seen: set[str], item: Item) -> None:
    if item.source not in seen:
        seen.add(item.source)
        found.items.append(item)


def _walk(folder: Path, found: Gathered) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder with their paths from there.

    Each folder is walked once, however many links lead to it: those that are no links first. A link that leads in a
    circle or out of the folder is told.
    """
    walk = _Walk(folder, found)
    yield from walk.below(folder, "", ())
    while walk.links:
        yield from walk.below(*walk.links.pop(0))


_Above = tuple[tuple[int, int], ...]
"""The folders above one, as the file system knows them."""


class _Walk:
    def __init__(self, folder: Path, found: Gathered) -> None:
        self.links: list[tuple[Path, str, _Above]] = []
        self._root = os.path.realpath(folder)
        self._found = found
        self._walked: set[tuple[int, int]] = set()

    def below(self, folder: Path, name: str, above: _Above) -> Iterator[tuple[Path, str]]:
        """Yield the files below a folder, and note the links to folders in it."""
        try:
            state = folder.stat()
            identity = (state.st_dev, state.st_ino)
            if identity in above or len(above) > _DEEPEST:
                self._found.problems.append(
                    Problem(shown(name or folder.name), "is a link that leads in a circle")
                )
                return
            if identity in self._walked:
                return
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            why = f"can't be read: {(error.strerror or 'unknown').lower()}"
            self._found.refuse(folder, name or folder.name, why)
            return
        self._walked.add(identity)
        for entry in inside:
            if entry.name.startswith(".") or entry.name in SKIPPED:
                continue
            path, own = Path(entry.path), f"{name}/{entry.name}" if name else entry.name
            link = entry.is_symlink()
            if link and not self._inside(entry.path):
                self._found.problems.append(
                    Problem(
                        shown(own),
                        "is a link that leads out of the folder: add what it leads to by its own path",
                    )
                )
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            if is_folder and link:
                self.links.append((path, own, (*above, identity)))
            elif is_folder:
                yield from self.below(path, own, (*above, identity))
            else:
                yield path, own

    def _inside(self, path: str) -> bool:
        """Whether a link stays in the folder; one that leads nowhere at all leads nowhere out of it."""
        real = os.path.realpath(path)
        return not os.path.exists(real) or os.path.commonpath((self._root, real)) == self._root  # noqa: PTH110 - a str


def _matching(pattern: str, found: Gathered | None = None) -> Iterator[tuple[Path, str]]:
    """Yield the files that match an absolute pattern, in which `**` stands for any folders."""
    parts = PurePath(pattern).parts
    fixed = next(at for at, part in enumerate(parts) if _MAGIC.search(part))
    base, rest = Path(*parts[:fixed]), "/".join(parts[fixed:])
    matches = re.compile(_translated(rest), re.DOTALL).fullmatch
    if "/" not in rest and "**" not in rest:  # no need to look below
        try:
            names = sorted(entry.name for entry in os.scandir(base) if not entry.is_dir())
        except OSError:
            return
        yield from ((base / name, name) for name in names if matches(name) and not name.startswith("."))
        return
    yield from (
        (file, name) for file, name in _walk(base, found or Gathered([], [], 0, set())) if matches(name)
    )


def _translated(pattern: str) -> str:
    """Return a pattern of paths as a regular expression."""
    out, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif char == "*":
            out, at = out + "[^/]*", at + 1
        elif char == "?":
            out, at = out + "[^/]", at + 1
        elif char == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out, at = out + f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]", end + 1
        else:
            out, at = out + re.escape(char), at + 1
    return out
