"""The answers that one session has had, the newest in memory and all in the store; and those it is waiting for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from ve_magics.engine.keys import Redactor
from ve_magics.engine.recording import Kept
from ve_magics.errors import StoreError
from ve_magics.messages import ChatResponse
from ve_magics.store.responses import ResponseCache

MEMORY_ENTRIES = 256
"""How many answers are kept in memory before the oldest is left to the store alone."""


class Answers:
    """Keeps answers by the digest of their request; works without a store as long as the kernel lives.

    Args:
        cache: Returns the store's cache, opened when it is first needed.
        redactor: Returns what knows the keys; an answer that holds one stays in memory.
        warn: Told where the store fails.
    """

    def __init__(
        self,
        cache: Callable[[], ResponseCache],
        redactor: Callable[[], Redactor],
        warn: Callable[[str], object],
    ) -> None:
        self._cache = cache
        self._redactor = redactor
        self._warn = warn
        self._memory: dict[str, Kept] = {}
        self._asking: dict[str, asyncio.Future[Kept | None]] = {}

    def get(self, key: str) -> Kept | None:
        """Return an answer, or None where there is none."""
        kept = self._memory.get(key)
        if kept is not None:
            return kept
        try:
            data = self._cache().get(key)
            return None if data is None else msgspec.json.decode(data, type=Kept)
        except StoreError as error:
            self._warn(error.message)
        except msgspec.DecodeError:
            self._warn("An answer in the store can't be read; it is asked for again.")
        return None

    async def wait(self, key: str) -> Kept | None:
        """Return an answer, waiting for whoever is just asking for it; None where there is none to come."""
        kept = self.get(key)
        while kept is None and (asking := self._asking.get(key)) is not None:
            kept = await asyncio.shield(asking)
        return kept

    def begin(self, key: str) -> asyncio.Future[Kept | None]:
        """Say that an answer is being asked for; others wait for it until `end`."""
        asking = self._asking[key] = asyncio.get_running_loop().create_future()
        return asking

    def end(self, key: str, asking: asyncio.Future[Kept | None], kept: Kept | None) -> None:
        """Say what has come of asking.

        Args:
            key: The request's digest.
            asking: What `begin` returned.
            kept: The answer; None where none came that may be kept, so that one of those who wait asks itself.
        """
        if self._asking.get(key) is asking:
            del self._asking[key]
        asking.set_result(kept)

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer; one with the same key is replaced."""
        self._memory.pop(key, None)
        self._memory[key] = kept
        while len(self._memory) > MEMORY_ENTRIES:
            del self._memory[next(iter(self._memory))]
        data = msgspec.json.encode(kept)
        if self._redactor().knows(data):
            return
        try:
            self._cache().put(key, data)
        except StoreError as error:
            self._warn(error.message)

    def clear(self) -> int:
        """Forget every answer; returns how many there were."""
        count = len(self._memory)
        self._memory.clear()
        try:
            return max(count, self._cache().clear())
        except StoreError as error:
            self._warn(error.message)
            return count


def keepable(response: ChatResponse) -> bool:
    """Whether an answer may be kept: whole, and neither filtered, refused nor failed."""
    return bool(response.choices) and all(
        choice.finish in ("stop", "length", "tool_calls") and not choice.message.refusal
        for choice in response.choices
    )
