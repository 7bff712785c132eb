"""The user's Python functions as tools on offer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from functools import partial
from typing import Any

from ve_magics.engine.agent.threads import in_thread, tool_loop
from ve_magics.engine.agent.values import Arguments, Offer, Situation
from ve_magics.errors import ToolFailedError
from ve_magics.tools import FunctionTool, Output, output_of


def _itself(value: Awaitable[Any]) -> Awaitable[Any]:
    return value


def offer_of(tool: FunctionTool, *, named: bool = True) -> Offer:
    """Return a function as a tool on offer.

    Args:
        tool: The function.
        named: Whether the user's own cell named it.
    """
    marks = tool.marks

    async def run(arguments: Arguments, situation: Situation) -> Output:
        call = tool.bind(arguments)
        if marks.in_cell:
            return output_of(await situation.here(call), marks.limit)
        try:
            async with asyncio.timeout(marks.timeout) as limit:
                value: Any = await (tool_loop.run(call) if tool.is_async else in_thread(call))
                if inspect.isawaitable(value):
                    value = await tool_loop.run(partial(_itself, value))
        except TimeoutError:
            if not limit.expired():
                raise
            left = "" if tool.is_async else " It can't be stopped and may still be running."
            raise ToolFailedError(f"{tool.name} gave no result within {marks.timeout:g} s.{left}") from None
        return output_of(value, marks.limit)

    return Offer(
        spec=tool.spec,
        run=run,
        check=tool.read,
        approve=marks.approve,
        named=named,
        untrusted=marks.untrusted,
        limit=marks.limit,
    )
