"""The command: one line when it is ready, a token that stays hidden, and an end that cuts no stream off."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ve_magics.errors import ConfigError
from ve_magics.server.serve import serve

QUESTION = {
    "model": "sim/tutor",
    "stream": True,
    "messages": [{"role": "user", "content": "What is recursion?"}],
}


@contextmanager
def started(folder: Path, *arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command in a process of its own and give it with its first line."""
    env: Mapping[str, str] = {**os.environ, "VE_HOME": str(folder), "VE_CONFIG": "", **environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "ve_magics", "serve", "--port", "0", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_a_signal_ends_the_server_and_no_stream(tmp_path: Path) -> None:
    """It says its URL and where its token lies, and on SIGTERM finishes what it has begun."""
    home = tmp_path / "home"
    with started(home) as (process, line):
        found = re.fullmatch(r"ve-magics serve (http://127\.0\.0\.1:(\d+)) \(token in (.+)\)\n", line)
        assert found, line
        path = Path(found[3])
        assert path == home / "server-token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        token = path.read_text("utf-8").strip()
        connection = HTTPConnection("127.0.0.1", int(found[2]), timeout=30)
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(QUESTION), {"authorization": f"Bearer {token}"}
        )
        reply = connection.getresponse()
        assert reply.status == 200
        told = reply.read(400)
        process.send_signal(signal.SIGTERM)
        told += reply.read()
        connection.close()
        assert told.endswith(b"data: [DONE]\n\n")
        out, err = process.communicate(timeout=20)
    assert process.returncode in (0, -signal.SIGTERM)
    assert token not in line + out + err
    assert "recursion" not in out + err
    assert "Traceback" not in err
    assert not out


def test_others_may_not_reach_it_without_a_token(tmp_path: Path) -> None:
    """An address that other machines can reach is refused until somebody gives a token."""
    with started(tmp_path, "--host", "0.0.0.0") as (process, line):
        _, err = process.communicate(timeout=20)
    assert line == ""
    assert process.returncode == 1
    assert "VE_SERVER_TOKEN" in err
    assert "Traceback" not in err
    with started(tmp_path, "--host", "0.0.0.0", VE_SERVER_TOKEN="a-token-of-my-own") as (_, line):
        assert re.fullmatch(r"ve-magics serve http://0\.0\.0\.0:\d+ \(token: \$VE_SERVER_TOKEN\)\n", line)


def test_a_configuration_is_named(tmp_path: Path) -> None:
    """`--config` names the file; one that isn't there is an error that names it."""
    config = tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match=r"--config names .*mine\.toml"):
        serve("127.0.0.1", 0, config_file=config, data=tmp_path / "home")
    config.write_text('[[server.keys]]\nname = "team"\nkey = "env:NOT_SET"\n', "utf-8")
    with pytest.raises(ConfigError, match="NOT_SET"):
        serve("127.0.0.1", 0, config_file=config, data=tmp_path / "home")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port that can't be had is an error that says how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="--port"):
        serve("127.0.0.1", taken.getsockname()[1], data=tmp_path / "home")


@pytest.mark.parametrize("signals", [1, 2])
def test_no_cost_is_lost_when_the_server_stops(tmp_path: Path, signals: int) -> None:
    """An answer is booked that was just given, and one that a second signal cuts off."""
    home = tmp_path / "home"
    with started(home, VE_SERVER_TOKEN="token-of-the-tests") as (process, line):
        found = re.search(r":(\d+) ", line)
        assert found, line
        connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps(QUESTION),
            {"Authorization": "Bearer token-of-the-tests"},
        )
        reply = connection.getresponse()
        reply.read(100 if signals == 2 else None)
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)  # two signals of one kind that come together are one
        process.wait(30)
        connection.close()
        reply.close()
    with closing(sqlite3.connect(home / "ve_magics.sqlite")) as store:
        ((lines, made),) = store.execute("SELECT count(*), sum(output) FROM ledger").fetchall()
    assert lines == 1
    assert made > 0
