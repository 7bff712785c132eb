"""What JupyterLab makes of a saved table and chart of what was spent, and of a comparison."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ve_magics.magics.usage import VEGA_LITE, data
from ve_magics.store.ledger import Total

pytestmark = pytest.mark.browser

TOTALS = [
    Total(("openai", "gpt-5.4-mini"), 15, 3, 12_000, 4_000, 900, 0.0, 0.0231, 0, 0.004),
    Total(("anthropic", "claude-haiku-5-5"), 4, 0, 6_000, 0, 700, 0.0, 0.0515, 1, 0.0),
    Total(("sim", "tutor"), 2, 0, 60, 0, 90, 0.0, 0.0, 0, 0.0),
]


def picture(lab_page: Any, name: str) -> None:
    """Keep a screenshot where one is asked for."""
    folder = os.environ.get("TEST_SCREENSHOTS")
    if folder:
        lab_page.page.screenshot(path=f"{folder}/{name}.png")


def test_saved_chart_is_drawn_though_not_trusted(lab: Any, lab_page: Any) -> None:
    """A notebook from elsewhere draws the chart with all figures of the table, and asks nobody for anything."""
    output = {"output_type": "display_data", "metadata": {}, "data": data(TOTALS, "model", "This session")}
    assert VEGA_LITE in output["data"]
    lab_page.open(lab.write("usage.ipynb", ["%ve usage"], [output]))
    lab_page.page.wait_for_selector(".jp-OutputArea-output canvas, .jp-OutputArea-output svg", timeout=30_000)
    lab_page.page.wait_for_timeout(500)
    picture(lab_page, "usage")
    size = lab_page.page.evaluate(
        """() => { const box = document.querySelector('.jp-OutputArea-output canvas, .jp-OutputArea-output svg')
        .getBoundingClientRect(); return [box.width, box.height]; }"""
    )
    assert 400 < size[0] < 800
    assert 60 < size[1] < 200
    assert lab_page.outside == []
    assert lab_page.problems == []


def test_comparison_grows_and_is_saved_as_one_output(lab: Any, lab_page: Any) -> None:
    """Two sections grow at once; what remains and is saved is one output with both and a table."""
    cell = "%%compare sim/tutor sim/thinker\nWrite a long story about the sea."
    name = lab.write("compare.ipynb", ["%load_ext ve_magics", cell])
    lab_page.open(name)
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_function(
        "() => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1].querySelectorAll('.jp-OutputArea-output h3').length >= 2",
        timeout=30_000,
    )
    picture(lab_page, "compare-growing")
    lab_page.wait_idle()
    picture(lab_page, "compare")
    (html,) = lab_page.outputs(1)
    assert html.count("<table") == 1
    assert "cost, USD" in html
    lab_page.save()
    lab_page.page.wait_for_timeout(500)
    (saved,) = lab.read(name).cells[1].outputs
    assert sorted(saved.data) == ["text/markdown", "text/plain"]
    assert saved.metadata["ve_magics"]["models"]["sim/tutor"]["seconds"] > 0
