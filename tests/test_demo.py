"""The quickstart notebook, run in the terminal or made ready for JupyterLab."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ve_magics import demo
from ve_magics.cli import main
from ve_magics.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]


def test_quickstart_is_found() -> None:
    """The checkout's own notebook is shown."""
    assert demo.quickstart() == ROOT / "notebooks" / "quickstart.ipynb"


def test_missing_quickstart_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the notebook says what to do."""
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "ve_magics" / "demo.py"))
    with pytest.raises(ConfigError, match=r"quickstart\.ipynb is missing"):
        demo.quickstart()


def test_copy_is_clean_and_never_overwritten(tmp_path: Path) -> None:
    """The copy for JupyterLab has no outputs, and one that the user has changed stays as it is."""
    copy = demo.prepare(tmp_path / "new" / "folder")
    cells = nbformat.read(copy, as_version=4).cells
    originals = nbformat.read(demo.quickstart(), as_version=4).cells
    assert [cell.source for cell in cells] == [cell.source for cell in originals]
    assert not any(cell.get("outputs") for cell in cells)
    copy.write_text("changed", "utf-8")
    assert demo.prepare(copy.parent) == copy
    assert copy.read_text("utf-8") == "changed"


def test_lab_opens_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`ve-magics lab` starts JupyterLab on the copy, in its folder, and passes arguments on."""
    stand_in = tmp_path / "path"
    (stand_in / "jupyterlab").mkdir(parents=True)
    (stand_in / "jupyterlab" / "__init__.py").touch()
    (stand_in / "jupyterlab" / "__main__.py").write_text(
        "import os, sys; print(os.path.basename(os.getcwd()), *sys.argv[1:]); sys.exit(3)", "utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(stand_in))
    assert main(["lab", "--folder", str(tmp_path / "here"), "--no-browser"]) == 3
    assert "here --no-browser quickstart.ipynb" in capfd.readouterr().out


@pytest.mark.kernel
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # nbconvert's own
def test_demo_shows_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The demo prints cells, answers and progress, and leaves notebook, page and video, and says where."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "demo"
    assert main(["demo", "--folder", str(folder)]) == 0
    shown, complaints = capfd.readouterr()
    assert complaints == ""
    assert "  │ %%chat\n" in shown
    assert shown.count("### Context manager") == 1
    assert "梯度下降" in shown
    assert "▶ sim/film: being made" in shown
    (video,) = folder.glob("*.mp4")
    for path in (folder / "quickstart.ipynb", folder / "quickstart.html", video):
        assert f"  {path}" in shown
    lab = shown.rpartition("JupyterLab: ")[2]
    assert sys.executable in lab  # it works where no environment is activated
    assert str(folder) in lab  # and opens what was made here
    finished, saved = (
        json.loads(path.read_text("utf-8")) for path in (folder / "quickstart.ipynb", demo.quickstart())
    )
    assert [outputs(cell) for cell in finished["cells"]] == [outputs(cell) for cell in saved["cells"]]


def outputs(cell: dict[str, Any]) -> list[Any]:
    """Return what the outputs of a cell show."""
    return [output.get("data", output.get("text")) for output in cell.get("outputs", [])]


@pytest.mark.kernel
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("seen", [b"Running the quickstart", b"### Context manager", b"being made"])
def test_interrupted_demo_ends_at_once(tmp_path: Path, seen: bytes) -> None:
    """Ctrl-C ends the demo and its kernel, whatever it is doing, without a traceback."""
    env = os.environ | {
        "IPYTHONDIR": str(tmp_path / ".ipython"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "ve_magics", "demo", "--folder", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        shown = b""
        while seen not in shown:
            more = os.read(process.stdout.fileno(), 65536)
            assert more, shown
            shown += more
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in complaints


@pytest.mark.kernel
def test_failing_demo_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A demo that fails ends with one line that says which cell's error it was, and keeps the notebook."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("VE_RECORDING", "replay")
    monkeypatch.setenv("VE_NOTEBOOK", "nothing.ipynb")
    assert main(["demo", "--folder", str(tmp_path / "demo")]) == 1
    assert "ve-magics: A cell failed: CellError: ✗ recording: The recording lacks" in capsys.readouterr().err
    assert (tmp_path / "demo" / "quickstart.ipynb").is_file()


@pytest.mark.parametrize(
    ("command", "missing"),
    [(["demo"], "nbclient"), (["lab"], "jupyterlab")],
)
def test_missing_extra_is_named(
    command: list[str],
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without the extra, the command says how to install it."""

    class Nowhere:
        """Finds nothing of that name."""

        def find_spec(self, name: str, *_: Any) -> None:
            if name.partition(".")[0] == missing:
                raise ModuleNotFoundError(name)

    for name in [
        name for name in sys.modules if name.partition(".")[0] == missing or name == "ve_magics.terminal"
    ]:
        monkeypatch.delitem(sys.modules, name)
    if command == ["lab"]:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    else:
        monkeypatch.setattr(sys, "meta_path", [Nowhere(), *sys.meta_path])
    assert main([*command, "--folder", str(tmp_path)]) == 1
    assert "[lab]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
