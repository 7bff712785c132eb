"""Equal long prefixes keep to one target, so that its prompt cache is paid for once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import log

_PREFIX = 4096
"""Bytes that a prefix must have: about 1024 tokens, the least that providers keep in a prompt cache."""


def prefix_key(blocks: Sequence[bytes]) -> str | None:
    """Return a key that is equal for requests with the same long prefix, whatever model they ask.

    Only the first 4096 bytes count, so that the key of a conversation stays the same while it grows, and
    requests that put different questions to the same document have the same key.

    Args:
        blocks: The request's canonical bytes in the order in which providers cache them: tools, system,
            messages. Where one block ends and the next begins makes no difference.

    Returns:
        32 hexadecimal digits; None where the blocks have less than 4096 bytes, which no provider caches.
    """
    digest = hashlib.blake2b(digest_size=16)
    missing = _PREFIX
    for block in blocks:
        digest.update(block[:missing])
        missing -= len(block)
        if missing <= 0:
            return digest.hexdigest()
    return None


def favourite(key: str, names: Sequence[str], weights: Sequence[float] = ()) -> int:
    """Return the index of the name to which a key is drawn, by rendezvous hashing.

    Each name's pull depends on that name alone, so taking one away moves only the keys that were drawn to it,
    and over many keys each name wins in proportion to its weight (equally where none are given).
    """
    pulls = [_pull(key, name) for name in names]
    if weights:
        pulls = [-weight / log(pull) for weight, pull in zip(weights, pulls, strict=True)]
    return pulls.index(max(pulls))


def _pull(key: str, name: str) -> float:
    """Return a number between 0 and 1, both excluded."""
    digest = hashlib.blake2b(f"{key}\0{name}".encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2.0**52  # 52 bits: never rounds to 0 or 1


def bucket(key: str) -> int:
    """Return a number that is always the same for a key, to spread keys over a pool."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big")
