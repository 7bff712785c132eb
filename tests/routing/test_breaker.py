"""A breaker opens on failures, lets one probe through, and closes on an answer."""

from __future__ import annotations

from random import Random

from ve_magics.routing.breaker import Breaker
from ve_magics.routing.values import Settings

SETTINGS = Settings(breaker_failures=3, breaker_volume=10, breaker_ratio=0.5, open_base=4.0, open_cap=10.0)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(SETTINGS, Random(1))
    for _ in range(3):
        breaker.failed(now, probe=False)
    return breaker


def test_consecutive_failures_open_it() -> None:
    """An answer between them starts the count anew."""
    breaker = Breaker(SETTINGS, Random(1))
    breaker.failed(0, probe=False)
    breaker.failed(0, probe=False)
    breaker.answered(0, 0)
    breaker.failed(0, probe=False)
    breaker.failed(0, probe=False)
    assert breaker.state(0) == "closed"
    breaker.failed(0, probe=False)
    assert breaker.state(0) == "open"
    assert not breaker.admits(0)


def test_a_share_of_failures_opens_it() -> None:
    """Every second answer failing is as bad, once enough were seen."""
    breaker = Breaker(SETTINGS, Random(1))
    for _ in range(4):
        breaker.answered(0, 0)
        breaker.failed(0, probe=False)
    assert breaker.state(0) == "closed"
    breaker.answered(0, 0)
    breaker.failed(0, probe=False)
    assert breaker.state(0) == "open"


def test_failures_of_long_ago_are_forgotten() -> None:
    """The share counts within its window only."""
    breaker = Breaker(SETTINGS, Random(1))
    for step in range(40):
        breaker.answered(step * 10, step * 10)
        breaker.failed(step * 10, probe=False)
    assert breaker.state(400) == "closed"


def test_half_open_lets_one_probe_through() -> None:
    """Until it is over nobody else may; if it ends without a verdict the next one may."""
    breaker = opened()
    later = breaker.open_until
    assert breaker.state(later) == "half_open"
    assert breaker.admits(later)
    assert breaker.enter(later)
    assert not breaker.admits(later)
    assert not breaker.enter(later)
    breaker.leave(probe=False)
    assert not breaker.admits(later)
    breaker.leave(probe=True)
    assert breaker.admits(later)


def test_an_answer_closes_it_and_forgets_the_past() -> None:
    """The next outage starts with the short open time again."""
    breaker = opened()
    breaker.answered(9, 9)
    assert breaker.state(9) == "closed"
    assert (breaker.failures, breaker.open_until) == (0, 0.0)
    assert not breaker.enter(9)


def test_an_old_answer_proves_nothing() -> None:
    """A stream that began before the outage doesn't close the breaker."""
    breaker = opened(5)
    breaker.answered(6, 4.9)
    assert breaker.state(6) == "open"


def test_failed_probes_keep_it_open_for_longer_up_to_a_bound() -> None:
    """The open time doubles, less a random part of up to half."""
    breaker, now, times = opened(), 0.0, []
    for _ in range(40):
        times.append(breaker.open_until - now)
        now = breaker.open_until
        assert breaker.enter(now)
        breaker.leave(probe=True)
        breaker.failed(now, probe=True)
    for bound, seconds in zip([4, 8] + [10] * 38, times, strict=True):
        assert bound / 2 - 1e-6 <= seconds <= bound + 1e-6
    assert len(set(times)) > 30


def test_failures_while_open_change_nothing() -> None:
    """Only the probe decides; stragglers neither lengthen nor restart the open time."""
    breaker = opened()
    until = breaker.open_until
    breaker.failed(1, probe=False)
    assert breaker.open_until == until


def test_it_can_be_opened_for_a_given_time() -> None:
    """A retired model isn't asked for long."""
    breaker = Breaker(SETTINGS, Random(1))
    breaker.trip(10, 600)
    assert breaker.state(609) == "open"
    assert breaker.state(610) == "half_open"
