"""What all magics of one kernel share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.errors import ConfigError
from ve_magics.magics.notebook import Notebook


def shell(**names: Any) -> Any:
    """Return what stands for IPython's shell."""
    history = SimpleNamespace(input_hist_parsed=["", "first", "second"])
    return SimpleNamespace(user_ns=dict(names), history_manager=history)


def test_session_belongs_to_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is opened once, where the kernel runs, and anew after a reload."""
    monkeypatch.chdir(tmp_path)
    notebook = Notebook(shell())
    first = notebook.session
    assert notebook.session is first
    assert notebook.directory == tmp_path
    assert first.notebook is None
    assert notebook.reload() is not first
    notebook.close()
    notebook.close()
    notebook.portal.close()


def test_names_of_the_notebook_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VS Code tells the notebook's name in a variable, Jupyter in the environment."""
    monkeypatch.chdir(tmp_path)
    assert (
        Notebook(shell(__vsc_ipynb_file__="/far/away/lesson.ipynb")).session.notebook
        == tmp_path / "lesson.ipynb"
    )
    assert Notebook(shell(__vsc_ipynb_file__=7)).session.notebook is None
    monkeypatch.setenv("VE_NOTEBOOK", "course.ipynb")
    named = Notebook(shell()).session.notebook
    assert named is not None
    assert named.name == "course.ipynb"


def test_broken_configuration_can_be_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that can't be read fails each magic until it is mended, without a new kernel."""
    path = tmp_path / "config.toml"
    path.write_text("[defaults", "utf-8")
    monkeypatch.setenv("VE_CONFIG", str(path))
    monkeypatch.chdir(tmp_path)
    notebook = Notebook(shell())
    with pytest.raises(ConfigError):
        _ = notebook.session
    path.write_text("", "utf-8")
    assert notebook.session.mode == "off"


def test_cell_is_called_by_its_number() -> None:
    """The running cell has the number that stands beside it."""
    assert Notebook(shell()).cell == "cell [2]"


def test_results_are_kept_by_name() -> None:
    """`-o` puts a result into the notebook's variables; without it nothing is put there."""
    notebook = Notebook(shell())
    notebook.keep("answer", 42)
    notebook.keep(None, 43)
    assert notebook.namespace == {"answer": 42}
