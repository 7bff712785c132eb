"""The books of one session: what a chat request could cost, and what each answer did cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from ve_magics import catalog
from ve_magics.engine.budget import Purse, most_of_chat
from ve_magics.engine.config import Config
from ve_magics.engine.trace import Trace
from ve_magics.errors import StoreError
from ve_magics.events import Accumulator
from ve_magics.messages import ChatRequest, Usage
from ve_magics.routing import Target
from ve_magics.store.database import open_memory
from ve_magics.store.ledger import Entry, Kind, Ledger


class Books:
    """Writes what was spent, and keeps the budgets.

    Args:
        config: Knows prices and limits.
        ledger: Returns the ledger, opened when it is first needed.
        session: The session's id.
        notebook: Returns the notebook's path; empty where it isn't known.
        warn: Told where the ledger can't be written.
        committed: Returns the US dollars that videos in the making will cost, of this notebook (True) or all (False).

    Attributes:
        purse: The budgets.
    """

    def __init__(
        self,
        config: Config,
        ledger: Callable[[], Ledger],
        session: str,
        notebook: Callable[[], str],
        warn: Callable[[str], object],
        *,
        committed: Callable[[bool], float] = lambda _: 0.0,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._session = session
        self._notebook = notebook
        self._warn = warn
        self._committed = committed
        self._replayed: list[Entry] = []
        self._replayed_keys: set[str] = set()
        self.purse = Purse(config.budget, self._spent)

    def _spent(self, here: bool) -> float:
        """Return the US dollars that this notebook has spent, or everybody has, videos in the making included."""
        if not here:
            spent = self._ledger().spent()
        elif notebook := self._notebook():
            spent = self._ledger().spent(notebook=notebook)
        else:
            spent = self._ledger().spent(session=self._session)
        return spent.known + self._committed(here)

    def reserved(self, request: ChatRequest, *, fallback: bool) -> AbstractContextManager[None]:
        """Keep what a request could cost free while it runs.

        Raises:
            BudgetError: It could pass a limit; nothing may be sent.
        """
        if not self.purse.limited:
            return self.purse.reserved(None, "")
        most, of = self.most(request, fallback=fallback)
        hint = (
            ""
            if request.max_tokens
            else "Limit the answer with --max-tokens N, or raise the budget: %ve budget AMOUNT, or [budget] in your"
            " configuration."
        )
        return self.purse.reserved(most, of, hint=hint)

    def most(self, request: ChatRequest, *, fallback: bool) -> tuple[float | None, str]:
        """Return what a request could cost at most in US dollars, and whom that is said of."""
        route = self._config.route(request.model)
        targets = route.targets if fallback else route.targets[:1]
        return most_of_chat(
            request,
            [(target, self._config.price(target)) for target in targets],
            hedged=fallback and route.hedge_percentile is not None,
        )

    def reserved_for(self, model: str, most: Usage) -> AbstractContextManager[None]:
        """Keep free what a request that uses so much at most could cost.

        Raises:
            BudgetError: It could pass a limit; nothing may be sent.
        """
        if not self.purse.limited:
            return self.purse.reserved(None, "")
        dearest: float | None = 0.0
        of = model
        for target in self._config.route(model).targets:
            amount = catalog.cost(most, self._config.price(target)).amount
            if amount is None:
                dearest, of = None, str(target)
                break
            dearest = max(dearest or 0.0, amount)
        return self.purse.reserved(dearest, of)

    def add(self, accumulator: Accumulator, trace: Trace) -> None:
        """Write a line for every answer that came live; one that broke off is paid for all the same."""
        for billed in trace.billed:
            self.write(billed.target, billed.usage)
        if trace.served is not None:
            trace.cost = self.write(trace.served, accumulator.usage, request_id=accumulator.started.id)

    def remember(self, served: str, cost: catalog.Cost) -> None:
        """Write a line for an answer that the session's cache gave: it cost nothing, and saved what it once cost.

        Args:
            served: `provider/model` that had answered.
            cost: What that had cost.
        """
        provider, _, model = served.partition("/")
        self._add(
            Entry(
                at=time.time(),
                provider=provider,
                model=model,
                cost=0.0,
                saved=cost.amount,
                notebook=self._notebook(),
                session=self._session,
                cached=True,
            )
        )

    def replay(
        self, key: str, served: str, usage: Usage | None, cost: catalog.Cost, *, kind: Kind = "chat"
    ) -> None:
        """Note an answer that a recording gave, as the line that it was when it was made; nothing is spent.

        Args:
            key: The request's digest; one that was noted before is a repeat, as the session's cache would give it.
            served: `provider/model` that had answered.
            usage: What that used.
            cost: What that had cost.
            kind: What was made.
        """
        provider, _, model = served.partition("/")
        repeat = key in self._replayed_keys
        self._replayed_keys.add(key)
        self._replayed.append(
            Entry(
                at=time.time(),
                provider=provider,
                model=model,
                kind=kind,
                usage=Usage() if repeat else usage or Usage(),
                cost=0.0 if repeat else cost.amount,
                saved=cost.amount if repeat else cost.saved,
                notebook=self._notebook(),
                session=self._session,
                cached=repeat,
            )
        )

    def replayed(self) -> Ledger:
        """Return a book of its own, in memory, of what the recording's answers had cost."""
        ledger = Ledger(open_memory())
        for entry in self._replayed:
            ledger.add(entry)
        return ledger

    def write(
        self, target: Target, usage: Usage | None, *, kind: Kind = "chat", request_id: str = ""
    ) -> catalog.Cost:
        """Write one line and return what it cost; a ledger that can't be written is warned of.

        Args:
            target: Who answered.
            usage: What that used; None where nobody said.
            kind: What was made.
            request_id: The provider's id of the request.
        """
        spent = self._cost(target, usage)
        entry = Entry(
            at=time.time(),
            provider=target.provider,
            model=target.model,
            kind=kind,
            usage=usage or Usage(),
            cost=spent.amount,
            saved=spent.saved,
            notebook=self._notebook(),
            session=self._session,
            request_id=request_id,
        )
        self._add(entry)
        return spent

    def _add(self, entry: Entry) -> None:
        try:
            self._ledger().add(entry)
        except StoreError as error:
            self._warn(error.message)

    def _cost(self, target: Target, usage: Usage | None) -> catalog.Cost:
        price = self._config.price(target)
        if usage is None:
            free = price is not None and price.input == 0 and price.output == 0
            return catalog.Cost(0.0) if free else catalog.Cost()
        return catalog.cost(usage, price)
