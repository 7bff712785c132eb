"""A knowledge base brought up to date: only what changed is read, and whatever ends a build, the old index answers."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.engine.knowledge.indexing import EMBED_TEXTS, Page, Progress, Report, build
from ve_magics.errors import ServerError, StoreError
from ve_magics.store.knowledge import Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

pytestmark = pytest.mark.anyio


async def no_pages(url: str) -> Page:
    """Fetch nothing."""
    raise ServerError(f"{url} is down.", status=503)


async def built(store: SqliteKnowledge, *roots: object, model: str = "", **more: Any) -> Report:
    """Build a store from roots."""
    return await build(
        store, Setting(tuple(map(str, roots)), model), fetch=more.pop("fetch", no_pages), **more
    )


def contents(store: SqliteKnowledge) -> dict[str, list[str]]:
    """Return the texts of every passage by document."""
    ids = [
        row[0]
        for row in store._database.read("SELECT p.id FROM passages p JOIN living d ON d.id = p.document")
    ]
    held: dict[str, list[str]] = {}
    for passage in store.passages(ids):
        held.setdefault(passage.name, []).append(passage.text)
    return held


async def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    """A new file is added, a changed one read again, a removed one leaves, and one that was only touched stays."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in "abcd":
        (docs / f"{name}.md").write_text(f"# {name}\n\nold {name}", "utf-8")
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    report = await built(store, docs)
    assert (report.added, report.changed, report.removed, report.unchanged, report.passages) == (
        4,
        0,
        0,
        0,
        4,
    )
    (docs / "a.md").write_text("# a\n\nnew a", "utf-8")
    (docs / "b.md").unlink()
    os.utime(docs / "c.md", (1, 1))
    (docs / "e.md").write_text("fifth", "utf-8")
    report = await built(store, docs)
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 2)
    assert contents(store) == {"a.md": ["new a"], "c.md": ["old c"], "d.md": ["old d"], "e.md": ["fifth"]}
    report = await built(store, docs)
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 4)
    assert [document.title for document, _ in store.documents()] == ["a", "c", "d", ""]


NAMES = st.sampled_from(["a.md", "b.md", "c.txt", "sub/d.md"])
TEXTS = st.text("ab 中文\n#", min_size=1, max_size=12).map(lambda text: f"word {text}")
STEPS = st.lists(st.tuples(NAMES, st.none() | TEXTS), max_size=5)


