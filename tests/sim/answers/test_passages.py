"""Answers from passages: what they hold is cited, and what they don't hold is said to be missing."""

from __future__ import annotations

import pytest

from ve_magics.engine.knowledge import citing
from ve_magics.messages import ChatRequest, Message, Text, user
from ve_magics.sim.answers.engine import reply
from ve_magics.store.knowledge import Passage

HANDBOOK = (
    Passage(text="The chief aim is safety. Executive lounges are not paid.", name="handbook.md"),
    Passage(text="The pump is switched off with the red lever.", name="handbook.md"),
)


def said(question: str) -> str:
    """Return what the simulator says to a question with the handbook's passages, as they are sent."""
    request = ChatRequest(
        model="tutor",
        messages=(Message("system", (Text(citing.RULES),)), user(citing.prompt(question, HANDBOOK))),
    )
    return "".join(getattr(part, "text", "") for part in reply(request).parts)


def test_what_the_passages_hold_is_cited() -> None:
    """An answer names its passage, and quotes it below."""
    answer = citing.read(said("How is the pump switched off?"), HANDBOOK)
    assert answer.text == "The pump is switched off with the red lever [2]."
    assert [(one.number, one.verified) for one in answer.citations] == [(2, True)]


@pytest.mark.parametrize(
    "question", ["Who is the chief executive?", "Who is he?", "And then?", "Hello!", "谁是总经理？", "它呢？"]
)
def test_what_the_passages_do_not_hold_is_said_to_be_missing(question: str) -> None:
    """A question that the passages don't answer gets that answer, without a number and without an echo of them."""
    answer = citing.read(said(question), HANDBOOK)
    assert answer.text in (
        "The passages that I was given don't answer this question.",
        "给出的资料没有回答这个问题。",
    )
    assert answer.citations == ()
