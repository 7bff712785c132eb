"""`%ve usage`: what was spent, as a table and a chart in one output that survives saving."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from ve_magics.errors import ArgumentsError
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.parser import Parser, duration
from ve_magics.magics.plain import show_text
from ve_magics.magics.tables import markdown_table, money, text_table
from ve_magics.store.ledger import Group, Total

VEGA_LITE = "application/vnd.vegalite.v5+json"
GROUPS: dict[str, tuple[Group, ...]] = {
    "model": ("provider", "model"),
    "provider": ("provider",),
    "notebook": ("notebook",),
    "day": ("day",),
    "kind": ("kind",),
}
"""What `--by` takes, and the ledger's columns that it means."""

_COST = "cost, USD"
_FIGURES = (
    "calls",
    "repeats",
    "tokens in",
    "cached in",
    "tokens out",
    "cost, USD",
    "unknown",
    "saved, USD",
)
_DAY = 86_400
_ROWS = 60
"""Rows that are shown; the ones that cost least are added up below them."""
_INK = "#767676"
"""Text that can be read on a white page and on a black one: the chart lies on the page's own ground."""
_CHARACTER = 5.7
_WIDEST = 200
"""Pixels of a character in the chart, and of its widest column."""


def usage_parser() -> Parser:
    """Return the parser of `%ve usage`."""
    parser = Parser("%ve usage", "Show what was spent.")
    add = parser.add_argument
    add("--by", choices=tuple(GROUPS), default="model", help="what a row stands for")
    add("--since", type=duration, metavar="DAYS", help="all notebooks, the last so many days")
    add("--all", action="store_true", help="all notebooks, ever, instead of this session")
    add("-h", "--help", action="store_true", help="show this")
    return parser


def usage(notebook: Notebook, words: Sequence[str]) -> None:
    """Run `%ve usage`.

    Raises:
        VeError: The line is not understood, or the ledger can't be read.
    """
    parser = usage_parser()
    options, more = parser.parse_known_args(list(words))
    if more:
        raise ArgumentsError(
            f"%ve usage does not understand {more[0]!r}.", hint=f"Usage: {parser.usage_line}"
        )
    if options.help:
        show_text(parser.format_help())
        return
    session = notebook.session
    whole = options.all or options.since is not None
    replaying = session.mode == "replay" and not whole
    totals = (session.books.replayed() if replaying else session.ledger).totals(
        GROUPS[options.by],
        session=None if whole else session.id,
        since=0.0 if options.since is None else time.time() - options.since * _DAY,
    )
    scope = _scope(options)
    if not totals:
        show_text("Nothing was asked in this session." if not whole else f"{scope}: nothing was asked.")
        return
    _show(data(totals, options.by, scope))


def _scope(options: argparse.Namespace) -> str:
    if options.since is None:
        return "All notebooks" if options.all else "This session"
    return f"All notebooks, last {options.since:g} {'day' if options.since == 1 else 'days'}"


def data(totals: Sequence[Total], by: str, scope: str) -> dict[str, Any]:
    """Return what the output holds: the table as Markdown and text, and a chart with the figures beside its bars.

    Args:
        totals: What each group adds up to.
        by: What a row stands for.
        scope: What the figures are of.
    """
    named = [(name, total) for name, total in zip(_names(totals, by), totals, strict=True)]
    if by != "day":
        named.sort(key=lambda pair: (-pair[1].cost, -pair[1].calls, pair[0]))
    if len(named) > _ROWS:
        rest = named[_ROWS:] if by != "day" else named[:-_ROWS]
        kept = named[:_ROWS] if by != "day" else named[-_ROWS:]
        named = [*kept, (f"{len(rest)} more", _sum([total for _, total in rest]))]
    head = (by, *_FIGURES)
    rows = [(name, *_figures(total)) for name, total in named]
    sum_row = ("all", *_figures(_sum(totals)))
    shown = [*rows, sum_row] if len(rows) > 1 else rows
    return {
        "text/plain": text_table(head, shown),
        "text/markdown": f"**{scope}**\n\n{markdown_table(head, shown)}",
        VEGA_LITE: chart(
            head,
            rows,
            [total.cost for _, total in named],
            f"{scope}, by {by}: {money(_sum(totals).cost)} USD in all",
        ),
    }


