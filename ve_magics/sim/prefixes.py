"""A model of providers' prefix caches: blocks of tokens, each known by all that stands before it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

BLOCK = 128
"""Tokens of a block; only whole blocks are cached."""

LEAST = 1024
"""Fewest tokens of a prefix that are reported as cached."""

MOST_BLOCKS = 8192


class PrefixCache:
    """Remembers the prompts that were read, the least used ones least long.

    Args:
        capacity: Most blocks that are kept.
    """

    def __init__(self, capacity: int = MOST_BLOCKS) -> None:
        self._capacity = capacity
        self._blocks: OrderedDict[bytes, None] = OrderedDict()

    def read(self, tokens: Sequence[str]) -> int:
        """Read a prompt and return how many of its first tokens were known."""
        known, hit = 0, True
        digest = hashlib.blake2b(digest_size=16)
        for start in range(0, len(tokens) - BLOCK + 1, BLOCK):
            digest.update("\0".join(tokens[start : start + BLOCK]).encode("utf-8", "surrogatepass"))
            key = digest.digest()
            hit = hit and key in self._blocks
            if hit:
                known += BLOCK
            self._blocks[key] = None
            self._blocks.move_to_end(key)
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)
        return known if known >= LEAST else 0
