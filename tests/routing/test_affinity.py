"""Equal long prefixes have equal keys, and a key is drawn to the same name as long as that name is there."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ve_magics.routing.affinity import bucket, favourite, prefix_key

NAMES = ["openai/gpt", "azure/gpt", "vectorengine/gpt", "local/llama"]


@given(st.binary(min_size=1, max_size=20), st.lists(st.integers(0, 6000), max_size=5), st.binary())
def test_the_key_depends_on_the_first_bytes_alone(seed: bytes, cuts: list[int], tail: bytes) -> None:
    """However the prefix is cut into blocks, and whatever follows it."""
    prefix = seed * (4096 // len(seed) + 1)
    edges = [0, *sorted(min(cut, len(prefix)) for cut in cuts), len(prefix)]
    blocks = [prefix[start:end] for start, end in pairwise(edges)]
    assert prefix_key([*blocks, tail]) == prefix_key([prefix]) == prefix_key([prefix[:4096]])


def test_a_short_prefix_has_no_key() -> None:
    """No provider caches it, so nothing is gained by keeping it together."""
    assert prefix_key([]) is None
    assert prefix_key([b"x" * 4000, b"y" * 95]) is None
    assert prefix_key([b"x" * 4000, b"y" * 96]) is not None


def test_other_prefixes_have_other_keys() -> None:
    """One byte is enough."""
    assert prefix_key([b"a" * 4096]) != prefix_key([b"a" * 4095 + b"b"])


@given(st.text(), st.sampled_from(range(4)))
def test_a_lost_name_moves_only_its_own_keys(key: str, lost: int) -> None:
    """All other keys stay where they were."""
    before = NAMES[favourite(key, NAMES)]
    left = [name for at, name in enumerate(NAMES) if at != lost]
    after = left[favourite(key, left)]
    assert after == before or before == NAMES[lost]


def test_keys_spread_evenly_or_by_weight() -> None:
    """Over many keys each name has its share."""
    count = 4000
    even = Counter(favourite(f"key {number}", NAMES) for number in range(count))
    assert all(abs(even[index] / count - 0.25) < 0.04 for index in range(4))
    weights = [4.0, 3.0, 1.0, 0.0]
    drawn = Counter(favourite(f"key {number}", NAMES, weights) for number in range(count))
    assert all(abs(drawn[index] / count - weights[index] / 8) < 0.04 for index in range(4))
    assert drawn[3] == 0


def test_a_key_pools_beginning_is_fixed() -> None:
    """It is the same in every process."""
    assert bucket("prefix") == 3815370162
    assert len({bucket(f"key {number}") % 3 for number in range(50)}) == 3
