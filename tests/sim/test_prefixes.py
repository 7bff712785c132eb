"""The model of prefix caches."""

from ve_magics.sim.prefixes import BLOCK, LEAST, PrefixCache

LONG = [f"t{number}" for number in range(LEAST + BLOCK + 5)]


def test_a_prompt_read_twice_is_known_in_whole_blocks() -> None:
    """The first reading caches, the second reports whole blocks only."""
    cache = PrefixCache()
    assert cache.read(LONG) == 0
    assert cache.read(LONG) == LEAST + BLOCK


def test_only_the_common_beginning_is_known() -> None:
    """What stands after the first difference is not cached, however much of it is equal."""
    cache = PrefixCache()
    cache.read(LONG)
    changed = [*LONG[:LEAST], "other", *LONG[LEAST + 1 :]]
    assert cache.read(changed) == LEAST
    assert cache.read(["other", *LONG[1:]]) == 0


def test_short_prompts_are_never_reported() -> None:
    """Below the least prefix nothing counts as cached."""
    cache = PrefixCache()
    cache.read(LONG[: LEAST - 1])
    assert cache.read(LONG[: LEAST - 1]) == 0


def test_the_oldest_blocks_are_forgotten() -> None:
    """The cache holds no more than its capacity."""
    cache = PrefixCache(capacity=len(LONG) // BLOCK)
    cache.read(LONG)
    cache.read([f"other{number}" for number in range(len(LONG))])
    assert cache.read(LONG) == 0
