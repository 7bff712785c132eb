"""Answers of this session, so that the same request is paid once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ve_magics.errors import StoreError
from ve_magics.store.database import Database


class CacheSize(NamedTuple):
    """What a session's cache holds.

    Attributes:
        entries: How many answers.
        bytes: Their size.
        hits: How often one of them was used.
    """

    entries: int
    bytes: int
    hits: int


class ResponseCache:
    """The answers of one session; those of other sessions can't be seen through it.

    Args:
        database: Where they are kept.
        session: The session's id.
        clock: Seconds since 1970.
    """

    def __init__(self, database: Database, session: str, *, clock: Callable[[], float] = time.time) -> None:
        self.session = session
        self._database = database
        self._clock = clock

    def get(self, key: str) -> bytes | None:
        """Return the answer to a request, or None. The key is a digest that the caller makes of the request."""
        rows = self._database.read(
            "SELECT value FROM responses WHERE session = ? AND key = ?", (self.session, key)
        )
        if not rows:
            return None
        with suppress(StoreError), self._database.write() as connection:  # a count is not worth a failure
            connection.execute(
                "UPDATE responses SET hits = hits + 1 WHERE session = ? AND key = ?", (self.session, key)
            )
        return bytes(rows[0][0])

    def put(self, key: str, value: bytes) -> None:
        """Keep an answer, as JSON; one with the same key is replaced."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO responses (session, key, value, created) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (session, key) DO UPDATE SET value = excluded.value, created = excluded.created",
                (self.session, key, value, self._clock()),
            )

    def delete(self, key: str) -> bool:
        """Forget an answer; returns whether there was one."""
        with self._database.write() as connection:
            return (
                connection.execute(
                    "DELETE FROM responses WHERE session = ? AND key = ?", (self.session, key)
                ).rowcount
                > 0
            )

    def clear(self) -> int:
        """Forget every answer of this session; returns how many there were."""
        with self._database.write() as connection:
            return connection.execute("DELETE FROM responses WHERE session = ?", (self.session,)).rowcount

    def size(self) -> CacheSize:
        """Return what this session's cache holds."""
        ((entries, total, hits),) = self._database.read(
            "SELECT count(*), coalesce(sum(length(value)), 0), coalesce(sum(hits), 0)"
            " FROM responses WHERE session = ?",
            (self.session,),
        )
        return CacheSize(entries, total, hits)

    def prune(self, *, seconds: float) -> int:
        """Forget what other sessions kept longer ago than this; returns how many answers that were."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM responses WHERE session != ? AND created < ?",
                (self.session, self._clock() - seconds),
            ).rowcount
