"""`%ve kb`: the user's knowledge bases."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from ve_magics.engine.knowledge.indexing import Progress as Step
from ve_magics.engine.knowledge.indexing import Report
from ve_magics.engine.knowledge.shelf import Shelf
from ve_magics.errors import ArgumentsError, VeError
from ve_magics.magics.knowledge.citations import listed
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.tables import text_table
from ve_magics.magics.video.progress import Progress

USAGE = (
    "%ve kb [list | add NAME PATHS… [--embed MODEL|off] | update NAME [--embed MODEL|off] | show NAME"
    " | search NAME WORDS… [-k N] | drop NAME]"
)
_SHOWN = 100
"""Documents, and things that were skipped, that are listed at most."""
_FOUND = 5
"""Passages that `search` shows where the line says nothing."""

Work = Callable[[Callable[[Step], None]], Awaitable[Report]]


def kb(notebook: Notebook, words: list[str]) -> None:
    """Run `%ve kb`.

    Raises:
        VeError: The line is not understood, or what it asks for can't be done.
        KeyboardInterrupt: It was stopped; what was read stays read, and the base answers as before.
    """
    try:
        words = shlex.split(" ".join(words))
    except ValueError as error:
        raise ArgumentsError(f"%ve kb: {str(error).lower().rstrip('.')}.", hint=f"Usage: {USAGE}") from None
    shelf = notebook.library.shelf
    match words:
        case [] | ["list"]:
            show_text(_listed(shelf))
        case ["add", name, *rest] if rest:
            model, paths = _embedding(rest)
            if not paths:
                raise ArgumentsError("%ve kb add needs something to add.", hint=f"Usage: {USAGE}")
            if model is None and name not in shelf.names():
                model = notebook.library.model_for("embed")
            directory = notebook.directory
            _build(
                notebook,
                words,
                lambda step: shelf.add(name, paths, directory=directory, model=model, progress=step),
            )
        case ["update", name, *rest]:
            model, more = _embedding(rest)
            if more:
                raise ArgumentsError("%ve kb update takes one name.", hint=f"Usage: {USAGE}")
            _build(notebook, words, lambda step: shelf.update(name, model=model, progress=step))
        case ["show", name]:
            show_text(_shown(shelf, name))
        case ["search", name, *rest] if rest:
            _search(notebook, name, rest)
        case ["drop", name]:
            shelf.drop(name)
            show_text(f"{name} is dropped. The documents themselves stay where they are.")
        case _:
            raise ArgumentsError("%ve kb does not understand that.", hint=f"Usage: {USAGE}")


def _embedding(words: list[str]) -> tuple[str | None, list[str]]:
    """Return the model that `--embed` names (empty for off, None where it isn't said), and the other words."""
    rest = [*words]
    if "--embed" not in rest:
        unknown = next((word for word in rest if word.startswith("--")), "")
        if unknown:
            raise ArgumentsError(f"%ve kb has no flag {unknown}.", hint=f"Usage: {USAGE}")
        return None, rest
    at = rest.index("--embed")
    if at + 1 == len(rest):
        raise ArgumentsError("--embed takes a model, or off.", hint=f"Usage: {USAGE}")
    model = rest[at + 1]
    return "" if model == "off" else model, rest[:at] + rest[at + 2 :]


def _build(notebook: Notebook, words: list[str], work: Work) -> None:
    """Build a knowledge base with its progress shown, and leave what came of it."""
    name = words[1]
    model = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--embed"), "")
    if model and model != "off":
        notebook.session.config.route(model)
    began, line = time.monotonic(), Progress(notebook.shell)
    said = ""

    async def steps() -> AsyncGenerator[Step | str, None]:
        queue: asyncio.Queue[Step | None] = asyncio.Queue()

        async def say() -> str:
            report = await work(queue.put_nowait)
            return told(name, report, notebook.library.shelf)

        async def run() -> str:
            try:
                return await notebook.library.said(["kb", *words], say, cell=notebook.cell)
            finally:
                queue.put_nowait(None)

        task = asyncio.create_task(run())
        try:
            while (step := await queue.get()) is not None:
                yield step
            yield await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    try:
        for batch in notebook.portal.iterate(steps()):
            for step in batch:
                if isinstance(step, str):
                    said = step
            seen = [step for step in batch if isinstance(step, Step)]
            if seen:
                line.say(_line(name, seen[-1]), time.monotonic() - began)
    finally:
        line.drop()
    show_text(said)


def _line(name: str, step: Step) -> str:
    if step.doing == "embedding":
        return f"📚 {name}: {step.done:,} passages have got a vector"
    done = round(20 * step.done / max(1, step.total))
    return f"📚 {name}: {'▰' * done}{'▱' * (20 - done)} {step.done:,} of {step.total:,} {step.name}"


def told(name: str, report: Report, shelf: Shelf) -> str:
    """Return what came of a build, for people."""
    facts = shelf.base(name).facts()
    model = shelf.base(name).setting.model
    changes = [
        f"{count:,} {word}"
        for count, word in (
            (report.added, "added"),
            (report.changed, "changed"),
            (report.removed, "removed"),
            (report.unchanged, "unchanged"),
        )
        if count
    ]
    holds = f"{_count(facts.documents, 'document')}, {_count(facts.passages, 'passage')}"
    lines = [f"{name}: {', '.join(changes) or 'nothing to read'}; {holds}"]
    if model:
        lines.append(f"vectors of {model}: {facts.vectors:,} of {_count(facts.passages, 'passage')}")
    else:
        lines.append("searched by words; vectors as well with --embed MODEL")
    if report.others:
        lines.append(f"passed over: {_count(report.others, 'file')} that no reader knows")
    for head, entries in (("problems:", report.problems), ("note:", report.notes)):
        if entries:
            lines.append(head)
            lines += [f"  {entry.name} {entry.why}" for entry in entries[:_SHOWN]]
            if len(entries) > _SHOWN:
                lines.append(f"  and {len(entries) - _SHOWN:,} more")
    return "\n".join(lines)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _listed(shelf: Shelf) -> str:
    rows = []
    for name in shelf.names():
        try:
            base = shelf.base(name)
            facts, model = base.facts(), base.setting.model
        except VeError as error:
            rows.append((name, "–", "–", "–", error.message))
            continue
        by = f"words, {model}" if model else "words"
        unfinished = ", unfinished" if facts.unfinished else ""
        size = f"{facts.bytes / 2**20:.1f} MiB"
        rows.append((name, f"{facts.documents:,}", f"{facts.passages:,}", size, by + unfinished))
    if not rows:
        return "No knowledge base yet. Make one: %ve kb add NAME PATHS"
    return text_table(("knowledge base", "documents", "passages", "size", "searched by"), rows)


def _shown(shelf: Shelf, name: str) -> str:
    base = shelf.base(name)
    setting, documents = base.setting, base.documents()
    lines = [f"{name}: {_count(len(documents), 'document')}", *(f"  from {root}" for root in setting.roots)]
    rows = [
        (document.name, document.title[:60], f"{passages:,}") for document, passages in documents[:_SHOWN]
    ]
    if rows:
        lines.append(text_table(("document", "title", "passages"), rows))
    if len(documents) > _SHOWN:
        lines.append(f"and {len(documents) - _SHOWN:,} more")
    return "\n".join(lines)


def _search(notebook: Notebook, name: str, words: list[str]) -> None:
    count = _FOUND
    if "-k" in words:
        at = words.index("-k")
        number = words[at + 1] if at + 1 < len(words) else ""
        if not (number.isascii() and number.isdigit() and int(number)):
            raise ArgumentsError("-k takes a whole number of 1 or more.", hint=f"Usage: {USAGE}")
        count, words = int(number), words[:at] + words[at + 2 :]
    library = notebook.library
    found = notebook.portal.call(
        library.find(name, " ".join(words), count, rerank=library.model_for("rerank"), cell=notebook.cell)
    )
    if not found.passages:
        show_text(f"{name} holds nothing that fits.")
        return
    from IPython.display import display

    data: dict[str, Any] = dict(listed(found.passages, found.notes))
    display(data, raw=True)
