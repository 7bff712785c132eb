"""Tutorials in real JupyterLab: recorded while they stream there, they end as they are shipped, and replay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RUNS = [
    ("conversations", "JupyterLab Dark"),
    ("structured.zh-CN", "JupyterLab Light"),
]

RECORD = """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
  .requestExecute({code: "import os; os.environ['VE_RECORDING'] = 'record'", silent: true}).done.then(() => null)"""
"""Has the kernel record from the first cell on, without a trace in the notebook."""


def shown(notebook: Any) -> list[Any]:
    """Return the data of each code cell's outputs, without what varies."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        [output.get("data") or output["text"] for output in cell["outputs"]]
        for cell in json.loads(json.dumps(cells).replace("\\r\\n", "\\n"))
    ]


@pytest.mark.parametrize(("name", "theme"), RUNS)
def test_recorded_while_streaming(lab: Any, lab_page: Any, tmp_path: Path, name: str, theme: str) -> None:
    """What streams in JupyterLab while it is recorded is saved as the tutorial was shipped, and replays strictly."""
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
    lab_page.page.evaluate(RECORD)
    lab_page.run_all()
    lab_page.save()
    if folder := os.environ.get("TEST_SCREENSHOTS"):
        lab_page.page.screenshot(path=f"{folder}/{name}.png")
    lab_page.command("apputils:change-theme", theme="JupyterLab Light")
    lab_page.page.wait_for_function("() => document.body.dataset.jpThemeName === 'JupyterLab Light'")
    assert shown(lab.read(path)) == shown(shipped)
    for file in (lab.root / path, lab.root / name / f"{name}.recording.json"):
        shutil.copy(file, tmp_path)
    replayed = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--nbval", "-q", "-c", os.devnull),
            *("-p", "nbval.plugin", "-p", "no:cacheprovider", f"{name}.ipynb"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "IPYTHONDIR": str(tmp_path / "ipython"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(NOTEBOOKS.parent),
            "VE_HOME": str(tmp_path / "home"),
            "VE_RECORDING": "replay",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert replayed.returncode == 0, replayed.stdout[-4000:]
    assert lab_page.problems == []
    assert lab_page.outside == []