def _names(totals: Sequence[Total], by: str) -> list[str]:
    """Return what the rows are called; a notebook by its file, with as many folders as tell it from another."""
    names = ["/".join(total.group) for total in totals]
    if by != "notebook":
        return names
    paths = [PurePath(name) for name in names]
    short: list[str] = []
    for path in paths:
        depth = 1
        while depth < len(path.parts) and sum(one.parts[-depth:] == path.parts[-depth:] for one in paths) > 1:
            depth += 1
        short.append("/".join(path.parts[-depth:]) or "not known")
    return short


def _figures(total: Total) -> tuple[str, ...]:
    return (
        f"{total.calls - total.cached:,}",
        f"{total.cached:,}",
        f"{total.input:,}",
        f"{total.cached_input:,}",
        f"{total.output:,}",
        money(total.cost),
        f"{total.unknown:,}",
        money(total.saved),
    )


def _sum(totals: Sequence[Total]) -> Total:
    columns = list(zip(*(total[1:] for total in totals), strict=True))
    return Total(("all",), *(sum(column) for column in columns))


def chart(
    head: Sequence[str], rows: Sequence[Sequence[str]], costs: Sequence[float], title: str
) -> dict[str, Any]:
    """Return a Vega-Lite chart that holds its own data: a bar for what each row cost, and the row's figures beside it.

    A front end that draws the chart shows nothing else of the output, so the chart says all that the table says; it
    leaves out columns that hold nothing but zeros.

    Args:
        head: What the columns are called; the first one is that of the bars.
        rows: The figures as they are shown.
        costs: How long each bar is.
        title: What stands above.
    """
    fields = [f"c{number}" for number in range(len(head))]
    values = [
        {"at": at, "cost": cost, **dict(zip(fields, row, strict=True))}
        for at, (row, cost) in enumerate(zip(rows, costs, strict=True))
    ]
    order = {"field": "at", "type": "ordinal", "axis": None}
    columns: list[dict[str, Any]] = []
    for field, name, cells in zip(fields, head, zip(*rows, strict=True), strict=True):
        first = not columns
        if not first and not any(cell.strip("0.") for cell in cells):
            continue
        width = min(_WIDEST, max(len(text) for text in (name, *cells)) * _CHARACTER)
        columns.append(
            {
                "title": {"text": name, "fontSize": 11, "anchor": "start" if first else "end"},
                "width": width,
                "height": {"step": 20},
                "mark": {"type": "text", "align": "left" if first else "right", "limit": width},
                "encoding": {
                    "y": order,
                    "x": {"value": 0 if first else width},
                    "text": {"field": field, "type": "nominal"},
                },
            }
        )
    bars = {
        "title": {"text": "cost", "fontSize": 11, "anchor": "start"},
        "width": 70,
        "height": {"step": 20},
        "mark": {"type": "bar", "size": 12},
        "encoding": {"y": order, "x": {"field": "cost", "type": "quantitative", "axis": None}},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "data": {"values": values},
        "hconcat": [
            columns[0],
            *([bars] if any(costs) else []),
            *sorted(columns[1:], key=lambda view: view["title"]["text"] != _COST),
        ],
        "spacing": 8,
        "resolve": {"scale": {"y": "shared"}},
        "background": "transparent",
        "config": {"view": {"stroke": None}, "title": {"color": _INK}, "text": {"color": _INK}},
    }


def _show(bundle: dict[str, Any]) -> None:
    from IPython.display import publish_display_data

    publish_display_data(bundle, {})
