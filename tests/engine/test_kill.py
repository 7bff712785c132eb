"""Killing the process at any moment loses no video and makes none twice.

`VE_TEST_KILLS=N` sets how many drivers are killed, 200 where it is not set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import killing

KILLS = int(os.environ.get("VE_TEST_KILLS", "200"))
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.kernel,  # it fills a whole core
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no SIGKILL here"),
]


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the file's other half in a process of its own."""
    return subprocess.Popen(
        [sys.executable, killing.__file__, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[int]:
    """Yield the port of a simulator in another process."""
    process = start("provider", tmp_path)
    assert process.stdout is not None
    yield int(process.stdout.readline().rpartition(":")[2])
    process.terminate()
    process.wait(20)
    process.stdout.close()


def test_no_kill_loses_a_video_or_makes_it_twice(tmp_path: Path, provider: int) -> None:
    """However often the process dies: the provider makes each job once, and each file arrives whole.

    Where the answer to a create call was lost and the provider has a list, the job finds itself in it; without one it
    is unknown until somebody says what the provider made, and never ordered again unasked. The last cell is run again
    by the kernel after the one that died in it, and gets the job that is there.
    """
    with start("rounds", tmp_path, provider, KILLS) as process:
        process.communicate(timeout=60 + 3 * KILLS)
    assert [path.read_text() for path in tmp_path.glob("crash-*")] == []
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["killed"] >= KILLS * 0.8
    jobs, bill = report["jobs"], report["bill"]
    assert [row["prompt"] for row in jobs].count(f"Film {KILLS + 1}") == 1
    assert len(jobs) > KILLS / 2
    made = {
        side: {row["prompt"]: [row["provider_job_id"]] for row in jobs if row["provider"] == side}
        for side in bill
    }
    assert bill == made
    assert {row["state"] for row in jobs} == {"succeeded"}
    assert {tuple(row["size"]) for row in jobs} == {(128, 128)}
    lost = [(row["provider"], row["lost"]) for row in jobs if row["lost"] is not None]
    assert {*lost} <= {("listing", 0), ("mute", 0), ("mute", 1)}
    files = [row["path"] for row in jobs]
    assert sorted(files) == sorted(map(str, tmp_path.glob("*.mp4")))
    assert [*tmp_path.glob("*.part")] == []
