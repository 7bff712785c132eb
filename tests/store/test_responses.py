"""The cache of answers belongs to one session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ve_magics.store.database import Database, open_memory
from ve_magics.store.responses import CacheSize, ResponseCache


@pytest.fixture
def database() -> Iterator[Database]:
    database = open_memory()
    yield database
    database.close()


def test_an_answer_is_found_by_its_key(database: Database) -> None:
    """What was put is got, byte for byte; a second answer replaces the first; other keys find nothing."""
    cache = ResponseCache(database, "one")
    assert cache.get("k") is None
    cache.put("k", b'{"a":"\xe4\xbd\xa0"}')
    assert cache.get("k") == b'{"a":"\xe4\xbd\xa0"}'
    cache.put("k", b"[]")
    assert cache.get("k") == b"[]"
    assert cache.get("other") is None


def test_another_session_sees_nothing(database: Database) -> None:
    """Answers never cross sessions, and clearing one leaves the other."""
    one, two = ResponseCache(database, "one"), ResponseCache(database, "two")
    one.put("k", b"1")
    assert two.get("k") is None
    two.put("k", b"2")
    assert (one.clear(), one.get("k"), two.get("k")) == (1, None, b"2")


def test_size_counts_entries_bytes_and_hits(database: Database) -> None:
    """The size tells how many answers there are, how big they are and how often they were used."""
    cache = ResponseCache(database, "one")
    assert cache.size() == CacheSize(0, 0, 0)
    cache.put("a", b"123")
    cache.put("b", b"4")
    cache.get("a")
    cache.get("a")
    cache.get("missing")
    assert cache.size() == CacheSize(entries=2, bytes=4, hits=2)


def test_delete_says_whether_there_was_one(database: Database) -> None:
    """A single answer can be forgotten."""
    cache = ResponseCache(database, "one")
    cache.put("a", b"1")
    assert cache.delete("a") is True
    assert cache.delete("a") is False


def test_a_hit_does_not_need_a_store_that_can_be_written(database: Database) -> None:
    """Counting a hit may fail; the answer is still given."""
    cache = ResponseCache(database, "one")
    cache.put("a", b"1")
    database.read("PRAGMA query_only = 1")
    assert cache.get("a") == b"1"
    assert cache.size().hits == 0


def test_prune_forgets_old_answers_of_other_sessions(database: Database) -> None:
    """Old sessions leave nothing for ever; this session keeps all of its answers."""
    now = 0.0
    old, new = (
        ResponseCache(database, "old", clock=lambda: now),
        ResponseCache(database, "new", clock=lambda: now),
    )
    old.put("k", b"1")
    new.put("k", b"2")
    now = 50.0
    old.put("late", b"3")
    now = 100.0
    assert new.prune(seconds=60) == 1
    assert (old.get("k"), old.get("late"), new.get("k")) == (None, b"3", b"2")
