"""A pytest plugin for notebooks under nbval: `--ve-recording` replays them, or records them anew and says what changed.

It loads nothing of the package before a run with the flag has ended.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MODES = ("off", "auto", "record", "replay")
_LOG = "VE_RECORDING_LOG"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag."""
    parser.getgroup("ve_magics", "notebooks with recordings").addoption(
        "--ve-recording",
        choices=MODES,
        default=None,
        metavar="off|auto|record|replay",
        help="what the notebooks' kernels do with recordings: replay answers from them, record anew, or neither",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch the notebooks, where the flag is given."""
    mode = config.getoption("--ve-recording")
    if mode:
        config.pluginmanager.register(
            Notebooks(mode, worker=hasattr(config, "workerinput")), "ve_magics.notebooks"
        )


class Notebooks:
    """The notebooks of one run.

    Args:
        mode: What the flag says.
        worker: Whether this is a process that pytest-xdist started; the one that started it reports.
    """

    def __init__(self, mode: str, *, worker: bool = False) -> None:
        self._mode = mode
        self._worker = worker
        self._patch = pytest.MonkeyPatch()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._cells: dict[Path, set[str]] = {}
        self._passed: set[str] = set()
        self._partly = False
        self._users: list[str] = []

    @property
    def _log(self) -> Path | None:
        return Path(self._folder.name) / "uses.jsonl" if self._folder is not None else None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Tell the kernels what to do; they inherit the environment."""
        self._patch.setenv("VE_RECORDING", self._mode)
        if not self._worker:
            self._folder = tempfile.TemporaryDirectory()
            self._patch.setenv(_LOG, str(self._log))
        self._partly = any("::" in argument for argument in session.config.args)

    def pytest_deselected(self) -> None:
        """Note that not every cell runs."""
        self._partly = True

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the cells of each notebook."""
        for item in session.items:
            if item.path.suffix == ".ipynb":
                self._cells.setdefault(item.path, set()).add(item.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Tell the kernel that is about to start the name of its notebook."""
        if item.path.suffix == ".ipynb":
            self._patch.setenv("VE_NOTEBOOK", item.path.name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which cells passed, and which of the uses are theirs."""
        if report.when == "call":
            if report.passed:
                self._passed.add(report.nodeid)
            name = report.nodeid.rpartition("::")[2]
            self._users += [name] * (len(self._lines()) - len(self._users))

    def _lines(self) -> list[bytes]:
        log = self._log
        return log.read_bytes().splitlines() if log is not None and log.is_file() else []

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what became of each recording; drop what a whole run that recorded did not use."""
        lines = [] if self._worker else [*self._told()]
        if lines:
            terminalreporter.section(f"recordings ({self._mode})")
            for line in lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Leave the environment as it was."""
        self._patch.undo()
        if self._folder is not None:
            self._folder.cleanup()

    def _told(self) -> Iterator[str]:
        import msgspec

        from ve_magics.engine.recording import Recording, beside
        from ve_magics.engine.uses import Use, report
        from ve_magics.errors import VeError

        lines = self._lines()
        users = (
            self._users if self._cells else [""] * len(lines)
        )  # with pytest-xdist cells run at the same time
        uses = [
            msgspec.structs.replace(msgspec.json.decode(line, type=Use), cell=user)
            for line, user in zip(lines, users, strict=False)
        ]
        cells = {beside(path, path.parent)[0].resolve(): ids for path, ids in self._cells.items()}
        for path in dict.fromkeys(Path(use.recording).resolve() for use in uses):
            own = {use.key: use for use in uses if Path(use.recording).resolve() == path}
            try:
                recording = Recording(path)
                recording.used.update(own)
                unused = recording.unused
                ran = path in cells and cells[path] <= self._passed and not self._partly
                whole = self._mode == "record" and ran
                if whole:
                    recording.prune()
            except VeError as error:
                yield f"{path.name}: {error.message}"
                continue
            first, *rest = report(own.values(), unused, pruned=whole)
            yield f"{path.name}: {first}"
            yield from rest
            if unused and self._mode == "record" and not whole:
                yield "  Not every cell ran and passed, so nothing was dropped."
