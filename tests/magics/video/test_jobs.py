"""`%ve jobs`: what there is, and what can be done with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.errors import NotFoundError
from ve_magics.sim import Settings

SMALL = "--seconds 1 --size 128x128"
BOAT = "A paper boat"


def only_job(bench: Any) -> Any:
    """Return the one job that there is."""
    (job,) = bench.notebook.session.filming.jobs.find()
    return job


def wait(bench: Any) -> Any:
    """Wait until the one job has ended, and return it."""
    return bench.notebook.portal.call(bench.notebook.session.filming.engine.wait(only_job(bench).id))


def test_jobs_are_listed(bench: Any) -> None:
    """A line a job: short id, state, how far, model, prompt, age, cost, file."""
    assert bench.run("%ve jobs").text == "No video was ordered here yet."
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    ran = bench.run("%ve jobs")
    head, line = ran.text.splitlines()
    table = ran.outputs[0]["text/markdown"].splitlines()
    assert table[:2] == [
        "| job | state | done | model | prompt | age | cost | file |",
        "| --- | --- | ---: | --- | --- | ---: | ---: | --- |",
    ]
    assert BOAT in table[2]
    assert re.search(r"\| \d+&#160;s \|", table[2])
    assert head.split() == ["job", "state", "done", "model", "prompt", "age", "cost", "file"]
    job = only_job(bench)
    for word in (job.id[-6:], "succeeded", "100%", "sim/film", BOAT, "$0.00", Path(job.path).name):
        assert word in line
    shown = bench.run(f"%ve jobs show {job.id[-6:]}").text
    assert job.id in shown
    assert job.path in shown


def test_a_job_is_named_by_a_part_of_its_id(bench: Any) -> None:
    """Beginning or end will do; a slip gets the nearest, and nonsense the way to the list."""
    bench.run(f"%%video {SMALL}\n{BOAT}")
    name = only_job(bench).id.removeprefix("video_")
    for part in (name, f"video_{name}", name[:4], name[-3:]):
        assert name in bench.run(f"%ve jobs show {part}").text
    slip = bench.run(f"%ve jobs show {name[-6:-1]}z").lines
    assert slip[0].startswith("✗ job: There is no job")
    assert name[-6:] in slip[1]
    assert "%ve jobs" in bench.run("%ve jobs show !").lines[1]
    assert "is not understood" in bench.run("%ve jobs explode").lines[0]


def test_a_running_job_is_resumed_and_cancelled(open_bench: Callable[..., Any]) -> None:
    """Where the provider can't stop a video, that is said; `--forget` stops waiting for it."""
    bench = open_bench(settings=Settings(video_seconds=60))
    assert "%ve jobs shows it" in " ".join(bench.run(f"%%video {SMALL} --timeout 0.4\n{BOAT}").lines)
    name = only_job(bench).id[-6:]
    assert bench.run(f"%ve jobs resume {name}").text == f"{name} (running) is waited for."
    assert bench.run("%ve jobs resume all").text == f"{name} (running) is waited for."
    assert "can't stop a video" in bench.run(f"%ve jobs cancel {name}").lines[0]
    assert bench.run(f"%ve jobs cancel {name} --forget").text == f"{name} is cancelled."
    assert "cancelled already" in bench.run(f"%ve jobs resume {name}").lines[0]
    assert bench.run("%ve jobs resume all").text == "Nothing is left to be done."


def test_a_job_whose_file_did_not_come_is_retried_free_of_charge(bench: Any) -> None:
    """The error names the order; running the cell again does the same; nothing is ordered twice."""
    desk = bench.simulator.videos
    send, desk.content = desk.content, not_a_video
    lines = " ".join(bench.run(f"%%video {SMALL} --timeout 60\n{BOAT}").lines)
    job = only_job(bench)
    assert "The provider's file is larger than" in lines
    assert f"%ve jobs retry {job.id[-6:]}" in lines
    assert [*bench.folder.glob("*.mp4*")] == []
    desk.content = send
    assert bench.run(f"%ve jobs retry {job.id[-6:]}").text.endswith("(running) is fetched again.")
    assert wait(bench).state == "succeeded"
    assert bench.run(f"%%video {SMALL} -o clip\n{BOAT}").error is None
    assert bench.simulator.counters.videos_created == 1
    assert bench.run(f"%ve jobs forget {job.id[-6:]}").text.endswith("is forgotten; its file stays.")
    assert bench.run("%ve jobs").text == "No video was ordered here yet."


async def not_a_video(request: Any, out: Any, name: str) -> None:
    """Say that ten gigabytes are to come."""
    await out.begin(200, {"content-type": "video/mp4", "content-length": str(10 * 1024**3)})
    await out.write(b"\0" * 1024)


@pytest.mark.parametrize(("how", "state", "created"), [("again", "unknown", 2), ("never", "cancelled", 1)])
def test_an_unknown_job_is_settled(bench: Any, how: str, state: str, created: int) -> None:
    """The error of a lost order names the way out, and each way does what it says."""
    job = lose(bench)
    name = job.id[-6:]
    ran = bench.run(f"%ve jobs settle {name} {how}")
    assert name in ran.text
    assert wait(bench).state in (state, "failed")
    assert bench.simulator.counters.videos_created == created


def test_an_unknown_job_takes_the_providers_id(bench: Any) -> None:
    """A job that was lost goes on under the id that its user found at the provider."""
    job = lose(bench)
    (shot,) = bench.simulator.videos.shots
    assert "not found" in bench.run(f"%ve jobs settle {job.id[-6:]} nonsense").lines[0]
    assert bench.run(f"%ve jobs settle {job.id[-6:]} {shot.id}").text == f"{job.id[-6:]} is running."
    assert wait(bench).state == "succeeded"
    assert bench.simulator.counters.videos_created == 1
    assert "nothing to settle" in bench.run(f"%ve jobs settle {job.id[-6:]}").lines[0]


def lose(bench: Any) -> Any:
    """Order a video whose answer gets lost, at a provider without a list, and return its job."""

    async def no_list(request: Any, out: Any) -> None:
        raise NotFoundError("There is no list.", status=404)

    bench.simulator.videos.list = no_list
    lines = " ".join(bench.run(f"%%video sim/fault-lost {SMALL}\n{BOAT}").lines)
    job = only_job(bench)
    assert job.state == "unknown"
    assert f"%ve jobs settle {job.id[-6:]} ITS_ID" in lines
    assert "looks again" in bench.run(f"%ve jobs show {job.id[-6:]}").text
    return job
