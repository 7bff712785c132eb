"""`%ve usage`: what was spent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.usage import VEGA_LITE, data, usage_parser
from ve_magics.messages import Usage
from ve_magics.store.ledger import Entry, Total


def spend(bench: Any, model: str, cost: float | None, *, days: float = 0.0, **more: Any) -> None:
    """Write a line into the book of all notebooks."""
    bench.notebook.session.ledger.add(
        Entry(
            at=time.time() - days * 86_400,
            provider="a",
            model=model,
            cost=cost,
            usage=Usage(input=1000, cached=400, output=50),
            **more,
        )
    )


def rows(ran: Any) -> dict[str, list[str]]:
    """Return the table's rows by their first column."""
    _, *lines = ran.text.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_session_is_added_up_by_model(bench: Any) -> None:
    """Calls and tokens stand in a table by model; what the session's cache gave is counted apart."""
    assert bench.run("%ve usage").text == "Nothing was asked in this session."
    for prompt in ("Hello", "What is recursion?", "Hello"):
        bench.run(f"%%chat\n{prompt}")
    header, row = bench.run("%ve usage").text.splitlines()
    assert header.split()[:3] == ["model", "calls", "repeats"]
    assert row.split()[:3] == ["sim/tutor", "2", "1"]
    assert row.split()[-3:] == ["0.000000", "0", "0.000000"]
    assert "this session   2 calls" in bench.run("%ve").text


def test_a_repeated_question_says_what_it_saved(bench: Any) -> None:
    """An answer from the session's cache costs nothing; what it had cost stands under what was saved."""
    toml = (
        "[providers.mine]\nbase_url = 'http://mine.invalid/v1'\ndialect = 'chat_completions'\nkey = 'env:K'\n"
    )
    (bench.folder / "c.toml").write_text(
        f"{toml}[prices.'mine/tutor']\ninput = 1000.0\noutput = 1000.0\n", "utf-8"
    )
    priced = bench.notebook.session.config.__class__(
        environ={"VE_CONFIG": str(bench.folder / "c.toml"), "K": "sk-0123456789abcdef0123"},
        directory=bench.folder,
        keyring=lambda _: None,
    )
    session = bench.notebook.session
    session.config = session.books._config = priced
    for _ in range(2):
        assert bench.run("%%chat mine/tutor -o answer\nHello").error is None
    cost = bench.shell.user_ns["answer"].cost.amount
    assert cost > 0
    assert rows(bench.run("%ve usage"))["mine/tutor"][-3:] == [f"{cost:.6f}", "0", f"{cost:.6f}"]


def test_every_grouping_and_scope(bench: Any) -> None:
    """`--by` says what a row stands for; `--since` and `--all` look beyond the session."""
    spend(bench, "big", 0.5, notebook="/home/me/one/report.ipynb", saved=0.1)
    spend(bench, "big", 0.25, notebook="/home/me/two/report.ipynb")
    spend(bench, "odd", None, notebook="/home/me/two/plan.ipynb", days=10, kind="video")
    assert bench.run("%ve usage").text == "Nothing was asked in this session."
    assert rows(bench.run("%ve usage --all")) == {
        "a/big": ["2", "0", "2,000", "800", "100", "0.750000", "0", "0.100000"],
        "a/odd": ["1", "0", "1,000", "400", "50", "0.000000", "1", "0.000000"],
        "all": ["3", "0", "3,000", "1,200", "150", "0.750000", "1", "0.100000"],
    }
    assert list(rows(bench.run("%ve usage --since 7"))) == ["a/big"]
    assert (
        bench.run("%ve usage --since 0.5 --by kind")
        .outputs[0]["text/markdown"]
        .startswith("**All notebooks, last 0.5 days**")
    )
    assert list(rows(bench.run("%ve usage --all --by notebook"))) == [
        "one/report.ipynb",
        "two/report.ipynb",
        "plan.ipynb",
        "all",
    ]
    assert list(rows(bench.run("%ve usage --all --by provider"))) == ["a"]
    assert list(rows(bench.run("%ve usage --all --by kind"))) == ["chat", "video", "all"]
    days = list(rows(bench.run("%ve usage --all --by day")))
    assert days[:2] == sorted(days[:2])
    spend(bench, "big", 0.1)
    assert "not" in rows(bench.run("%ve usage --all --by notebook"))


