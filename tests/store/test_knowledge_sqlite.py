"""The embedded store of a knowledge base."""

from __future__ import annotations

import importlib
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ve_magics.errors import MissingExtraError, StoreBusyError, StoreError
from ve_magics.store import knowledge_sqlite as module
from ve_magics.store.knowledge import Document, KnowledgeStore, Passage, Setting
from ve_magics.store.knowledge_lock import only_one
from ve_magics.store.knowledge_sqlite import SqliteKnowledge
from ve_magics.store.knowledge_vectors import Codes, packed, weighed


def document(name: str, digest: str = "1") -> Document:
    """Return a document."""
    return Document(source=f"/docs/{name}", name=name, title=name.title(), size=3, mtime=5, digest=digest)


def cut(*texts: str) -> list[Passage]:
    """Return passages under one heading."""
    return [Passage(text=text, heading=("Part", "One"), page=2, line=at) for at, text in enumerate(texts, 1)]


@pytest.fixture
def store(tmp_path: Path) -> KnowledgeStore:
    """Return an empty store."""
    return SqliteKnowledge(tmp_path / "base.sqlite")


def filled(store: KnowledgeStore, **texts: str) -> None:
    """Put documents of one passage each in, and finish."""
    with store.building() as writer:
        for name, text in texts.items():
            writer.put(document(name), cut(text))
        writer.finish(Setting(("/docs",)))


def found(store: KnowledgeStore, query: str) -> list[str]:
    """Return the names of the documents that a search by words finds."""
    return [passage.name for passage in store.passages([hit.id for hit in store.by_words(query, 10)])]


def test_a_passage_keeps_where_it_stands(store: KnowledgeStore) -> None:
    """Source, name, headings, page and line come back with the text."""
    filled(store, manual="The red lever stops the pump.")
    (hit,) = store.by_words("lever", 5)
    (passage,) = store.passages([hit.id, 999])
    assert passage == Passage(
        text="The red lever stops the pump.",
        source="/docs/manual",
        name="manual",
        heading=("Part", "One"),
        page=2,
        line=1,
        id=hit.id,
    )
    assert passage.place == "manual › Part › One, page 2"
    assert hit.score > 0
    assert [(one.name, count) for one, count in store.documents()] == [("manual", 1)]
    facts = store.facts()
    assert (facts.documents, facts.passages, facts.vectors, facts.built, facts.unfinished) == (
        1,
        1,
        0,
        1,
        False,
    )
    assert store.setting.roots == ("/docs",)


def test_words_are_found_in_every_language(store: KnowledgeStore) -> None:
    """Two-character words, single characters, other forms of an English word, and parts of a name."""
    filled(store, zh="网关的缓存命中率很高", ja="東京タワーは高い", en="He was running create_video jobs")
    for query, name in (
        ("缓存", "zh"),
        ("率", "zh"),
        ("タワー", "ja"),
        ("run", "en"),
        ("video", "en"),
        ("jobs", "en"),
        ("⽹关", "zh"),
    ):
        assert found(store, query) == [name], query
    assert found(store, "!?") == []
    assert found(store, 'quote" OR *') == []


def test_a_build_shows_when_it_finishes_and_not_before(store: KnowledgeStore, tmp_path: Path) -> None:
    """Until then the old documents answer, in this process and in others."""
    filled(store, one="old words here", two="other words")
    other = SqliteKnowledge(tmp_path / "base.sqlite")
    with store.building() as writer:
        writer.put(document("one", "2"), cut("new words there"))
        writer.put(document("three"), cut("third words"))
        writer.remove("/docs/two")
        for each in (store, other):
            assert sorted(found(each, "words")) == ["one", "two"]
            assert found(each, "new") == []
            assert each.facts().unfinished
        assert set(writer.documents) == {"/docs/one", "/docs/three"}
        writer.finish(Setting())
    for each in (store, other):
        assert sorted(found(each, "words")) == ["one", "three"]
        assert found(each, "old") == []
        assert not each.facts().unfinished


