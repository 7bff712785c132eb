"""Which kernel has a job."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

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
