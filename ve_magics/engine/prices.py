"""What a target costs: the user's own figures, then the catalog's, then those of the `genai-prices` package."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ve_magics import catalog

_NAMES = {"moonshot": "moonshotai", "xai": "x-ai", "zhipu": "zhipuai", "vertex": "google"}
"""What the package calls a provider, where it calls it otherwise."""

_FREE = catalog.Price(input=0.0, output=0.0, second=0.0, request=0.0)


class Prices:
    """Looks prices up; never asks the network.

    Args:
        own: The user's figures by `provider/model`; they win over everything.
        free: Providers whose answers cost nothing: the simulator, and servers on the user's own machine.
    """

    def __init__(self, own: Mapping[str, catalog.Price], *, free: Collection[str] = ()) -> None:
        self._own = own
        self._free = frozenset(free)
        self._found: dict[tuple[str, str], catalog.Price | None] = {}

    def price(self, provider: str, model: str) -> catalog.Price | None:
        """Return what a model costs; None where that isn't known.

        Args:
            provider: The provider's name here.
            model: The provider's own name of the model.
        """
        asked = (provider, model)
        if asked not in self._found:
            name = f"{provider}/{model}"
            known = self._own.get(name) or catalog.PRICES.get(name)
            if known is None and provider in self._free:
                known = _FREE
            self._found[asked] = known or _packaged(provider, model)
        return self._found[asked]


def _packaged(provider: str, model: str) -> catalog.Price | None:
    """Return the package's price; None where it isn't installed, doesn't know the model or can't be understood."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    try:
        _, found = get_snapshot().find_provider_model(model, None, _NAMES.get(provider, provider), None)
        prices = found.prices
        if isinstance(prices, list):  # several, each for a time; the package chooses by the clock
            prices = found.get_prices(_now())
        return read_package(prices)
    except (LookupError, AttributeError, TypeError, ValueError):
        return None


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def read_package(prices: Any) -> catalog.Price | None:
    """Return our form of a price of the package; None where that can't say what it costs.

    Ours has one step of input tokens at which all prices rise, and one price for all that is made.

    Args:
        prices: The package's `ModelPrice`.
    """
    if vars(prices).get("output_reasoning_mtok") is not None:
        return None
    fields = {
        "input": "input_mtok",
        "output": "output_mtok",
        "cached": "cache_read_mtok",
        "cache_write": "cache_write_mtok",
        "cache_write_1h": "cache_write_1h_mtok",
    }
    flat: dict[str, Any] = {}
    steps: dict[str, tuple[int, float]] = {}
    for name, field in fields.items():
        value = vars(prices).get(field)
        if value is None:
            continue
        if tiers := getattr(value, "tiers", None):
            if len(tiers) != 1:
                return None
            steps[name] = (tiers[0].start, float(tiers[0].price))
            value = value.base
        flat[name] = float(value)
    request = vars(prices).get("requests_kcount")
    if request is not None:
        flat["request"] = float(request) / 1000
    if "input" not in flat:
        return None
    price = catalog.Price(**flat, as_of="genai-prices")
    if not steps:
        return price
    if len({start for start, _ in steps.values()}) != 1:
        return None
    factors = {name: high / flat[name] for name, (_, high) in steps.items() if flat[name]}
    read = {round(factors.get(name, 1.0), 6) for name in flat if name not in ("output", "request")}
    if len(read) > 1:
        return None
    return catalog.Price(
        **flat,
        long_input=next(iter(steps.values()))[0],
        long_factor_input=factors.get("input", 1.0),
        long_factor_output=factors.get("output", 1.0),
        as_of="genai-prices",
    )
