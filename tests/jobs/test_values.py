"""The values of a job and the table of its states."""

from __future__ import annotations

from typing import get_args

import msgspec

from ve_magics.jobs import TRANSITIONS, UNFINISHED, Job, JobFailure, JobState, VideoRequest
from ve_magics.messages import Image


def test_the_table_knows_every_state_and_no_other() -> None:
    """Each state has its row, and each way ends in a state."""
    states = set(get_args(JobState))
    assert set(TRANSITIONS) == states
    assert set().union(*TRANSITIONS.values()) <= states


def test_every_state_can_be_reached_and_every_unfinished_one_left() -> None:
    """There is no state that nothing leads to, and none in which work is left but no way on."""
    reached: set[JobState] = {"queued"}
    while True:
        more = reached.union(*(TRANSITIONS[state] for state in reached))
        if more == reached:
            break
        reached = more
    assert reached == set(get_args(JobState))
    assert all(TRANSITIONS[state] for state in UNFINISHED)
    assert all(state not in TRANSITIONS[state] for state in TRANSITIONS)


def test_a_job_survives_json() -> None:
    """A job with pictures and a failure comes back from JSON as it was."""
    job = Job(
        id="j",
        provider="p",
        request=VideoRequest(
            prompt="狐狸", model="m", first_frame=Image(b"\x00\xff", "image/png"), extra={"fps": 24}
        ),
        failure=JobFailure("m", hint="h"),
        handle={"status_url": "https://x.test"},
    )
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job
    assert job.model == "m"


def test_finished_means_that_nothing_is_left_to_do() -> None:
    """Only the last states count as finished; `unknown` is still to be settled."""
    request = VideoRequest(prompt="p")
    assert {
        state
        for state in get_args(JobState)
        if Job(id="", provider="", request=request, state=state).finished
    } == {"succeeded", "failed", "cancelled", "expired"}
