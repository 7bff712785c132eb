"""`ve-magics jobs`: the same jobs in a terminal, with no kernel."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics import cli
from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.errors import ArgumentsError, JobError
from ve_magics.jobs import Job, VideoRequest, moved, submitting
from ve_magics.jobs_cli import run_jobs
from ve_magics.sim import Settings, Simulator

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Settings(video_seconds=0.2))


@pytest.fixture
def open_session(tmp_path: Path, simulator: Simulator) -> Callable[[], Session]:
    """Return what opens the user's store anew, as each process does."""

    def opened() -> Session:
        config = Config(environ={}, directory=tmp_path, keyring=lambda _: None)
        transport = Mounted({"sim.invalid": simulator})
        return Session(config=config, directory=tmp_path, transport=transport, data=tmp_path / "home")

    return opened


@pytest.fixture
def run(open_session: Callable[[], Session]) -> Run:
    """Return `run(*words)`, which gives the exit status and what was printed."""

    def ran(*words: str, plain: bool = False, forget: bool = False) -> tuple[int, str]:
        out = io.StringIO()
        options = argparse.Namespace(words=list(words), json=plain, forget=forget)
        return run_jobs(options, session=open_session(), out=out), out.getvalue()

    return ran


def leave(open_session: Callable[[], Session], folder: Path, **changes: Any) -> str:
    """Leave a job behind as a kernel that was killed does; returns its short id."""
    request = VideoRequest(prompt="A boat", model="film", seconds=1, size="128x128")
    job = Job(id="video_abc123", key="k", provider="sim", request=request, folder=str(folder), created=1.0)
    session = open_session()
    session.filming.jobs.add(job)
    if changes:
        session.filming.jobs.move(moved(submitting(job, 2.0), 3.0, **changes))
    asyncio.run(session.aclose())
    return "abc123"


def test_jobs_are_listed_and_shown(run: Run, open_session: Any, tmp_path: Path) -> None:
    """The list as a table and as JSON; one job in full."""
    assert run() == (0, "No video was ordered here yet.\n")
    name = leave(open_session, tmp_path)
    assert f"{name}  queued" in run("list")[1]
    (row,) = json.loads(run(plain=True)[1])
    assert (row["id"], row["state"], row["prompt"]) == ("video_abc123", "queued", "A boat")
    assert "video_abc123" in run("show", name)[1]
    with pytest.raises(JobError, match="no job zzz"):
        run("show", "zzz")
    with pytest.raises(ArgumentsError):
        run("list", "zzz")


@pytest.mark.parametrize("words", [("watch",), ("resume", "all"), ("resume", "abc123")])
def test_a_job_is_driven_to_its_end(
    run: Run, open_session: Any, tmp_path: Path, simulator: Any, words: Any
) -> None:
    """With no kernel, the command itself waits for the jobs, tells of each change and leaves the file."""
    leave(open_session, tmp_path)
    status, said = run(*words)
    assert (status, simulator.counters.videos_created) == (0, 1)
    assert "abc123 running" in said
    assert "abc123 succeeded: " in said
    assert len([*tmp_path.glob("*.mp4")]) == 1
    assert run("watch") == (0, "No video was ordered here yet.\n")


def test_an_unknown_job_is_settled_in_a_terminal(run: Run, open_session: Any, tmp_path: Path) -> None:
    """Ordered again by the user's word, it is made and fetched; the exit status says whether it was."""
    name = leave(open_session, tmp_path, state="unknown")
    status, said = run("settle", name, "again", plain=True)
    assert (status, json.loads(said)[0]["state"]) == (0, "succeeded")


def test_a_job_is_cancelled_and_forgotten(
    run: Run, open_session: Any, tmp_path: Path, simulator: Any
) -> None:
    """A job that was never sent is stopped here; one that ended is forgotten."""
    name = leave(open_session, tmp_path)
    assert run("cancel", name, forget=True) == (0, f"{name} is cancelled.\n")
    assert run("forget", name) == (0, f"{name} (cancelled) is forgotten; its file stays.\n")
    assert simulator.counters.videos_created == 0


def test_the_command_reads_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The installed command has the orders, and an unknown job is an error of one line."""
    assert cli.main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["jobs", "show", "nothing"]) == 1
    assert "There is no job nothing." in capsys.readouterr().err
