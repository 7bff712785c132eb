"""The file survives other processes, other versions, damage and bad disks."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ve_magics.errors import SchemaTooNewError, StoreBusyError, StoreError
from ve_magics.store.database import Database, open_memory, open_store
from ve_magics.store.migrations import MIGRATIONS, Migration

LOCAL = "/dev/sda1 / ext4 rw 0 0"
NETWORK = "server:/ / nfs4 rw 0 0"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and fork")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.sqlite3"


def tables(database: Database) -> set[str]:
    return {name for (name,) in database.read("SELECT name FROM sqlite_master WHERE type = 'table'")}


def journal(database: Database) -> str:
    return str(database.read("PRAGMA journal_mode")[0][0])


def test_a_blank_store_gets_every_table(path: Path) -> None:
    """Opening where nothing is makes the file with all migrations, each named in it, in order."""
    with closing(open_store(path)) as database:
        assert {"responses", "ledger", "jobs", "migrations"} <= tables(database)
        names = [name for (name,) in database.read("SELECT name FROM migrations ORDER BY rowid")]
        assert names == [migration.name for migration in MIGRATIONS]
        assert names == sorted(set(names))
        assert database.notes == ()


@posix_only
def test_only_the_user_can_read_it(path: Path) -> None:
    """The folder that is made, the file and its companions are closed to everybody else."""
    with closing(open_store(path, table=LOCAL)) as database:
        with database.write() as connection:
            connection.execute("INSERT INTO responses VALUES ('s', 'k', x'00', 0, 0)")
        assert path.parent.stat().st_mode & 0o777 == 0o700
        files = list(path.parent.iterdir())
        assert len(files) == 3
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_an_older_store_is_brought_up_and_keeps_its_rows(path: Path) -> None:
    """A file that an older version wrote gets only the migrations that it lacks."""
    with closing(open_store(path, migrations=MIGRATIONS[:1])) as database:
        assert "ledger" not in tables(database)
        with database.write() as connection:
            connection.execute("INSERT INTO responses VALUES ('s', 'k', x'7b7d', 0, 0)")
    with closing(open_store(path)) as database:
        assert {"ledger", "jobs"} <= tables(database)
        assert database.read("SELECT value FROM responses") == [(b"{}",)]


def test_a_newer_store_is_refused_untouched(path: Path) -> None:
    """A file with a migration that this version doesn't know is not opened, and stays byte for byte."""
    newer = (*MIGRATIONS, Migration("9999_future", ("CREATE TABLE future (x)",)))
    open_store(path, table=NETWORK, migrations=newer).close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError, match="9999_future"):
        open_store(path, table=NETWORK)
    assert path.read_bytes() == before


def test_a_failing_migration_leaves_nothing_behind(path: Path) -> None:
    """Migrations run in one transaction: a broken one undoes those before it."""
    bad = (MIGRATIONS[0], Migration("0002_bad", ("CREATE TABLE half (x)", "CREATE NONSENSE")))
    with pytest.raises(StoreError, match="syntax"):
        open_store(path, migrations=bad)
    with closing(open_store(path)) as database:
        assert "half" not in tables(database)
        assert "jobs" in tables(database)


def test_the_journal_fits_the_disk(path: Path) -> None:
    """Local disks get a write-ahead log, network disks a rollback journal, also when a file moves between them."""
    for table, mode in ((LOCAL, "wal"), (NETWORK, "delete"), (LOCAL, "wal")):
        with closing(open_store(path, table=table)) as database:
            assert journal(database) == mode


def test_a_durable_write_waits_for_the_disk_and_only_it(path: Path) -> None:
    """A durable write is synchronised fully; the ones after it are as before."""
    with closing(open_store(path, table=LOCAL)) as database:
        with database.write(durable=True) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert database.read("PRAGMA synchronous") == [(1,)]


