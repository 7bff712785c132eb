"""The tables of a knowledge base: one SQLite file each, so that its words are weighed among its own passages only."""

from __future__ import annotations

from ve_magics.store.migrations import Migration

WORDS = (
    "CREATE VIRTUAL TABLE words USING fts5("
    "heading, body, content = '', tokenize = \"porter unicode61 remove_diacritics 2 tokenchars '_'\")"
)
"""The lexical index. It holds no text: what is taken out is told again from the passage, word by word."""

KNOWLEDGE: tuple[Migration, ...] = (
    Migration(
        "0001_knowledge",
        (
            "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
            "INSERT INTO facts VALUES ('epoch', '0'), ('setting', '{}'), ('words', '1')",
            """CREATE TABLE documents (
                id INTEGER PRIMARY KEY, source TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
                size INTEGER NOT NULL, mtime INTEGER NOT NULL, digest TEXT NOT NULL,
                added INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0
            )""",
            "CREATE INDEX documents_source ON documents (source)",
            """CREATE VIEW living AS SELECT d.* FROM documents d, (
                SELECT CAST(value AS INTEGER) AS number FROM facts WHERE name = 'epoch'
            ) AS epoch WHERE d.added <= epoch.number AND (d.removed = 0 OR d.removed > epoch.number)""",
            """CREATE TABLE passages (
                id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents (id), heading TEXT NOT NULL,
                page INTEGER NOT NULL, line INTEGER NOT NULL, digest BLOB NOT NULL, text TEXT NOT NULL
            )""",
            "CREATE INDEX passages_document ON passages (document)",
            "CREATE INDEX passages_digest ON passages (digest)",
            WORDS,
            """CREATE TABLE codes (
                model TEXT NOT NULL, digest BLOB NOT NULL, code BLOB NOT NULL, PRIMARY KEY (model, digest)
            ) WITHOUT ROWID""",
            "CREATE TABLE vectors (model TEXT NOT NULL, digest BLOB NOT NULL, vector BLOB NOT NULL)",
            "CREATE UNIQUE INDEX vectors_digest ON vectors (model, digest)",
        ),
    ),
)
"""Every change of these tables, oldest first; the rules are those of `migrations`."""
