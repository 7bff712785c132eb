"""The embedded store of a knowledge base: one SQLite file, lexical index and vectors in it.

A document carries the number of the build that put it in and of the one that took it out, and a search sees those of
the last finished build. So old and new lie side by side while a build goes on, finishing one is the change of a single
number, and whatever kills a build leaves the old answers standing and the new work done so far.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import msgspec

from ve_magics.store.database import Database, open_store
from ve_magics.store.knowledge import Build, Document, Facts, Hit, Passage, Setting
from ve_magics.store.knowledge_lock import only_one
from ve_magics.store.knowledge_tables import KNOWLEDGE, WORDS
from ve_magics.store.knowledge_vectors import FEWEST, OVERSAMPLE, Codes, numpy, packed, weighed
from ve_magics.store.knowledge_words import VERSION, asked, indexed

HEADING = 4.0
"""What a word in a heading weighs beside one in the text."""
COMMON = 0.2
"""A word that a larger share of all passages holds tells little; it is left out where rarer ones are asked too."""
LARGE = 20_000
"""Passages from which on common words are left out at all: before that, looking through them all takes no time."""
TELLING = 3
"""So many rarer words must be there for the common ones to be left out."""
MOST_WORDS = 64
"""Words of a question that count at most, the rarest."""

_SEPARATOR = "\x1f"


class SqliteKnowledge:
    """A knowledge base in a file.

    Args:
        path: The file; made where it isn't there.
        open_database: Opens it.
    """

    def __init__(self, path: Path, *, open_database: Callable[..., Database] = open_store) -> None:
        self.path = path
        self._lock_file = path.with_suffix(".lock")
        self._database = open_database(path, migrations=KNOWLEDGE)
        self._codes: tuple[str, int, Codes] | None = None
        if self._fact("words") != str(VERSION):
            self._reword()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about how the file was opened."""
        return self._database.notes

    @property
    def setting(self) -> Setting:
        """What the base is made of."""
        return msgspec.json.decode(self._fact("setting"), type=Setting)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()

    def facts(self) -> Facts:
        """Return what the base holds."""
        ((pages,),), ((size,),) = (self._database.read(f"PRAGMA page_{what}") for what in ("count", "size"))
        ((documents,),) = self._database.read("SELECT count(*) FROM living")
        ((passages, vectors),) = self._database.read(
            "SELECT count(*), count(c.digest) FROM living d CROSS JOIN passages p ON p.document = d.id"
            " LEFT JOIN codes c ON c.model = ? AND c.digest = p.digest",
            (self.setting.model,),
        )
        ((other,),) = self._database.read(
            "SELECT (SELECT count(*) FROM documents) > (SELECT count(*) FROM living)"
        )
        return Facts(documents, passages, vectors, pages * size, int(self._fact("epoch")), bool(other))

    def documents(self) -> list[tuple[Document, int]]:
        """Return the documents by name, each with its number of passages."""
        rows = self._database.read(
            "SELECT source, name, title, size, mtime, digest,"
            " (SELECT count(*) FROM passages p WHERE p.document = d.id) FROM living d ORDER BY name, source"
        )
        return [(_document(row), row[6]) for row in rows]

    @contextmanager
    def building(self) -> Iterator[Build]:
        """Return the one writer.

        Raises:
            StoreBusyError: Another kernel is building.
        """
        with only_one(self._lock_file):
            yield SqliteBuild(self._database, int(self._fact("epoch")) + 1)

    def by_words(self, query: str, limit: int) -> list[Hit]:
        """Return the passages that share the most telling words with a question, best first."""
        words = self._telling(asked(query))
        if not words:
            return []
        match, wanted = " OR ".join(_term(word) for word in words), limit
        while True:
            rows = self._database.read(
                "SELECT hits.id, hits.score, d.id FROM"
                " (SELECT rowid AS id, bm25(words, ?, 1.0) AS score FROM words WHERE words MATCH ?"
                " ORDER BY score LIMIT ?) AS hits LEFT JOIN passages p ON p.id = hits.id"
                " LEFT JOIN living d ON d.id = p.document ORDER BY hits.score, hits.id",
                (HEADING, match, wanted),
            )
            seen = [Hit(number, -score) for number, score, document in rows if document is not None]
            if len(seen) >= limit or len(rows) < wanted:
                return seen[:limit]
            wanted *= 4  # a build has put in or taken out what stood in front

    def by_vector(self, model: str, vector: Sequence[float], limit: int) -> list[Hit]:
        """Return the passages whose vectors are nearest, best first.

        Raises:
            MissingExtraError: numpy isn't installed.
        """
        code, _ = packed(vector)
        near = self._codes_of(model, len(code)).nearest(code, max(FEWEST, limit * OVERSAMPLE))
        rows = self._database.read(
            "SELECT p.id, v.vector FROM json_each(?) AS near CROSS JOIN passages p ON p.id = near.value"
            " CROSS JOIN vectors v ON v.model = ? AND v.digest = p.digest",
            (json.dumps(near), model),
        )
        best = weighed(vector, [(number, halves) for number, halves in rows])
        return [Hit(number, score) for number, score in best[:limit]]

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """Return passages by number, in the order given; one that is gone is left out."""
        rows = self._database.read(
            "SELECT p.id, p.text, d.source, d.name, p.heading, p.page, p.line FROM json_each(?) AS wanted"
            " CROSS JOIN passages p ON p.id = wanted.value CROSS JOIN documents d ON d.id = p.document",
            (json.dumps([*ids]),),
        )
        found = {
            number: Passage(
                text=text,
                source=source,
                name=name,
                heading=_path(heading),
                page=page,
                line=line,
                id=number,
            )
            for number, text, source, name, heading, page, line in rows
        }
        return [found[number] for number in ids if number in found]

    def _telling(self, words: list[str]) -> list[str]:
        """Return the words of a question that are worth a look: not those in every other passage, if others remain."""
        ((total,),) = self._database.read("SELECT coalesce(max(id), 0) FROM passages")
        if len(words) <= TELLING or (total < LARGE and len(words) <= MOST_WORDS):
            return words
        counts = {word: self._spread(word) for word in words}
        known = sorted((word for word in words if counts[word]), key=lambda word: counts[word])
        rare = [word for word in known if counts[word] <= COMMON * total]
        chosen = set((rare if len(rare) >= TELLING else known)[:MOST_WORDS])
        return [word for word in words if word in chosen]

    def _spread(self, word: str) -> int:
        """Return in how many passages a word stands, but no more than tells whether it is common."""
        ((count,),) = self._database.read("SELECT count(*) FROM words WHERE words MATCH ?", (_term(word),))
        return int(count)

    def _codes_of(self, model: str, size: int) -> Codes:
        epoch = int(self._fact("epoch"))
        if self._codes is None or self._codes[:2] != (f"{model} {size}", epoch):
            rows = self._database.read(
                "SELECT p.id, c.code FROM living d CROSS JOIN passages p ON p.document = d.id"
                " CROSS JOIN codes c ON c.model = ? AND c.digest = p.digest",
                (model,),
            )
            self._codes = (f"{model} {size}", epoch, Codes([(row[0], row[1]) for row in rows], size))
        return self._codes[2]

    def _fact(self, name: str) -> str:
        ((value,),) = self._database.read("SELECT value FROM facts WHERE name = ?", (name,))
        return str(value)

    def _reword(self) -> None:
        """Make the lexical index anew from the passages, because the rules for words have changed."""
        with only_one(self._lock_file), self._database.write() as connection:
            connection.execute("DROP TABLE words")
            connection.execute(WORDS)
            rows = connection.execute(
                "SELECT p.id, d.name, p.heading, p.text FROM passages p JOIN documents d ON d.id = p.document"
            )
            connection.executemany(
                "INSERT INTO words (rowid, heading, body) VALUES (?, ?, ?)",
                ((number, *_worded(name, heading, text)) for number, name, heading, text in rows),
            )
            connection.execute("UPDATE facts SET value = ? WHERE name = 'words'", (str(VERSION),))