def test_a_block_that_raises_writes_nothing(path: Path) -> None:
    """A write is whole or not at all; an inner block belongs to the outer one."""
    with closing(open_store(path)) as database:

        def fail_half_way() -> None:
            with database.write() as outer:
                with database.write() as inner:
                    assert inner is outer
                    inner.execute("INSERT INTO responses VALUES ('s', 'k', x'00', 0, 0)")
                raise KeyError

        with pytest.raises(KeyError):
            fail_half_way()
        assert database.read("SELECT count(*) FROM responses") == [(0,)]


def test_mistakes_in_sql_are_not_blamed_on_the_disk() -> None:
    """A row that breaks a rule of its table, or wrong bindings, stay what they are: errors of the program."""
    with closing(open_memory()) as database:
        with pytest.raises(sqlite3.IntegrityError), database.write() as connection:
            connection.execute("INSERT INTO responses (session, key) VALUES ('s', 'k')")
        with pytest.raises(sqlite3.ProgrammingError):
            database.read("SELECT ?", ())


def test_a_busy_store_says_so(path: Path) -> None:
    """Where another process holds the file for too long, the error says who could be ended; later it works."""
    with closing(open_store(path, busy_seconds=0.05)) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError, match="Another process"), database.write():
                pass
        with database.write() as connection:
            assert connection.in_transaction


def test_changing_the_journal_waits_for_others_but_not_for_ever(path: Path) -> None:
    """A store that another process uses can't change its journal: that is a busy store, not a broken one."""
    with closing(open_store(path, table=LOCAL)), pytest.raises(StoreBusyError):
        open_store(path, table=NETWORK, busy_seconds=0.05)


def test_a_closed_store_is_an_error() -> None:
    """Closing twice is harmless; using a closed store is said."""
    database = open_memory()
    database.close()
    database.close()
    with pytest.raises(StoreError, match="closed"):
        database.read("SELECT 1")


def test_a_file_that_is_no_database_is_moved_aside(path: Path) -> None:
    """A damaged store never stops the work and is never deleted."""
    path.parent.mkdir()
    for number in (1, 2):
        path.write_bytes(b"not a database %d " % number * 500)
        with closing(open_store(path, clock=lambda: 0.0)) as database:
            assert "jobs" in tables(database)
            assert "kept as store.damaged-19700101T000000Z" in database.notes[0]
    kept = sorted(path.parent.glob("*.damaged-*"))
    assert [file.read_bytes()[:16] for file in kept] == [b"not a database 2", b"not a database 1"]


def test_damage_met_in_use_is_repaired_at_the_next_opening(path: Path) -> None:
    """A page that breaks later is an error that says what to do, and the next opening begins a new file."""
    with closing(open_store(path, table=NETWORK)) as database, database.write() as connection:
        connection.executemany(
            "INSERT INTO responses VALUES ('s', ?, zeroblob(3000), 0, 0)", [(str(n),) for n in range(50)]
        )
    content = bytearray(path.read_bytes())
    content[40_960:] = os.urandom(len(content) - 40_960)
    path.write_bytes(content)
    with closing(open_store(path, table=NETWORK)) as database, pytest.raises(StoreError, match="damaged"):
        database.read("SELECT key, value FROM responses")
    with closing(open_store(path, table=NETWORK)) as database:
        assert database.read("SELECT count(*) FROM responses") == [(0,)]
        assert len(database.notes) == 1
    assert bytes(content) in [file.read_bytes() for file in path.parent.glob("*.damaged-*")]
    with closing(open_store(path, table=NETWORK)) as database:
        assert database.notes == ()


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    """A store below a file is a clear error with a hint."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError) as caught:
        open_store(tmp_path / "file" / "store.sqlite3")
    assert "VE_HOME" in caught.value.hint


def test_a_full_disk_says_so(path: Path) -> None:
    """A write that doesn't fit is undone and named; what was there can still be read."""
    with closing(open_store(path)) as database:
        (pages,) = database.read("PRAGMA page_count")[0]
        database.read(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="disk is full"), database.write() as connection:
            connection.execute("INSERT INTO responses VALUES ('s', 'k', zeroblob(1000000), 0, 0)")
        assert database.read("SELECT count(*) FROM responses") == [(0,)]


