"""Tutorials in real JupyterLab: run live there, they end as they are shipped, in both languages and themes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RUNS = [
    ("conversations", "JupyterLab Light"),
    ("comparing", "JupyterLab Dark"),
    ("structured.zh-CN", "JupyterLab Light"),
]


def shown(notebook: Any) -> list[Any]:
    """Return the data of each code cell's outputs, without what varies."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        [output.get("data") or output["text"] for output in cell["outputs"]]
        for cell in json.loads(json.dumps(cells).replace("\\r\\n", "\\n"))
    ]


@pytest.mark.parametrize(("name", "theme"), RUNS)
def test_streamed_in_lab_as_shipped(lab: Any, lab_page: Any, name: str, theme: str) -> None:
    """Answers that stream in JupyterLab leave, when they are saved, the outputs that the tutorial was shipped with."""
    shipped = lab.read(str(NOTEBOOKS / f"{name}.ipynb"))
    notebook = json.loads(json.dumps(shipped))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    path = f"{name}/{name}.ipynb"
    (lab.root / name).mkdir()
    (lab.root / path).write_text(json.dumps(notebook), "utf-8")
    lab_page.page.set_viewport_size({"width": 1000, "height": 3600})
    lab_page.open(path)
    lab_page.command("apputils:change-theme", theme=theme)
    lab_page.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=theme)
    lab_page.run_all()
    lab_page.save()
    if folder := os.environ.get("TEST_SCREENSHOTS"):
        lab_page.page.screenshot(path=f"{folder}/{name}.png")
    lab_page.command("apputils:change-theme", theme="JupyterLab Light")
    lab_page.page.wait_for_function("() => document.body.dataset.jpThemeName === 'JupyterLab Light'")
    assert shown(lab.read(path)) == shown(shipped)
    assert lab_page.problems == []
    assert lab_page.outside == []
