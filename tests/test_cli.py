"""The `ve-magics` command."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from ve_magics import __version__, cli
from ve_magics.errors import ConfigError


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the package's version."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ve_magics {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["sim", "--port", "many"],
        ["serve", "--port", "65536"],
        ["sim", "--port", "-1"],
        ["doctor", "--fast"],
    ],
)
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is not understood is told with the usage, and fails."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: ve-magics" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every command in a line."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    for command in ("demo", "lab", "sim", "doctor"):
        assert re.search(rf"^\s+{command}\s+\w", shown, re.MULTILINE)


def test_doctor_examines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` prints a line for each finding; its exit status tells whether all is well."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doctor"]) == 0
    assert "ok  chat: sim/tutor" in capsys.readouterr().out
    config = tmp_path / "config.toml"
    config.write_text('[defaults]\nchat = "deepseek/deepseek-chat"\n', "utf-8")
    monkeypatch.setenv("VE_CONFIG", str(config))
    assert cli.main(["doctor"]) == 1
    assert "!!  chat: deepseek/deepseek-chat: No key for deepseek." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConfigError("No.", hint="Mend it."), 1, "No."),
        (OSError(28, "No space left on device", "film.mp4"), 1, "No space left on device: 'film.mp4'"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_failure_is_one_line(
    error: BaseException,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failing command prints a line and no traceback; an interrupted one prints nothing."""

    def fail(coroutine: Any) -> None:
        coroutine.close()
        raise error

    monkeypatch.setattr(asyncio, "run", fail)
    assert cli.main(["doctor"]) == status
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lab` and `demo` say which folder they can't use, in one line."""
    (tmp_path / "taken").write_text("a file", "utf-8")
    for command in ("lab", "demo"):
        assert cli.main([command, "--folder", str(tmp_path / "taken")]) == 1
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1
        assert "taken" in shown


def run_command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run `ve-magics` in a process of its own, with more in its environment."""
    command = [sys.executable, "-m", "ve_magics", *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | environ, timeout=60, check=False)


def test_any_terminal_can_show_what_is_said(tmp_path: Path) -> None:
    """A terminal or pipe without the characters for a name shows question marks; nothing fails for that."""
    home = tmp_path / "会議"
    ran = run_command("doctor", VE_CONFIG="", VE_HOME=str(home), PYTHONIOENCODING="latin-1")
    assert b"??" in ran.stdout
    assert b"Traceback" not in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_has_seen_enough_ends_the_command() -> None:
    """A pipe that is closed at its other end is no failure to tell of."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        command = [sys.executable, "-m", "ve_magics", "doctor"]
        ran = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (141, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's way to have no output")
def test_without_any_output_the_status_is_told(tmp_path: Path) -> None:
    """A command that was given no output to write to ends with its status all the same."""
    command = [sys.executable, "-m", "ve_magics", "doctor"]
    env = os.environ | {"VE_CONFIG": "", "VE_HOME": str(tmp_path)}
    quiet = [
        sys.executable,
        "-c",
        "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])",
        *command,
    ]
    ran = subprocess.run(quiet, stderr=subprocess.PIPE, env=env, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_simulator_says_where_it_is() -> None:
    """`sim --port 0` prints one line with its address when it is ready, answers there, and ends when told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ve_magics", "sim", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", line)
        with urlopen(f"{url}/v1/models", timeout=10) as answer:
            assert b'"tutor"' in answer.read()
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def test_module_is_the_command() -> None:
    """`python -m ve_magics` is the same command."""
    run = subprocess.run([sys.executable, "-m", "ve_magics", "--version"], capture_output=True, text=True)
    assert run.stdout == f"ve_magics {__version__}\n"
