"""What of an unfinished batch is remembered."""

from __future__ import annotations

from ve_magics.store.batches import KEPT_SECONDS, BatchStore
from ve_magics.store.database import open_memory


def test_answers_of_a_batch_are_found_again() -> None:
    """Each batch has its own answers; the newest of a key counts; a finished batch is forgotten."""
    batches = BatchStore(open_memory())
    for batch, key, value in (("a", "1", b"x"), ("a", "1", b"y"), ("a", "2", b"z"), ("b", "1", b"w")):
        batches.put(batch, key, value)
    assert batches.answers("a") == {"1": b"y", "2": b"z"}
    batches.forget("a")
    assert (batches.answers("a"), batches.answers("b")) == ({}, {"1": b"w"})


def test_what_nobody_finished_is_forgotten_in_time() -> None:
    """A batch that was left a month ago is not taken up."""
    now = [0.0]
    batches = BatchStore(open_memory(), clock=lambda: now[0])
    batches.put("a", "1", b"x")
    now[0] = KEPT_SECONDS + 1
    assert batches.answers("a") == {}
