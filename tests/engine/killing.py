"""A driver of video jobs that is killed again and again, and a simulator in another process that counts and bills.

`python killing.py provider FOLDER` serves the simulator and prints its port. `python killing.py rounds FOLDER PORT
KILLS` forks a fresh driver for each round: it takes up what the one before left behind, has one more video made, and
is killed with SIGKILL. Half of the kills come from within, after the n-th line of the code that drives a job, so that
they are spread evenly over its life; half come from outside, by the clock. What became of it all is in FOLDER/report.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from ve_magics.dialects.videos.openai_videos import dialect
from ve_magics.engine.config import Config
from ve_magics.engine.filming import Filming
from ve_magics.engine.listener import listen
from ve_magics.engine.session import Session
from ve_magics.jobs import Job, Timing, VideoRequest
from ve_magics.routing import Target
from ve_magics.sim import Settings, Simulator
from ve_magics.sim.serve import OverSocket
from ve_magics.store.mp4 import probe

WATCHED = (
    "/engine/video/",
    "/engine/filming.py",
    "/engine/fetching.py",
    "/jobs/",
    "/store/",
    "/engine/calling.py",
)
"""Code whose lines are counted: all that a job goes through on this side of the wire."""

TIMING = Timing(first_poll=0.02, longest_poll=0.05, first_retry=0.02, longest_retry=0.1, give_up=300)
LEASE = 0.08
"""Seconds for which a dead driver's jobs stay its own."""

Receive = Any
Send = Any


class Provider:
    """The simulator twice: under `/listing` with a list of its videos, under `/mute` without one; and a bill."""

    def __init__(self) -> None:
        settings = Settings(video_seconds=0.03)
        self.sides = {name: Simulator(settings) for name in ("listing", "mute")}
        self.apps = {name: OverSocket(side) for name, side in self.sides.items()}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request or the lifespan."""
        if scope["type"] == "lifespan":
            await self.apps["listing"](scope, receive, send)
            return
        _, side, rest = scope["path"].split("/", 2)
        if side == "bill":
            await _answer(send, 200, self.bill())
        elif (side, scope["method"], rest) == ("mute", "GET", "v1/videos"):
            await _answer(send, 404, {"error": {"message": "There is no list."}})
        else:
            await self.apps[side]({**scope, "path": f"/{rest}"}, receive, send)

    def bill(self) -> dict[str, dict[str, list[str]]]:
        """Return the ids of all videos that were ordered, by side and prompt."""
        bill: dict[str, dict[str, list[str]]] = {}
        for name, side in self.sides.items():
            rows = bill.setdefault(name, {})
            for shot in side.videos.shots:
                rows.setdefault(shot.prompt, []).append(shot.id)
        return bill


async def _answer(send: Send, status: int, value: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


def open_session(folder: Path, port: int) -> Session:
    """Return a session on the real store, whose providers are the two sides of the simulator over a real socket."""
    config = folder / "config.toml"
    if not config.exists():
        config.write_text(
            "".join(
                f'[providers.{name}]\ndialect = "chat_completions"\nvideo = "{dialect.name}"\nkey = "env:KEY"\n'
                f'base_url = "http://127.0.0.1:{port}/{name}/v1"\n'
                for name in ("listing", "mute")
            )
        )
    environ = {"VE_CONFIG": str(config), "KEY": "any"}
    return Session(
        config=Config(environ=environ, directory=folder, keyring=lambda _: None),
        directory=folder,
        notebook=folder / "film.ipynb",
        data=folder / "home",
    )


def open_filming(session: Session) -> Filming:
    return Filming(session.gateway, session.store, session.id, timing=TIMING, lease_seconds=LEASE)


async def have_made(filming: Filming, folder: Path, number: int, side: str) -> None:
    """Have one video made as a cell does, and wait for all that earlier drivers left behind."""
    request = VideoRequest(prompt=f"Film {number}", seconds=1, size="128x128")
    target = Target(side, "film")
    news = filming.film(request, str(target), target, folder=folder, notebook=str(folder / "film.ipynb"))
    async for _ in news:
        pass
    await asyncio.gather(
        *(filming.engine.wait(job.id) for job in filming.jobs.unfinished() if job.state != "unknown")
    )


@cache
def watched(filename: str) -> bool:
    """Whether the lines of a file are counted."""
    return any(part in filename for part in WATCHED)


def one_life(
    folder: Path, port: int, number: int, side: str, lines: int | None, began: Callable[[], object]
) -> int:
    """Live as one kernel does, and die after so many lines; returns how many there were. None doesn't count."""
    count = 0

    def line(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if count == lines:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, _: object) -> Any:
        return line if watched(frame.f_code.co_filename) else None

    async def live() -> None:
        session = open_session(folder, port)
        filming = open_filming(session)
        began()
        if lines is not None:
            sys.settrace(call)
        try:
            await asyncio.create_task(have_made(filming, folder, number, side))
        finally:
            sys.settrace(None)
        await filming.engine.aclose()
        await session.aclose()

    asyncio.run(live())
    return count


