"""Whether it pays to have a provider keep a prefix by a call of its own: pure, all times are seconds.

Google caches equal prefixes unasked, at the same reduced price, and mostly that is enough. To keep one by name takes
reading it once at the full price, and storage by the hour that costs, for five minutes, another 0.1 to 0.2 of that. So
it pays where the prefix is read again and again while the cache that comes for nothing misses it; where it hits, only
somebody who wants the prefix kept for longer has a use for it, and says so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

from ve_magics.dialects.contract import Cut

WINDOW = 300
"""Within this time a prefix must come again to count as the same stretch of work; also how long it is kept then."""

MISSES = 2
"""Times that a prefix must have been read in full before it is kept: the third reading is the one that gains."""

MOST = 1024
"""Prefixes that are remembered; the one seen longest ago is forgotten first."""


class Sightings:
    """Remembers which long prefixes were read in full lately, and where."""

    def __init__(self) -> None:
        self._misses: OrderedDict[tuple[Hashable, str], tuple[int, float]] = OrderedDict()

    def note(self, place: Hashable, cuts: Sequence[Cut], cached: int, now: float) -> None:
        """Note an answer.

        Args:
            place: Who answered, with which key.
            cuts: The prefixes of its request.
            cached: Tokens that came from the provider's cache.
            now: The time.
        """
        for cut in cuts:
            key = (place, cut.digest)
            count = 0 if 2 * cached >= cut.tokens else self._count(key, now) + 1
            self._misses[key] = (count, now)
            self._misses.move_to_end(key)
        while len(self._misses) > MOST:
            self._misses.popitem(last=False)

    def worth_keeping(self, place: Hashable, cuts: Sequence[Cut], now: float) -> Cut | None:
        """Return the longest prefix that was read in full too often; None where there is none."""
        return next((cut for cut in reversed(cuts) if self._count((place, cut.digest), now) >= MISSES), None)

    def _count(self, key: tuple[Hashable, str], now: float) -> int:
        count, last = self._misses.get(key, (0, now))
        return count if now - last <= WINDOW else 0


def covers(kept: Cut | None, wanted: Cut) -> bool:
    """Whether what is kept already is so much of what would be kept that the rest isn't worth a call of its own."""
    return kept is not None and 2 * kept.tokens >= wanted.tokens
