"""The user's functions as tools: on a thread or awaited, within their time, their results held to their limit."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ve_magics.engine.agent.functions import offer_of
from ve_magics.engine.agent.threads import in_thread
from ve_magics.engine.agent.values import Offer, Situation
from ve_magics.errors import ToolArgumentsError, ToolFailedError
from ve_magics.messages import ToolCall
from ve_magics.tools import FunctionTool, tool

pytestmark = pytest.mark.anyio


async def here(function: Callable[[], Any]) -> Any:
    """Run a function where the test runs."""
    return function()


async def call(offer: Offer, **arguments: Any) -> str:
    """Return the text of one call."""
    situation = Situation("", ToolCall("c", offer.name), lambda _: None, here)
    return (await offer.run(arguments, situation)).text


async def test_blocking_functions_leave_the_loop_alone() -> None:
    """A function that blocks runs on a thread of its own; the loop goes on meanwhile."""
    free = threading.Event()

    @tool
    def blocking() -> str:
        """Wait for somebody."""
        assert free.wait(5)
        return threading.current_thread().name

    async def release() -> None:
        free.set()

    name, _ = await asyncio.gather(call(offer_of(blocking)), release())
    assert name == "ve_magics tool"


async def test_async_functions_are_awaited() -> None:
    """An async function is awaited on a loop for tools, and what returns an awaitable is awaited too."""

    @tool
    async def later(n: int) -> int:
        """Return it later."""
        await asyncio.sleep(0)
        return n

    def disguised(n: int) -> Awaitable[int]:
        """Return it later too."""
        found: Awaitable[int] = later(n)
        return found

    assert await call(offer_of(later), n=1) == "1"
    assert await call(offer_of(FunctionTool(disguised)), n=2) == "2"


async def test_async_functions_that_block_hold_up_nobody() -> None:
    """Their limit holds, whoever serves the notebook goes on, and the next async function finds a loop that is free."""
    free = threading.Event()

    @tool(timeout=0.1)
    async def blocks() -> str:
        """Block, although it is async."""
        free.wait(20)
        return "late"

    @tool
    async def works() -> str:
        """Be at once."""
        return "there"

    began = time.monotonic()
    with pytest.raises(ToolFailedError, match=r"within 0\.1 s"):
        await call(offer_of(blocks))
    assert await call(offer_of(works)) == "there"
    assert time.monotonic() - began < 10
    free.set()


async def test_a_cancelled_async_function_is_cancelled() -> None:
    """It ends before its caller goes on, and what it opened is closed."""
    begun, closed = threading.Event(), threading.Event()

    @tool
    async def waits() -> None:
        """Wait for ever."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    task = asyncio.create_task(call(offer_of(waits)))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_an_async_function_that_exits_ends_nothing_else() -> None:
    """`sys.exit` in a tool is an error of that tool."""

    @tool
    async def leaves() -> None:
        """Leave."""
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        await call(offer_of(leaves))


async def test_time_limit_returns_although_the_thread_goes_on() -> None:
    """A thread can't be ended: the call returns in time all the same, and says that it may still run."""
    free = threading.Event()

    @tool(timeout=0.05)
    def hanging() -> None:
        """Hang."""
        free.wait(30)

    began = time.monotonic()
    with pytest.raises(ToolFailedError, match=r"no result within 0.05 s. It can't be stopped"):
        await call(offer_of(hanging))
    assert time.monotonic() - began < 5
    free.set()

    @tool(timeout=0.05)
    async def sleeping() -> None:
        """Sleep."""
        await asyncio.Event().wait()

    with pytest.raises(ToolFailedError, match=r"within 0.05 s.$"):
        await call(offer_of(sleeping))


async def test_own_timeouts_of_a_tool_are_its_own() -> None:
    """A TimeoutError that the tool itself raises is told as that."""

    @tool
    def fails() -> None:
        """Fail."""
        raise TimeoutError("the server is slow")

    with pytest.raises(TimeoutError, match="the server is slow"):
        await call(offer_of(fails))


async def test_marks_hold() -> None:
    """What the mark says of approval, origin and size holds for the offer."""

    @tool(approve=True, untrusted=True, limit=100)
    def long() -> str:
        """Return much."""
        return "x" * 1_000

    offer = offer_of(long, named=False)
    assert (offer.approve, offer.untrusted, offer.named) == (True, True, False)
    assert len(await call(offer)) < 170


async def test_tools_of_the_cell_run_in_its_thread() -> None:
    """A tool that can't leave the cell's thread is run there."""

    @tool(in_cell=True)
    def where() -> str:
        """Say where."""
        return threading.current_thread().name

    assert await call(offer_of(where)) == threading.current_thread().name


async def test_wrong_arguments_are_told() -> None:
    """Arguments that don't fit never reach the function."""

    @tool
    def add(a: int) -> int:
        """Add."""
        return pytest.fail("it was called")

    with pytest.raises(ToolArgumentsError):
        await call(offer_of(add), a="x")


@pytest.mark.parametrize("error", [StopIteration("over"), KeyboardInterrupt(), SystemExit(3)])
async def test_what_no_future_can_carry_becomes_an_error(error: BaseException) -> None:
    """An exit or a StopIteration in a tool harms neither the loop nor the kernel."""

    def fail() -> None:
        raise error

    with pytest.raises(RuntimeError, match=type(error).__name__):
        await in_thread(fail)


async def test_context_comes_along() -> None:
    """Context variables of the cell are seen on the thread."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("seen")
    assert await in_thread(variable.get) == "seen"


async def test_result_that_nobody_waits_for_is_dropped() -> None:
    """A thread that ends after its call was given up harms nothing, even if the loop is closed by then."""
    free, done = threading.Event(), threading.Event()

    def late() -> str:
        free.wait(5)
        done.set()
        return "late"

    task = asyncio.create_task(in_thread(late))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    free.set()
    assert await asyncio.to_thread(done.wait, 5)
    await asyncio.sleep(0.01)
