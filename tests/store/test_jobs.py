"""Jobs outlive their kernel, and only one kernel drives each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from ve_magics.errors import JobChangedError, StoreError
from ve_magics.jobs import Job, JobState, VideoRequest, moved, submitting
from ve_magics.store.database import Database, open_memory, open_store
from ve_magics.store.jobs import JobStore

JOB = Job(
    id="j", provider="p", request=VideoRequest(prompt="狐狸", model="m"), created=1.0, notebook="a.ipynb"
)


@pytest.fixture
def database() -> Iterator[Database]:
    database = open_memory()
    yield database
    database.close()


def test_a_job_is_there_after_a_restart(tmp_path: Path) -> None:
    """What was written down before the kernel died is read whole by the next one."""
    with closing(open_store(tmp_path / "store.sqlite3")) as database:
        store = JobStore(database)
        store.add(JOB)
        after = store.move(submitting(JOB, 2.0))
    with closing(open_store(tmp_path / "store.sqlite3")) as database:
        assert JobStore(database).unfinished() == (after,)
        assert after.state == "submitting"


def test_an_id_is_used_once(database: Database) -> None:
    """A second job with the same id is refused, and the first one stays."""
    store = JobStore(database)
    store.add(JOB)
    with pytest.raises(StoreError, match="already"):
        store.add(msgspec.structs.replace(JOB, provider="q"))
    assert store.get("j") == JOB
    assert store.get("other") is None


def test_of_two_changes_to_the_same_job_one_wins(database: Database) -> None:
    """A change that was based on an old reading is refused, so that none gets lost."""
    store = JobStore(database)
    store.add(JOB)
    first = store.move(submitting(JOB, 2.0))
    assert first.revision == 1
    with pytest.raises(JobChangedError):
        store.move(moved(JOB, 3.0, "cancelled"))
    assert store.get("j") == first
    assert store.move(moved(first, 4.0, note="x")).revision == 2


def test_a_job_that_is_gone_cannot_be_moved(database: Database) -> None:
    """A forgotten job isn't brought back by whoever still held it."""
    store = JobStore(database)
    store.add(JOB)
    assert store.remove("j") is True
    assert store.remove("j") is False
    with pytest.raises(JobChangedError):
        store.move(JOB)


def test_jobs_are_found_by_notebook_and_state(database: Database) -> None:
    """The newest come first; unfinished ones are those with work left."""
    store = JobStore(database)
    states: tuple[JobState, ...] = ("queued", "running", "unknown", "succeeded", "failed")
    for number, state in enumerate(states):
        store.add(
            msgspec.structs.replace(
                JOB,
                id=state,
                state=state,
                created=float(number),
                notebook="b.ipynb" if number % 2 else "a.ipynb",
            )
        )
    assert [job.id for job in store.find()] == ["failed", "succeeded", "unknown", "running", "queued"]
    assert [job.id for job in store.find(limit=2)] == ["failed", "succeeded"]
    assert [job.id for job in store.find(notebook="b.ipynb")] == ["succeeded", "running"]
    assert [job.id for job in store.find(states=["failed", "queued"])] == ["failed", "queued"]
    assert [job.id for job in store.unfinished()] == ["unknown", "running", "queued"]


def test_a_list_is_read_part_by_part(database: Database) -> None:
    """Parts follow one another without a gap or a twin, either way round, also where jobs were made at one moment."""
    store = JobStore(database)
    for number in range(7):
        store.add(msgspec.structs.replace(JOB, id=f"j{number}", created=float(number // 3)))
        store.add(msgspec.structs.replace(JOB, id=f"other{number}", notebook="b.ipynb"))
    for newest_first in (True, False):
        found: list[str] = []
        while part := store.page(
            "a.ipynb", after=found[-1] if found else "", limit=2, newest_first=newest_first
        ):
            found += [job.id for job in part]
        assert found == sorted((f"j{number}" for number in range(7)), reverse=newest_first)


def test_one_kernel_has_a_job(database: Database) -> None:
    """A lease keeps others away until it ends, is given back, or runs out; its owner may renew it."""
    now = 100.0
    store = JobStore(database, clock=lambda: now)
    store.add(JOB)
    assert store.lease("j", "one", 10) is True
    assert store.lease("j", "two", 10) is False
    assert (store.leased_by_other("j", "two"), store.leased_by_other("j", "one")) == (10.0, 0.0)
    now = 109.0
    assert store.lease("j", "one", 10) is True
    now = 118.0
    assert store.renew("one", 10) == 1
    assert store.lease("j", "two", 10) is False
    now = 128.0
    assert store.leased_by_other("j", "two") == 0.0
    assert store.lease("j", "two", 10) is True
    store.release("j", "one")
    assert store.lease("j", "one", 10) is False
    store.release("j", "two")
    assert store.lease("j", "one", 10) is True
    assert store.renew("two", 10) == 0


def test_a_dead_kernels_lease_is_taken_at_once_and_only_its_own(database: Database) -> None:
    """Whoever is named as dead loses the job now; where another has taken it meanwhile, that one keeps it."""
    store = JobStore(database, clock=lambda: 100.0)
    store.add(JOB)
    assert store.lease("j", "one", 10)
    assert not store.lease("j", "two", 10, instead_of="three")
    assert store.lease("j", "two", 10, instead_of="one")
    assert not store.lease("j", "three", 10, instead_of="one")
    assert store.owner("j") == "two"


def test_a_job_that_does_not_exist_has_no_lease(database: Database) -> None:
    """Nobody can take what isn't there."""
    store = JobStore(database)
    assert store.lease("nothing", "one", 10) is False
    assert store.leased_by_other("nothing", "one") == 0.0


def test_a_lease_does_not_disturb_the_driver(database: Database) -> None:
    """Taking or renewing a lease doesn't count as a change of the job."""
    store = JobStore(database)
    store.add(JOB)
    store.lease("j", "one", 10)
    assert store.move(submitting(JOB, 2.0)).revision == 1
