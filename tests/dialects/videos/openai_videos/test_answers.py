"""A video object is read in every form that servers give it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ve_magics.dialects.videos.openai_videos.answers import decode_object, decode_progress, decode_reply
from ve_magics.errors import (
    AuthError,
    BadRequestError,
    ContentFilterError,
    DecodeError,
    NotFoundError,
    QuotaError,
    RateLimitError,
    ServerError,
    StatusError,
)
from ve_magics.jobs import JobFailure, JobReply


def read(value: object, status: int = 200, headers: dict[str, str] | None = None) -> JobReply:
    headers = headers or {}
    return decode_reply(decode_object(status, headers, msgspec.json.encode(value)), headers)


def test_the_documented_object_is_read_whole() -> None:
    """Each field of the API reference lands in its place."""
    reply = read(
        {
            "id": "video_1",
            "object": "video",
            "model": "sora-2",
            "status": "in_progress",
            "progress": 42,
            "created_at": 1_790_000_000,
            "completed_at": None,
            "expires_at": 1_790_003_600,
            "prompt": "a fox",
            "seconds": "8",
            "size": "1280x720",
            "remixed_from_video_id": None,
            "error": None,
        },
        headers={"openai-poll-after-ms": "1500"},
    )
    assert reply == JobReply(
        provider_job_id="video_1",
        state="running",
        raw_status="in_progress",
        progress=0.42,
        created=1_790_000_000.0,
        expires_at=1_790_003_600.0,
        seconds=8.0,
        size="1280x720",
        poll_after=1.5,
        prompt="a fox",
        model="sora-2",
    )


def test_a_failed_one_keeps_its_reason() -> None:
    """The provider's code and sentence become a reason with its class and a hint."""
    blocked = read({"id": "v", "status": "failed", "error": {"code": "moderation_blocked", "message": "No."}})
    assert blocked.failure == JobFailure(
        "No.", "content_filter", "moderation_blocked", "Change the prompt: the provider's policy refused it."
    )
    assert read({"id": "v", "status": "failed", "error": {"message": "GPU lost"}}).failure == JobFailure(
        "GPU lost"
    )
    assert read({"id": "v", "status": "failed", "error": "GPU lost"}).failure == JobFailure("GPU lost")
    assert read({"id": "v", "status": "FAILURE", "fail_reason": "余额不足"}).failure == JobFailure(
        "余额不足", "quota"
    )
    only_code = read({"id": "v", "status": "failed", "error": {"code": "weird"}}).failure
    assert only_code is not None
    assert only_code.message == "The provider gave only the code weird."
    assert "didn't say why" in (read({"id": "v", "status": "failed"}).failure or JobFailure("")).message
    assert read({"id": "v", "status": "failed", "error": [1]}).failure == JobFailure("[1]")


def test_an_error_beside_a_running_job_is_not_a_failure() -> None:
    """Only a failed job has failed; an address in `fail_reason` of a good one is not a reason."""
    assert read({"id": "v", "status": "queued", "error": {"message": "warming up"}}).failure is None
    assert read({"id": "v", "status": "SUCCESS", "fail_reason": "https://x.test/v.mp4"}).failure is None


@pytest.mark.parametrize(
    "place",
    [
        {"video_url": "U"},
        {"url": "U"},
        {"data": [{"url": "U"}]},
        {"data": {"url": "U"}},
        {"data": [{"video_url": "U"}]},
        {"video": {"url": "U"}},
        {"videos": [{"url": "U"}]},
        {"output": [{"url": "U"}]},
        {"output": {"video_url": "U"}},
        {"output": ["U"]},
        {"output": "U"},
        {"result": {"url": "U"}},
        {"result_url": "U"},
        {"content": {"video_url": "U"}},
        {"metadata": {"url": "U"}},
        {"unsigned_urls": ["U"]},
    ],
)
def test_the_files_address_is_found_wherever_it_stands(place: dict[str, Any]) -> None:
    """Gateways put the address in sixteen places."""
    text = msgspec.json.encode({"id": "v", "status": "completed", **place}).replace(
        b'"U"', b'"https://x.test/v"'
    )
    assert read(msgspec.json.decode(text)).urls == ("https://x.test/v",)


def test_only_web_addresses_count() -> None:
    """A file of the server's own disk, a script or an empty list is no address; doubles are one."""
    reply = read(
        {
            "id": "v",
            "url": "/tmp/v.mp4",
            "video_url": "javascript:alert(1)",
            "videos": [],
            "metadata": {"url": "http://x.test/v"},
            "unsigned_urls": ["http://x.test/v", 5],
        }
    )
    assert reply.urls == ("http://x.test/v",)


