"""Every provider's word for the state has one meaning."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.videos.statuses import STATUSES, remote_state
from ve_magics.jobs import RemoteState


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", "queued"),
        ("NOT_START", "queued"),
        ("InQueue", "queued"),
        ("Preparing", "queued"),
        ("THROTTLED", "queued"),
        ("in_progress", "running"),
        ("IN_PROGRESS", "running"),
        ("in-progress", "running"),
        ("In Progress", "running"),
        ("dreaming", "running"),
        ("video_generation_completed", "running"),
        ("TASK_STATUS_PROCESSING", "running"),
        ("completed", "succeeded"),
        ("Succeed", "succeeded"),
        ("TASK_STATUS_SUCCEED", "succeeded"),
        ("STATUS_SUCCESS", "succeeded"),
        ("done", "succeeded"),
        ("FAILURE", "failed"),
        ("video_upsampling_failed", "failed"),
        ("timeout", "failed"),
        ("canceled", "cancelled"),
        ("deleted", "cancelled"),
        ("expired", "expired"),
    ],
)
def test_a_word_is_understood_in_any_dress(word: str, state: RemoteState) -> None:
    """Case, prefixes and dashes don't change what a word means."""
    assert remote_state(word) == state


def test_the_table_covers_every_state() -> None:
    """Each of our states has words."""
    assert set(STATUSES.values()) == set(get_args(RemoteState))


@given(st.text())
def test_an_unknown_word_is_never_success(word: str) -> None:
    """A word that the table lacks means that the job goes on, or whatever the caller decides."""
    if (
        word.strip()
        .lower()
        .replace("-", "_")
        .replace(" ", "_")
        .removeprefix("task_")
        .removeprefix("job_")
        .removeprefix("status_")
        not in STATUSES
    ):
        assert remote_state(word) in ("running", "failed")
        assert remote_state("x" + word + "x", default="queued") == "queued"
