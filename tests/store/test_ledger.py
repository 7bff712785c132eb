"""The book adds up, and what is not known is never 0."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.messages import Usage
from ve_magics.store.database import Database, open_memory
from ve_magics.store.ledger import Entry, Ledger, Spent, Total


@pytest.fixture
def database() -> Iterator[Database]:
    database = open_memory()
    yield database
    database.close()


def test_an_entry_comes_back_as_it_was(database: Database) -> None:
    """Every field of a line is kept, unknown amounts as unknown; the newest line comes first."""
    ledger = Ledger(database)
    first = Entry(at=1.5, provider="openai", model="m")
    second = Entry(
        at=2.5,
        provider="sim",
        model="video",
        kind="video",
        usage=Usage(input=3, cached=1, output=2, seconds=4.0, cost=0.5),
        cost=0.5,
        saved=0.25,
        notebook="a.ipynb",
        session="s",
        cached=True,
        request_id="r",
        id="job-1",
    )
    assert ledger.add(first)
    assert ledger.add(second)
    assert ledger.entries() == (second, first)
    assert ledger.entries(notebook="a.ipynb") == (second,)
    assert ledger.entries(since=2.0) == (second,)
    assert ledger.entries(limit=1) == (second,)
    assert first.cost is None


def test_a_line_with_an_id_is_written_once(database: Database) -> None:
    """A job that is settled again after a crash is not paid twice; lines without an id are all written."""
    ledger = Ledger(database)
    entry = Entry(at=1.0, provider="p", model="m", cost=2.0, id="job-1")
    assert [ledger.add(entry), ledger.add(entry)] == [True, False]
    assert ledger.spent() == Spent(2.0, 0)
    plain = Entry(at=1.0, provider="p", model="m", cost=1.0)
    assert [ledger.add(plain), ledger.add(plain)] == [True, True]
    assert ledger.spent() == Spent(4.0, 0)


def test_an_empty_book_has_spent_nothing(database: Database) -> None:
    """No line means nothing spent and no totals."""
    ledger = Ledger(database)
    assert ledger.spent() == Spent(0.0, 0)
    assert ledger.totals() == ledger.totals(["model"]) == ()


def test_totals_group_by_what_is_asked(database: Database) -> None:
    """Groups come in order, with sums of tokens, seconds and money, and unknown costs apart."""
    ledger = Ledger(database)
    noon = time.mktime((2026, 5, 4, 12, 0, 0, 0, 0, -1))
    for model, day, cost in (("b", 0, 1.0), ("a", 0, None), ("a", 1, 0.5), ("a", 1, 0.0)):
        ledger.add(
            Entry(
                at=noon + day * 86_400,
                provider="p",
                model=model,
                usage=Usage(input=10, cached=4, output=2, seconds=1.5),
                cost=cost,
                saved=None if cost else 0.25,
                cached=cost == 0.0,
                notebook="n",
            )
        )
    assert ledger.totals(["model"]) == (
        Total(("a",), 3, 1, 30, 12, 6, 4.5, 0.5, 1, 0.5),
        Total(("b",), 1, 0, 10, 4, 2, 1.5, 1.0, 0, 0.0),
    )
    assert [(total.group, total.calls) for total in ledger.totals(["day", "model"])] == [
        (("2026-05-04", "a"), 1),
        (("2026-05-04", "b"), 1),
        (("2026-05-05", "a"), 2),
    ]
    assert [total.group for total in ledger.totals(["provider", "kind", "session", "notebook"])] == [
        ("p", "chat", "", "n")
    ]


def test_spent_can_be_narrowed(database: Database) -> None:
    """What one notebook, one session or a time has spent is told apart from the rest."""
    ledger = Ledger(database)
    ledger.add(Entry(at=1.0, provider="p", model="m", cost=1.0, notebook="a", session="x"))
    ledger.add(Entry(at=5.0, provider="p", model="m", cost=2.0, notebook="b", session="y"))
    ledger.add(Entry(at=6.0, provider="p", model="m", notebook="b", session="x"))
    assert ledger.spent(notebook="a") == Spent(1.0, 0)
    assert ledger.spent(notebook="b") == Spent(2.0, 1)
    assert ledger.spent(session="x") == Spent(1.0, 1)
    assert ledger.spent(since=5.0) == Spent(2.0, 1)
    assert ledger.spent(notebook="nobody") == Spent(0.0, 0)


@given(st.lists(st.none() | st.integers(0, 1000), max_size=20))
def test_known_and_unknown_always_add_up(costs: list[int | None]) -> None:
    """Whatever the lines are, the known amount is the sum of the known and the rest is counted."""
    database = open_memory()
    ledger = Ledger(database)
    for cost in costs:
        ledger.add(Entry(at=0.0, provider="p", model="m", cost=cost))
    known = [cost for cost in costs if cost is not None]
    assert ledger.spent() == Spent(sum(known), len(costs) - len(known))
    database.close()


def test_a_sum_can_be_carried_on() -> None:
    """What was spent is the sum that is known and that of the lines since, for all and for one notebook."""
    ledger = Ledger(open_memory())
    assert ledger.spent_after(0) == (0.0, 0)
    for at, cost in enumerate((1.0, None, 2.0)):
        ledger.add(Entry(at=9.0 - at, provider="a", model="m", cost=cost, notebook="x" if at else "y"))
    everything, last = ledger.spent_after(0)
    mine, same = ledger.spent_after(0, notebook="x")
    assert (everything, mine) == (ledger.spent().known, ledger.spent(notebook="x").known) == (3.0, 2.0)
    assert last == same == 3
    assert ledger.spent_after(last) == (0.0, 3)
    ledger.add(Entry(at=1.0, provider="a", model="m", cost=0.5, notebook="y"))
    assert ledger.spent_after(last, notebook="x") == (0.0, 4)
    assert ledger.spent_after(last) == (0.5, 4)
