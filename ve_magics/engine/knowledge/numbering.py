"""The numbers by which a run cites passages: each passage has one, however often and by whomever it is found."""

from __future__ import annotations

from ve_magics.store.knowledge import Passage


class Numbering:
    """Passages by number.

    Args:
        after: The highest number that was given before this run; its own begin behind it.
    """

    def __init__(self, after: int = 0) -> None:
        self._last = after
        self._numbers: dict[tuple[str, str, str, int, int], int] = {}

    def number(self, passage: Passage) -> int:
        """Return a passage's number, a new one where it has none."""
        key = (passage.source, passage.place, passage.text, passage.page, passage.line)
        if key not in self._numbers:
            self._last += 1
            self._numbers[key] = self._last
        return self._numbers[key]

    def keep(self, number: int, passage: Passage) -> None:
        """Remember a number that a passage has from a call that was made before."""
        key = (passage.source, passage.place, passage.text, passage.page, passage.line)
        self._numbers.setdefault(key, number)
        self._last = max(self._last, number)
