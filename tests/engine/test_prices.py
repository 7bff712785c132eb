"""Prices: the user's own, the catalog's, the package's, in this order; unknown stays unknown."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.catalog import PRICES, Price, cost
from ve_magics.engine.prices import Prices, read_package
from ve_magics.messages import Usage


def tiered(base: float, *steps: tuple[int, float]) -> SimpleNamespace:
    """Return a price of the package that rises."""
    return SimpleNamespace(
        base=base, tiers=[SimpleNamespace(start=start, price=price) for start, price in steps]
    )


def packaged(**fields: Any) -> Price | None:
    """Return our form of a price of the package."""
    return read_package(SimpleNamespace(**fields))


def test_the_users_price_wins_then_the_catalogs() -> None:
    """A row of `[prices]` beats the catalog's; free providers cost nothing."""
    own = Price(input=1, output=2)
    prices = Prices({"openai/gpt-6-astra": own}, free={"ollama"})
    assert prices.price("openai", "gpt-6-astra") is own
    assert prices.price("openai", "gpt-6-luna") == PRICES["openai/gpt-6-luna"]
    free = prices.price("ollama", "anything")
    assert free is not None
    assert cost(Usage(input=10**9, output=10**9), free).amount == 0


def test_the_package_knows_what_the_catalog_does_not() -> None:
    """Offline, by our names of providers; prices that hold for a time are those of now."""
    pytest.importorskip("genai_prices")
    prices = Prices({})
    mini = prices.price("openai", "gpt-5.4-mini")
    assert mini is not None
    assert (mini.input, mini.output, mini.as_of) == (0.75, 4.5, "genai-prices")
    assert prices.price("openai", "gpt-5.4-mini") is mini
    assert prices.price("xai", "grok-4") is not None
    assert prices.price("anthropic", "claude-opus-4-6") is not None
    assert prices.price("openai", "no-such-model-at-all") is None
    assert prices.price("vectorengine", "gpt-5.4-mini") is None


def test_without_the_package_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the package knows is unknown then."""
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    assert Prices({}).price("openai", "gpt-5.4-mini") is None


def test_flat_prices_are_taken_over() -> None:
    """Each kind of token has its own; a price of the request is one of a thousand."""
    price = packaged(
        input_mtok=2, output_mtok=8, cache_read_mtok=0.5, cache_write_mtok=2.5, requests_kcount=5
    )
    assert price == Price(input=2, output=8, cached=0.5, cache_write=2.5, request=0.005, as_of="genai-prices")


def test_one_step_is_taken_over() -> None:
    """A step of all prices of reading at the same count is our long context."""
    price = packaged(
        input_mtok=tiered(2, (272_000, 4)),
        cache_read_mtok=tiered(0.2, (272_000, 0.4)),
        output_mtok=tiered(10, (272_000, 15)),
    )
    assert price is not None
    assert (price.long_input, price.long_factor_input, price.long_factor_output) == (272_000, 2, 1.5)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"output_mtok": 3},
        {"input_mtok": 1, "output_reasoning_mtok": 5},
        {"input_mtok": tiered(1, (10, 2), (20, 3))},
        {"input_mtok": tiered(1, (10, 2)), "output_mtok": tiered(1, (20, 2))},
        {"input_mtok": tiered(1, (10, 2)), "cache_read_mtok": 0.1},
    ],
)
def test_what_ours_cannot_say_is_unknown(fields: dict[str, Any]) -> None:
    """Rather no price than a wrong one."""
    assert packaged(**fields) is None