@pytest.mark.parametrize(
    ("value", "progress"),
    [
        (0, 0.0),
        (1, 0.01),
        (42, 0.42),
        (100, 1.0),
        (0.5, 0.5),
        (1.0, 1.0),
        (55.5, 0.555),
        ("42%", 0.42),
        (" 42 ", 0.42),
        (250, 1.0),
        (-3, 0.0),
        (None, None),
        (True, None),
        ("soon", None),
        ([], None),
        (float("nan"), None),
    ],
)
def test_progress_has_one_scale(value: object, progress: float | None) -> None:
    """Per cent, fractions and text mean the same; nonsense means nothing."""
    assert decode_progress(value) == (pytest.approx(progress) if progress is not None else None)


def test_variants_of_fields_are_read() -> None:
    """`task_id`, an envelope, milliseconds, numbers as numbers, costs and rewritten prompts are all understood."""
    reply = read(
        {
            "code": "success",
            "data": {
                "task_id": 17,
                "created": 1_790_000_000_123,
                "duration": 5,
                "usage": {"cost": 0.4},
                "enhanced_prompt": "A red fox.",
            },
        }
    )
    assert (reply.provider_job_id, reply.state, reply.created) == ("17", "queued", 1_790_000_000.123)
    assert (reply.seconds, reply.cost, reply.revised_prompt) == (5.0, 0.4, "A red fox.")


def test_odd_values_are_left_out() -> None:
    """Values of the wrong kind don't break the reading."""
    reply = read(
        {
            "id": "v",
            "seconds": {"a": 1},
            "size": True,
            "created_at": "1e999",
            "usage": [],
            "prompt": None,
            "progress": "x",
        },
        headers={"openai-poll-after-ms": "soon"},
    )
    assert reply == JobReply(provider_job_id="v", raw_status="")


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (
            401,
            {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}},
            AuthError,
            "Incorrect",
        ),
        (429, {"error": {"message": "Slow", "type": "rate_limit_error"}}, RateLimitError, "Slow"),
        (429, {"error": {"message": "Pay", "code": "insufficient_quota"}}, QuotaError, "Pay"),
        (400, {"error": {"message": "Bad size", "param": "size"}}, BadRequestError, "Bad size"),
        (404, {"error": {"message": "No such video"}}, NotFoundError, "No such video"),
        (400, {"error": "flagged by our safety system"}, ContentFilterError, "flagged"),
        (422, {"detail": [{"loc": ["body"], "msg": "x"}]}, BadRequestError, "loc"),
        (
            400,
            {"code": "task_not_exist", "message": "task_not_exist", "data": None},
            NotFoundError,
            "task_not_exist",
        ),
        (500, {}, ServerError, "without a word"),
        (500, "boom", ServerError, "boom"),
        (200, {"error": {"message": "boom", "code": "server_error"}}, ServerError, "boom"),
        (200, {"code": 1302, "message": "boom"}, StatusError, "boom"),
        (302, {}, StatusError, "302"),
    ],
)
def test_a_refusal_is_told_in_every_form(
    status: int, body: object, kind: type[StatusError], text: str
) -> None:
    """Each server's way to say no becomes the same kind of error, also inside a good answer."""
    with pytest.raises(kind, match=text) as caught:
        read(body, status)
    assert caught.value.status == (500 if status == 200 else status)


def test_a_blamed_field_is_named() -> None:
    """The field that the provider blames is kept."""
    with pytest.raises(BadRequestError) as caught:
        read({"error": {"message": "no", "param": "size"}}, 400)
    assert caught.value.param == "size"


def test_web_pages_and_plain_text_are_named() -> None:
    """A wrong address, a proxy's page and plain text are told for what they are."""
    with pytest.raises(DecodeError, match="web page"):
        decode_object(200, {}, b"<!doctype html><title>Welcome</title>")
    with pytest.raises(StatusError, match="Bad Gateway"):
        decode_object(502, {}, b"<html><head><title>Bad Gateway</title></head></html>")
    with pytest.raises(RateLimitError, match="slow down") as caught:
        decode_object(429, {"retry-after": "3"}, b"slow down")
    assert caught.value.retry_after == 3.0
    with pytest.raises(DecodeError, match="no JSON"):
        decode_object(200, {}, b"ok")
