"""A knowledge base brought up to date: only what changed is read again, and what is gone leaves.

The work is done file by file, each in a transaction of its own; all of it shows at once when the last one is done.
Whatever ends it before leaves the old answers standing, and the next run begins where this one ended.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from ve_magics.engine.knowledge.gathering import LARGEST, Item, Problem, gather, is_address
from ve_magics.engine.knowledge.readers import choice
from ve_magics.engine.knowledge.readers.blocks import UnreadableError
from ve_magics.engine.knowledge.reading import Readers, in_thread
from ve_magics.errors import UserError, VeError
from ve_magics.store.knowledge import Build, Document, KnowledgeStore, Setting

EMBED_TEXTS = 64
"""Passages whose vectors are asked for in one request."""
EMBED_AT_ONCE = 4
"""Such requests that run at the same time."""


class Page(NamedTuple):
    """A page that was fetched: its bytes, and what its server says that they are."""

    data: bytes
    media_type: str


Fetch = Callable[[str], Awaitable[Page]]
"""Fetches a page; raises `VeError` where that can't be done."""
Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Returns the vectors of texts, in order."""


class Progress(NamedTuple):
    """How far a build is.

    Attributes:
        doing: `reading` or `embedding`.
        done: Files or passages that are done.
        total: Of how many; 0 where that is not known.
        name: The file that is read now.
    """

    doing: str
    done: int
    total: int
    name: str = ""


class Report(msgspec.Struct):
    """What came of a build.

    Attributes:
        added: Documents that are new.
        changed: Documents that were read again.
        removed: Documents that are gone.
        unchanged: Documents that were left as they were.
        passages: Passages of the documents that were read.
        embedded: Passages that got a vector.
        others: Files of folders that no reader knows.
        problems: What was not read, and why.
        notes: What is worth telling about what was read.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    passages: int = 0
    embedded: int = 0
    others: int = 0
    problems: list[Problem] = []
    notes: list[Problem] = []


async def build(
    store: KnowledgeStore,
    setting: Setting,
    *,
    fetch: Fetch,
    embed: Embed | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    readers: Readers | None = None,
) -> Report:
    """Bring a knowledge base up to date.

    Args:
        store: The base.
        setting: What it is to be made of.
        fetch: Fetches pages.
        embed: Makes vectors with the setting's model; None leaves words alone.
        progress: Told how far it is.
        readers: Read the documents; new ones where None. They are closed at the end.

    Returns:
        What was done. What can't be read is in it, by name; if the base holds an older version of it, that one stays.

    Raises:
        StoreBusyError: Another kernel is building it.
        StoreError: The store can't be written.
    """
    report = Report()
    found = await in_thread(gather, setting.roots)
    report.problems += found.problems
    report.others = found.others
    with closing(readers or Readers()) as readers, store.building() as writer:
        for done, item in enumerate(found.items):
            progress(Progress("reading", done, len(found.items), item.name))
            try:
                await _document(writer, item, fetch, readers, report)
            except UnreadableError as error:
                report.problems.append(Problem(item.name, f"was skipped: {error}"))
        here = {item.source for item in found.items}
        for source in [*writer.documents]:
            if source not in here and not found.unseen(source):
                await in_thread(writer.remove, source)
                report.removed += 1
        if embed is not None and setting.model:
            await _embed(writer, setting.model, embed, report, progress)
        await in_thread(writer.finish, setting)
    return report


async def _document(writer: Build, item: Item, fetch: Fetch, readers: Readers, report: Report) -> None:
    """Bring one document up to date.

    Raises:
        UnreadableError: It can't be read.
    """
    known = writer.documents.get(item.source)
    read_with = f"{choice.VERSION}:"
    same_name = known is not None and known.name == item.name and known.digest.startswith(read_with)
    if known and same_name and item.mtime and (known.size, known.mtime) == (item.size, item.mtime):
        report.unchanged += 1
        return
    data, media_type = await _bytes(item, fetch)
    digest = read_with + hashlib.sha256(data + media_type.encode()).hexdigest()
    document = Document(source=item.source, name=item.name, size=len(data), mtime=item.mtime, digest=digest)
    if known and same_name and known.digest == digest:
        await in_thread(writer.touch, msgspec.structs.replace(document, title=known.title))
        report.unchanged += 1
        return
    content = await readers.read(data, item.name, media_type)
    if content.unreadable:
        raise UnreadableError(content.unreadable)
    await in_thread(writer.put, msgspec.structs.replace(document, title=content.title), content.passages)
    report.passages += len(content.passages)
    if known:
        report.changed += 1
    else:
        report.added += 1
    if content.note:
        report.notes.append(Problem(item.name, content.note))


async def _bytes(item: Item, fetch: Fetch) -> tuple[bytes, str]:
    if is_address(item.source):
        try:
            page = await fetch(item.source)
        except VeError as error:
            raise UnreadableError(error.message) from None
        return page.data, page.media_type
    try:
        return await in_thread(_file, Path(item.source)), ""
    except OSError as error:
        raise UnreadableError(f"it can't be read ({(error.strerror or 'unknown').lower()})") from None


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UnreadableError(f"it has grown beyond {LARGEST >> 20} MiB")
    return data


async def _embed(
    writer: Build, model: str, embed: Embed, report: Report, progress: Callable[[Progress], None]
) -> None:
    """Make the vectors that are missing. What a provider refuses is told; words are found without vectors."""
    try:
        await in_thread(
            writer.put_vectors, model, []
        )  # before anybody is paid for vectors that can't be kept
    except UserError as error:
        report.problems.append(Problem(f"vectors of {model}", f"are not made: {error.message} {error.hint}"))
        return
    last = b""
    while rows := await in_thread(_next_texts, writer, model, last):
        last = rows[-1][0]
        progress(Progress("embedding", report.embedded, 0))
        parts = [rows[at : at + EMBED_TEXTS] for at in range(0, len(rows), EMBED_TEXTS)]
        answers = await asyncio.gather(
            *(embed([text for _, text in part]) for part in parts), return_exceptions=True
        )
        failed: BaseException | None = None
        for part, vectors in zip(parts, answers, strict=True):
            if isinstance(vectors, BaseException):
                failed = failed or vectors
                continue
            pairs = [(digest, vector) for (digest, _), vector in zip(part, vectors, strict=True)]
            await in_thread(writer.put_vectors, model, pairs)
            report.embedded += len(pairs)
        if isinstance(failed, VeError):
            report.problems.append(
                Problem(f"vectors of {model}", f"are not all made: {failed.message} {failed.hint}".rstrip())
            )
            return
        if failed is not None:
            raise failed


def _next_texts(writer: Build, model: str, after: bytes) -> list[tuple[bytes, str]]:
    return writer.unembedded(model, EMBED_TEXTS * EMBED_AT_ONCE, after=after)
