"""Writes of one turn of the loop leave as one, in order, and none is lost by closing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ve_magics.engine.gathering import Gathered


class Wire:
    """A transport that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("closed")

    def abort(self) -> None:
        self.told.append("aborted")

    def is_closing(self) -> bool:
        return "closed" in self.told


@pytest.mark.anyio
async def test_one_turn_is_one_write() -> None:
    """What is written before the loop turns goes out together; the next turn's goes out after it."""
    wire = Wire()
    gathered = Gathered(wire, asyncio.get_running_loop())
    gathered.write(b"head")
    gathered.write(b"body")
    assert wire.told == []
    await asyncio.sleep(0)
    assert wire.told == [b"headbody"]
    gathered.write(b"more")
    await asyncio.sleep(0)
    assert wire.told == [b"headbody", b"more"]


@pytest.mark.anyio
async def test_closing_loses_nothing_and_aborting_all() -> None:
    """`close` sends what waits before it closes; `abort` throws it away; the rest is the transport's own."""
    wire = Wire()
    gathered = Gathered(wire, asyncio.get_running_loop())
    gathered.write(b"last")
    gathered.close()
    assert wire.told == [b"last", "closed"]
    assert gathered.is_closing()
    gathered.write(b"lost")
    gathered.abort()
    await asyncio.sleep(0)
    assert wire.told == [b"last", "closed", "aborted"]
