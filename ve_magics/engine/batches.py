"""Many questions side by side: how many at once, for how much money, and what is known of them already."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from ve_magics.engine.recording import request_key
from ve_magics.engine.session import Session
from ve_magics.errors import BudgetError, StoreError
from ve_magics.messages import ChatRequest
from ve_magics.store.batches import BatchStore


class Unfinished:
    """What is known of one batch from an earlier kernel that did not finish it.

    Args:
        session: The session.
        requests: All questions of the batch.
    """

    def __init__(self, session: Session, requests: Sequence[ChatRequest]) -> None:
        keys = sorted(request_key(request) for request in requests)
        self._id = hashlib.sha256("\0".join([session.place, *keys]).encode()).hexdigest()
        self._session = session
        self._store = BatchStore(session.store)

    def take_up(self) -> int:
        """Put the answers of the earlier kernel into this session's cache; returns how many there are."""
        try:
            known = self._store.answers(self._id)
            for key, body in known.items():
                self._session.cache.put(key, body)
        except StoreError as error:
            self._session.warn(error.message)
            return 0
        return len(known)

    def keep(self, *requests: ChatRequest) -> None:
        """Write down what this session's cache holds of these requests."""
        try:
            for key in dict.fromkeys(map(request_key, requests)):
                body = self._session.cache.get(key)
                if body is not None:
                    self._store.put(self._id, key, body)
        except StoreError as error:
            self._session.warn(error.message)

    def finish(self) -> None:
        """Forget it: all of it was answered, and shown."""
        try:
            self._store.forget(self._id)
        except StoreError as error:
            self._session.warn(error.message)


class Allowance:
    """Money for a batch. A question waits while others that run could still use it up, and is refused when none do.

    Args:
        dollars: US dollars; None for no limit.
    """

    def __init__(self, dollars: float | None) -> None:
        self.spent = 0.0
        self._dollars = dollars
        self._held = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def held(self, most: float | None, what: str) -> AsyncIterator[None]:
        """Keep free what a question could cost while it runs.

        Args:
            most: US dollars at most; None where nobody knows.
            what: What it is asked of, for the error.

        Raises:
            BudgetError: It could pass the limit, or nobody knows what it costs.
        """
        if self._dollars is None:
            yield
            return
        if most is None:
            raise BudgetError(
                f"The batch has a budget, and nobody knows what {what} costs.",
                hint=f'Give its price in your configuration: [prices."{what}"], or leave --budget out.',
            )
        async with self._changed:
            await self._changed.wait_for(lambda: not self._held or self._fits(most))
            if not self._fits(most) and not self._dollars:
                raise BudgetError(
                    "The batch's budget is $0, so only what is free or known already is answered,"
                    f" and this question could cost up to ${most:.4f}.",
                    hint="Say what it may cost: --budget USD, or leave --budget out.",
                )
            if not self._fits(most):
                raise BudgetError(
                    f"This question could cost up to ${most:.4f}, and of the batch's ${self._dollars:.4f}"
                    f" ${max(0.0, self._dollars - self.spent):.4f} is left.",
                    hint="Limit the answers with --max-tokens N, or raise --budget; what was answered is kept.",
                )
            self._held += most
        try:
            yield
        finally:
            async with self._changed:
                self._held -= most
                self._changed.notify_all()

    def _fits(self, most: float) -> bool:
        return self._dollars is None or self.spent + self._held + most <= self._dollars + 1e-12


async def side_by_side(
    count: int, work: Callable[[int], Awaitable[None]], *, limit: int
) -> AsyncGenerator[int, None]:
    """Do so many pieces of work, a few at a time, and yield the number of each one that has ended.

    Leaving early stops what runs.

    Args:
        count: How many there are.
        work: Does the one with this number, from 0; keeps its own failures.
        limit: So many at the same time.
    """
    free = asyncio.Semaphore(limit)
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def one(number: int) -> None:
        async with free:
            try:
                await work(number)
            finally:
                ended.put_nowait(number)

    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    try:
        for _ in range(count):
            number = await ended.get()
            yield number
        for task in tasks:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
