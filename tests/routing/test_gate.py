"""A gate holds its limit, and those who wait enter in the order in which they came."""

from __future__ import annotations

from ve_magics.routing.gate import Gate


def test_without_a_limit_everybody_enters() -> None:
    """Nobody ever waits."""
    gate = Gate(None)
    gate.in_flight = 1_000_000
    assert gate.admits("anyone")


def test_the_limit_holds() -> None:
    """A place is free or it isn't."""
    gate = Gate(2)
    gate.in_flight = 1
    assert gate.admits("one")
    gate.in_flight = 2
    assert not gate.admits("one")


def test_free_places_belong_to_those_who_wait_longest() -> None:
    """Newcomers get what is left over."""
    gate = Gate(4)
    gate.in_flight = 4
    assert [gate.rounds(name) for name in ("one", "two", "three")] == [0, 0, 0]
    gate.in_flight = 2
    assert [gate.admits(name) for name in ("one", "two", "three", "new")] == [True, True, False, False]
    gate.in_flight = 0
    assert gate.admits("new")
    gate.leave("one")
    gate.in_flight = 2
    assert gate.admits("three")


def test_those_far_behind_know_it() -> None:
    """The rounds before a ticket's turn are counted, and asking again keeps the place."""
    gate = Gate(2)
    gate.in_flight = 2
    assert [gate.rounds(number) for number in range(6)] == [0, 0, 1, 1, 2, 2]
    assert gate.rounds(3) == 1
