"""What each holder of a token has spent, and whether a call may be sent: budgets are hard.

Spending is a line in the ledger under the holder's name, so it survives the server. A line that a budget depends on
is handed to the disk at once, the others together, twenty times a second.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ve_magics import catalog
from ve_magics.engine.budget import most_of_chat
from ve_magics.engine.gateway import Trace
from ve_magics.engine.session import Session
from ve_magics.errors import BudgetError
from ve_magics.messages import ChatRequest, Usage
from ve_magics.routing import Target
from ve_magics.server.access import Grant
from ve_magics.server.outstanding import outstanding
from ve_magics.server.scribe import FLUSH, Scribe
from ve_magics.store.ledger import Entry, Kind

_EVERYBODY = ""

FRESH = 5.0
"""Seconds for which a balance that was read from the ledger is believed; another process may spend as well."""


class Booked(NamedTuple):
    """One line of the books: who is paid, for what, how much."""

    target: Target
    usage: Usage | None
    cost: catalog.Cost


def total(lines: list[Booked]) -> catalog.Cost:
    """Return what lines cost together; unknown where one of them is."""
    amounts = [line.cost.amount for line in lines]
    known = [amount for amount in amounts if amount is not None]
    saved = sum(line.cost.saved for line in lines)
    return catalog.Cost(sum(known) if len(known) == len(amounts) else None, saved)


def book_of(name: str) -> str:
    """Return what the ledger calls the spending of a holder."""
    return f"server/{name}"


class Accounts:
    """The accounts of all holders.

    Args:
        session: Knows prices and has the ledger.
        clock: Monotonic seconds.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        session: Session,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._config = session.config
        self._clock = clock
        self._now = now
        self._reserved: Counter[str] = Counter()
        self._balances: dict[str, tuple[float, float]] = {}
        self._read: dict[str, tuple[float, int]] = {}  # dollars in the ledger up to the line of this number
        self._scribe = Scribe(session)

    def spent(self, name: str) -> float:
        """Return the US dollars that a holder has spent; everybody, notebooks included, for no name.

        Videos in the making count as spent.

        Raises:
            StoreError: The ledger can't be read or written.
        """
        known = self._balances.get(name)
        if known is not None and self._clock() < known[1]:
            return known[0]
        self._scribe.catch_up()
        ledger = self._session.ledger
        owner = book_of(name) if name else None
        before, number = self._read.get(name, (0.0, 0))
        since, last = ledger.spent_after(number, notebook=owner)
        self._read[name] = (before + since, last)
        amount = before + since + outstanding(self._session, owner)
        self._balances[name] = (amount, self._clock() + FRESH)
        return amount

    def reread(self, grant: Grant) -> None:
        """Forget what a holder has spent, for it has ordered a video: it is read anew when it is next needed."""
        for name in (grant.name, _EVERYBODY):
            self._balances.pop(name, None)

    def _limits(self, grant: Grant) -> list[tuple[str, float, str]]:
        """Return the limits that hold for a holder: whose balance, how much, what it is called."""
        limits = [] if grant.budget is None else [(grant.name, grant.budget, f"the budget of {grant.name}")]
        total = self._config.budget.total
        return limits if total is None else [*limits, (_EVERYBODY, total, "the budget of everything")]

    @contextmanager
    def reserved_chat(self, grant: Grant, request: ChatRequest) -> Iterator[None]:
        """Keep what a chat request could cost free while it runs.

        Raises:
            BudgetError: It could pass a limit; nothing may be sent.
        """
        if not self._limits(grant):
            yield
            return
        route = self._config.route(request.model)
        targets = [(target, self._config.price(target)) for target in route.targets]
        most, of = most_of_chat(request, targets, hedged=route.hedge_percentile is not None)
        hint = "" if request.max_tokens else "Limit the answer's tokens, or ask for a larger budget."
        with self.reserved(grant, most, of, hint=hint):
            yield

    @contextmanager
    def reserved(self, grant: Grant, most: float | None, what: str, *, hint: str = "") -> Iterator[None]:
        """Keep so much free while a call runs.

        Args:
            grant: Who calls.
            most: US dollars that the call could cost at most; None where nobody knows.
            what: Who would be paid.
            hint: How it could cost less.

        Raises:
            BudgetError: It could pass a limit, or nobody knows what it costs.
        """
        limits = self._limits(grant)
        if most is None:
            if limits and not self._config.budget.allow_unknown:
                raise BudgetError(
                    f"There is a budget, and nobody knows what {what} costs. Nothing was sent.",
                    hint=f'{hint} The server\'s owner can give its price: [prices."{what}"].'.lstrip(),
                )
            most = 0.0
        for name, limit, called in limits:
            left = limit - self.spent(name) - self._reserved[name]
            if most > left or (limit > 0 >= left):
                raise BudgetError(
                    f"This call could cost up to ${most:.4f}, and of {called} (${limit:g})"
                    f" ${max(0.0, left):.4f} is left. Nothing was sent.",
                    hint=hint,
                )
        names = [name for name, _, _ in limits]
        for name in names:
            self._reserved[name] += most  # type: ignore[assignment]  # a Counter adds floats as well
        try:
            yield
        finally:
            for name in names:
                self._reserved[name] -= most  # type: ignore[assignment]  # as above

    def settle(
        self,
        grant: Grant,
        trace: Trace,
        usage: Usage | None,
        *,
        estimate: Callable[[], Usage],
        kind: Kind = "chat",
    ) -> list[Booked]:
        """Write a line for everybody who is paid, and return the lines.

        Args:
            grant: Who pays.
            trace: Who answered, and whose answers came to nothing and are paid for all the same.
            usage: What the answer used; None where nobody said.
            estimate: Returns what each of the others used at most, where they didn't say.
            kind: What was asked for.
        """
        used = [(billed.target, billed.usage or estimate()) for billed in trace.billed]
        served = [] if trace.served is None else [(trace.served, usage)]
        return [
            Booked(target, counts, self.book(grant, target, counts, kind=kind))
            for target, counts in (*used, *served)
        ]

    def book(self, grant: Grant, target: Target, usage: Usage | None, *, kind: Kind = "chat") -> catalog.Cost:
        """Write one line and return what it cost."""
        price = self._config.price(target)
        if usage is None:
            free = price is not None and price.input == 0 and price.output == 0
            cost = catalog.Cost(0.0) if free else catalog.Cost()
        else:
            cost = catalog.cost(usage, price)
        self._scribe.add(
            Entry(
                at=self._now(),
                provider=target.provider,
                model=target.model,
                kind=kind,
                usage=usage or Usage(),
                cost=cost.amount,
                saved=cost.saved,
                notebook=book_of(grant.name),
                session=self._session.id,
            ),
            wait=0.0 if self._limits(grant) else FLUSH,
        )
        for name in (grant.name, _EVERYBODY):
            if name in self._balances:
                amount, until = self._balances[name]
                self._balances[name] = (amount + (cost.amount or 0.0), until)
        return cost

    def close(self) -> None:
        """Write every line that waits, before the server ends."""
        self._scribe.close()
