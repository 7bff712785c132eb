"""A film inside an answer is taken out of it, and the answer has its bounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Packed
from ve_magics.engine.video.landing import TooLargeError
from ve_magics.engine.video.means import unpacked

pytestmark = pytest.mark.anyio

BACKWARDS = Packed(WireRequest("/poll"), lambda body: body[::-1])


async def offload(work: Callable[[], Any]) -> Any:
    return work()


class Answer:
    """An answer in pieces, which knows whether it was let go."""

    closed = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in (b"4p", b"m"):
                yield piece
        finally:
            self.closed = True


async def test_an_answer_is_unpacked_as_a_whole() -> None:
    """However it comes in pieces."""
    answer = Answer()
    assert [piece async for piece in unpacked(BACKWARDS, answer.pieces(), offload)] == [b"mp4"]
    assert answer.closed


async def test_an_answer_that_is_too_long_is_let_go() -> None:
    """It is held in memory, so there is a limit, and the connection is closed there."""
    answer = Answer()
    with pytest.raises(TooLargeError):
        await anext(unpacked(BACKWARDS, answer.pieces(), offload, limit=2))
    assert answer.closed