def test_a_build_that_broke_off_is_gone_on_with(store: KnowledgeStore) -> None:
    """The next build begins with what was put in already; what it puts in again takes its place."""
    filled(store, one="old words")
    with suppress(KeyError), store.building() as writer:
        writer.put(document("one", "2"), cut("newer words"))
        writer.put(document("two"), cut("second words"))
        raise KeyError
    assert found(store, "words") == ["one"]
    with store.building() as writer:
        assert writer.documents["/docs/one"].digest == "2"
        writer.put(document("one", "3"), cut("newest words"))
        writer.remove("/docs/two")
        writer.finish(Setting())
    assert found(store, "words") == ["one"]
    assert found(store, "newest") == ["one"]
    assert found(store, "newer") == []
    assert store.facts().passages == 1


def test_a_large_unfinished_build_does_not_hide_the_old_answers(store: KnowledgeStore) -> None:
    """However many passages of an unfinished build fit better, those of the last finished one are found."""
    filled(store, one="a lever in a long text about many other things that also matter a little")
    with store.building() as writer:
        writer.put(document("two"), cut(*["lever"] * 300))
        assert [hit.id for hit in store.by_words("lever", 5)] == [1]


def test_only_one_kernel_builds(store: KnowledgeStore, tmp_path: Path) -> None:
    """A second writer is refused at once; searches go on."""
    filled(store, one="words")
    other = SqliteKnowledge(tmp_path / "base.sqlite")
    with store.building():
        with (
            pytest.raises(StoreBusyError, match="Another kernel is building the knowledge base 'base'"),
            other.building(),
        ):
            pass
        assert found(other, "words") == ["one"]
    with other.building():
        pass


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """The error says what to do."""
    with pytest.raises(StoreError, match=r"Can't lock x\.lock"), only_one(tmp_path / "missing" / "x.lock"):
        pass