def test_output_holds_table_and_chart(bench: Any) -> None:
    """One output: text, Markdown, and a chart that holds its data, asks no network and says what the table says."""
    spend(bench, "big|<b>", 0.5)
    spend(bench, "small", 0.125)
    (output,) = bench.run("%ve usage --all").outputs
    assert list(output) == ["text/plain", "text/markdown", VEGA_LITE]
    table = output["text/markdown"].splitlines()
    assert table[0] == "**All notebooks**"
    assert [line.count("|") for line in table[2:]] == [10] * 5
    assert "<b>" not in output["text/markdown"]
    assert "$" not in output["text/markdown"]
    chart = json.loads(json.dumps(output[VEGA_LITE]))
    assert chart["title"] == "All notebooks, by model: 0.625000 USD in all"
    values = chart["data"]["values"]
    assert [value["cost"] for value in values] == [0.5, 0.125]
    assert [value["c0"] for value in values] == ["a/big|<b>", "a/small"]
    columns = [view["title"]["text"] for view in chart["hconcat"]]
    assert columns == ["model", "cost", "cost, USD", "calls", "tokens in", "cached in", "tokens out"]
    spend(bench, "odd", None, saved=0.5)
    (output,) = bench.run("%ve usage --all").outputs
    assert [view["title"]["text"] for view in output[VEGA_LITE]["hconcat"]][-2:] == ["unknown", "saved, USD"]
    assert "url" not in chart["data"]


def test_the_chart_lies_on_any_page(bench: Any) -> None:
    """It has no ground of its own, its ink is read on white and on black, and where nothing cost anything no bars stand."""
    spend(bench, "free", 0.0)
    chart = bench.run("%ve usage --all").outputs[0][VEGA_LITE]
    assert [view["title"]["text"] for view in chart["hconcat"]][:2] == ["model", "calls"]
    assert chart["background"] == "transparent"
    ink = int(chart["config"]["text"]["color"][1:3], 16) / 255
    light = ((ink + 0.055) / 1.055) ** 2.4
    assert min(1.05 / (light + 0.05), (light + 0.05) / 0.0556) > 4
    assert chart["config"]["title"] == chart["config"]["text"]


@pytest.mark.parametrize("by", ["model", "day"])
def test_a_long_table_is_added_up_at_its_end(by: str) -> None:
    """Of many rows the dearest, or the last days, are shown; the rest is one row, and nothing is lost."""
    totals = [Total((f"g{at:03}",), 1, 0, 10, 0, 1, 0.0, at / 100, 0, 0.0) for at in range(100)]
    lines = data(totals, by, "All notebooks")["text/plain"].splitlines()
    names = [line.split("  ")[0] for line in lines]
    assert len(lines) == 63
    assert names[1] == ("g099" if by == "model" else "g040")
    assert names[-2:] == ["40 more", "all"]
    assert lines[-1].split()[1:] == ["100", "0", "1,000", "0", "100", "49.500000", "0", "0.000000"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("usage now", "✗ arguments: %ve usage does not understand 'now'."),
        ("usage --by colour", "✗ arguments: %ve usage: --by: invalid choice: 'colour'"),
        ("usage --since never", "✗ arguments: %ve usage: --since: 'never' is not a number"),
    ],
)
def test_what_is_not_understood_is_told(bench: Any, line: str, said: str) -> None:
    """The error is short and shows the usage."""
    shown = bench.run(f"%ve {line}").lines
    assert shown[0].startswith(said)
    assert shown[1].startswith("Usage: %ve usage [--by ")


def test_nothing_in_those_days_and_help(open_bench: Callable[..., Any]) -> None:
    """An empty span of days is told as such; `--help` explains the flags."""
    bench = open_bench()
    assert bench.run("%ve usage --since 1").text == "All notebooks, last 1 day: nothing was asked."
    assert bench.run("%ve usage --help").text == usage_parser().format_help()


CELLS = (
    "%%chat\nHello",
    "%%chat\nWhat is recursion?",
    "%%chat\nHello",
    "%%video --seconds 1 --size 128x128 --no-expand\nA boat",
)


def test_what_was_spent_replays_as_it_was_recorded(bench: Any) -> None:
    """In replay the answers count with what they had cost, repeats as repeats, so that the output is the same."""
    bench.run("%ve record lesson")
    for cell in CELLS:
        assert bench.run(cell).error is None
    recorded = {
        flags: bench.run(f"%ve usage {flags}").outputs for flags in ("", "--by kind", "--by provider")
    }
    first = bench.notebook
    path = first.session.notebook
    bench.shell._ve_magics._notebook = bench.notebook = Notebook(
        bench.shell,
        Session(
            config=Config(environ={"VE_RECORDING": "replay"}, directory=bench.folder, keyring=lambda _: None),
            directory=bench.folder,
            notebook=path,
            data=bench.folder / "elsewhere",
        ),
    )
    first.close()
    assert bench.run("%ve usage").text == "Nothing was asked in this session."
    for cell in CELLS:
        assert bench.run(cell).error is None
    assert {flags: bench.run(f"%ve usage {flags}").outputs for flags in recorded} == recorded
    assert bench.run("%ve usage --all").text == "All notebooks: nothing was asked."
    assert rows(bench.run("%ve usage"))["sim/tutor"][:2] == ["2", "1"]
