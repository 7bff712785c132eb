"""Hostile documents: each is told with what to do about it, none takes the kernel along or holds it up."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import time
import zipfile
import zlib
from pathlib import Path

import msgspec
import pytest

from ve_magics.engine.knowledge.chunking import passages
from ve_magics.engine.knowledge.indexing import Page, Report, build
from ve_magics.engine.knowledge.readers import choice
from ve_magics.engine.knowledge.reading import Content, Readers, answer_all, content_of, received, send
from ve_magics.store.knowledge import Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

pytestmark = pytest.mark.anyio
LARGE = choice.SMALL + 1


def archive(**parts: bytes) -> bytes:
    """Return an office file; `__` stands for a slash in a part's name and `_` for a point."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, data in parts.items():
            whole.writestr(name.replace("__", "/").replace("_", "."), data)
    return file.getvalue()


def pdf(stream: bytes) -> bytes:
    """Return a PDF of one page that draws a stream."""
    packed = zlib.compress(stream)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        out
        + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (
            table,
            len(out),
        )
    )


HOSTILE = {
    "bomb.docx": archive(word__document_xml=b"<a>" + b" " * (65 << 20) + b"</a>"),
    "entities.docx": archive(
        word__document_xml=b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    ),
    "deep.docx": archive(word__document_xml=b"<p>" * 100_000),
    "deep.ipynb": b'{"cells":' + b"[" * 100_000,
    "sheet.xlsx": archive(xl__workbook_xml=b"<a/>"),
    "book.epub": archive(mimetype=b"application/epub+zip"),
    "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "letter.rtf": b"{\\rtf1 hello}",
    "empty.pdf": b"",
    "torn.pdf": pdf(b"BT /F 12 Tf (hello) Tj ET")[:90],
    "scan.pdf": pdf(b"0 0 100 100 re f"),
    "locked.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "zeros.md": bytes(40_000),
}
TOLD = {
    "bomb.docx": "it unpacks to more than 64 MiB",
    "entities.docx": "its XML declares a document type, which no office file does",
    "deep.docx": "its XML is nested too deep",
    "deep.ipynb": "it is no notebook of format 4",
    "sheet.xlsx": "no reader knows spreadsheets: save its sheets as CSV",
    "book.epub": "no reader knows e-books: convert it to HTML, with pandoc for instance",
    "old.doc": "no reader knows this format: save it as .docx",
    "letter.rtf": "no reader knows this format: save it as .docx",
    "empty.pdf": "it is empty",
    "torn.pdf": "it is a broken PDF: save it anew",
    "scan.pdf": "it holds pictures of text and no text: recognise it first, with ocrmypdf for instance",
    "locked.docx": "it is encrypted or in an old format: save it anew without a password",
    "zeros.md": "it is a binary file",
}


async def no_pages(url: str) -> Page:
    """Fetch nothing."""
    raise AssertionError(url)


async def built(store: SqliteKnowledge, folder: Path, readers: Readers | None = None) -> Report:
    """Build a store from a folder."""
    return await build(store, Setting((str(folder),)), fetch=no_pages, readers=readers)


async def test_hostile_files_are_told_and_their_neighbours_read(tmp_path: Path) -> None:
    """Each has one clear line; macros are left alone, and a bomb of a PDF that holds words is read."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, data in HOSTILE.items():
        (docs / name).write_bytes(data)
    (docs / "good.md").write_text("good words", "utf-8")
    body = b"<p><r><t>macro words</t></r></p>"
    (docs / "macro.docm").write_bytes(archive(word__document_xml=body, word__vbaProject_bin=b"\0Shell"))
    (docs / "padded.pdf").write_bytes(pdf(b"BT /F 12 Tf (padded) Tj ET" + b" " * (20 << 20)))
    (docs / "marked.html").write_bytes(b"<![<![ x>seen " + b"<p>words</p>" * 500)
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    report = await built(store, docs)
    assert {problem.name: problem.why for problem in report.problems} == {
        name: f"was skipped: {why}" for name, why in TOLD.items()
    }
    assert [document.name for document, _ in store.documents()] == [
        "good.md",
        "macro.docm",
        "marked.html",
        "padded.pdf",
    ]


async def test_names_are_shown_in_one_line_and_none_ends_a_build(tmp_path: Path) -> None:
    """A line break, a turned direction of writing and bytes that are no text; Chinese stays as it is."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a\nb.md", "\u202edm.exe.md", "中文.md"):
        (docs / name).write_text("words", "utf-8")
    bad = docs / os.fsdecode(b"bad\xff.md")
    bad.write_text("words", "utf-8")
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    report = await built(store, docs)
    assert [tuple(one) for one in report.problems] == [
        ("bad\ufffd.md", "has a name that is no valid text: rename it")
    ]
    assert [document.name for document, _ in store.documents()] == [
        "a\ufffdb.md",
        "中文.md",
        "\ufffddm.exe.md",
    ]
    report = await built(store, docs)
    assert (report.unchanged, report.removed) == (3, 0)


