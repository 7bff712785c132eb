"""Programs that run notebooks, and IPython in a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pexpect
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter, PythonExporter

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # papermill's and nbconvert's own
]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the environment in which notebooks run, and set it for this process too."""
    changes = {
        "IPYTHONDIR": str(tmp_path / ".ipython"),
        "VE_HOME": str(tmp_path / ".ve"),
        "PYTHONPATH": str(ROOT),
    }
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **changes}


def write(folder: Path, *cells: str) -> Path:
    """Write a notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "run.ipynb"
    nbformat.write(notebook, path)
    return path


def check_stopped(notebook: Any) -> None:
    """Check that the failing cell has one short error output and the one below was not run."""
    failed, below = [
        cell for cell in notebook.cells if cell.cell_type == "code" and "injected" not in cell.source
    ][1:3]
    (error,) = failed.outputs
    assert error.output_type == "error"
    assert len(error.traceback) <= 4
    assert error.traceback[0].startswith("✗ auth: ")
    assert below.outputs == []
    assert below.execution_count is None


@pytest.mark.usefixtures("environ")
def test_a_failure_stops_every_runner(tmp_path: Path) -> None:
    """nbclient and papermill stop at the failing cell, and nbval fails even where it doesn't compare."""
    path = write(tmp_path, "%load_ext ve_magics", "%%chat sim/fault-401\nHello", "print('below')")
    notebook = nbformat.read(path, as_version=4)
    with pytest.raises(CellExecutionError, match="✗ auth"):
        NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    check_stopped(notebook)
    with pytest.raises(papermill.PapermillExecutionError, match="auth"):
        papermill.execute_notebook(path, tmp_path / "out.ipynb", cwd=str(tmp_path), progress_bar=False)
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    cells.cells = [cell for cell in cells.cells if "papermill-error" not in str(cell.metadata.get("tags"))]
    check_stopped(cells)
    lax = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "nbval.plugin",
            "--nbval-lax",
            "-q",
            "-c",
            os.devnull,
            "-p",
            "no:cacheprovider",
            path.name,
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert lax.returncode == 1, lax.stdout
    assert "1 failed, 2 passed" in lax.stdout


@pytest.mark.usefixtures("environ")
def test_page_holds_answer_and_video(tmp_path: Path) -> None:
    """nbconvert's HTML shows the rendered answer, and the video beside it."""
    cells = (
        "%load_ext ve_magics",
        "%%chat\nWhat is a context manager in Python?",
        "%%video --seconds 1 --size 128x128\nA boat",
    )
    notebook = nbformat.read(write(tmp_path, *cells), as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert "<code>__enter__</code>" in page
    source = re.findall(r'<video[^<>]*\ssrc="([^"]+\.mp4)"', page)
    assert [(tmp_path / name).is_file() for name in source] == [True]


@pytest.mark.usefixtures("environ")
def test_script_asks_as_the_notebook_does(tmp_path: Path) -> None:
    """nbconvert's script holds the magics as calls; run by IPython it prints the answer and keeps the variable."""
    cells = ("%load_ext ve_magics", "%%chat -o answer\nWhat is 6 times 7?", "print(len(answer.text))")
    notebook = nbformat.read(write(tmp_path, *cells), as_version=4)
    script, _ = PythonExporter().from_notebook_node(notebook)
    (tmp_path / "run.py").write_text(script, "utf-8")
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "run.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    answer, length = ran.stdout.strip().splitlines()[-2:]
    assert "42" in answer
    assert length == str(len(answer))


@pytest.mark.usefixtures("environ")
def test_a_program_loses_no_answer_of_the_background(tmp_path: Path) -> None:
    """nbclient takes nothing from a cell that has ended, so there the cell waits for its answer and its film."""
    cells = (
        "%load_ext ve_magics",
        "%%chat --background -o answer\nWhat is 6 times 7?",
        "%%video --background --seconds 1 --size 128x128 -o clip\nA boat",
        "%ve wait",
        "assert answer.wait() is answer\nprint(clip.path.suffix)",
    )
    notebook = nbformat.read(write(tmp_path, *cells), as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, answer, film, waited, last = notebook.cells
    assert [output.data["text/plain"] for output in answer.outputs] == [r"$6 \times 7 = 42$"]
    assert "<video src=" in film.outputs[-1].data["text/html"]
    assert (waited.outputs, last.outputs[0].text) == ([], ".mp4\n")


def test_terminal_shows_text(tmp_path: Path, environ: dict[str, str]) -> None:
    """In IPython's terminal an answer streams as text, a film is its path, and an error is a few lines."""
    shell = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=nocolor", "--no-confirm-exit"],
        cwd=str(tmp_path),
        env={**environ, "TERM": "dumb", "COLUMNS": "200", "PAGER": "cat"},
        encoding="utf-8",
        timeout=30,
        echo=False,
        dimensions=(50, 200),
    )

    def run(*lines: str) -> str:
        shell.expect(r"In \[\d+\]: ")
        for line in lines:
            shell.sendline(line)
        return ""

    run("%load_ext ve_magics")
    run("%%chat", "What is a context manager in Python?", "", "")
    shell.expect("### Context manager")
    began = time.monotonic()
    shell.expect("contextmanager")
    assert time.monotonic() - began > 0.1
    run("%%video --seconds 1 --size 128x128", "A boat", "", "")
    shell.expect(r"A-boat-\w+\.mp4 · 1\.0 s · 128×128")
    run("%%chat tutr", "Hello", "", "")
    shell.expect("✗ unknown model: Nobody here serves a model 'tutr'")
    shell.expect(r"In \[\d+\]: ")
    assert len(shell.before.strip().splitlines()) <= 4
    assert "Traceback" not in shell.before
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    assert list(tmp_path.glob("A-boat-*.mp4"))
