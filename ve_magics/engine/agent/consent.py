"""Who may say yes to a call: nobody is needed, the cell has said so in advance, or its reader must be asked."""

from __future__ import annotations

from typing import Literal

from ve_magics.engine.agent.values import Approval, Offer

Verdict = Literal["free", "approved", "ask"]

MOST_APPROVED = 5
"""Calls of one run that `--approve auto` approves; after so many a person has to."""


def verdict(offer: Offer, mode: Approval, approved: int) -> Verdict:
    """Return what one call needs.

    `auto` approves only tools that the user's own cell named, never one that only a person may approve, and only a few
    calls of one run: a document that talks a model into calling such a tool again and again gets no further than that.

    Args:
        offer: The tool.
        mode: What the cell says.
        approved: How many calls of this run were approved in advance.
    """
    if not offer.approve:
        return "free"
    if mode == "auto" and offer.named and not offer.always and approved < MOST_APPROVED:
        return "approved"
    return "ask"


def reason(offer: Offer, mode: Approval, approved: int) -> str:
    """Return why the cell's own word does not do, for an error in a run in which nobody can be asked."""
    if offer.always:
        return f"{offer.name} runs only after a person has said yes."
    if mode != "auto":
        return f"{offer.name} costs money or has effects, and nobody can be asked here."
    if not offer.named:
        return f"{offer.name} costs money or has effects, and the cell doesn't name it."
    return f"{approved} calls were approved in advance, and a person has to say yes to more."


def advice(offer: Offer, mode: Approval) -> str:
    """Return what to do about it."""
    if offer.always:
        return "Run the cell where you can answer its question."
    if mode != "auto":
        return "Say yes in advance: --approve auto. It holds for the tools that the cell names."
    if not offer.named:
        return f"Name it: --tools {offer.name}"
    return "Run the cell where you can answer its question."
