"""MiniMax's two interfaces, and the extra step to a file's address; the wire fixtures hold the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.videos.minimax import dialect
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobFailure, VideoRequest, applied
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

MINIMAX = PROVIDERS["minimax"].filming
FOX = Image(url="https://pictures.test/fox.png")
OLD, NEW = "MiniMax-Hailuo-2.3", "MiniMax-H3"


def ask(**fields: Any) -> tuple[str, dict[str, Any]]:
    wire = dialect.encode_create(VideoRequest(prompt="a fox", **fields), MINIMAX, "")
    return wire.path, json.loads(wire.body)


def job(model: str, **fields: Any) -> Job:
    request = VideoRequest(prompt="a fox", model=model)
    return Job(
        id="own", provider="minimax", request=request, state="running", provider_job_id="t/1", **fields
    )


def read(value: object) -> Any:
    return dialect.decode_poll(200, {}, json.dumps(value).encode())


def test_the_file_is_asked_for_once_the_task_is_done() -> None:
    """The task's last answer names a file, which has an address of its own; it may be asked for again and again."""
    before = job(OLD)
    wire = dialect.encode_poll(before)
    assert (wire.path, wire.query) == ("/v1/query/video_generation", (("task_id", "t/1"),))
    after = applied(before, read({"task_id": "t/1", "status": "Success", "file_id": 205258526306433}), 5.0)
    assert (after.remote, after.wait) == ("running", 0.0)
    wire = dialect.encode_poll(after)
    assert (wire.path, wire.query) == ("/v1/files/retrieve", (("file_id", "205258526306433"),))
    done = applied(
        after, read({"file": {"download_url": "https://x.test/v.mp4"}, "base_resp": {"status_code": 0}}), 6.0
    )
    assert (done.remote, done.urls, done.provider_job_id) == ("succeeded", ("https://x.test/v.mp4",), "t/1")


def test_success_without_a_file_has_no_address() -> None:
    """Whoever drives the job asks again, then gives up."""
    reply = read({"task_id": "t", "status": "Success"})
    assert (reply.state, reply.urls, reply.handle) == ("succeeded", (), {})


def test_an_answer_without_a_state_goes_on() -> None:
    """It is never taken for success."""
    assert read({"task_id": "t"}).state == "running"


def test_the_newer_interface_is_chosen_by_the_model() -> None:
    """Its paths differ, and only it can stop a job."""
    assert ask(model=OLD)[0] == "/v1/video_generation"
    assert ask(model=NEW)[0] == "/v2/video_generation"
    assert dialect.encode_poll(job(NEW)).path == "/v2/query/video_generation/t%2F1"
    wire = dialect.encode_cancel(job(NEW))
    assert wire is not None
    assert (wire.method, wire.path) == ("DELETE", "/v2/video_generation/t%2F1")
    assert dialect.encode_cancel(job(OLD)) is None
    assert dialect.encode_delete(job(OLD)) is None


def test_a_person_to_appear_is_a_subject_of_the_older_interface() -> None:
    """For the models that take one."""
    assert ask(model="S2V-01", references=(FOX,))[1]["subject_reference"] == [
        {"type": "character", "image": [FOX.url]}
    ]
    with pytest.raises(UnsupportedError, match="references"):
        ask(model=OLD, references=(FOX,))


def test_resolutions_are_written_as_the_provider_has_them() -> None:
    """A size in pixels is understood by the newer interface."""
    assert ask(model=OLD, resolution="768p", seconds=10)[1] == {
        "model": OLD,
        "prompt": "a fox",
        "duration": 10,
        "resolution": "768P",
    }
    body = ask(model=NEW, aspect="9:16", resolution="2k")[1]
    assert (body["ratio"], body["resolution"]) == ("9:16", "2K")
    with pytest.raises(UnsupportedError) as caught:
        ask(model=OLD, size="1280x720")
    assert caught.value.field == "size"


def test_limits_name_the_nearest_that_is_allowed() -> None:
    """The longer videos are made in fewer lines."""
    for fields, nearest in (
        ({"model": OLD, "seconds": 8}, "6"),
        ({"model": OLD, "resolution": "720p"}, "768P"),
        ({"model": OLD, "resolution": "1080p", "seconds": 10}, "6"),
        ({"model": NEW, "seconds": 20}, "15"),
    ):
        with pytest.raises(UnsupportedError, match=f"nearest is {nearest}"):
            ask(**fields)
    assert ask(model=OLD, resolution="1080p", seconds=6)[1]["duration"] == 6
    assert "duration" not in ask(model=OLD, resolution="1080p")[1]


def test_a_number_in_parentheses_tells_the_class() -> None:
    """Of a failed task of the newer interface as of a refusal."""
    task = {"id": "t", "status": "failed", "error": {"code": "odd", "message": "output refused (1027)"}}
    assert read({"task": task}).failure == JobFailure(
        "output refused (1027)",
        "content_filter",
        "odd",
        "Change the prompt: the provider's policy refused it.",
    )
    task["error"] = {"code": "odd", "message": "it broke (99999)"}
    assert read({"task": task}).failure.kind == "job"


def test_the_plain_check_is_the_same() -> None:
    """What can't be made is refused before it is written down."""
    with pytest.raises(UnsupportedError):
        dialect.check(VideoRequest(prompt="a fox", model=OLD, seed=1))