class SqliteBuild:
    """The writer of one build.

    Args:
        database: The knowledge base's file.
        epoch: The build's number.
    """

    def __init__(self, database: Database, epoch: int) -> None:
        self._database = database
        self._epoch = epoch
        rows = database.read(
            "SELECT source, name, title, size, mtime, digest FROM documents WHERE removed = 0 ORDER BY id"
        )
        self._documents = {str(row[0]): _document(row) for row in rows}

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents that there will be when the build finishes, as it stands, by source."""
        return self._documents

    def put(self, document: Document, passages: Sequence[Passage]) -> None:
        """Put a document in, in the place of an older one from the same source."""
        with self._database.write() as connection:
            self._take_out(connection, document.source)
            number = connection.execute(
                "INSERT INTO documents (source, name, title, size, mtime, digest, added) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    document.source,
                    document.name,
                    document.title,
                    document.size,
                    document.mtime,
                    document.digest,
                    self._epoch,
                ),
            ).lastrowid
            ((last,),) = connection.execute("SELECT coalesce(max(id), 0) FROM passages")
            rows = [
                (last + at, _SEPARATOR.join(passage.heading), passage)
                for at, passage in enumerate(passages, 1)
            ]
            connection.executemany(
                "INSERT INTO passages (id, document, heading, page, line, digest, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((at, number, heading, p.page, p.line, p.digest, p.text) for at, heading, p in rows),
            )
            connection.executemany(
                "INSERT INTO words (rowid, heading, body) VALUES (?, ?, ?)",
                ((at, *_worded(document.name, heading, p.text)) for at, heading, p in rows),
            )
        self._documents[document.source] = document

    def remove(self, source: str) -> None:
        """Take a document out."""
        with self._database.write() as connection:
            self._take_out(connection, source)
        self._documents.pop(source, None)

    def touch(self, document: Document) -> None:
        """Remember when a file was changed whose content is the same as before."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE documents SET size = ?, mtime = ? WHERE source = ? AND removed = 0",
                (document.size, document.mtime, document.source),
            )
        self._documents[document.source] = document

    def unembedded(self, model: str, limit: int, *, after: bytes = b"") -> list[tuple[bytes, str]]:
        """Return digest and words of passages that have no vector of a model yet; see `Build.unembedded`."""
        rows = self._database.read(
            "SELECT p.digest, p.heading, p.text FROM passages p CROSS JOIN documents d ON d.id = p.document"
            " LEFT JOIN codes c ON c.model = ? AND c.digest = p.digest"
            " WHERE p.digest > ? AND d.removed = 0 AND c.digest IS NULL GROUP BY p.digest ORDER BY p.digest LIMIT ?",
            (model, after, limit),
        )
        return [
            (digest, Passage(text=text, heading=_path(heading)).embedded) for digest, heading, text in rows
        ]

    def put_vectors(self, model: str, rows: Sequence[tuple[bytes, Sequence[float]]]) -> None:
        """Keep vectors by the digests of what they stand for; see `Build.put_vectors`."""
        numpy()
        ready = [(model, digest, *packed(vector)) for digest, vector in rows]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO vectors (model, digest, vector) VALUES (?, ?, ?)",
                ((model, digest, halves) for model, digest, _, halves in ready),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO codes (model, digest, code) VALUES (?, ?, ?)",
                ((model, digest, code) for model, digest, code, _ in ready),
            )

    def finish(self, setting: Setting) -> None:
        """Let everything that was put in and taken out show, all at once."""
        with self._database.write(durable=True) as connection:
            for name, value in (
                ("epoch", str(self._epoch)),
                ("setting", msgspec.json.encode(setting).decode()),
            ):
                connection.execute("UPDATE facts SET value = ? WHERE name = ?", (value, name))
        self._sweep()
        self._epoch += 1

    def _take_out(self, connection: Connection, source: str) -> None:
        """Mark a document as taken out; one that no finished build has shown is deleted at once."""
        rows = connection.execute(
            "SELECT id, added FROM documents WHERE source = ? AND removed = 0", (source,)
        ).fetchall()
        for number, added in rows:
            if added == self._epoch:
                _delete(connection, number)
            else:
                connection.execute("UPDATE documents SET removed = ? WHERE id = ?", (self._epoch, number))

    def _sweep(self) -> None:
        """Delete what no search can see any more."""
        gone = self._database.read("SELECT id FROM documents WHERE removed BETWEEN 1 AND ?", (self._epoch,))
        for (number,) in gone:
            with self._database.write() as connection:
                _delete(connection, number)
        if gone:
            with self._database.write() as connection:
                connection.execute("DELETE FROM codes WHERE digest NOT IN (SELECT digest FROM passages)")
                connection.execute("DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM passages)")


def _delete(connection: Connection, document: int) -> None:
    rows = connection.execute(
        "SELECT p.id, d.name, p.heading, p.text FROM passages p JOIN documents d ON d.id = p.document"
        " WHERE p.document = ?",
        (document,),
    ).fetchall()
    connection.executemany(
        "INSERT INTO words (words, rowid, heading, body) VALUES ('delete', ?, ?, ?)",
        ((number, *_worded(name, heading, text)) for number, name, heading, text in rows),
    )
    connection.execute("DELETE FROM passages WHERE document = ?", (document,))
    connection.execute("DELETE FROM documents WHERE id = ?", (document,))


def _path(heading: str) -> tuple[str, ...]:
    return tuple(heading.split(_SEPARATOR)) if heading else ()


def _worded(name: str, heading: str, text: str) -> tuple[str, str]:
    """Return what the lexical index holds of a passage."""
    return indexed(f"{name} {heading.replace(_SEPARATOR, ' ')}"), indexed(text)


def _term(word: str) -> str:
    """Return a word as the index is asked for it."""
    return f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"'


def _document(row: Sequence[Any]) -> Document:
    source, name, title, size, mtime, digest, *_ = row
    return Document(source=source, name=name, title=title, size=size, mtime=mtime, digest=digest)