def fork(folder: Path, port: int, number: int, side: str, lines: int | None) -> int:
    """Start a driver in a process of its own; returns the process's id as soon as it begins with its work."""
    ready, tell = os.pipe()
    process = os.fork()
    if process:
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        return process
    status = 1
    try:
        one_life(folder, port, number, side, lines, lambda: os.close(tell))
        status = 0
    except BaseException as error:  # whatever it is, it belongs in the report, and the child must not live on
        (folder / f"crash-{number}").write_text(repr(error))
    os._exit(status)


def rounds(folder: Path, port: int, kills: int) -> None:
    """Kill that many drivers, then let one live to the end; writes down what became of it all."""
    chance = random.Random(f"{kills}")
    lines = one_life(
        folder, port, 0, "listing", 0, bool
    )  # here, so that all modules are loaded before it forks
    process, began = fork(folder, port, -1, "listing", None), time.monotonic()
    os.waitpid(process, 0)
    life = time.monotonic() - began
    killed = 0
    lost: dict[str, int] = {}
    for number in range(1, kills + 1):
        side = "mute" if number % 5 == 0 else "listing"
        if number % 2:
            process = fork(folder, port, number, side, max(1, lines * number // kills))
        else:
            process = fork(folder, port, number, side, None)
            time.sleep(chance.uniform(0, life))
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if number % 20 == 0:
            asyncio.run(settle(folder, port, lost))
    for after in (lines // 2, None):  # the same cell, run again by the next kernel
        os.waitpid(fork(folder, port, kills + 1, "listing", after), 0)
    jobs = asyncio.run(settle(folder, port, lost))
    report = {
        "killed": killed,
        "lines": lines,
        "seconds": time.monotonic() - began,
        "jobs": [describe(job, lost.get(job.id)) for job in jobs],
        "bill": asyncio.run(read_bill(port)),
    }
    (folder / "report.json").write_text(json.dumps(report))


async def settle(folder: Path, port: int, lost: dict[str, int]) -> tuple[Job, ...]:
    """Take up all that is left, and settle what only a user can, by the provider's bill; returns all jobs."""
    session = open_session(folder, port)
    filming = open_filming(session)
    engine = filming.engine
    for job in await engine.resume_all(str(folder / "film.ipynb")):
        await engine.wait(job.id)
    bill = await read_bill(port)
    for job in filming.jobs.find(states=("unknown",)):
        made = bill.get(job.provider, {}).get(job.request.prompt, [])
        assert len(made) <= 1, (job.id, made)
        lost[job.id] = len(made)
        await engine.settle(job.id, provider_job_id=made[0] if made else "")
        await engine.wait(job.id)
    jobs = filming.jobs.find()
    await engine.aclose()
    await session.aclose()
    return jobs


def describe(job: Job, lost: int | None) -> dict[str, Any]:
    """Return what the test looks at; `lost`: how many videos the provider had made of a job that was unknown."""
    found = probe(Path(job.path)) if job.path else None
    return {
        "id": job.id,
        "provider": job.provider,
        "prompt": job.request.prompt,
        "lost": lost,
        "state": job.state,
        "provider_job_id": job.provider_job_id,
        "path": job.path,
        "size": [found.width, found.height] if found else None,
    }


async def read_bill(port: int) -> dict[str, dict[str, list[str]]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /bill/now HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        body = b"".join(body.split(b"\r\n")[1::2])
    bill: dict[str, dict[str, list[str]]] = json.loads(body)
    return bill


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "provider":
        listen(Provider(), "127.0.0.1", 0, name="provider", what="The simulator", grace=1)
    else:
        rounds(Path(where), int(rest[0]), int(rest[1]))
