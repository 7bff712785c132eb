"""`%ve budget`: what this notebook may spend."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.errors import BudgetError
from ve_magics.store.ledger import Entry

CONFIG = """
[providers.mine]
base_url = "http://mine.invalid/v1"
dialect = "chat_completions"
key = "env:MINE_API_KEY"

[prices."mine/tutor"]
input = 10.0
output = 10.0

[budget]
total = 50.0
"""


@pytest.fixture
def priced(open_bench: Callable[..., Any], tmp_path: Path) -> Any:
    """Return a shell whose model costs something, with a limit on everything."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, "utf-8")
    return open_bench(VE_CONFIG=str(path), MINE_API_KEY="sk-mine-0123456789abcdef")


def figures(text: str) -> list[list[str]]:
    """Return limit, spent and left of the two rows."""
    return [line.split()[-3:] for line in text.splitlines()[1:3]]


def test_budget_shows_limit_spent_and_left(priced: Any) -> None:
    """The notebook's limit is set, shown and lifted; the configured one of everything stays."""
    assert figures(priced.run("%ve budget").text) == [["none", "0.0000", "–"], ["50.00", "0.0000", "50.0000"]]
    priced.run("%%chat mine/tutor --max-tokens 400 -o answer\nHello")
    cost = priced.shell.user_ns["answer"].cost.amount
    assert cost > 0
    spent, left = f"{cost:.4f}", f"{0.5 - cost:.4f}"
    shown = priced.run("%ve budget $0.5").text
    assert figures(shown)[0] == ["0.50", spent, left]
    assert "refused before it is sent; what has no known price is refused." in shown
    assert figures(priced.run("%ve budget").text)[0] == ["0.50", spent, left]
    assert figures(priced.run("%ve budget off").text)[0] == ["none", spent, "–"]


def test_refusal_says_what_was_estimated_and_how_to_raise_it(priced: Any) -> None:
    """A call that could pass the limit isn't sent; the error names its worst cost, what is left, and the way out."""
    priced.run("%ve budget 0.001")
    ran = priced.run("%%chat mine/tutor --max-tokens 400\nHello")
    assert isinstance(ran.error.error, BudgetError)
    assert ran.lines[0].startswith("✗ budget: This call could cost up to $0.0")
    assert "of this notebook ($0.0010) $0.0010 is left. Nothing was sent." in ran.lines[0]
    assert ran.lines[1] == "Raise it: %ve budget AMOUNT, or [budget] in your configuration."
    unlimited = priced.run("%%chat mine/tutor\nHello")
    assert "--max-tokens N, or raise the budget: %ve budget AMOUNT" in unlimited.lines[1]
    assert priced.asked == 0
    priced.run("%ve budget 5")
    assert priced.run("%%chat mine/tutor --max-tokens 400\nHello").error is None


def test_models_that_are_compared_share_the_budget(priced: Any) -> None:
    """One that would pass the limit is refused in its section; what is free answers."""
    priced.run("%ve budget 0.001")
    ran = priced.run("%%compare mine/tutor sim/tutor --max-tokens 400 -o both\nHello")
    assert ran.error is None
    found = priced.shell.user_ns["both"]
    assert list(found) == ["sim/tutor"]
    assert isinstance(found.errors["mine/tutor"], BudgetError)
    assert "Raise it: %ve budget AMOUNT" in ran.printed


def test_recorded_cost_is_told_on_replay(priced: Any) -> None:
    """A replayed answer's metadata tell what it had cost, and nothing is spent."""
    priced.run("%ve record demo")
    cells = [
        ("%%chat mine/tutor -o answer\nHello", "answer"),
        ("%%compare mine/tutor sim/tutor -o both\nHello", "both"),
    ]
    told = []
    for mode in ("record", "replay"):
        priced.run("%ve replay" if mode == "replay" else "%ve budget")
        for cell, name in cells:
            assert priced.run(cell).error is None
            told.append(priced.shell.user_ns[name].facts()["cost_usd"])
        spent = figures(priced.run("%ve budget").text)[0][1]
    assert told[0] > 0
    assert told[:2] == told[2:]
    assert spent == f"{told[0]:.4f}"


def test_limit_holds_after_a_reload(bench: Any) -> None:
    """Reading the configuration anew doesn't lift a limit that was set by hand."""
    bench.run("%ve budget 2.5")
    bench.notebook.reload()
    assert bench.notebook.session.books.purse.limits.notebook == 2.5


def test_unknown_costs_are_counted_apart(bench: Any) -> None:
    """Calls whose price nobody knows are told beside the sum, not in it."""
    assert bench.run("%ve budget").text.endswith(
        "There is no limit. Set one for this notebook: %ve budget AMOUNT"
    )
    session = bench.notebook.session
    for count, said in (
        (1, "1 call of this notebook had no known price and is"),
        (2, "2 calls of this notebook"),
    ):
        session.ledger.add(Entry(at=time.time() + count, provider="a", model="b", session=session.id))
        shown = bench.run("%ve budget")
        assert figures(shown.text)[0][1] == "0.0000"
        assert said in shown.text
    bench.run("%ve record demo")
    assert "this notebook (demo.ipynb)" in bench.run("%ve budget").text


@pytest.mark.parametrize("amount", ["many", "-1", "inf", "nan", "$"])
def test_bad_amounts_change_nothing(bench: Any, amount: str) -> None:
    """What is no amount is refused."""
    ran = bench.run(f"%ve budget {amount}")
    assert ran.lines == [
        f"✗ arguments: {amount!r} is not an amount in US dollars.",
        "For example: %ve budget 0.50",
    ]
    assert bench.run("%ve budget 1 2").lines[0] == "✗ arguments: %ve budget takes one amount."
    assert not bench.notebook.session.books.purse.limited
