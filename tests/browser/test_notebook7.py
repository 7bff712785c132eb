"""Notebook 7: an answer grows, stays one output, and one of the background lands in its cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.browser
CELLS = (
    "%load_ext ve_magics",
    "%%chat\nWhat is a context manager in Python?",
    "%%chat --background -o rivers\nName three rivers in China.",
    "%ve wait",
    "1 / 0",
    "print('below')",
)


def test_answers_in_notebook_7(
    lab: Any, lab_page: Any, require: Callable[[object, str], None], tmp_path: Path
) -> None:
    """The server of JupyterLab serves Notebook 7 too; what a cell shows and saves there is the same."""
    try:
        import notebook  # noqa: F401  # only its pages are looked at
    except ImportError:
        require(False, "no notebook package: pip install notebook")
    name = lab.write("seven.ipynb", CELLS)
    page = lab_page.page
    page.goto(f"{lab.url}notebooks/{quote(name)}?token={lab.token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'""",
        timeout=60_000,
    )
    lab_page.command("notebook:run-all-cells")
    page.wait_for_function(
        """() => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[4]
        .querySelector('.jp-OutputArea')?.innerText.includes('ZeroDivisionError')""",
        timeout=60_000,
    )
    page.wait_for_timeout(400)
    (answer,) = lab_page.outputs(1)
    assert "<code>__enter__</code>" in answer
    assert "<strong>" in answer or "<li>" in answer
    (rivers,) = lab_page.outputs(2)
    assert "Yangtze" in rivers
    assert lab_page.text(3) == lab_page.text(5) == ""
    page.screenshot(path=tmp_path / "notebook7.png")
    lab_page.save()
    page.wait_for_timeout(500)
    saved = lab.read(name).cells
    for cell in saved[1:3]:
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert set(output.data) == {"text/markdown", "text/plain"}
        assert output.metadata["ve_magics"]["served_by"] == "sim/tutor"
    assert saved[5].execution_count is None
