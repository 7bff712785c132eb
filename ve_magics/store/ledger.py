"""The book of what was spent: one line a call. An unknown cost is kept unknown and counted apart, never as 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from ve_magics.messages import Usage
from ve_magics.store.database import Database

Kind = Literal["chat", "video", "embedding", "image", "rerank"]
Group = Literal["provider", "model", "notebook", "day", "kind", "session"]

_COLUMNS: dict[Group, str] = {
    "provider": "provider",
    "model": "model",
    "notebook": "notebook",
    "day": "date(at, 'unixepoch', 'localtime')",
    "kind": "kind",
    "session": "session",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the book.

    Attributes:
        at: Seconds since 1970.
        provider: Who answered.
        model: The provider's name of the model.
        kind: What was made.
        usage: What it used.
        cost: US dollars; None where the price is unknown. 0 for an answer from the session's cache.
        saved: US dollars that a cache saved; None where unknown.
        notebook: Path of the notebook, or nothing.
        session: The session's id.
        cached: True where the session's cache answered and nothing was sent.
        request_id: The provider's id of the request.
        id: Where not empty, the line is written once however often it is added.
    """

    at: float
    provider: str
    model: str
    kind: Kind = "chat"
    usage: Usage = Usage()
    cost: float | None = None
    saved: float | None = None
    notebook: str = ""
    session: str = ""
    cached: bool = False
    request_id: str = ""
    id: str = ""


class Total(NamedTuple):
    """What a group of lines adds up to.

    Attributes:
        group: The values that the lines share, in the order that was asked for.
        calls: How many lines.
        cached: How many of them the session's cache answered.
        input: Tokens that were read.
        cached_input: Of them, tokens from the provider's prompt cache.
        output: Tokens that were made.
        seconds: Seconds of video.
        cost: US dollars, as far as they are known.
        unknown: Lines whose cost is not known and therefore not in `cost`.
        saved: US dollars that caches saved, as far as they are known.
    """

    group: tuple[str, ...]
    calls: int
    cached: int
    input: int
    cached_input: int
    output: int
    seconds: float
    cost: float
    unknown: int
    saved: float


class Spent(NamedTuple):
    """What was spent.

    Attributes:
        known: US dollars.
        unknown: Lines whose cost is not known and therefore not in `known`.
    """

    known: float
    unknown: int


class Ledger:
    """The book of all notebooks of this user.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: Entry) -> bool:
        """Write a line; returns False where a line with this id is in the book already."""
        usage = entry.usage
        with self._database.write() as connection:
            return (
                connection.execute(
                    "INSERT INTO ledger (id, at, provider, model, kind, usage, input, cached_input, output, seconds,"
                    " cost, saved, notebook, session, cached, request_id)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                    (
                        entry.id or None,
                        entry.at,
                        entry.provider,
                        entry.model,
                        entry.kind,
                        msgspec.json.encode(usage),
                        usage.input,
                        usage.cached,
                        usage.output,
                        usage.seconds,
                        entry.cost,
                        entry.saved,
                        entry.notebook,
                        entry.session,
                        entry.cached,
                        entry.request_id,
                    ),
                ).rowcount
                > 0
            )

    def entries(
        self, *, notebook: str | None = None, since: float = 0.0, limit: int = 1000
    ) -> tuple[Entry, ...]:
        """Return lines, the newest first.

        Args:
            notebook: Only this notebook's.
            since: Only those from then on, seconds since 1970.
            limit: At most so many.
        """
        rows = self._database.read(
            "SELECT at, provider, model, kind, usage, cost, saved, notebook, session, cached, request_id, id"
            " FROM ledger WHERE at >= ? AND (? IS NULL OR notebook = ?) ORDER BY at DESC, number DESC LIMIT ?",
            (since, notebook, notebook, limit),
        )
        return tuple(
            Entry(
                at=at,
                provider=provider,
                model=model,
                kind=kind,
                usage=msgspec.json.decode(usage, type=Usage),
                cost=cost,
                saved=saved,
                notebook=where,
                session=session,
                cached=bool(cached),
                request_id=request_id,
                id=own or "",
            )
            for at, provider, model, kind, usage, cost, saved, where, session, cached, request_id, own in rows
        )

    def totals(
        self,
        by: Sequence[Group] = (),
        *,
        notebook: str | None = None,
        session: str | None = None,
        since: float = 0.0,
    ) -> tuple[Total, ...]:
        """Add up the book.

        Args:
            by: What the lines of one total share; nothing adds up the whole book. Days are local days.
            notebook: Only this notebook's lines.
            session: Only this session's lines.
            since: Only lines from then on, seconds since 1970.

        Returns:
            One total per group, in the order of the groups; none where no line matches.
        """
        columns = [_COLUMNS[group] for group in by]
        keys = "".join(f"{column}, " for column in columns)
        order = f" GROUP BY {', '.join(columns)} ORDER BY {', '.join(columns)}" if columns else ""
        rows = self._database.read(
            f"SELECT {keys}count(*), total(cached), total(input), total(cached_input), total(output), total(seconds),"  # noqa: S608 - the columns are constants above
            f" total(cost), count(*) - count(cost), total(saved) FROM ledger WHERE at >= ?"
            f" AND (? IS NULL OR notebook = ?) AND (? IS NULL OR session = ?){order}",
            (since, notebook, notebook, session, session),
        )
        width = len(columns)
        return tuple(
            Total(
                tuple(str(value) for value in row[:width]),
                row[width],
                int(row[width + 1]),
                int(row[width + 2]),
                int(row[width + 3]),
                int(row[width + 4]),
                *row[width + 5 :],
            )
            for row in rows
            if row[width]
        )

    def spent(self, *, notebook: str | None = None, session: str | None = None, since: float = 0.0) -> Spent:
        """Return what was spent by all notebooks, or by one notebook or session, from then on."""
        for total in self.totals(notebook=notebook, session=session, since=since):
            return Spent(total.cost, total.unknown)
        return Spent(0.0, 0)

    def spent_after(self, number: int, *, notebook: str | None = None) -> tuple[float, int]:
        """Add up the lines that were written after one, which takes as long as there are such lines.

        Args:
            number: Of the last line that is known; 0 adds up the whole book.
            notebook: Only this notebook's lines.

        Returns:
            US dollars as far as they are known, and the number of the book's last line.
        """
        ((known, last),) = self._database.read(
            "SELECT total(CASE WHEN ? IS NULL OR notebook = ? THEN cost END), coalesce(max(number), ?) FROM ledger"
            " WHERE number > ?",
            (notebook, notebook, number, number),
        )
        return known, last
