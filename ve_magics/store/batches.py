"""What of a batch was answered already, so that a restarted kernel asks only for the rest."""

from __future__ import annotations

import time
from collections.abc import Callable

from ve_magics.store.database import Database

KEPT_SECONDS = 30 * 86_400
"""For how long an unfinished batch is remembered."""


class BatchStore:
    """The answers of batches that were not finished.

    Args:
        database: Where they are kept.
        clock: Seconds since 1970.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def answers(self, batch: str) -> dict[str, bytes]:
        """Return the answers of a batch by the digests of their requests; batches of long ago are forgotten first."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM batches WHERE created < ?", (self._clock() - KEPT_SECONDS,))
        rows = self._database.read("SELECT key, value FROM batches WHERE batch = ?", (batch,))
        return {str(key): bytes(value) for key, value in rows}

    def put(self, batch: str, key: str, value: bytes) -> None:
        """Keep an answer, as JSON; one with the same key is replaced."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO batches (batch, key, value, created) VALUES (?, ?, ?, ?)",
                (batch, key, value, self._clock()),
            )

    def forget(self, batch: str) -> None:
        """Forget a batch that is finished."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM batches WHERE batch = ?", (batch,))