def test_common_words_are_left_out_of_a_large_base_only(
    store: KnowledgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large base words that are everywhere don't count beside rarer ones; alone they do."""
    with store.building() as writer:
        for number in range(20):
            writer.put(
                document(f"d{number}"), cut(f"common shared usual rare{number} odd{number} seldom{number}")
            )
        writer.finish(Setting())
    monkeypatch.setattr(module, "LARGE", 10)
    assert found(store, "common rare3 odd3 seldom3") == ["d3"]
    assert len(found(store, "common shared usual everywhere")) == 10
    monkeypatch.setattr(module, "LARGE", 1000)
    assert len(found(store, "common rare3 odd3 seldom3")) == 10


def test_other_rules_for_words_make_the_index_anew(
    store: KnowledgeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base that was indexed by other rules finds its passages by the new ones, and can be changed afterwards."""
    filled(store, one="first words")
    store.close()
    monkeypatch.setattr(module, "VERSION", 2)
    monkeypatch.setattr(module, "indexed", lambda text: text.lower().replace("first", "1st"))
    again = SqliteKnowledge(tmp_path / "base.sqlite")
    assert found(again, "1st") == ["one"]
    with again.building() as writer:
        writer.remove("/docs/one")
        writer.finish(Setting())
    assert found(again, "words") == []


def test_vectors_are_made_once_and_leave_with_their_text(store: KnowledgeStore) -> None:
    """The same text needs one vector, an unchanged one none, and a vector whose text is gone is deleted."""
    with store.building() as writer:
        writer.put(document("one"), cut("apple", "pear"))
        writer.put(document("two"), cut("apple"))
        rows = writer.unembedded("m", 10)
        assert sorted(text for _, text in rows) == ["Part › One\napple", "Part › One\npear"]
        assert writer.unembedded("m", 10, after=max(digest for digest, _ in rows)) == []
        writer.put_vectors(
            "m", [(digest, [1.0, 0.5] if "apple" in text else [-1.0, 1.0]) for digest, text in rows]
        )
        assert writer.unembedded("m", 10) == []
        writer.finish(Setting(model="m"))
    assert store.facts().vectors == 3
    hits = store.by_vector("m", [1.0, 0.4], 10)
    assert [passage.text for passage in store.passages([hit.id for hit in hits])] == [
        "apple",
        "apple",
        "pear",
    ]
    assert hits[0].score == pytest.approx(0.9965, abs=0.001)
    assert store.by_vector("other", [1.0, 0.4], 10) == []
    assert store.by_vector("m", [1.0] * 16, 10) == []
    with store.building() as writer:
        writer.put(document("one", "2"), cut("plum"))
        assert [text for _, text in writer.unembedded("m", 10)] == ["Part › One\nplum"]
        writer.touch(document("two"))
        writer.finish(Setting(model="m"))
    hits = store.by_vector("m", [1.0, 0.4], 10)
    assert [passage.name for passage in store.passages([hit.id for hit in hits])] == ["two"]


def test_the_bits_find_what_whole_vectors_would() -> None:
    """The nearest by bits hold the nearest by cosine; a vector of odd numbers harms nobody."""
    vectors = {number: [(number * at) % 7 - 3.2 for at in range(1, 13)] for number in range(1, 60)}
    ready = {number: packed(vector) for number, vector in vectors.items()}
    codes = Codes([(number, code) for number, (code, _) in ready.items()], 2)
    near = codes.nearest(ready[8][0], 10)
    assert 8 in near
    assert len(near) == 10
    best = weighed(vectors[8], [(number, ready[number][1]) for number in near])
    assert best[0][0] in (8, 1, 15, 22, 29, 36, 43, 50, 57)
    assert best[0][1] == pytest.approx(1, abs=0.001)
    assert Codes([], 2).nearest(b"\0\0", 3) == []
    assert packed([float("nan"), float("inf"), 0.0])[1] == b"\0" * 6


def test_vectors_without_numpy_name_the_extra(store: KnowledgeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which extra is missing."""

    def missing(name: str, *_: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError) as caught:
        store.by_vector("m", [1.0], 1)
    assert "ve_magics[knowledge]" in caught.value.hint


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    """What was there before stays, and the error says what to do."""
    store = SqliteKnowledge(tmp_path / "base.sqlite")
    filled(store, one="old words")
    pages = store._database.read("PRAGMA page_count")[0][0]
    store._database.read(f"PRAGMA max_page_count = {pages + 2}")
    much = cut(*(f"{number} " + "much text " * 300 for number in range(200)))
    with store.building() as writer, pytest.raises(StoreError) as caught:
        writer.put(document("big"), much)
    assert caught.value.message.startswith("The disk is full: the store")
    assert "Free some space" in caught.value.hint
    store._database.read("PRAGMA max_page_count = 1000000")
    assert found(store, "words") == ["one"]
    assert store.facts().unfinished is False


def test_a_file_that_is_no_base_is_kept_aside(tmp_path: Path) -> None:
    """A damaged file is moved aside, never deleted, and the store says so."""
    (tmp_path / "base.sqlite").write_bytes(b"no database at all" * 100)
    store = SqliteKnowledge(tmp_path / "base.sqlite")
    assert "was damaged" in store.notes[0]
    assert store.facts().documents == 0
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.facts()


def test_the_lexical_index_stays_whole(store: KnowledgeStore, tmp_path: Path) -> None:
    """After changes and removals the index holds what the passages hold, as SQLite's own check sees it."""
    filled(store, one="alpha beta", two="beta gamma")
    with store.building() as writer:
        writer.put(document("one", "2"), cut("delta", "缓存命中"))
        writer.remove("/docs/two")
        writer.finish(Setting())
    store.close()
    connection = sqlite3.connect(tmp_path / "base.sqlite")
    connection.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, words, row)")
    terms = {row[0] for row in connection.execute("SELECT term FROM temp.v")}
    connection.close()
    assert terms == {"delta", "缓存", "存命", "命中", "中", "on", "part"}
