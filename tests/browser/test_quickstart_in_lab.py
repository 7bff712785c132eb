"""The quickstart in real JupyterLab, as a new user runs it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
CHAT, CHINESE, VIDEO = 1, 2, 4
"""Places of the cells among the code cells."""


def put(lab: Any, folder: str, *, outputs: bool) -> str:
    """Copy the quickstart into a folder that JupyterLab serves."""
    target = lab.root / folder
    target.mkdir()
    notebook = json.loads((NOTEBOOKS / "quickstart.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and not outputs:
            cell |= {"outputs": [], "execution_count": None}
    (target / "quickstart.ipynb").write_text(json.dumps(notebook), "utf-8")
    if outputs:
        for path in (NOTEBOOKS / "quickstart.recording").glob("*.mp4"):
            shutil.copy(path, target)
    return f"{folder}/quickstart.ipynb"


PLAY = """async () => {
  const video = document.querySelector('.jp-OutputArea-output video');
  if (video.readyState < 1) await new Promise(done => video.onloadedmetadata = done);
  video.muted = true;
  await video.play();
  const began = video.currentTime;
  await new Promise(done => setTimeout(done, 900));
  const played = video.currentTime - began;
  video.pause();
  video.currentTime = 1.5;
  await new Promise(done => video.onseeked = done);
  return { played, at: video.currentTime, duration: video.duration, width: video.videoWidth, height: video.videoHeight,
           error: video.error && video.error.message };
}"""


def check_video(page: Any) -> None:
    """Check that the video plays and seeks."""
    seen = page.evaluate(PLAY)
    assert seen["error"] is None
    assert (seen["width"], seen["height"]) == (640, 360)
    assert seen["duration"] == pytest.approx(2, abs=0.1)
    assert seen["played"] > 0.2
    assert seen["at"] == pytest.approx(1.5, abs=0.1)


def test_run_all(lab: Any, lab_page: Any, tmp_path: Path) -> None:
    """Answers grow while they stream, each leaves one output, the video plays and seeks, all of it on this machine."""
    name = put(lab, "run", outputs=False)
    lab_page.open(name)
    lab_page.run_all(wait=False)
    sizes: list[int] = []
    lab_page.page.wait_for_function(
        "i => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i].querySelector('.jp-OutputArea-output')",
        arg=CHAT,
    )
    while len(sizes) < 40 and not lab_page.text(CHINESE):
        sizes.append(len(lab_page.text(CHAT)))
        lab_page.page.wait_for_timeout(100)
    assert len(set(sizes)) >= 4, sizes
    lab_page.wait_idle()
    assert [len(lab_page.outputs(cell)) for cell in range(6)] == [0, 1, 1, 1, 1, 1]
    (answer,) = lab_page.outputs(CHAT)
    assert "<h3" in answer
    assert "__enter__" in answer
    assert "梯度下降" in lab_page.text(CHINESE)
    check_video(lab_page.page)
    lab_page.page.screenshot(path=str(tmp_path / "light.png"))
    lab_page.save()
    saved = lab.read(name)
    html = "".join(saved.cells[8].outputs[0].data["text/html"])
    assert re.match(r'<video src="[^":]+\.mp4" controls preload="metadata" ', html)
    assert lab_page.problems == []
    assert lab_page.outside == []


def test_stop_button_stops_the_answer(lab: Any, lab_page: Any) -> None:
    """The stop button ends the cell at once, keeps the words that had come, and says that they are not all."""
    name = lab.write(
        "stop.ipynb",
        [
            "%load_ext ve_magics",
            "%%chat -m sim/fault-slow@0.3 -o answer\nWhat is a context manager in Python?",
        ],
    )
    lab_page.open(name)
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_function(
        "() => (document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1].querySelector('.jp-OutputArea')?.innerText || '').includes('manager')"
    )
    lab_page.page.locator(
        '[data-command="notebook:interrupt-kernel"], [data-jp-item-name="interrupt"] *'
    ).first.click()
    lab_page.page.wait_for_function(
        "() => (document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1].querySelector('.jp-OutputArea')?.innerText || '').includes('the cell was stopped')",
        timeout=3000,
    )
    shown = lab_page.text(1)
    assert "stopped: partial answer" in shown
    assert len(lab_page.outputs(1)) == 2


def test_opened_by_somebody_else(lab: Any, lab_page: Any, tmp_path: Path) -> None:
    """A notebook that nobody trusts yet still shows its answers and plays its video, in the dark theme as well."""
    lab_page.open(put(lab, "untrusted", outputs=True))
    trusted = lab_page.page.evaluate(
        "() => [...window.jupyterapp.shell.currentWidget.content.widgets].filter(c => c.model.type === 'code').every(c => c.model.trusted)"
    )
    assert trusted is False
    assert "context manager" in lab_page.text(CHAT)
    assert "梯度下降" in lab_page.text(CHINESE)
    check_video(lab_page.page)
    lab_page.command("apputils:change-theme", theme="JupyterLab Dark")
    lab_page.page.wait_for_function(
        "() => document.body.dataset.jpThemeName === 'JupyterLab Dark' && !document.getElementById('jupyterlab-splash')"
    )
    lab_page.page.screenshot(path=str(tmp_path / "dark.png"))
    lab_page.command("apputils:change-theme", theme="JupyterLab Light")
    lab_page.page.wait_for_function("() => document.body.dataset.jpThemeName === 'JupyterLab Light'")
    assert lab_page.problems == []
    assert lab_page.outside == []