SLEEPY = "import time; time.sleep(600)"
DYING = "import os, sys; sys.stdin.buffer.read(8); os.abort()"


async def test_a_document_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """The process is ended, and what comes next has its own time."""
    readers = Readers(seconds=0.3, command=(sys.executable, "-I", "-c", SLEEPY))
    began = time.monotonic()
    content = await readers.read(b"x" * LARGE, "x.txt")
    assert content.unreadable == "reading it takes longer than 0 s: split it or save it anew"
    assert (await readers.read(b"small", "y.txt")).passages[0].text == "small"
    assert time.monotonic() - began < 10
    assert readers._process is None


async def test_a_document_that_breaks_its_reader_is_told(tmp_path: Path) -> None:
    """A crash in native code is that document's alone."""
    readers = Readers(command=(sys.executable, "-I", "-c", DYING))
    for _ in range(2):
        content = await readers.read(b"%PDF-1.4", "x.pdf")
        assert content.unreadable == "its reader broke down on it; it may be damaged: save it anew"
    readers.close()


async def test_a_system_without_processes_reads_on_a_thread() -> None:
    """Where none can be begun, large texts are read all the same."""
    readers = Readers(command=("/no/such/program",))
    assert len((await readers.read(b"word " * LARGE, "x.txt")).passages) > 100
    readers.close()


async def test_a_cancelled_reading_ends_its_process() -> None:
    """An interrupt waits for no document."""
    readers = Readers(command=(sys.executable, "-I", "-c", SLEEPY))
    task = asyncio.create_task(readers.read(b"x" * LARGE, "x.txt"))
    await asyncio.sleep(0)  # the task begins, and with it the process
    assert readers._process is not None
    process = readers._process
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.poll() is not None
    assert time.monotonic() - began < 5


async def test_the_process_reads_what_a_thread_reads() -> None:
    """The same passages, title and note, one document after the other."""
    readers = Readers()
    try:
        for data, name in (
            (b"# Title\n\n" + b"words " * LARGE, "x.md"),
            ("中文。".encode("gb18030") * LARGE, "y.txt"),
            (pdf(b"BT /F 12 Tf (hello) Tj ET"), "z.pdf"),
            (b"", "empty.pdf"),
        ):
            assert await readers.read(data, name) == content_of(data, name)
    finally:
        readers.close()


def test_orders_are_answered_in_turn_and_timed() -> None:
    """Whoever asked may be gone: an alarm is set for each document, and taken back."""
    orders, answers = io.BytesIO(), io.BytesIO()
    for words in (b"one", b"two"):
        send(orders, ("x.txt", "", 7.0, words))
    orders.seek(0)
    alarms: list[int] = []
    answer_all(orders, answers, alarms.append)
    answers.seek(0)
    told = [msgspec.msgpack.decode(received(answers) or b"", type=Content) for _ in range(2)]
    assert [one.passages[0].text for one in told] == ["one", "two"]
    assert alarms == [12, 0, 12, 0]
    assert received(answers) is None


def test_a_reader_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of a reader costs one document."""

    def failing(*_: object) -> None:
        raise IndexError("list index\nout of range")

    monkeypatch.setattr(choice, "read", failing)
    told = content_of(b"x", "x.md").unreadable
    assert told.startswith("its reader failed on it (IndexError: list index out of range)")


@pytest.mark.parametrize(
    ("piece", "name"),
    [
        ("<!--", "x.md"),
        ("a|\n" + " " * 100_000 + "-x\n", "x.md"),
        ("func (", "x.go"),
        ("水", "x.txt"),
        ("\u0315\u0300\u05ae\u0300", "x.txt"),
        ("a", "x.txt"),
    ],
)
def test_time_grows_with_the_text(piece: str, name: str) -> None:
    """What could be looked through again and again is looked through once."""
    data = (piece * (400_000 // len(piece))).encode()
    began = time.process_time()
    reading = choice.read(data, name)
    assert passages(reading.blocks)
    assert time.process_time() - began < 4
