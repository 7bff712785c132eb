"""The numbers by which a run cites: one a passage, whoever finds it."""

from __future__ import annotations

from ve_magics.engine.knowledge.numbering import Numbering
from ve_magics.store.knowledge import Passage

ONE, TWO, THREE = (Passage(text=text, source="a.md", name="a.md") for text in ("one", "two", "three"))


def test_a_passage_has_one_number() -> None:
    """The same passage found again has the number that it has, whatever its score is by then."""
    numbering = Numbering()
    again = Passage(text="one", source="a.md", name="a.md", score=0.5)
    assert [numbering.number(one) for one in (ONE, TWO, again)] == [1, 2, 1]


def test_numbers_of_earlier_calls_are_kept() -> None:
    """What was numbered before keeps its number, and new ones begin behind it and behind the conversation's."""
    numbering = Numbering(after=3)
    numbering.keep(7, TWO)
    assert [numbering.number(one) for one in (TWO, ONE, THREE)] == [7, 8, 9]
