"""What is said of the price of films, and what a `--budget` allows."""

from __future__ import annotations

from ve_magics.errors import BudgetError


def estimate(price: float | None, count: int = 1) -> str:
    """Return what is said of a price in US dollars."""
    return "price unknown" if price is None else f"${price * count:.2f}"


def check_budget(what: str, price: float | None, budget: float | None, hint: str) -> None:
    """Look whether films may be ordered together.

    Args:
        what: What they are together, such as `film`.
        price: US dollars that they would cost; None where nobody knows.
        budget: US dollars that they may cost; None where there is no limit.
        hint: How they could cost less.

    Raises:
        BudgetError: They cost more, or nobody knows what they cost.
    """
    if budget is None or (price is not None and price <= budget):
        return
    meant = (
        f"its budget is {_amount(budget)}" if budget else "its budget is $0, which allows only what is free"
    )
    said = (
        f"Nobody knows what the {what} would cost"
        if price is None
        else f"The {what} would cost {_amount(price)}"
    )
    raise BudgetError(f"{said}, and {meant}.", hint=f"Nothing was ordered. {hint}")


def _amount(dollars: float) -> str:
    """Return an amount in cents, or as small as it is."""
    return f"${dollars:.2f}" if dollars >= 0.1 or round(dollars, 2) == dollars else f"${dollars:.3g}"
