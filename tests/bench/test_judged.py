"""How a judged collection is made from pages, and that its questions are what they should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.judged import BOOKS, QUESTIONS, Page, Section, questions, write

DOCBOOK = """<html><head><title>T</title></head><body><div class="navheader"><h1>Menu</h1></div>
<h1 class="title"><a id="top"></a>Chapter 9. Tips</h1><div class="toc"><p>all of the contents</p></div>
<p>Words of the chapter, enough of them to be kept.</p>
<h2 class="title"><a id="one"></a>9.1. First <code>part</code></h2>
<p>Text of the first part, enough of it to be kept.</p><pre># ls  -l
x</pre>
<h2 class="title"><a id="two"></a>9.2. Second</h2><p>Short.</p>
<div class="navfooter"><p>Prev and next, which nobody wants to find.</p></div></body></html>"""
SPHINX = """<body><div class="related"><h3>Navigation</h3><p>Somewhere else entirely, and not wanted.</p></div>
<section id="new-packages"><span id="old"></span><h2><span>5.1. </span>New<a class="headerlink">¶</a></h2>
<p>If you want to create a new package, check the list first.</p></section></body>"""


def _read(page: str) -> list[Section]:
    reader = Page("book")
    reader.feed(page)
    reader.close()
    return reader.sections


def test_a_section_is_its_own_text_under_its_headings() -> None:
    """Numbers, menus and contents left out, code kept as it stands, too short a section dropped."""
    top, first = _read(DOCBOOK)
    assert (top.id, top.path, top.text) == (
        "book#top",
        ("Tips",),
        "Words of the chapter, enough of them to be kept.",
    )
    assert (first.id, first.path) == ("book#one", ("Tips", "First part"))
    assert first.text == "Text of the first part, enough of it to be kept.\n\n```\n# ls  -l\nx\n```"


def test_a_page_of_sphinx_is_read_too() -> None:
    """There the section carries the id, and the heading a sign that is no part of it."""
    (only,) = _read(SPHINX)
    assert (only.id, only.path) == ("book#new-packages", ("New",))


def test_a_section_that_is_gone_stops_it(tmp_path: Path) -> None:
    """Nothing is written for questions whose answers can't be found any more."""
    rows: list[dict[str, str | list[str]]] = [
        {"_id": "q", "text": "?", "kind": "term", "answers": ["book#gone"]}
    ]
    with pytest.raises(SystemExit, match="q: book#gone"):
        write("made up", [Section("book#here", ("A",), "text")], rows, tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", BOOKS)
def test_questions_are_different_and_answered(name: str) -> None:
    """At least 120, no two the same, each with an answer in one of the collection's books; the halves share none."""
    rows = questions(name, 0)
    assert len(rows) >= 120
    assert len({str(row["text"]) for row in rows}) == len({str(row["_id"]) for row in rows}) == len(rows)
    books = {book.name for book in BOOKS[name]}
    assert all(row["answers"] and {one.split("#")[0] for one in row["answers"]} <= books for row in rows)
    halves = [{str(row["_id"]) for row in questions(name, half)} for half in (1, 2)]
    assert halves[0].isdisjoint(halves[1])
    assert halves[0] | halves[1] == {str(row["_id"]) for row in rows}


def test_questions_are_one_json_object_a_line() -> None:
    """With just the fields that are read."""
    for file in QUESTIONS.glob("*.jsonl"):
        for line in file.read_text("utf-8").splitlines():
            assert [*json.loads(line)] == ["_id", "kind", "text", "answers"]
