"""Who may say yes to a call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.agent.scripted_means import tool
from ve_magics.engine.agent.consent import MOST_APPROVED, Verdict, advice, reason, verdict
from ve_magics.engine.agent.values import Approval


@pytest.mark.parametrize(
    ("marks", "mode", "approved", "found"),
    [
        ({}, "ask", 0, "free"),
        ({}, "auto", 99, "free"),
        ({"approve": True}, "ask", 0, "ask"),
        ({"approve": True}, "auto", 0, "approved"),
        ({"approve": True}, "auto", MOST_APPROVED - 1, "approved"),
        ({"approve": True}, "auto", MOST_APPROVED, "ask"),
        ({"approve": True, "named": False}, "auto", 0, "ask"),
        ({"approve": True, "always": True}, "auto", 0, "ask"),
    ],
)
def test_yes_in_advance_is_narrow(
    marks: dict[str, Any], mode: Approval, approved: int, found: Verdict
) -> None:
    """In advance a cell approves the tools that it names, a few times, and never what only a person may."""
    offer = tool("pay", **marks)
    assert verdict(offer, mode, approved) == found
    if found == "ask":
        assert "pay" in reason(offer, mode, approved) or str(approved) in reason(offer, mode, approved)
        assert advice(offer, mode)


def test_advice_leads_to_a_yes() -> None:
    """What to do about a missing yes fits its cause."""
    assert "--approve auto" in advice(tool("pay", approve=True), "ask")
    assert advice(tool("pay", approve=True, named=False), "auto") == "Name it: --tools pay"
    assert "answer" in advice(tool("pay", approve=True, always=True), "auto")
