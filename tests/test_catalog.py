"""What is known about models: nearest names, makers, prices and estimates."""

from __future__ import annotations

import pytest

from ve_magics import catalog
from ve_magics.catalog import PRICES, Cost, Price, cost
from ve_magics.messages import Usage
from ve_magics.providers import PROVIDERS


def test_unknown_prices_stay_unknown() -> None:
    """No price, or half of one, is None and never 0."""
    assert cost(Usage(input=5), None) == Cost()
    assert cost(Usage(input=5, output=5), Price(input=1)).amount is None
    assert cost(Usage(input=5), Price(output=1)).amount is None
    assert cost(Usage(seconds=5), Price(input=1)).amount is None


def test_the_providers_own_word_wins() -> None:
    """A reported cost is taken as it is."""
    assert cost(Usage(input=5, cost=0.5), PRICES["openai/gpt-6-astra"]) == Cost(0.5, reported=True)


def test_kinds_of_tokens_are_priced_apart() -> None:
    """Cached and written tokens have prices of their own, and what the cache saved is told."""
    price = Price(input=10, output=50, cached=1, cache_write=12.5, cache_write_1h=20, request=0.25)
    usage = Usage(input=1000, cached=400, cache_write=300, cache_write_1h=100, output=100)
    read = (300 * 10 + 400 * 1 + 200 * 12.5 + 100 * 20) / 1e6
    told = cost(usage, price)
    assert told.amount == pytest.approx(read + 100 * 50 / 1e6 + 0.25)
    assert told.saved == pytest.approx(1000 * 10 / 1e6 - read)
    plain = cost(Usage(input=100, cached=50, output=1), Price(input=1, output=1))
    assert plain.amount == pytest.approx(101 / 1e6)
    assert plain.saved == 0.0


def test_long_contexts_cost_more_as_a_whole() -> None:
    """Above the step the whole request has the higher price."""
    price = PRICES["openai/gpt-6-sol"]
    short, long = (cost(Usage(input=count, output=1000), price).amount for count in (272_000, 272_001))
    assert short == pytest.approx(272_000 * 2 / 1e6 + 0.01)
    assert long == pytest.approx(272_001 * 4 / 1e6 + 0.015)


def test_video_is_priced_by_the_second() -> None:
    """Seconds of film have a price, and so has the request."""
    assert cost(Usage(seconds=4), Price(second=0.1, request=0.5)).amount == pytest.approx(0.9)
    assert cost(Usage(seconds=4), Price(request=0.5)).amount == 0.5


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("claude-haiku-55", "anthropic/claude-haiku-5-5"),
        ("openai/gtp-5.5", "openai/gpt-5.5"),
        ("GPT-5.5", "openai/gpt-5.5"),
    ],
)
def test_the_nearest_names_come_best_first(name: str, best: str) -> None:
    """Misspelled, without the provider, in capitals: the living name is found."""
    names = [f"{provider}/{model}" for provider, models in catalog.KNOWN_MODELS.items() for model in models]
    assert catalog.nearest(name, names)[0] == best


def test_nothing_is_near_to_nonsense() -> None:
    """What looks like nothing has no nearest name; no more come than are wanted."""
    assert catalog.nearest("zzzzzzz", ["gpt-5.5"]) == ()
    assert len(catalog.nearest("gpt-5", ["gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.5"], count=2)) == 2


def test_families_know_their_makers() -> None:
    """The maker stands first; an unknown family has none."""
    assert catalog.makers("Claude-Haiku-5-5")[0] == "anthropic"
    assert catalog.makers("text-embedding-3-small")[0] == "openai"
    assert catalog.makers("nonsense") == ()


def test_estimates_count_chinese_higher() -> None:
    """A quarter of a token per letter, four fifths per Chinese character."""
    assert catalog.estimate_tokens("word" * 100) == 100
    assert catalog.estimate_tokens("汉字" * 50) == 80
    assert (catalog.estimate_tokens("hi"), catalog.estimate_tokens("")) == (1, 0)


def test_the_tables_name_known_providers_only() -> None:
    """Defaults, known models, families and prices all speak of providers that exist; defaults end with the simulator."""
    for table in catalog.DEFAULTS.values():
        assert set(table) <= set(PROVIDERS)
        assert list(table)[-1] == "sim"
    assert set(catalog.KNOWN_MODELS) <= set(PROVIDERS)
    assert {name for _, names in catalog.FAMILIES for name in names} <= set(PROVIDERS)
    assert {name.partition("/")[0] for name in PRICES} <= set(PROVIDERS)


def test_contexts_are_known_by_family() -> None:
    """A model's context is found with or without its maker's name; an unknown one has none."""
    prefix, tokens = catalog.CONTEXTS[0]
    assert catalog.context(prefix) == catalog.context(f"maker/{prefix.upper()}") == tokens
    assert catalog.context("nonsense") is None
