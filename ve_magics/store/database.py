"""One SQLite file per user: opened carefully, shared by several kernels, never trusted to be whole.

Small reads and writes take microseconds and may be made from an event loop's own thread. A failure of the disk is a
`StoreError` that says what to do; the caller may go on with `open_memory()` and tell the user that nothing is kept.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from ve_magics.errors import SchemaTooNewError, StoreBusyError, StoreError
from ve_magics.store.disks import mounts, on_network_disk
from ve_magics.store.migrations import MIGRATIONS, Migration

Row = tuple[Any, ...]
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_COMPANIONS = ("-wal", "-shm", "-journal")
_forked: list[sqlite3.Connection] = []
"""Connections that a fork left in the child. Closing one there would disturb the parent's, so they are kept open."""


class Database:
    """A store that is open; safe to use from several threads. One that nobody holds any more closes by itself.

    Args:
        path: The file, or None for one in memory.
        connect: Opens a connection to it with every migration applied.
        notes: What the user should know about how it was opened.
        shared: Whether it lies on a disk that other machines may hold.
    """

    def __init__(
        self,
        path: Path | None,
        connect: Callable[[], sqlite3.Connection],
        notes: Sequence[str] = (),
        *,
        shared: bool = False,
    ) -> None:
        self.path = path
        self.notes = tuple(notes)
        self.shared = shared
        self._connect = connect
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._connection: sqlite3.Connection | None = connect()
        self._closer = self._close_with_me()

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query.

        Raises:
            StoreError: The store can't be read, or was closed.
        """
        with self._connected() as connection, self._translated():
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction: committed at the end, undone if the block raises.

        Args:
            durable: Wait until the disk has it, so that a power cut can't undo it either.

        Raises:
            StoreBusyError: Another process holds the store for too long.
            StoreError: The store can't be written, or was closed.
        """
        with self._connected() as connection, self._translated():
            if connection.in_transaction:  # an outer block of this thread commits
                yield connection
                return
            level = 0
            if durable:
                (level,) = connection.execute("PRAGMA synchronous").fetchone()
                connection.execute("PRAGMA synchronous = FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                        connection.execute("ROLLBACK")
                    raise
            finally:
                if durable:
                    connection.execute(f"PRAGMA synchronous = {int(level)}")

    def close(self) -> None:
        """Close the store; a second call does nothing."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                self._closer.detach()
                connection.close()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        if self._pid != os.getpid() and self.path is not None:
            self._after_fork()
        with self._lock:
            if self._connection is None:
                raise StoreError("The store is closed.")
            yield self._connection

    def _after_fork(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        if self._connection is not None:
            self._closer()
            self._connection = self._connect()
            self._closer = self._close_with_me()

    def _close_with_me(self) -> weakref.finalize[[sqlite3.Connection, int], Database]:
        assert self._connection is not None, "called with an open connection"
        closer = weakref.finalize(self, _let_go, self._connection, self._pid)
        closer.atexit = False  # what ends with the process may still write then
        return closer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):  # ours, not the disk's
            raise
        except sqlite3.DatabaseError as error:
            if self.path is not None and _code(error) in _BROKEN:
                with suppress(OSError):
                    _mark(self.path).touch()
            _raise(error, self.path)


def _let_go(connection: sqlite3.Connection, pid: int) -> None:
    """Close a connection in the process that has opened it."""
    if pid != os.getpid():
        _forked.append(connection)
        return
    with suppress(sqlite3.Error):
        connection.close()


def open_store(
    path: Path,
    *,
    table: str | None = None,
    busy_seconds: float = 5.0,
    migrations: Sequence[Migration] = MIGRATIONS,
    clock: Callable[[], float] = time.time,
) -> Database:
    """Open the user's store, and make it where it isn't there yet.

    A file that is no whole database is moved aside, never deleted; `Database.notes` then says where it is.

    Args:
        path: The file. A folder that is made for it is the user's alone, and so is the file.
        table: The mount table; None reads the system's.
        busy_seconds: How long to wait for another process.
        migrations: Every change of the tables, oldest first.
        clock: Seconds since 1970.

    Raises:
        SchemaTooNewError: A newer version has written the file; it is left untouched.
        StoreBusyError: Another process holds the file for too long.
        StoreError: The folder or the file can't be used; the hint says what to do.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link that the user set up
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared = on_network_disk(path.parent.resolve(), mounts() if table is None else table)
        notes = [_set_aside(path, clock())] if _mark(path).exists() else []
        for last in (False, True):
            inode = _create(path)
            try:
                return Database(
                    path,
                    lambda: _open_file(path, shared, busy_seconds, migrations, clock),
                    notes,
                    shared=shared,
                )
            except sqlite3.DatabaseError as error:
                if last or _code(error) not in _BROKEN:
                    raise
                if path.stat().st_ino == inode:  # otherwise another process has just set it aside
                    notes.append(_set_aside(path, clock()))
    except (sqlite3.Error, OSError) as error:
        _raise(error, path)
    raise AssertionError("the second round returns or raises")


def open_memory(*, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
    """Open a store that is forgotten when it is closed."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _migrate(connection, migrations, time.time)
        return connection

    return Database(None, connect)


def _create(path: Path) -> int:
    """Make the file before SQLite does, for the user alone, and return its inode number."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with suppress(OSError):
        path.chmod(0o600)
    return path.stat().st_ino


def _open_file(
    path: Path,
    shared: bool,
    busy_seconds: float,
    migrations: Sequence[Migration],
    clock: Callable[[], float],
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        _set_journal(connection, "DELETE" if shared else "WAL", busy_seconds)
        connection.execute(f"PRAGMA synchronous = {'FULL' if shared else 'NORMAL'}")
        _migrate(connection, migrations, clock)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_journal(connection: sqlite3.Connection, mode: str, busy_seconds: float) -> None:
    """Choose the journal; SQLite doesn't wait for other processes here by itself."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() == mode:
        return
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() >= until:
                raise
            time.sleep(0.02)
        else:
            return


def _migrate(
    connection: sqlite3.Connection, migrations: Sequence[Migration], clock: Callable[[], float]
) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied REAL NOT NULL)")
    if _pending(connection, migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for migration in _pending(connection, migrations):  # another process may have been quicker
                for statement in migration.statements:
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?, ?)", (migration.name, clock()))
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _pending(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> list[Migration]:
    done = {str(name) for (name,) in connection.execute("SELECT name FROM migrations")}
    strange = sorted(done - {migration.name for migration in migrations})
    if strange:
        raise SchemaTooNewError(
            f"The store was written by a newer version of ve_magics ({strange[-1]}).",
            hint="Update with `pip install -U ve_magics`, or let VE_HOME name another folder.",
        )
    return [migration for migration in migrations if migration.name not in done]


def _mark(path: Path) -> Path:
    """Where a damage that was met in use is noted for the next opening."""
    return path.with_name(path.name + ".damaged")


def _set_aside(path: Path, now: float) -> str:
    """Move a damaged store and its companions out of the way and return a note about it."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    target, number = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.stem}.damaged-{stamp}-{number}{path.suffix}")
    for companion in ("", *_COMPANIONS):
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).replace(target.with_name(target.name + companion))
    _mark(path).unlink(missing_ok=True)
    return f"The store was damaged. It was kept as {target.name} and a new one was begun."


def _code(error: BaseException) -> int:
    """Return SQLite's primary result code, or 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def _raise(error: Exception, path: Path | None) -> NoReturn:
    """Raise what went wrong with the disk or the file as a sentence that helps."""
    code, where = _code(error), "the store" if path is None else f"the store {path}"
    elsewhere = "or let VE_HOME name a folder that can be written."
    if code in _BUSY:
        raise StoreBusyError(
            f"Another process holds {where}.", hint="Try again; if it goes on, end other kernels that use it."
        ) from error
    if code in _BROKEN:
        raise StoreError(
            f"{where[0].upper()}{where[1:]} is damaged.",
            hint="Restart the kernel: the file is then kept aside and a new one begun.",
        ) from error
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == 28:
        raise StoreError(
            f"The disk is full: {where} can't be written.", hint=f"Free some space, {elsewhere}"
        ) from error
    raise StoreError(
        f"Can't use {where}: {error}.", hint=f"Check the folder's permissions and disk, {elsewhere}"
    ) from error
