"""Record the tutorial notebooks anew: run each on the built-in simulator, keep its recording and its outputs.

    python3 .ci/dev record [NAME...]   all notebooks, or those that are named: chat, chat.zh-CN, ...

Nobody edits an output by hand. Each notebook runs twice in a folder of its own: once live, which writes the recording,
and once from that recording in a new kernel, which gives the outputs that are saved. Both must look the same. Running
it again changes no file. Needs the test environment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from ve_magics.engine.recording import Recording

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
COMPANIONS = ("evening.png",)
"""Files beside the notebooks that cells read."""

OUTSIDE = ("VE_", "JPY_", "COV_", "COVERAGE")
SECRETS = re.compile(r"_(?:API_KEY|TOKEN|SECRET|ACCESS_KEY)$")
"""Names of variables that could give a kernel a real model, or a notebook of its own."""


class DifferenceError(Exception):
    """A notebook's outputs are not the same when it is replayed."""


def environment(home: Path, notebook: Path, mode: str) -> dict[str, str]:
    """Return what a kernel may know of this machine: no keys, no configuration, its own home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OUTSIDE) and not SECRETS.search(name)
    }
    empty = home / "config.toml"
    empty.touch()
    return {
        **kept,
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(ROOT),
        "VE_CONFIG": str(empty),
        "VE_HOME": str(home / "ve"),
        "VE_NOTEBOOK": notebook.name,
        "VE_RECORDING": mode,
        "VE_RECORDING_LOG": str(home / "uses.jsonl"),
    }


def run(path: Path, notebook: Any, home: Path, mode: str) -> Any:
    """Run a notebook in its folder and return it with its new outputs."""
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        coalesce_streams=True,
    )
    return client.execute(env=environment(home, path, mode))


def shown(notebook: Any) -> list[Any]:
    """Return what a reader sees of a notebook's outputs: all but what varies and how an error is coloured."""
    left = ("metadata", "execution_count", "traceback")
    return [
        [{name: value for name, value in output.items() if name not in left} for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def same_outputs(live: Any, replayed: Any) -> None:
    """Compare two runs of a notebook.

    Raises:
        DifferenceError: They look different; names the first cell that does.
    """
    pairs = zip(shown(live), shown(replayed), strict=True)
    for number, (one, other) in enumerate(pairs):
        if one != other:
            raise DifferenceError(f"code cell {number} looks different when it is replayed:\n{one}\n{other}")


def steady(value: Any) -> Any:
    """Return an output without the times that are in its metadata."""
    if isinstance(value, dict):
        return {name: steady(one) for name, one in value.items() if name != "seconds"}
    return [steady(one) for one in value] if isinstance(value, list) else value


def finished(notebook: Any, replayed: Any) -> str:
    """Return the notebook with another run's outputs, as its file is written."""
    for cell, ran in zip(notebook.cells, replayed.cells, strict=True):
        if cell.cell_type == "code":
            cell.execution_count = ran.execution_count
            cell.outputs = ran.outputs
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = nbformat.from_dict(steady(output.metadata))
    return str(nbformat.writes(notebook)) + "\n"


def copy_recording(name: str, source: Path, target: Path) -> None:
    """Copy a notebook's recording, with its media, over another one."""
    shutil.rmtree(target / f"{name}.recording", ignore_errors=True)
    if (source / f"{name}.recording").is_dir():
        shutil.copytree(source / f"{name}.recording", target / f"{name}.recording")
    if (source / f"{name}.recording.json").is_file():
        shutil.copy2(source / f"{name}.recording.json", target)


def record(path: Path) -> str:
    """Record one notebook.

    Returns:
        One line that says what became of it.

    Raises:
        DifferenceError: What was streamed is not what is replayed.
    """
    name = path.stem
    before = path.read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    with tempfile.TemporaryDirectory(prefix="ve-record-") as scratch:
        runs = []
        recorded = NOTEBOOKS
        for mode in ("record", "replay"):
            folder, home = Path(scratch, mode, "notebooks"), Path(scratch, mode, "home")
            for one in (folder, home):
                one.mkdir(parents=True)
            copy_recording(name, recorded, folder)
            for companion in COMPANIONS:
                shutil.copy(NOTEBOOKS / companion, folder)
            runs.append(run(folder / path.name, notebook, home, mode))
            if mode == "record":
                pruned(folder / f"{name}.recording.json", home / "uses.jsonl")
            recorded = folder
        same_outputs(*runs)
        copy_recording(name, recorded, NOTEBOOKS)
    text = finished(notebook, runs[1])
    if text != before:
        path.write_text(text, "utf-8")
    return f"{path.name}: {'as it was' if text == before else 'written'}"


def pruned(path: Path, log: Path) -> None:
    """Drop what a recording holds and its notebook no longer asks."""
    if path.is_file():
        lines = log.read_text("utf-8").splitlines() if log.is_file() else []
        Recording(path).prune({json.loads(line)["key"] for line in lines})


def chosen(names: list[str]) -> Iterator[Path]:
    """Yield the notebooks of these names, or all of them."""
    for name in names or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")):
        path = NOTEBOOKS / f"{name}.ipynb"
        if not path.is_file():
            sys.exit(f"There is no notebook {path.name}.")
        yield path


def main(names: list[str]) -> int:
    """Record notebooks, two at a time; returns 0 where all of them could be."""
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for path, done in [(path, pool.submit(record, path)) for path in chosen(names)]:
            try:
                print(done.result(), flush=True)
            except Exception as error:  # noqa: BLE001 - whatever a cell raises, the other notebooks are recorded
                failed += 1
                print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
