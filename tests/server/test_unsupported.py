"""What can't be said between two dialects: refused by name, and all of it listed in the manual."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.features import DIALECTS, FEATURES, table, verdict

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "server.md"


def test_the_manual_lists_all_that_can_t_be_said() -> None:
    """The table in the manual is what the dialects do; run `python -m tests.server.features` to write it anew."""
    text = MANUAL.read_text("utf-8")
    listed = text.partition("| asked for |")[2].partition("\n\n")[0].splitlines()[2:]
    assert listed == table()[2:]


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_is_asked_for_as_its_dialect_writes_it(feature: str) -> None:
    """No request of the table is simply wrong, and at least one dialect carries each feature or says that it can't."""
    verdicts = [verdict(feature, inbound, upstream) for inbound in DIALECTS for upstream in DIALECTS]
    assert not [said for said in verdicts if said.startswith("bad")]
    assert any(said != "-" for said in verdicts)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("feature", [name for name in FEATURES if name != "earlier answer by its id"])
def test_a_dialect_says_to_itself_what_it_can_say(feature: str, dialect: str) -> None:
    """A request that comes and goes in the same dialect is never refused for what that dialect knows."""
    assert verdict(feature, dialect, dialect) in ("", "-")
