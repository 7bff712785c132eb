"""A shell in this process with the magics loaded, and the simulator behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config as ShellConfig

from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.magics.loading import load, unload
from ve_magics.magics.notebook import Notebook
from ve_magics.sim import Settings, Simulator

FAST = Settings(first_token=0.0, tokens_per_second=math.inf, video_seconds=0.2, silence=30.0)


class Ran:
    """What a cell did.

    Attributes:
        outputs: Its display outputs, in order: data by media type.
        metadata: The metadata of each.
        printed: What it wrote to standard output and standard error.
        error: What ended it, or None.
    """

    def __init__(self, result: Any, captured: Any) -> None:
        self.outputs: list[dict[str, Any]] = [output.data for output in captured.outputs]
        self.metadata: list[dict[str, Any]] = [output.metadata for output in captured.outputs]
        self.printed: str = captured.stdout + captured.stderr
        self.error: BaseException | None = result.error_before_exec or result.error_in_exec

    @property
    def text(self) -> str:
        """The plain text of the one output."""
        (output,) = self.outputs
        text: str = output["text/plain"]
        return text

    @property
    def lines(self) -> list[str]:
        """What the error shows."""
        assert self.error is not None, f"it did not fail; it printed {self.printed!r}"
        lines: list[str] = self.error._render_traceback_()  # type: ignore[attr-defined]  # what IPython asks for
        return lines


class Bench:
    """A shell with the magics.

    Attributes:
        shell: IPython's shell.
        folder: Where the notebook lies.
        simulator: Who answers.
        notebook: What the magics share.
    """

    def __init__(self, shell: Any, folder: Path, simulator: Simulator, notebook: Notebook) -> None:
        self.shell = shell
        self.folder = folder
        self.simulator = simulator
        self.notebook = notebook

    @property
    def asked(self) -> int:
        """How many requests for chats and videos the simulator got."""
        counters = self.simulator.counters
        return counters.chats + counters.videos_created

    def run(self, cell: str) -> Ran:
        """Run a cell the way a front end does, and return what it did."""
        with capture_output() as captured:
            result = self.shell.run_cell(cell, store_history=True)
        return Ran(result, captured)


@pytest.fixture(scope="session")
def ipython_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        config = ShellConfig()
        config.HistoryManager.enabled = False
        shell = InteractiveShell.instance(config=config)
        yield shell
        InteractiveShell.clear_instance()


Open = Callable[..., Bench]


@pytest.fixture
def open_bench(ipython_shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Return `open_bench(**environ)`, which loads the magics into the shell under an environment of its own."""
    monkeypatch.chdir(tmp_path)
    simulator = Simulator(FAST)
    before = set(ipython_shell.user_ns)

    def opened(*, settings: Settings | None = None, **environ: str) -> Bench:
        app = simulator if settings is None else Simulator(settings)
        home = tmp_path / "home"
        session = Session(
            config=Config(environ=environ, directory=tmp_path, keyring=lambda _: None),
            directory=tmp_path,
            transport=Mounted({"sim.invalid": app, "mine.invalid": app}),
            data=home,
        )
        notebook = Notebook(ipython_shell, session)
        load(ipython_shell, notebook)
        return Bench(ipython_shell, tmp_path, app, notebook)

    yield opened
    unload(ipython_shell)
    for name in set(ipython_shell.user_ns) - before:
        del ipython_shell.user_ns[name]


@pytest.fixture
def bench(open_bench: Open) -> Bench:
    """Return a shell with the magics, with no key and no configuration."""
    return open_bench()
