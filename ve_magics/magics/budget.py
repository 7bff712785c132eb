"""`%ve budget`: what this notebook may spend, what it has spent, and what is left."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ve_magics.errors import ArgumentsError
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.tables import text_table

USAGE = "%ve budget [AMOUNT | off]"
_HEAD = ("budget", "limit, USD", "spent, USD", "left, USD")


def budget(notebook: Notebook, words: Sequence[str]) -> None:
    """Run `%ve budget`.

    Raises:
        VeError: The line is not understood, or the ledger can't be read.
    """
    purse = notebook.session.books.purse
    match list(words):
        case []:
            pass
        case ["off"]:
            purse.limit_notebook(None)
        case [amount]:
            purse.limit_notebook(_dollars(amount))
        case _:
            raise ArgumentsError("%ve budget takes one amount.", hint=f"Usage: {USAGE}")
    show_text(_told(notebook))


def _dollars(text: str) -> float:
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise ArgumentsError(f"{text!r} is not an amount in US dollars.", hint="For example: %ve budget 0.50")
    return amount


def _told(notebook: Notebook) -> str:
    session = notebook.session
    purse, path = session.books.purse, session.notebook
    here = (
        f"this notebook ({path.name})"
        if path is not None
        else "this session (the notebook's name is not known)"
    )
    limits = purse.limits
    rows = [
        (name, *_figures(limit, purse.spent(notebook=own)))
        for name, limit, own in ((here, limits.notebook, True), ("everything", limits.total, False))
    ]
    lines = [text_table(_HEAD, rows)]
    if purse.limited:
        unpriced = "goes out all the same" if limits.allow_unknown else "is refused"
        lines.append(
            f"What could pass a limit is refused before it is sent; what has no known price {unpriced}."
        )
    else:
        lines.append("There is no limit. Set one for this notebook: %ve budget AMOUNT")
    ledger = session.ledger
    own = ledger.spent(session=session.id) if path is None else ledger.spent(notebook=str(path))
    unknown = own.unknown
    if unknown:
        calls = "1 call of this notebook" if unknown == 1 else f"{unknown} calls of this notebook"
        lines.append(f"{calls} had no known price and {'is' if unknown == 1 else 'are'} not counted.")
    return "\n".join(lines)


def _figures(limit: float | None, spent: float) -> tuple[str, str, str]:
    if limit is None:
        return "none", f"{spent:.4f}", "–"
    return (
        f"{limit:.2f}" if round(limit, 2) == limit else f"{limit:g}",
        f"{spent:.4f}",
        f"{max(0.0, limit - spent):.4f}",
    )
