"""Every notebook as it is shipped: clean, in two languages, and the same to the last byte when it is replayed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ve_magics.engine.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
ENGLISH = [name for name in NAMES if not name.endswith(".zh-CN") and name != "quickstart"]
WATCH = """
import os, sys

if "ipykernel_launcher" in sys.orig_argv:
    log = os.environ["SOCKET_LOG"]

    def say(words):
        with open(log, "a") as file:
            file.write(words + "\\n")

    def watch(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
            say(f"{event} {arguments[1:]}")
            raise PermissionError("this kernel may not use the network")

    sys.addaudithook(watch)
    say("watching")
"""
"""Python's own start-up hook: no code in the kernel reaches anybody (its messages travel in ZeroMQ, not in these)."""


def cells(name: str, kind: str = "code") -> list[dict[str, Any]]:
    """Return the cells of a kind of a notebook as it is saved."""
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    """Return what a cell says."""
    return "".join(cell["source"])


@pytest.mark.parametrize("name", NAMES)
def test_saved_clean(name: str) -> None:
    """Every code cell was run, has at most one output of ours, and fails only where it says that it will."""
    for number, cell in enumerate(cells(name), 1):
        outputs = cell["outputs"]
        assert cell["execution_count"] == number
        failed = [output for output in outputs if output["output_type"] == "error"]
        assert bool(failed) == ("raises-exception" in cell["metadata"].get("tags", ())), source(cell)
        assert sum(output["output_type"] == "display_data" for output in outputs) <= 1, source(cell)
        if source(cell).startswith("%%chat") and not failed:
            (output,) = outputs
            assert output["data"]["text/plain"]


@pytest.mark.parametrize("name", NAMES)
def test_recording_is_of_this_notebook_alone(name: str) -> None:
    """What lies beside a notebook can be read, its media are all there and no others, and no machine is named in it."""
    path = NOTEBOOKS / f"{name}.recording.json"
    text = path.read_text("utf-8")
    assert len(Recording(path)) > 0
    media = {file.name for file in path.with_suffix("").iterdir()} if path.with_suffix("").is_dir() else set()
    assert all(f'"{file}"' in text for file in media)
    for written in (text, (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8")):
        assert not re.search(r"/home/|/root/|/Users/|/tmp/|sk-\w|ipykernel_\d", written)


@pytest.mark.parametrize("name", ENGLISH)
def test_both_languages_show_the_same(name: str) -> None:
    """A tutorial has the same magics and steps in English and in Chinese, is short, and the Chinese one is Chinese."""

    def steps(which: str) -> list[str]:
        firsts = [source(cell).split("\n", 1)[0] for cell in cells(which)]
        return [one.split()[0] if one.startswith("%") else "" for one in firsts]

    chinese = f"{name}.zh-CN"
    assert steps(name) == steps(chinese)
    assert 5 <= len(steps(name)) <= 16
    assert all(re.search("[\u4e00-\u9fff]", source(cell)) for cell in cells(chinese, "markdown"))
    assert not any(re.search("[\u4e00-\u9fff]", source(cell)) for cell in cells(name, "markdown"))


@pytest.fixture(scope="module")
def replayed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Counter[str]], str, list[str]]:
    """Run all notebooks under strict nbval; returns passed and failed cells by notebook, what was said, and sockets."""
    base = tmp_path_factory.mktemp("replay")
    folder, hooks, log = base / "notebooks", base / "hooks", base / "sockets.log"
    folder.mkdir()
    hooks.mkdir()
    for path in sorted(NOTEBOOKS.iterdir()):
        if path.name.endswith((".ipynb", ".recording.json")) or path.name == "evening.png":
            shutil.copy(path, folder)
        elif path.is_dir() and path.name.endswith(".recording"):
            shutil.copytree(path, folder / path.name)
    (hooks / "sitecustomize.py").write_text(WATCH, "utf-8")
    plugins = ("nbval.plugin", "xdist.plugin", "ve_magics.pytest_plugin", "no:cacheprovider")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--nbval", "--ve-recording=replay", "-q", "-c", os.devnull),
            *("-n", "2", "--dist", "loadfile", f"--junitxml={base / 'report.xml'}"),
            *(word for plugin in plugins for word in ("-p", plugin)),
            *(f"{name}.ipynb" for name in NAMES),
        ],
        cwd=folder,
        env={
            **os.environ,
            "IPYTHONDIR": str(base / "ipython"),
            "VE_HOME": str(base / "home"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join([str(hooks), str(ROOT)]),
            "SOCKET_LOG": str(log),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    counts: dict[str, Counter[str]] = {name: Counter() for name in NAMES}
    for case in ET.parse(base / "report.xml").iter("testcase"):
        name = case.attrib["classname"].rpartition("/")[2].removesuffix(".ipynb")
        counts[name]["failed" if len(case) else "passed"] += 1
    return counts, run.stdout, log.read_text("utf-8").splitlines()


@pytest.mark.kernel
@pytest.mark.parametrize("name", NAMES)
def test_replays_strictly(name: str, replayed: tuple[dict[str, Counter[str]], str, list[str]]) -> None:
    """Replayed in a new kernel, strict nbval without a sanitizer finds every output as it was saved."""
    counts, said, _ = replayed
    assert counts[name] == {"passed": len(cells(name))}, said[-8000:]


@pytest.mark.kernel
def test_replay_needs_no_network(replayed: tuple[dict[str, Counter[str]], str, list[str]]) -> None:
    """No kernel tries to reach anybody while all notebooks are replayed."""
    _, _, sockets = replayed
    assert sockets == ["watching"] * len(NAMES)


def test_network_would_be_seen(tmp_path: Path) -> None:
    """The watch that the replay passes sees and stops a process that does connect."""
    (tmp_path / "sitecustomize.py").write_text(WATCH, "utf-8")
    log = tmp_path / "sockets.log"
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection({server.getsockname()!r})"
        run = subprocess.run(
            [sys.executable, "-c", code, "ipykernel_launcher"],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "SOCKET_LOG": str(log)},
            capture_output=True,
            text=True,
        )
    assert "may not use the network" in run.stderr
    assert "socket." in log.read_text("utf-8").partition("watching\n")[2]
