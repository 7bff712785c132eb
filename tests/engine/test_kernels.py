"""Which kernel has a job."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine import kernels


def test_a_living_process_is_told_from_a_dead_one() -> None:
    """This process is no other one; another lives until it has ended; other machines and other names say nothing."""
    assert not kernels.another(kernels.own())
    assert kernels.own() != kernels.own()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{platform.node()}:{process.pid}:x"
    assert kernels.another(name) is (sys.platform != "win32")
    process.communicate(b"\n")
    assert not kernels.another(name)
    for nobody in (
        "",
        "kernel",
        f"{platform.node()}:x:y",
        f"{platform.node()}:0:y",
        f"elsewhere:{os.getpid() + 1}:y",
    ):
        assert not kernels.another(nobody)


@pytest.mark.parametrize(("error", "lives"), [(ProcessLookupError, False), (PermissionError, True)])
def test_a_process_of_another_user_lives(
    error: type[OSError], lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it may not be signalled means that it is there."""

    def kill(pid: int, number: int) -> None:
        raise error

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(sys, "platform", "linux")
    assert kernels.another(f"{platform.node()}:{os.getpid() + 1}:y") is lives


def named(process: subprocess.Popen[bytes]) -> str:
    """Return the name that a process has given itself."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def start() -> subprocess.Popen[bytes]:
    """Start a process that tells its name and lives until it is told to end."""
    code = "from ve_magics.engine import kernels; print(kernels.own(), flush=True); input()"
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def table(folder: Path, **changes: str) -> Path:
    """Return a table of processes that holds this one, and what is given of it otherwise."""
    facts = {"boot": "b", "pid": "pid:[1]", "time": "time:[1]", "self": str(os.getpid())} | changes
    own = folder / str(os.getpid())
    for directory in (own / "ns", own / "task" / "1", folder / "sys/kernel/random"):
        directory.mkdir(parents=True)
    (folder / "sys/kernel/random/boot_id").write_text(facts["boot"])
    for name in ("pid", "time"):
        if facts[name]:
            (own / "ns" / name).symlink_to(facts[name])
    (folder / "self").symlink_to(facts["self"])
    return folder


def told(folder: Path, process: int, *, started: int, state: str = "S", threads: int = 1) -> None:
    """Write down what the table says of a process; its name is a nasty one."""
    for number in range(threads):
        (folder / str(process) / "task" / str(number)).mkdir(parents=True, exist_ok=True)
    fields = [state, *["0"] * 18, str(started), "0"]
    (folder / str(process) / "stat").write_text(f"{process} (a) S ) 9 (b) {' '.join(fields)}\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")
def test_a_killed_process_is_surely_dead() -> None:
    """Not while it lives; from the moment it was killed on, before its parent has noticed and after."""
    process = start()
    name = named(process)
    assert not kernels.surely_dead(name)
    process.kill()
    limit = time.monotonic() + 10
    while not kernels.surely_dead(name) and time.monotonic() < limit:
        time.sleep(0.01)
    assert kernels.surely_dead(name), "a process that has ended and was not waited for"
    process.communicate()
    assert kernels.surely_dead(name)
    assert not kernels.surely_dead(kernels.own())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")
def test_nobody_is_called_dead_who_may_live(tmp_path: Path) -> None:
    """Another machine, another start of it, another container, another clock, no table, an old name: nobody knows."""
    process = start()
    process.communicate(b"\n")
    here = table(tmp_path / "here")
    told(here, os.getpid(), started=5)
    name = kernels.own(here).replace(f":{os.getpid()}:", f":{process.pid}:")
    assert kernels.surely_dead(name, here)
    machine, number, since, rest = name.split(":")
    doubts = [
        f"elsewhere:{number}:{since}:{rest}",
        f"{machine}:{number}:{rest}",
        f"{machine}:x:{since}:{rest}",
    ]
    doubts += [f"{machine}:0:{since}:{rest}", f"{machine}:{number}:.5:{rest}", ""]
    doubts += [f"{machine}:{number}:{since.partition('.')[0]}.:{rest}"]
    assert not [doubt for doubt in doubts if kernels.surely_dead(doubt, here)]
    for key, value in {"boot": "c", "pid": "pid:[2]", "time": "time:[2]"}.items():
        assert not kernels.surely_dead(name, table(tmp_path / key, **{key: value}))
    for key, value in {"self": "1", "boot": "", "pid": ""}.items():
        strange = table(tmp_path / f"no-{key}", **{key: value})
        told(strange, os.getpid(), started=5)
        unsure = kernels.own(strange).replace(f":{os.getpid()}:", f":{process.pid}:")
        assert not kernels.surely_dead(unsure, strange)
    assert not kernels.surely_dead(kernels.own(tmp_path / "nothing"), tmp_path / "nothing")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")
@pytest.mark.parametrize(
    ("said", "dead"),
    [
        ({"started": 5}, False),
        ({"started": 6}, True),
        ({"started": 5, "state": "Z"}, True),
        ({"started": 5, "state": "Z", "threads": 2}, False),
        (None, False),
    ],
)
def test_a_number_may_be_anothers_by_now(tmp_path: Path, said: dict[str, Any] | None, dead: bool) -> None:
    """A process with the number lives: it is the same one, or a later one, or ended with or without a thread left."""
    here = table(tmp_path, time="")
    told(here, os.getpid(), started=5)
    process = start()
    try:
        if said is not None:
            told(here, process.pid, **said)
        name = kernels.own(here).replace(f":{os.getpid()}:", f":{process.pid}:")
        assert kernels.surely_dead(name, here) is dead
    finally:
        process.communicate(b"\n")
