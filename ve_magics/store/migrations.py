"""Every change that the store's tables have seen, oldest first.

The list only grows: a released migration is never edited, renamed or removed, because some user's file has it.
"""

from __future__ import annotations

from typing import NamedTuple


class Migration(NamedTuple):
    """One change.

    Attributes:
        name: Kept in the file, so that a migration runs once and a newer file is recognised.
        statements: SQL, run in order in one transaction.
    """

    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "0001_responses",
        (
            """CREATE TABLE responses (
                session TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, created REAL NOT NULL,
                hits INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (session, key)
            ) WITHOUT ROWID""",
            "CREATE INDEX responses_created ON responses (created)",
        ),
    ),
    Migration(
        "0002_ledger",
        (
            """CREATE TABLE ledger (
                number INTEGER PRIMARY KEY, id TEXT UNIQUE, at REAL NOT NULL, provider TEXT NOT NULL,
                model TEXT NOT NULL, kind TEXT NOT NULL, usage BLOB NOT NULL, input INTEGER NOT NULL,
                cached_input INTEGER NOT NULL, output INTEGER NOT NULL, seconds REAL NOT NULL, cost REAL, saved REAL,
                notebook TEXT NOT NULL, session TEXT NOT NULL, cached INTEGER NOT NULL, request_id TEXT NOT NULL
            )""",
            "CREATE INDEX ledger_at ON ledger (at)",
            "CREATE INDEX ledger_notebook ON ledger (notebook, at)",
        ),
    ),
    Migration(
        "0003_jobs",
        (
            """CREATE TABLE jobs (
                id TEXT PRIMARY KEY, state TEXT NOT NULL, notebook TEXT NOT NULL, created REAL NOT NULL,
                revision INTEGER NOT NULL, owner TEXT NOT NULL DEFAULT '', lease_until REAL NOT NULL DEFAULT 0,
                body BLOB NOT NULL
            )""",
            "CREATE INDEX jobs_state ON jobs (state)",
            "CREATE INDEX jobs_notebook ON jobs (notebook, created)",
        ),
    ),
    Migration(
        "0004_batches",
        (
            """CREATE TABLE batches (
                batch TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, created REAL NOT NULL,
                PRIMARY KEY (batch, key)
            ) WITHOUT ROWID""",
            "CREATE INDEX batches_created ON batches (created)",
        ),
    ),
)
