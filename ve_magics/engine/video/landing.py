"""How a file from a provider lands on this machine: named, limited, verified, and whole or not at all."""

from __future__ import annotations

import filecmp
import os
import re
import unicodedata
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path

from ve_magics.engine.video.impostors import HEAD, impostor
from ve_magics.errors import JobFailedError
from ve_magics.store.mp4 import Probe, probe

MAX_VIDEO = 2 * 1024**3
"""Bytes of the largest video that is taken."""

MAX_POSTER = 10 * 1024**2
"""Bytes of the largest picture that is taken."""

Offload = Callable[[Callable[[], Probe]], Awaitable[Probe]]
Pieces = AsyncGenerator[bytes, None]
"""The bytes of a file as they come."""

_PICTURES = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"))


DOCUMENT_TRIES = 2
"""Times that a file may turn out to be another document: once more, for a fresh link may lead to the video."""

EMPTY_TRIES = 3
"""Times that a file may turn out to be empty."""


class UnfitFileError(JobFailedError):
    """What came can't be used and would hardly be better next time.

    Args:
        message: What happened, fit to be shown.
        tries: Times that this may happen before it is told.
    """

    def __init__(self, message: str, *, tries: int = 1) -> None:
        super().__init__(message)
        self.tries = tries


class TooLargeError(UnfitFileError):
    """A file is larger than what is taken.

    Args:
        limit: Bytes that are taken.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"The provider's file is larger than {limit / 1024**2:.4g} MB.")


def file_stem(prompt: str, job_id: str) -> str:
    """Return a readable name for a job's files, without ending: words of the prompt, then the end of the job's id.

    Letters and digits of any script are kept; everything else becomes a dash. The name is safe on every system.
    """
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", prompt)).strip("-")
    short = ""
    for character in words[:48]:
        if len((short + character).encode()) > 96:
            break
        short += character
    if len(words) > len(short) and short.isascii():  # cut between words, not inside one
        short = short.rpartition("-")[0] or short
    own = re.sub(r"[^A-Za-z0-9]+", "", job_id)[-8:]
    return "-".join(part for part in (short.strip("-"), own) if part) or "video"


async def land_video(
    pieces: Pieces, folder: Path, stem: str, offload: Offload, *, own: str = "", limit: int = MAX_VIDEO
) -> tuple[Path, Probe]:
    """Write a video into a folder and look inside it; nothing is left behind where that fails.

    Args:
        pieces: Its bytes.
        folder: Made where it isn't there.
        stem: Its name without ending.
        offload: Runs a slow function beside the event loop.
        own: Keeps its unfinished file apart from those of other jobs that land under the same name.
        limit: Most bytes that are taken.

    Returns:
        The file, and what it says about itself.

    Raises:
        UnfitFileError: It is larger than the limit, certainly something else than a video, or empty.
        JobFailedError: It is no whole video.
        OSError: It can't be written.
    """
    part = _begin(folder, f"{stem}.{own}.mp4.part" if own else f"{stem}.mp4.part")
    try:
        await _write(pieces, part, limit)
        try:
            found = await offload(lambda: _settle_on_disk(part))
        except ValueError as error:
            raise _no_video(part, error) from error
        return _rename(part, folder, stem, ".mp4"), found
    finally:
        part.unlink(missing_ok=True)


async def land_poster(
    pieces: Pieces, folder: Path, stem: str, *, own: str = "", limit: int = MAX_POSTER
) -> Path | None:
    """Write a picture into a folder; None where the bytes are no JPEG, PNG or WebP. Arguments as for `land_video`.

    Raises:
        UnfitFileError: It is larger than the limit.
        OSError: It can't be written.
    """
    part = _begin(folder, f"{stem}.{own}.poster.part" if own else f"{stem}.poster.part")
    try:
        await _write(pieces, part, limit)
        with part.open("rb") as file:
            head = file.read(16)
        ending = next((ending for magic, ending in _PICTURES if head.startswith(magic)), "")
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            ending = ".webp"
        return _rename(part, folder, stem, ending) if ending else None
    finally:
        part.unlink(missing_ok=True)


def landed(folder: Path, stem: str) -> tuple[Path, Probe] | None:
    """Return the whole video that an earlier run has written under this name, or None."""
    path = folder / f"{stem}.mp4"
    try:
        return path, probe(path)
    except (OSError, ValueError):
        return None


def _begin(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / name
    part.unlink(missing_ok=True)  # a killed process may have left it as a second name of the finished file
    return part


def _no_video(part: Path, error: ValueError) -> JobFailedError:
    """Return what to say of a file that can't be played, and whether it may be better next time."""
    with part.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return UnfitFileError("The provider sent an empty file instead of the video.", tries=EMPTY_TRIES)
    if other := impostor(head):
        return UnfitFileError(f"The provider sent {other} instead of the video.", tries=DOCUMENT_TRIES)
    return JobFailedError(f"What the provider sent is not a whole video: {error}.")


async def _write(pieces: Pieces, part: Path, limit: int) -> None:
    size = 0
    async with aclosing(pieces):
        with part.open("wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > limit:
                    raise TooLargeError(limit)
                file.write(piece)


def _settle_on_disk(part: Path) -> Probe:
    """Look inside a file, and wait until the disk has it."""
    found = probe(part)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    return found


def _rename(part: Path, folder: Path, stem: str, ending: str) -> Path:
    """Give a file its name, or the next free one; another file is never overwritten, the same one is kept."""
    number = 1
    while True:
        target = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
        number += 1
        if target.is_file() and filecmp.cmp(part, target, shallow=False):
            return target
        try:
            target.hardlink_to(part)
        except FileExistsError:
            continue
        except OSError:  # a disk without links
            if target.exists():
                continue
            with suppress(FileExistsError):
                return part.rename(target)
        else:
            return target
