"""What `import ve_magics` and `%load_ext ve_magics` cost a kernel that is already running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import pytest

MOST_MODULES = 100
HEAVY = frozenset(
    {"httpx", "httptools", "av", "numpy", "pandas", "pydantic", "uvicorn", "anywidget", "openai", "mcp"}
)
LOAD = """
import json, sys, time
from ipykernel import kernelapp, ipkernel, zmqshell
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("1 + 1")
before, sockets = set(sys.modules), []
sys.addaudithook(lambda event, arguments: sockets.append(event) if event.startswith("socket.") else None)
started = time.perf_counter()
shell.run_cell(f"import {sys.argv[1]}").raise_error()
shell.run_line_magic("load_ext", sys.argv[1])
took = time.perf_counter() - started
print(json.dumps({"added": sorted(set(sys.modules) - before), "sockets": sockets, "ms": took * 1000}))
"""


class Cost(TypedDict):
    """What loading an extension did: modules added, socket calls, time in milliseconds."""

    added: list[str]
    sockets: list[str]
    ms: float


def load(extension: str, folder: Path, *path: Path) -> Cost:
    """Load an extension in a new process that holds what a kernel holds, and return what that cost."""
    env = os.environ | {"IPYTHONDIR": str(folder)}
    if path:
        env["PYTHONPATH"] = os.pathsep.join(map(str, path))
    command = [sys.executable, "-c", LOAD, extension]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)
    assert run.returncode == 0, run.stderr
    cost: Cost = json.loads(run.stdout.splitlines()[-1])
    return cost


def test_loading_is_light(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loading opens no socket and adds few modules, none of them heavy; the time is shown, since machines differ."""
    cost = load("ve_magics", tmp_path)
    with capsys.disabled():
        print(f"\n%load_ext ve_magics: {len(cost['added'])} modules, {cost['ms']:.1f} ms")
    assert cost["sockets"] == []
    assert "ve_magics" in cost["added"]
    assert len(cost["added"]) <= MOST_MODULES, cost["added"]
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in cost["added"])


def test_a_heavy_extension_is_seen(tmp_path: Path) -> None:
    """The measurement sees an extension that opens a socket and loads a heavy library."""
    (tmp_path / "greedy.py").write_text(
        "import socket, httpx\ndef load_ipython_extension(shell):\n    socket.socket().close()\n", "utf-8"
    )
    cost = load("greedy", tmp_path, tmp_path)
    assert "socket.__new__" in cost["sockets"]
    assert not HEAVY.isdisjoint(cost["added"])
