"""What one run may spend: hard, also where several agents of it ask at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ve_magics.errors import BudgetError


class Allowance:
    """The money of one run.

    Args:
        limit: US dollars; None where there is no limit.

    Attributes:
        spent: US dollars that were spent so far, as far as that is known.
        unknown: Whether something was paid whose price nobody knows.
    """

    def __init__(self, limit: float | None = None) -> None:
        self.limit = limit
        self.spent = 0.0
        self.unknown = False
        self._reserved = 0.0

    @property
    def left(self) -> float | None:
        """US dollars that may still be spent; None where there is no limit."""
        return None if self.limit is None else max(0.0, self.limit - self.spent - self._reserved)

    @contextmanager
    def reserved(self, most: float | None, what: str) -> Iterator[None]:
        """Keep so much free while something is paid.

        Args:
            most: US dollars that it could cost; None where nobody knows.
            what: What it is, for the error.

        Raises:
            BudgetError: It could pass the limit, or nobody knows what it costs.
        """
        if self.limit is None:
            yield
            return
        left = self.left or 0.0
        if most is None:
            raise BudgetError(
                f"--budget is set, and nobody knows what {what} costs.",
                hint="Give its price in your configuration under [prices], or leave --budget out.",
            )
        if most > left:
            raise BudgetError(
                f"{what} could cost up to ${most:.4f}, and of --budget ${self.limit:.4f} ${left:.4f} is left."
                " Nothing was sent.",
                hint="Raise --budget, or limit the answers: --max-tokens N",
            )
        self._reserved += most
        try:
            yield
        finally:
            self._reserved -= most

    def paid(self, amount: float | None) -> None:
        """Count what was paid; None where nobody knows."""
        if amount is None:
            self.unknown = True
        else:
            self.spent += amount
