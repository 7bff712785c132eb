"""`--ve-recording`: notebooks that replay or are recorded anew under nbval, and the report at the end."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import nbformat
import pytest

from ve_magics import pytest_plugin

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.kernel
ROOT = Path(__file__).resolve().parents[1]
CELLS = ("%load_ext ve_magics", "%%chat\nWhat is a context manager?", "%%chat\nName three rivers in China.")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Return an environment in which only the plugins that a test names are loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    monkeypatch.setenv("VE_HOME", str(tmp_path / ".ve"))
    return monkeypatch


def write(folder: Path, *cells: str, name: str = "talk.ipynb") -> Path:
    """Write a notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / name)
    return folder / name


def run(pytester: pytest.Pytester, *flags: str) -> tuple[dict[str, int], str]:
    """Run the notebooks of the folder in a process of its own; returns the outcomes and what was printed."""
    result = pytester.runpytest_subprocess(
        "-p", "nbval.plugin", "-p", "ve_magics.pytest_plugin", "-p", "no:cacheprovider", "--nbval-lax", "-W",
        "ignore", *flags,
    )  # fmt: skip
    return result.parseoutcomes(), result.stdout.str()


def asked(folder: Path, name: str = "talk") -> list[str]:
    """Return the questions that a recording holds."""
    entries = json.loads((folder / f"{name}.recording.json").read_text("utf-8"))["entries"]
    return [entry["asked"]["messages"][-1]["parts"][0]["text"] for entry in entries]


@pytest.mark.usefixtures("alone")
def test_a_whole_run_records_reports_and_prunes(pytester: pytest.Pytester) -> None:
    """Added, unchanged and dropped entries are told with their cells; the file ends with what the notebook asks."""
    write(pytester.path, *CELLS)
    outcomes, said = run(pytester, "--ve-recording=record")
    assert outcomes == {"passed": 3}
    assert "talk.recording.json: 2 added" in said
    assert "  added  Cell 1  sim/tutor: What is a context manager?" in said
    before = (pytester.path / "talk.recording.json").read_bytes()
    outcomes, said = run(pytester, "--ve-recording=record")
    assert "talk.recording.json: 2 as before" in said
    assert (pytester.path / "talk.recording.json").read_bytes() == before
    write(pytester.path, CELLS[0], CELLS[2], "%%chat\nWhat is 6 times 7?")
    _, said = run(pytester, "--ve-recording=record")
    assert "talk.recording.json: 1 added, 1 as before, 1 dropped" in said
    assert "  dropped  sim/tutor: What is a context manager?" in said
    assert asked(pytester.path) == ["Name three rivers in China.", "What is 6 times 7?"]


@pytest.mark.usefixtures("alone")
def test_a_part_of_a_run_drops_nothing(pytester: pytest.Pytester) -> None:
    """Where a cell was left out or failed, what was not used may still be wanted."""
    write(pytester.path, *CELLS)
    run(pytester, "--ve-recording=record")
    _, said = run(pytester, "--ve-recording=record", "--deselect", "talk.ipynb::Cell 2")
    assert "1 as before, 1 not used" in said
    assert "so nothing was dropped" in said
    write(pytester.path, CELLS[0], CELLS[1], "1 / 0")
    outcomes, said = run(pytester, "--ve-recording=record")
    assert outcomes == {"passed": 2, "failed": 1}
    assert "1 as before, 1 not used" in said
    assert len(asked(pytester.path)) == 2


@pytest.mark.usefixtures("alone")
def test_notebooks_side_by_side_are_told_together(pytester: pytest.Pytester) -> None:
    """Under pytest-xdist the uses of all processes are told at the end, and nothing is dropped."""
    write(pytester.path, *CELLS)
    write(pytester.path, CELLS[0], "%%chat\nWhat is 6 times 7?", name="other.ipynb")
    outcomes, said = run(pytester, "--ve-recording=record", "-p", "xdist", "-n", "2", "--dist", "loadscope")
    assert outcomes == {"passed": 5}
    assert "talk.recording.json: 2 added" in said
    assert "other.recording.json: 1 added" in said


@pytest.mark.usefixtures("alone")
def test_replay_asks_nobody_and_tells_what_is_not_used(pytester: pytest.Pytester) -> None:
    """Each notebook replays from its own recording; a question that it lacks fails its cell."""
    write(pytester.path, *CELLS)
    write(pytester.path, CELLS[0], "%%chat\nWhat is 6 times 7?", name="other.ipynb")
    run(pytester, "--ve-recording=record")
    assert (asked(pytester.path, "other"), len(asked(pytester.path))) == (["What is 6 times 7?"], 2)
    write(pytester.path, *CELLS[:2])
    write(pytester.path, *CELLS[:2], name="other.ipynb")
    outcomes, said = run(pytester, "--ve-recording=replay")
    assert outcomes == {"passed": 3, "failed": 1}
    assert "talk.recording.json: 1 replayed, 1 not used" in said
    assert "The recording lacks this answer (other.recording.json)." in said
    assert len(asked(pytester.path)) == 2


@pytest.mark.usefixtures("alone")
def test_a_recording_that_is_broken_or_newer_is_left_as_it_is(pytester: pytest.Pytester) -> None:
    """The cell's error says so, and not a byte of the file changes, whatever the mode."""
    write(pytester.path, *CELLS[:2])
    path = pytester.path / "talk.recording.json"
    for content, message in (
        ('{"entries"', "can't be read"),
        ('{"ve_magics_recording": 9}', "a newer version"),
    ):
        path.write_text(content, "utf-8")
        for mode in ("record", "replay", "auto"):
            outcomes, said = run(pytester, f"--ve-recording={mode}")
            assert outcomes == {"passed": 1, "failed": 1}
            assert message in said
            assert path.read_text("utf-8") == content


@pytest.mark.usefixtures("alone")
def test_without_the_flag_nothing_is_touched(pytester: pytest.Pytester) -> None:
    """The plugin is there in every run, and does nothing where it isn't asked to."""
    write(pytester.path, *CELLS[:2])
    outcomes, said = run(pytester)
    assert outcomes == {"passed": 2}
    assert "recordings (" not in said
    assert not [*pytester.path.glob("*.recording.json")]


def test_pytest_finds_it_and_it_is_light() -> None:
    """The package names it as a plugin; loading it loads nothing else of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = project["entry-points"]["pytest11"]["ve_magics"]
    assert EntryPoint("ve_magics", named, "pytest11").load() is pytest_plugin
    code = (
        "import sys, ve_magics.pytest_plugin\n"
        "print(sorted(n for n in sys.modules if n.startswith('ve_magics') or n in ('msgspec', 'IPython', 'httpx')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.strip() == "['ve_magics', 've_magics.pytest_plugin']"
