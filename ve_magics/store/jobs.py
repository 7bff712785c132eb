"""Video jobs, written down before money is spent on them, driven by one kernel at a time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence

import msgspec

from ve_magics.errors import JobChangedError, StoreError
from ve_magics.jobs import UNFINISHED, Job, JobState
from ve_magics.store.database import Database


class JobStore:
    """The jobs of all notebooks of this user.

    Every write waits until the disk has it.

    Args:
        database: Where they are kept.
        clock: Seconds since 1970.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def add(self, job: Job) -> None:
        """Write a new job down.

        Raises:
            StoreError: There is a job with this id already, or the store can't be written.
        """
        try:
            with self._database.write(durable=True) as connection:
                connection.execute(
                    "INSERT INTO jobs (id, state, notebook, created, revision, body) VALUES (?, ?, ?, ?, ?, ?)",
                    (job.id, job.state, job.notebook, job.created, job.revision, msgspec.json.encode(job)),
                )
        except sqlite3.IntegrityError as error:
            raise StoreError(f"There is a job {job.id} already.") from error

    def get(self, job_id: str) -> Job | None:
        """Return a job as it is now, or None."""
        for job in self._jobs("WHERE id = ?", (job_id,)):
            return job
        return None

    def move(self, job: Job) -> Job:
        """Write down what a job has become, if it is still what it was when it was read.

        Args:
            job: The changed job, with the revision that was read.

        Returns:
            The job with its new revision.

        Raises:
            JobChangedError: Another kernel has changed it since, or it is gone.
        """
        after = msgspec.structs.replace(job, revision=job.revision + 1)
        with self._database.write(durable=True) as connection:
            changed = connection.execute(
                "UPDATE jobs SET state = ?, notebook = ?, revision = ?, body = ? WHERE id = ? AND revision = ?",
                (
                    after.state,
                    after.notebook,
                    after.revision,
                    msgspec.json.encode(after),
                    job.id,
                    job.revision,
                ),
            ).rowcount
        if not changed:
            raise JobChangedError(f"Job {job.id} was changed by another kernel meanwhile.")
        return after

    def remove(self, job_id: str) -> bool:
        """Forget a job; returns whether there was one."""
        with self._database.write(durable=True) as connection:
            return connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,)).rowcount > 0

    def find(
        self,
        *,
        notebook: str | None = None,
        states: Sequence[JobState] = (),
        limit: int = 1000,
    ) -> tuple[Job, ...]:
        """Return jobs, the newest first.

        Args:
            notebook: Only this notebook's.
            states: Only those in one of these states; nothing means any.
            limit: At most so many.
        """
        return self._jobs(
            "WHERE (? IS NULL OR notebook = ?) AND (? = '[]' OR state IN (SELECT value FROM json_each(?)))"
            " ORDER BY created DESC, rowid DESC LIMIT ?",
            (notebook, notebook, *[msgspec.json.encode(list(states)).decode()] * 2, limit),
        )

    def page(
        self, notebook: str, *, after: str = "", limit: int = 20, newest_first: bool = True
    ) -> tuple[Job, ...]:
        """Return a part of one notebook's jobs.

        Args:
            notebook: Whose.
            after: Id of the job before the first one; empty for the beginning.
            limit: At most so many.
            newest_first: The order.
        """
        way, order = ("<", "DESC") if newest_first else (">", "ASC")
        past = f"AND (created, rowid) {way} (SELECT created, rowid FROM jobs WHERE id = ?)"  # noqa: S608 - constants
        return self._jobs(
            f"WHERE notebook = ? {past if after else ''} ORDER BY created {order}, rowid {order} LIMIT ?",
            (notebook, *((after,) if after else ()), limit),
        )

    def unfinished(self) -> tuple[Job, ...]:
        """Return every job with which something is still to be done, the newest first."""
        return self.find(states=UNFINISHED)

    def lease(self, job_id: str, owner: str, seconds: float, *, instead_of: str = "") -> bool:
        """Take a job, so that no other kernel drives it, or keep it for longer.

        Args:
            job_id: The job's id.
            owner: Who takes it.
            seconds: For how long, unless it is renewed.
            instead_of: An owner that is surely dead, from whom it is taken at once.

        Returns:
            False where another owner has it, or where there is no such job.
        """
        now = self._clock()
        with self._database.write() as connection:
            return (
                connection.execute(
                    "UPDATE jobs SET owner = ?, lease_until = ? WHERE id = ?"
                    " AND (owner IN (?, ?) OR lease_until <= ?)",
                    (owner, now + seconds, job_id, owner, instead_of or owner, now),
                ).rowcount
                > 0
            )

    def renew(self, owner: str, seconds: float) -> int:
        """Keep every job that this owner has for so many seconds more; returns how many they are."""
        with self._database.write() as connection:
            return connection.execute(
                "UPDATE jobs SET lease_until = ? WHERE owner = ? AND lease_until > 0",
                (self._clock() + seconds, owner),
            ).rowcount

    def release(self, job_id: str, owner: str) -> None:
        """Give a job back, where this owner has it."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET owner = '', lease_until = 0 WHERE id = ? AND owner = ?", (job_id, owner)
            )

    def owner(self, job_id: str) -> str:
        """Return who has a job for now; empty where nobody has."""
        rows = self._database.read(
            "SELECT owner FROM jobs WHERE id = ? AND lease_until > ?", (job_id, self._clock())
        )
        return str(rows[0][0]) if rows else ""

    def leased_by_other(self, job_id: str, owner: str) -> float:
        """Return the seconds for which another owner still has a job; 0 where none has."""
        rows = self._database.read(
            "SELECT lease_until FROM jobs WHERE id = ? AND owner != ?", (job_id, owner)
        )
        return max(0.0, rows[0][0] - self._clock()) if rows else 0.0

    def _jobs(self, where: str, values: Sequence[object]) -> tuple[Job, ...]:
        rows = self._database.read(f"SELECT body FROM jobs {where}", values)  # noqa: S608 - the clauses are constants above
        return tuple(msgspec.json.decode(body, type=Job) for (body,) in rows)