@settings(max_examples=25)
@given(st.lists(STEPS, min_size=1, max_size=4), st.booleans())
async def test_any_changes_give_what_a_fresh_index_gives(rounds: list[Any], broken: bool) -> None:
    """Whatever was added, changed and removed in whatever order, builds that broke off between included."""
    with tempfile.TemporaryDirectory() as place:
        docs = Path(place) / "docs"
        (docs / "sub").mkdir(parents=True)
        store = SqliteKnowledge(Path(place) / "x.sqlite")
        for number, steps in enumerate(rounds):
            for name, text in steps:
                if text is None:
                    (docs / name).unlink(missing_ok=True)
                else:
                    (docs / name).write_text(text, "utf-8")
            if broken and number % 2:
                with suppress(ZeroDivisionError):
                    await built(store, docs, progress=lambda step: 1 // (1 - step.done))
            else:
                await built(store, docs)
        await built(store, docs)
        fresh = SqliteKnowledge(Path(place) / "fresh.sqlite")
        await built(fresh, docs)
        assert contents(store) == contents(fresh)
        for query in ("word", "中文", "a", "ab"):
            names = [
                sorted(
                    (one.name, one.text)
                    for one in each.passages([hit.id for hit in each.by_words(query, 50)])
                )
                for each in (store, fresh)
            ]
            assert names[0] == names[1]
        store.close()
        fresh.close()


async def test_what_cannot_be_read_is_named_and_the_rest_is_indexed(tmp_path: Path) -> None:
    """Each bad file is in the report with its reason; an older version of it stays."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "good.md").write_text("good words", "utf-8")
    (docs / "later.md").write_text("first words", "utf-8")
    (docs / "old.txt").write_bytes("用国标编码保存的文件，里面有中文。".encode("gb18030"))
    (docs / "bad.pdf").write_bytes(b"%PDF-1.4 broken")
    (docs / "bad.docx").write_bytes(b"PK broken")
    (docs / "bin.txt").write_bytes(b"\0\1\2" * 999)
    (docs / "empty.md").write_text("", "utf-8")
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    report = await built(store, docs, "https://x.example/down")
    assert report.added == 3
    assert {problem.name: problem.why for problem in report.problems} == {
        "bad.docx": "was skipped: it is broken (File is not a zip file)",
        "bad.pdf": "was skipped: it is a broken PDF: save it anew",
        "bin.txt": "was skipped: it is a binary file",
        "empty.md": "was skipped: it is empty",
        "x.example/down": "was skipped: https://x.example/down is down.",
    }
    assert [tuple(note) for note in report.notes] == [("old.txt", "read as gb18030")]
    (docs / "later.md").write_bytes(b"\0" * 3000)
    report = await built(store, docs)
    assert "later.md" in {problem.name for problem in report.problems}
    assert contents(store)["later.md"] == ["first words"]


async def test_a_folder_that_cannot_be_read_keeps_its_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is away for a moment, or a right that is missing, empties no index."""
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "sub" / "a.md").write_text("kept words", "utf-8")
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    await built(store, tmp_path / "docs")

    def refused(path: object) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[call-overload]  # handed on as it is

    real = os.scandir
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refused)
        report = await built(store, tmp_path / "docs")
    assert (report.removed, contents(store)) == (0, {"sub/a.md": ["kept words"]})
    (tmp_path / "docs" / "sub" / "a.md").unlink()
    assert (await built(store, tmp_path / "docs")).removed == 1


async def test_pages_are_read_by_what_they_are(tmp_path: Path) -> None:
    """A page is fetched in each build, and read again where it has changed."""
    pages = {"https://x.example/": Page(b"<title>T</title><p>web words", "text/html; charset=utf-8")}

    async def fetch(url: str) -> Page:
        return pages[url]

    store = SqliteKnowledge(tmp_path / "x.sqlite")
    assert (await built(store, *pages, fetch=fetch)).added == 1
    assert contents(store) == {"x.example/": ["web words"]}
    assert (await built(store, *pages, fetch=fetch)).unchanged == 1
    pages["https://x.example/"] = Page(b"new words", "text/plain")
    assert (await built(store, *pages, fetch=fetch)).changed == 1
    assert contents(store) == {"x.example/": ["new words"]}


async def test_vectors_are_made_in_batches_and_only_once(tmp_path: Path) -> None:
    """What has a vector isn't asked for again; a provider that fails leaves words, and the next build goes on."""
    (tmp_path / "t.md").write_text("\n\n".join(f"# h{n}\n\ntext {n}" for n in range(300)), "utf-8")
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    sizes: list[int] = []
    steps: list[Progress] = []

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        sizes.append(len(texts))
        if len(sizes) == 3:
            raise ServerError("It is down.", status=503)
        return [[float(len(text)), 1.0] for text in texts]

    report = await built(store, tmp_path / "t.md", model="m", embed=embed, progress=steps.append)
    assert max(sizes) == EMBED_TEXTS
    (problem,) = report.problems
    assert problem == ("vectors of m", "are not all made: It is down.")
    assert store.facts().passages == 300
    before = store.facts().vectors
    assert before == report.embedded == 3 * EMBED_TEXTS
    assert len(store.by_words("text", 10)) == 10
    report = await built(store, tmp_path / "t.md", model="m", embed=embed, progress=steps.append)
    assert report.embedded == 300 - before
    assert store.facts().vectors == 300
    sizes.clear()
    await built(store, tmp_path / "t.md", model="m", embed=embed)
    assert sizes == []
    assert {step.doing for step in steps} == {"reading", "embedding"}


