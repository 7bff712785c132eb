"""The bridge between the blocking cell and the event loop on its own thread."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing

import pytest

from ve_magics.magics.portal import CLEAN_UP, Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    """Yield a portal, and leave no thread behind."""
    portal = Portal()
    yield portal
    loop = portal._loop
    portal.close()
    portal.close()
    if loop is not None:
        deadline = time.monotonic() + 5
        while not loop.is_closed() and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert loop.is_closed()


class Source:
    """An async generator that remembers how it ended."""

    def __init__(self, *values: object, then: BaseException | None = None, hangs: bool = False) -> None:
        self.values = values
        self.then = then
        self.hangs = hangs
        self.closed = threading.Event()

    async def events(self) -> AsyncGenerator[object, None]:
        """Yield the values, then hang, fail or end."""
        try:
            for value in self.values:
                await asyncio.sleep(0)
                yield value
            if self.hangs:
                await asyncio.Event().wait()
            if self.then is not None:
                raise self.then
        finally:
            self.closed.set()


def interrupt_after(seconds: float) -> threading.Timer:
    """Interrupt the main thread, as a kernel does, after a while."""
    main = threading.get_ident()
    timer = threading.Timer(seconds, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    return timer


def test_call_returns_what_the_coroutine_returns(portal: Portal) -> None:
    """A coroutine runs on the other thread; its result and its error come back."""

    async def work() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    async def fail() -> None:
        raise ValueError("no")

    assert portal.call(work()) != threading.get_ident()
    with pytest.raises(ValueError, match="no"):
        portal.call(fail())


def test_everything_arrives_in_order(portal: Portal) -> None:
    """Every value arrives once, in order, before the error that follows."""
    source = Source(*range(1000), then=ValueError("broke"))
    seen: list[object] = []
    with pytest.raises(ValueError, match="broke"):  # noqa: PT012 - what came before counts
        for batch in portal.iterate(source.events()):
            seen += batch
    assert seen == list(range(1000))
    assert source.closed.is_set()


def test_steps_pass_while_nothing_comes(portal: Portal) -> None:
    """A silent source gives empty steps, so that a display can count seconds; leaving closes it."""
    source = Source("one", hangs=True)
    with closing(portal.iterate(source.events(), step=0.01)) as batches:
        seen = [next(batches) for _ in range(6)]
    assert [value for batch in seen for value in batch] == ["one"]
    assert [] in seen
    assert source.closed.wait(5)


def test_interrupt_cancels_at_once(portal: Portal) -> None:
    """An interrupt while the source is silent ends the cell and closes the source within 0.3 s."""
    source = Source("one", hangs=True)
    timer = interrupt_after(0.2)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in portal.iterate(source.events()):
            pass
    took = time.monotonic() - began
    timer.cancel()
    timer.join()
    assert took < 0.5
    assert source.closed.is_set()


def test_interrupt_cancels_a_call(portal: Portal) -> None:
    """A call is interrupted in the same way."""
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    timer = interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt):
        portal.call(hang())
    timer.cancel()
    timer.join()
    assert cancelled.is_set()


def test_a_source_that_will_not_end_is_left(portal: Portal) -> None:
    """What refuses to be cancelled holds the cell no longer than its share of time."""
    release = asyncio.Event()

    async def stubborn() -> AsyncGenerator[str, None]:
        yield "one"
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()

    batches = portal.iterate(stubborn(), step=0.01)
    next(batches)
    began = time.monotonic()
    batches.close()
    assert CLEAN_UP <= time.monotonic() - began < CLEAN_UP + 0.3
    portal.loop.call_soon_threadsafe(release.set)


def test_closing_cancels_what_runs(portal: Portal) -> None:
    """Closing the portal ends its tasks; the next use begins a new loop."""
    source = Source(hangs=True)
    batches = portal.iterate(source.events(), step=0.01)
    next(batches)
    first = portal.loop
    portal.close()
    assert source.closed.wait(5)
    assert portal.loop is not first
