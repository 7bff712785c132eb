"""How hard a model thinks, in the words that it knows: effort, a budget of tokens, or as it sees fit."""

from __future__ import annotations

from ve_magics.dialects.messages.rules import Rules
from ve_magics.dialects.messages.sources import Wire
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest

_LEVELS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 32_768}
"""Tokens of thinking for models that know no effort."""

_LEAST = 1024


def encode_thinking(request: ChatRequest, rules: Rules, *, same: bool) -> tuple[Wire | None, str | None]:
    """Return the `thinking` object and the effort, each None where nothing is to be said.

    A user who speaks this dialect says both things apart; for everybody else effort means that the model is to think.

    Raises:
        UnsupportedError: The model can't think that way.
    """
    budget, summary = request.thinking_budget, request.reasoning_summary is not None
    level = _LEVELS.get(request.effort or "")
    if budget == 0 or (budget is None and request.effort == "none"):
        if not rules.silent:
            field = "thinking_budget" if budget == 0 else "effort"
            raise UnsupportedError(field, request.model, hint="This model always thinks: use low effort.")
        return {"type": "disabled"}, level
    if budget is not None:
        return _budget(budget, request.model, rules), level if rules.levels else None
    if rules.adaptive is False and (summary or (level and not rules.levels)):
        return _share(_BUDGETS[level or "low"], request.max_tokens), level if rules.levels else None
    if summary:
        return {"type": "adaptive", "display": "summarized"}, level
    if level and rules.adaptive and not same:
        return {"type": "adaptive"}, level
    return None, level


def _budget(budget: int, model: str, rules: Rules) -> Wire:
    if not rules.budget:
        raise UnsupportedError("thinking_budget", model, hint="Use `effort` for this model.")
    if budget < _LEAST:
        raise UnsupportedError("thinking_budget", NAME, hint=f"It must be at least {_LEAST} tokens, or 0.")
    return {"type": "enabled", "budget_tokens": budget}


def _share(budget: int, max_tokens: int | None) -> Wire | None:
    """Return a budget that leaves half of the answer to words, or None where that is too little to think with."""
    fits = budget if max_tokens is None else min(budget, max_tokens // 2)
    return {"type": "enabled", "budget_tokens": fits} if fits >= _LEAST else None