async def test_without_numpy_words_are_indexed_and_nobody_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report names the extra that is missing; no vector is asked for."""
    (tmp_path / "t.md").write_text("text", "utf-8")

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        raise AssertionError

    def missing(name: str, *_: Any) -> Any:
        raise ImportError(name)

    store = SqliteKnowledge(tmp_path / "x.sqlite")
    monkeypatch.setattr(importlib, "import_module", missing)
    report = await built(store, tmp_path / "t.md", model="m", embed=embed)
    (problem,) = report.problems
    assert problem.name == "vectors of m"
    assert "ve_magics[knowledge]" in problem.why
    assert len(store.by_words("text", 5)) == 1


async def test_an_error_of_our_own_is_not_hidden(tmp_path: Path) -> None:
    """Only what a provider refuses is told and passed over."""
    (tmp_path / "t.md").write_text("text", "utf-8")

    async def embed(texts: Sequence[str]) -> list[list[float]]:
        raise ZeroDivisionError

    store = SqliteKnowledge(tmp_path / "x.sqlite")
    with pytest.raises(ZeroDivisionError):
        await built(store, tmp_path / "t.md", model="m", embed=embed)
    assert store.facts().documents == 0


async def test_a_cancelled_build_waits_for_its_thread(tmp_path: Path) -> None:
    """After the cancellation nothing is written any more, and the lock is free."""
    for number in range(200):
        (tmp_path / f"{number}.md").write_text("word " * 300, "utf-8")
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    begun = asyncio.Event()
    task = asyncio.create_task(
        built(store, tmp_path, progress=lambda step: begun.set() if step.done > 3 else None)
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    count = store._database.read("SELECT count(*) FROM documents")
    assert 0 < count[0][0] < 200
    assert store.facts().documents == 0
    report = await built(store, tmp_path)
    assert report.unchanged >= count[0][0]
    assert store.facts().documents == 200


KILLED = """
import asyncio, sys
from pathlib import Path
from ve_magics.engine.knowledge.indexing import build
from ve_magics.store.knowledge import Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

def told(step):
    print(step.done, flush=True)

asyncio.run(build(SqliteKnowledge(Path(sys.argv[1])), Setting((sys.argv[2],)), fetch=None, progress=told))
"""


async def test_a_killed_build_leaves_the_old_index_answering(tmp_path: Path) -> None:
    """SIGKILL at any moment: searches answer from the last finished build, and the next build goes on."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(120):
        (docs / f"{number:03}.md").write_text("old word", "utf-8")
    path = tmp_path / "x.sqlite"
    store = SqliteKnowledge(path)
    await built(store, docs)
    for number in range(120):
        (docs / f"{number:03}.md").write_text("new term " * 50 * (1 + number % 7), "utf-8")
    for files in (3, 40, 80):
        with subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do meanwhile
            [sys.executable, "-c", KILLED, path, docs],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        ) as process:
            assert process.stdout is not None
            while int(process.stdout.readline() or b"999") < files:
                pass
            os.kill(process.pid, signal.SIGKILL)
        assert len(store.by_words("old", 500)) == 120
        assert store.by_words("term", 5) == []
    report = await built(store, docs)
    assert report.unchanged >= 79
    assert report.unchanged + report.changed == 120
    assert store.by_words("old", 5) == []
    assert len(store.by_words("term", 500)) == store.facts().passages


async def test_a_second_builder_is_refused_at_once(tmp_path: Path) -> None:
    """It doesn't wait, and harms nothing."""
    (tmp_path / "t.md").write_text("text", "utf-8")
    store, other = SqliteKnowledge(tmp_path / "x.sqlite"), SqliteKnowledge(tmp_path / "x.sqlite")
    began = time.monotonic()
    with store.building(), pytest.raises(StoreError, match="Another kernel"):
        await built(other, tmp_path / "t.md")
    assert time.monotonic() - began < 2