def test_a_read_only_store_says_so(path: Path) -> None:
    """Writing where it is not allowed is a clear error, and reading goes on."""
    with closing(open_store(path)) as database:
        database.read("PRAGMA query_only = 1")
        with pytest.raises(StoreError, match="readonly") as caught, database.write() as connection:
            connection.execute("DELETE FROM jobs")
        assert "permissions" in caught.value.hint
        assert database.read("SELECT count(*) FROM jobs") == [(0,)]


def test_threads_share_one_store(path: Path) -> None:
    """Writes from many threads all arrive."""
    with closing(open_store(path)) as database:

        def work(name: int) -> None:
            for number in range(50):
                with database.write() as connection:
                    connection.execute(
                        "INSERT INTO responses VALUES (?, ?, x'00', 0, 0)", (str(name), str(number))
                    )

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert database.read("SELECT count(*) FROM responses") == [(200,)]


WRITER = """
import sys
from pathlib import Path
from ve_magics.store.database import open_store
database = open_store(Path(sys.argv[1]), table=sys.argv[3])
for number in range(40):
    with database.write(durable=True) as connection:
        connection.execute("INSERT INTO responses VALUES (?, ?, x'00', 0, 0)", (sys.argv[2], str(number)))
database.close()
"""


@pytest.mark.parametrize("table", [LOCAL, NETWORK])
def test_two_processes_begin_and_write_the_same_store(path: Path, table: str) -> None:
    """Kernels that start at the same moment make one file with each migration once, and lose no write."""
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, table], stderr=subprocess.PIPE)
        for name in "abc"
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    with closing(open_store(path, table=table)) as database:
        assert database.read("SELECT session, count(*) FROM responses GROUP BY session") == [
            ("a", 40),
            ("b", 40),
            ("c", 40),
        ]


FORKER = """
import os, sys
from pathlib import Path
from ve_magics.store.database import open_store
database = open_store(Path(sys.argv[1]))
def add(name):
    with database.write() as connection:
        connection.execute("INSERT INTO responses VALUES (?, 'k', x'00', 0, 0)", (name,))
add("before")
child = os.fork()
if child == 0:
    add("child")
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0
add("parent")
print(sorted(name for (name,) in database.read("SELECT session FROM responses")))
"""


@posix_only
def test_a_forked_child_opens_its_own_connection(path: Path) -> None:
    """Code that forks (multiprocessing in a cell) can't damage the store: the child doesn't use the parent's connection."""
    result = subprocess.run(
        [sys.executable, "-c", FORKER, str(path)], capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "['before', 'child', 'parent']", result.stderr


@pytest.fixture
def memory() -> Iterator[Database]:
    database = open_memory()
    yield database
    database.close()


def test_a_store_in_memory_is_complete(memory: Database) -> None:
    """Without a usable disk the same tables are there, for as long as the kernel lives."""
    assert memory.path is None
    assert {"responses", "ledger", "jobs"} <= tables(memory)
    with memory.write(durable=True) as connection:
        connection.execute("INSERT INTO responses VALUES ('s', 'k', x'00', 0, 0)")
    assert memory.read("SELECT count(*) FROM responses") == [(1,)]


def test_a_store_that_nobody_holds_closes_itself(path: Path) -> None:
    """A program that forgets to close its store leaves no open file behind, and Python 3.13 has nothing to warn of."""
    database = open_store(path, table=LOCAL)
    with database.write() as connection:
        connection.execute("INSERT INTO responses VALUES ('s', 'k', x'00', 0, 0)")
    database.held = [database]  # type: ignore[attr-defined]  # a circle, as sessions and their stores form
    del database
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    with closing(open_store(path, table=LOCAL)) as again:
        assert again.read("SELECT count(*) FROM responses") == [(1,)]
