"""A server that dies loses no film and has none made twice; one that stops leaves its films to the next."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine import killing
from tests.server import filming_server
from tests.server.running import TOKEN, Running, until
from tests.server.test_serve import started
from tests.server.test_videos import job_of
from ve_magics.errors import StoreError
from ve_magics.jobs import Job
from ve_magics.server.following import Following
from ve_magics.server.metrics import Metrics
from ve_magics.store.mp4 import probe

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("VE_TEST_SERVER_KILLS", "8"))
ORDERS = 3
"""Films that are ordered of each server before it is killed."""


def ask(port: int, method: str, path: str, body: object = None, *, token: str = TOKEN, **headers: str) -> Any:
    """Ask once; returns status and body, or None where the server died."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"authorization": f"Bearer {token}", **headers})
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@contextmanager
def process(file: Any, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a file until the context ends; gives the process and the port that it names."""
    command = [sys.executable, file.__file__, *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child, int(child.stdout.readline().rpartition(":")[2])
    finally:
        child.kill()
        child.communicate()


def film(port: int, number: int) -> Any:
    """Order a film under a key of its own."""
    order = {"prompt": f"Film {number}", "model": "listing/film", "seconds": "1", "size": "128x128"}
    return ask(port, "POST", "/v1/videos", order, **{"idempotency-key": f"film-{number}"})


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_no_kill_of_the_server_loses_a_film_or_makes_it_twice(tmp_path: Path) -> None:
    """Servers die at moments spread over the making of films; clients order again with the same keys.

    The provider has made each film once, and each file comes whole from the last server. Where a server died between
    writing an order down and sending it, the film is told to be lost and not ordered again until its owner says so.
    """
    numbers = range(KILLS * ORDERS)
    with process(killing, "provider", tmp_path) as (_, provider):
        for kill in range(KILLS):
            with process(filming_server, tmp_path, provider) as (child, port):
                own = range(kill * ORDERS, (kill + 1) * ORDERS)
                clients = [threading.Thread(target=film, args=(port, number)) for number in own]
                for client in clients:
                    client.start()
                time.sleep(0.03 * kill)
                os.kill(child.pid, signal.SIGKILL)
                for client in clients:
                    client.join()
        with process(filming_server, tmp_path, provider) as (_, port):
            names = {}
            for number in numbers:
                status, body = film(port, number)
                assert status == 200
                names[number] = json.loads(body)["id"]
            shown: dict[int, Any] = {}

            def all_ended() -> bool:
                for number in numbers:
                    if number not in shown:
                        told = json.loads(ask(port, "GET", f"/v1/videos/{names[number]}")[1])
                        if told["status"] in ("completed", "failed"):
                            shown[number] = told
                return len(shown) == len(numbers)

            until(all_ended, seconds=60)
            lost = [number for number in numbers if shown[number]["status"] == "failed"]
            assert all(shown[number]["error"]["code"] == "lost" for number in lost)
            for number in lost:
                env = {
                    **os.environ,
                    "VE_HOME": str(tmp_path / "home"),
                    "VE_CONFIG": str(tmp_path / "config.toml"),
                }
                settle = [sys.executable, "-m", "ve_magics", "jobs", "settle", names[number], "again"]
                assert (
                    subprocess.run(
                        settle, env={**env, "KEY": "any"}, check=False, capture_output=True
                    ).returncode
                    == 0
                )
            for number in numbers:
                status, body = ask(port, "GET", f"/v1/videos/{names[number]}/content")
                assert status == 200, (number, body)
                path = tmp_path / f"{number}.mp4"
                path.write_bytes(body)
                assert probe(path).width == 128
            bill = json.loads(ask(provider, "GET", "/bill/now")[1])["listing"]
    assert {prompt: len(made) for prompt, made in bill.items()} == {f"Film {number}": 1 for number in numbers}
    assert len(list((tmp_path / "home" / "media").glob("*.mp4"))) == len(numbers)
    assert not list((tmp_path / "home" / "media").glob("*.part"))


def test_a_server_that_is_stopped_leaves_its_films_to_the_next(tmp_path: Path) -> None:
    """`ve-magics serve` ends at once on SIGTERM though a film is being made, and the next one brings it."""
    config = tmp_path / "config.toml"
    with process(Simulated, "sim", "--port", "0") as (_, provider):
        config.write_text(
            f'[providers.films]\nbase_url = "http://127.0.0.1:{provider}/v1"\ndialect = "chat_completions"\n'
            'video = "openai_videos"\nkey = "env:FILMS_KEY"\n'
        )
        environ = {"VE_CONFIG": str(config), "FILMS_KEY": "any", "VE_SERVER_TOKEN": TOKEN}
        with started(tmp_path / "home", **environ) as (child, line):
            port = int(line.split(":")[2].split()[0])
            order = {"prompt": "A fox", "model": "films/film", "seconds": "1", "size": "128x128"}
            status, body = ask(port, "POST", "/v1/videos", order)
            assert status == 200
            name = json.loads(body)["id"]
            until(lambda: json.loads(ask(provider, "GET", "/v1/videos")[1])["data"])
            child.send_signal(signal.SIGTERM)
            _, err = child.communicate(timeout=20)
            assert "Traceback" not in err
        with started(tmp_path / "home", **environ) as (_, line):
            port = int(line.split(":")[2].split()[0])
            until(lambda: b'"completed"' in ask(port, "GET", f"/v1/videos/{name}")[1], seconds=30)
            assert ask(port, "GET", f"/v1/videos/{name}/content")[1][4:8] == b"ftyp"
        assert len(json.loads(ask(provider, "GET", "/v1/videos")[1])["data"]) == 1


class Simulated:
    """The command itself, where a file is named."""

    __file__ = str(ROOT / "ve_magics" / "__main__.py")


def test_jobs_of_notebooks_are_left_to_them(tmp_path: Path) -> None:
    """A server that starts drives what servers left behind, and nothing else."""
    with Running(tmp_path, "[prices]\n") as server:
        jobs = server.session.filming.jobs
        waits: dict[str, Any] = {"state": "running", "wait": 3600.0, "contact": 1e12, "submitted": 1e12}
        jobs.add(job_of("j-served", provider_job_id="v", **waits))
        own = job_of("j-notebook", provider_job_id="w", **waits)
        jobs.add(
            Job(**{name: getattr(own, name) for name in own.__struct_fields__} | {"notebook": "film.ipynb"})
        )
    with Running(tmp_path, "[prices]\n") as server:
        until(lambda: "ve_videos_in_the_making 1" in server("/metrics").body.decode())
        assert server("/v1/videos/j-notebook").status == 404
        assert server("/v1/videos/j-served").json["status"] == "in_progress"


@pytest.mark.anyio
async def test_a_store_that_fails_stops_no_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the jobs can't be read, the server starts all the same and says so in its log."""

    def broken(*_: object) -> Any:
        raise StoreError("The disk is full.")

    filming = SimpleNamespace(
        jobs=SimpleNamespace(unfinished=broken), engine=SimpleNamespace(watch=lambda _: Watching())
    )

    class Watching:
        """A watch that fails at once."""

        __anext__ = broken

        def __aiter__(self) -> Any:
            return self

        async def aclose(self) -> None:
            """Do nothing."""

    session: Any = SimpleNamespace(filming=filming)
    following = Following(session, Metrics())
    following.resume()
    assert "The disk is full." in caplog.text
    following.follow(job_of("j-1"))
    await following._tasks["j-1"]
    assert "j-1 is left for now: StoreError" in caplog.text
    await following.aclose()
