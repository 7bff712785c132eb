"""When keeping a prefix by name pays: read again and again, and never found in the cache that comes for nothing."""

from __future__ import annotations

from ve_magics.dialects.contract import Cut
from ve_magics.engine.sightings import MISSES, MOST, WINDOW, Sightings, covers

SHORT, LONG = Cut("a", 0, 2000), Cut("b", 1, 9000)


def test_it_pays_after_so_many_full_readings() -> None:
    """Not before; the longest prefix that came again is the one to keep, and another place knows nothing of it."""
    seen = Sightings()
    for time in range(MISSES):
        assert seen.worth_keeping("x", [SHORT, LONG], time) is None
        seen.note("x", [SHORT, LONG], 0, time)
    assert seen.worth_keeping("x", [SHORT, LONG], MISSES) == LONG
    assert seen.worth_keeping("x", [SHORT, Cut("c", 1, 9000)], MISSES) == SHORT
    assert seen.worth_keeping("y", [SHORT, LONG], MISSES) is None


def test_a_hit_says_that_nothing_needs_to_be_kept() -> None:
    """What the provider found by itself counts from the beginning of the request: a short prefix is found first."""
    seen = Sightings()
    seen.note("x", [SHORT, LONG], 0, 0)
    seen.note("x", [SHORT, LONG], 2000, 1)
    seen.note("x", [SHORT, LONG], 0, 2)
    assert seen.worth_keeping("x", [SHORT], 3) is None
    assert seen.worth_keeping("x", [LONG], 3) == LONG


def test_long_ago_is_forgotten() -> None:
    """Readings with a long time between them don't add up, and memory has an end."""
    seen = Sightings()
    seen.note("x", [LONG], 0, 0)
    seen.note("x", [LONG], 0, WINDOW + 1)
    assert seen.worth_keeping("x", [LONG], WINDOW + 2) is None
    seen.note("x", [LONG], 0, WINDOW + 3)
    assert seen.worth_keeping("x", [LONG], 2 * WINDOW + 4) is None
    assert seen.worth_keeping("x", [LONG], WINDOW + 4) == LONG
    seen.note("x", [Cut(str(number), 0, 9000) for number in range(MOST)], 0, WINDOW + 5)
    assert seen.worth_keeping("x", [LONG], WINDOW + 6) is None


def test_what_is_kept_may_be_enough() -> None:
    """Half of what would be kept is enough; nothing is not."""
    assert covers(Cut("a", 0, 5000), LONG)
    assert not covers(SHORT, LONG)
    assert not covers(None, LONG)
