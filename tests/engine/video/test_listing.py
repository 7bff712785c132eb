"""Jobs as people see and name them."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.engine.video.listing import advice, age, details, facts, named, table
from ve_magics.engine.video.orders import told
from ve_magics.errors import JobError
from ve_magics.jobs import Job, JobFailure, VideoRequest


def job(name: str = "video_aaa111bbb222", **changes: Any) -> Job:
    request = VideoRequest(prompt="A boat\n drifts down a very long and rainy street.", model="film")
    return Job(id=name, provider="sim", request=request, created=100.0, folder="here", **changes)


JOBS = (job(), job("video_aaa222ccc333", provider_job_id="v7"))


@pytest.mark.parametrize("word", ["video_aaa222ccc333", "aaa222ccc333", "aaa2", "333", "v7", "video_aaa222"])
def test_a_part_of_an_id_that_is_its_own_is_enough(word: str) -> None:
    """Beginning, end, whole, or the provider's own."""
    assert named(JOBS, word) == JOBS[1]


@pytest.mark.parametrize(
    ("word", "said"),
    [("aaa", "2 jobs are called aaa"), ("zzz", "no job zzz"), ("", "no job"), ("ccc334", "no job ccc334")],
)
def test_what_names_no_one_job_is_refused(word: str, said: str) -> None:
    """Several, none, nothing: each says what to do."""
    with pytest.raises(JobError, match=said) as caught:
        named(JOBS, word)
    assert caught.value.hint
    if word == "ccc334":
        assert caught.value.hint == "Near: ccc333"


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_age_in_words(seconds: float, said: str) -> None:
    """The largest unit that fits."""
    assert age(seconds) == said


def test_a_job_stands_in_one_line() -> None:
    """A prompt of several lines is cut to one; what isn't known is left out."""
    head, line = table([job(progress=0.4, state="running", provider_job_id="v1")], 160.0).splitlines()
    assert line.split("  ")[0] == "bbb222"
    assert "running  40%   sim/film  A boat drifts down a very long …  1 min" in line
    assert len(head) <= len(line) + 20


def test_a_list_says_what_can_be_done_with_the_jobs_that_wait_for_somebody() -> None:
    """A video whose file didn't come, and one that nobody knows of, are named below the table, the newest three."""
    left = job(state="failed", fetches=2, failure=JobFailure("The provider sent a web page instead."))
    lines = table([left, *JOBS, job(state="unknown", note="The answer got lost.")], 160.0).splitlines()
    assert lines[5] == ""
    assert lines[6].startswith("bbb222: The provider sent a web page instead. %ve jobs retry bbb222 fetches")
    assert lines[7].startswith("bbb222: The answer got lost. %ve jobs settle bbb222")
    assert len(table([left] * 5, 160.0).splitlines()) == 6 + 1 + 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "unknown"}, "settle bbb222"),
        ({"state": "failed", "fetches": 2, "failure": JobFailure("No file.")}, "retry bbb222"),
        ({"state": "failed", "failure": JobFailure("Refused.")}, ""),
        ({"state": "running"}, "cancel bbb222"),
        ({"state": "succeeded"}, ""),
    ],
)
def test_each_state_has_its_way_on(changes: dict[str, Any], said: str) -> None:
    """Where something can be done, it is named."""
    one = job(**changes)
    assert said in advice(one)
    assert bool(said) == bool(advice(one))
    shown = details(one, 200.0)
    assert (one.failure.message if one.failure else one.id) in shown
    assert facts(one)["failure"] == (one.failure.message if one.failure else "")


def test_an_order_says_what_it_did() -> None:
    """An unknown job that is still unknown says what else there is."""
    unknown = job(state="unknown")
    assert told("settle", [unknown]).startswith("bbb222 (unknown) is looked for. %ve jobs settle bbb222")
    assert told("settle", [job(state="cancelled")]) == "bbb222 is cancelled."
