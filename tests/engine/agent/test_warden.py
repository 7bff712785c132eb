"""The program between the kernel and an MCP server: it changes nothing, and is the last to leave."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from ve_magics.engine.agent import warden
from ve_magics.engine.agent.mcp import watched

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes have no parents to watch there")


def run(code: str, words: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program under the warden."""
    command = watched((sys.executable, "-c", code))
    return subprocess.run(
        command, input=words, capture_output=True, timeout=30, check=False, start_new_session=True
    )


def test_what_goes_in_and_out_is_untouched() -> None:
    """Input, output, errors and the exit code are the program's own."""
    ran = run("import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit('done')", "é\r\n".encode())
    assert (ran.stdout, ran.stderr, ran.returncode) == ("É\r\n".encode(), b"done\n", 1)


def test_a_program_that_is_not_there_is_told() -> None:
    """The reason is on the standard error, where the connection looks for it."""
    ran = subprocess.run(watched(("/no/such/program",)), capture_output=True, timeout=30, check=False)
    assert ran.returncode == 127
    assert b"No such file or directory: '/no/such/program'" in ran.stderr


def test_a_program_that_ignores_its_end_is_killed() -> None:
    """Told to end, the warden gives it a moment, and no more."""
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen(
        watched((sys.executable, "-c", stubborn)), stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()


def test_where_this_interpreter_has_no_name_nothing_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that embeds Python starts servers as they stand."""
    monkeypatch.setattr(sys, "executable", "")
    assert watched(("server", "--flag")) == ["server", "--flag"]
    assert warden.GRACE < 2, "the SDK waits two seconds before it kills"
