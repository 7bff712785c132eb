"""Ark's codes, lists and shapes; the wire fixtures hold the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.videos.ark_videos import dialect
from ve_magics.errors import ContentFilterError, OverloadedError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

ARK = PROVIDERS["volcengine"]
PRO = "doubao-seedance-1-0-pro-250528"


def ask(**fields: Any) -> dict[str, Any]:
    wire = dialect.encode_create(VideoRequest(prompt="a fox", **fields), ARK, "")
    body: dict[str, Any] = json.loads(wire.body)
    return body


def test_a_size_becomes_a_shape_and_a_resolution() -> None:
    """What the provider names by ratio and lines may be asked for in pixels."""
    body = ask(model=PRO, size="1280x720", seconds=5)
    assert (body["ratio"], body["resolution"], body["duration"]) == ("16:9", "720p", 5)


def test_limits_name_the_nearest_that_is_allowed() -> None:
    """By the beginning of a model's name, for it ends in a date; an endpoint of one's own has none."""
    with pytest.raises(UnsupportedError, match="nearest is 12"):
        ask(model=PRO, seconds=20)
    with pytest.raises(UnsupportedError, match="nearest is 1080p"):
        ask(model=PRO, resolution="4k")
    with pytest.raises(UnsupportedError, match="references"):
        ask(model=PRO, references=(Image(url="https://x.test/p.png"),))
    assert ask(model="ep-2026", seconds=20)["duration"] == 20


def test_sound_and_a_seed_of_zero_are_said() -> None:
    """No and zero are values."""
    body = ask(model="m", audio=False, seed=0)
    assert (body["generate_audio"], body["seed"]) == (False, 0)


@pytest.mark.parametrize("field", ["count", "remix_of", "negative_prompt"])
def test_what_it_cannot_say_is_named(field: str) -> None:
    """Before money is spent."""
    with pytest.raises(UnsupportedError) as caught:
        ask(**{field: 2 if field == "count" else "x"})
    assert caught.value.field == field


def test_the_list_is_asked_for_by_page() -> None:
    """The newest page first."""
    wire = dialect.encode_list()
    assert wire is not None
    assert (wire.method, wire.path) == ("GET", "/contents/generations/tasks")
    assert dict(wire.query)["page_num"] == "1"
    page = dialect.decode_list(
        200, {}, b'{"items": [{"id": "a", "status": "running"}, {"status": "odd"}, 5]}'
    )
    assert [reply.provider_job_id for reply in page.replies] == ["a"]


def test_a_finished_video_is_gone_after_a_day() -> None:
    """The time of its end tells when; a job that still runs has no such time."""
    body = {
        "id": "a",
        "status": "succeeded",
        "updated_at": 1_790_000_000,
        "content": {"video_url": "https://x.test/v"},
    }
    assert dialect.decode_poll(200, {}, json.dumps(body).encode()).expires_at == 1_790_086_400.0
    running = dialect.decode_poll(200, {}, json.dumps({**body, "status": "running"}).encode())
    assert running.expires_at is None


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "InputImageSensitiveContentDetected.PrivacyInformation", ContentFilterError),
        (429, "ServerOverloaded", OverloadedError),
    ],
)
def test_codes_go_on_after_a_point(status: int, code: str, error: type[Exception]) -> None:
    """The word in front tells the class."""
    with pytest.raises(error):
        dialect.decode_create(status, {}, json.dumps({"error": {"code": code, "message": "no"}}).encode())


def test_a_job_is_stopped_as_it_is_deleted() -> None:
    """The same call means either, by how far the job is."""
    job = Job(id="own", provider="volcengine", request=VideoRequest(prompt="x"), provider_job_id="a/b")
    wire = dialect.encode_cancel(job)
    assert wire is not None
    assert wire == dialect.encode_delete(job)
    assert (wire.method, wire.path) == ("DELETE", "/contents/generations/tasks/a%2Fb")
