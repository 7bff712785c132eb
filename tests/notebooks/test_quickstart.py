"""The quickstart notebook: clean as it is saved, and the same when it is run again, live or from its recording."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def saved() -> Any:
    """Return the notebook as it is saved."""
    return json.loads(NOTEBOOK.read_text("utf-8"))


def joined(text: str | list[str]) -> str:
    """Return a text that a notebook may hold as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def test_every_cell_has_one_clean_output(saved: Any) -> None:
    """No cell failed, none has more than one output, and answers are Markdown and the text itself."""
    cells = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    answers = 0
    for cell in cells:
        assert len(cell["outputs"]) <= 1
        for output in cell["outputs"]:
            assert output["output_type"] in ("display_data", "stream")
            if joined(cell["source"]).startswith("%%chat"):
                answers += 1
                assert set(output["data"]) == {"text/markdown", "text/plain"}
                assert joined(output["data"]["text/plain"]) == joined(output["data"]["text/markdown"])
    assert answers == 2


def test_video_survives_in_a_notebook_that_nobody_trusts(saved: Any) -> None:
    """The player is one plain tag beside a link; it makes the notebook a few kilobytes larger, and its file is recorded."""
    (output,) = [
        output
        for cell in saved["cells"]
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    html = joined(output["data"]["text/html"])
    assert re.match(
        r'<video src="[^":]+\.mp4" controls preload="metadata" [^<>]*poster="data:image/png;', html
    )
    assert not re.search(r"<source|<script|\son\w+=", html)
    assert len(html) < 8000
    path = NOTEBOOK.with_suffix(".recording") / re.findall(r'src="([^"]+)"', html)[0]
    assert path.read_bytes()[4:8] == b"ftyp"
    assert path.stat().st_size < 400_000


def test_recording_holds_what_the_notebook_asks(saved: Any) -> None:
    """The recording beside it holds an entry for each question, and nothing of the machine that made it."""
    path = NOTEBOOK.with_name("quickstart.recording.json")
    asked = [joined(cell["source"]).split()[0] for cell in saved["cells"] if cell["cell_type"] == "code"]
    assert (
        len(Recording(path)) == asked.count("%%chat") + asked.count("%%video") + 1
    )  # the director asks, too
    for text in (path.read_text("utf-8"), NOTEBOOK.read_text("utf-8")):
        assert not re.search(r"/home/|/root/|/Users/|/tmp/|sk-\w", text)


def nbval(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a folder's quickstart under strict nbval, with no sanitizer."""
    for name in ("quickstart.ipynb", "quickstart.recording.json"):
        shutil.copy(NOTEBOOK.with_name(name), folder)
    shutil.copytree(NOTEBOOK.with_name("quickstart.recording"), folder / "quickstart.recording")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "nbval.plugin",
            "--nbval",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "quickstart.ipynb",
        ],
        cwd=folder,
        env={
            **os.environ,
            "IPYTHONDIR": str(folder / ".ipython"),
            "VE_HOME": str(folder / ".ve"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **environ,
            "PYTHONPATH": os.pathsep.join([*filter(None, [environ.get("PYTHONPATH")]), str(ROOT)]),
        },
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.kernel
def test_live_run_gives_the_saved_outputs(tmp_path: Path) -> None:
    """Run live on the simulator, strict nbval finds no difference: streaming leaves what replaying leaves."""
    run = nbval(tmp_path, VE_RECORDING="off")
    assert run.returncode == 0, run.stdout[-4000:]
    assert " passed" in run.stdout
    assert list(tmp_path.glob("*.mp4"))
