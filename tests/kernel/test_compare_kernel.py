"""`%%compare`, `%ve usage` and `%ve budget` in real kernels."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).resolve().parents[2]
CELLS = (
    "%load_ext ve_magics",
    "%%compare sim/tutor sim/thinker -o both\nWhat is a context manager in Python?",
    "list(both)",
    "%ve budget 1",
    "%ve usage",
)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give kernels a home of their own."""
    for name, value in {
        "IPYTHONDIR": str(tmp_path / ".ipython"),
        "VE_HOME": str(tmp_path / ".ve"),
        "VE_NOTEBOOK": "n.ipynb",
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(name, value)


def executed(folder: Path) -> list[Any]:
    """Run the notebook and return its cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.validate(notebook)
    return list(notebook.cells)


def test_saved_outputs_are_the_same_when_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nbclient saves one output for a comparison, without any widget; a replay gives the same, and the same cost."""
    monkeypatch.setenv("VE_RECORDING", "record")
    recorded = executed(tmp_path)
    monkeypatch.setenv("VE_RECORDING", "replay")
    replayed = executed(tmp_path)
    (output,) = recorded[1].outputs
    (again,) = replayed[1].outputs
    assert output.output_type == "display_data"
    assert sorted(output.data) == ["text/markdown", "text/plain"]
    assert output.data["text/markdown"].startswith("### sim/tutor\n\n")
    assert "\n\n---\n\n### sim/thinker\n\n" in output.data["text/markdown"]
    assert "| sim/thinker |" in output.data["text/markdown"].replace("&#47;", "/")
    assert output.data == again.data
    facts, facts_again = output.metadata["ve_magics"], again.metadata["ve_magics"]
    assert facts["cost_usd"] == facts_again["cost_usd"] == 0.0
    assert facts["models"]["sim/tutor"]["source"] == "provider"
    assert facts_again["models"]["sim/tutor"]["source"] == "recording"
    assert recorded[2].outputs == replayed[2].outputs
    assert recorded[3].outputs == replayed[3].outputs
    (usage,) = recorded[4].outputs
    assert sorted(usage.data) == ["application/vnd.vegalite.v5+json", "text/markdown", "text/plain"]


def test_comparison_streams_in_one_output() -> None:
    """In a front end with a reader one output grows, at most ten times a second, and becomes the saved one."""
    manager, client = start_new_kernel(kernel_name="python3", env={**os.environ, "VE_RECORDING": "off"})
    try:
        client.execute_interactive(CELLS[0], timeout=60, output_hook=lambda _: None)
        messages: list[dict[str, Any]] = []
        began = time.monotonic()
        reply = client.execute_interactive(
            "%%compare sim/tutor sim/thinker\nWrite a long story about the sea.",
            timeout=60,
            allow_stdin=True,
            output_hook=messages.append,
        )
        seconds = time.monotonic() - began
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok"
    shown = [one for one in messages if one["msg_type"] in ("display_data", "update_display_data")]
    assert [one["msg_type"] for one in shown] == ["display_data", *["update_display_data"] * (len(shown) - 1)]
    assert 3 < len(shown) <= seconds * 10 + 2
    assert len({one["content"]["transient"]["display_id"] for one in shown}) == 1
    last = shown[-1]["content"]
    assert sorted(last["data"]) == ["text/markdown", "text/plain"]
    assert last["metadata"]["ve_magics"]["models"].keys() == {"sim/tutor", "sim/thinker"}
    early = shown[1]["content"]["data"]["text/markdown"]
    assert "### sim/tutor" in early
    assert "### sim/thinker" in early
