"""fal's queue and Replicate: models of many makers, each with words of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.videos.contract import VideoDialect
from ve_magics.dialects.videos.fal import dialect as fal
from ve_magics.dialects.videos.replicate import dialect as replicate
from ve_magics.errors import (
    ArgumentsError,
    BadRequestError,
    DecodeError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    StatusError,
    UnsupportedError,
)
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

PNG = Image(b"\x89PNG\r\n\x1a\n", "image/png")
DATA = "data:image/png;base64,iVBORw0KGgo="
FAL, REPLICATE = PROVIDERS["fal"], PROVIDERS["replicate"]
DIGEST = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"


def job(provider: str, model: str, **fields: Any) -> Job:
    known: dict[str, Any] = {"id": "j", "state": "running", "provider_job_id": "r/1"}
    return Job(provider=provider, request=VideoRequest(prompt="p", model=model), **{**known, **fields})


def sent(dialect: VideoDialect, **fields: Any) -> dict[str, Any]:
    provider = FAL if dialect is fal else REPLICATE
    wire = dialect.encode_create(VideoRequest(**{"prompt": "a fox", **fields}), provider, "")
    body = json.loads(wire.body)
    assert isinstance(body, dict)
    inputs: dict[str, Any] = body if dialect is fal else body["input"]
    del inputs["prompt"]
    return inputs


@pytest.mark.parametrize(
    ("dialect", "model", "fields", "inputs"),
    [
        (fal, "fal-ai/veo3.1", {"seconds": 8.0, "audio": False}, {"duration": "8s", "generate_audio": False}),
        (
            fal,
            "fal-ai/veo3.1/fast/first-last-frame-to-video",
            {"first_frame": PNG, "last_frame": PNG},
            {"first_frame_url": DATA, "last_frame_url": DATA},
        ),
        (fal, "fal-ai/kling-video/v2.1/pro/image-to-video", {"seconds": 5.0}, {"duration": "5"}),
        (fal, "fal-ai/kling-video/x", {"last_frame": PNG}, {"tail_image_url": DATA}),
        (fal, "fal-ai/ltx-2/text-to-video", {"seconds": 6.0, "seed": 0}, {"duration": 6, "seed": 0}),
        (
            fal,
            "fal-ai/bytedance/seedance/v1/lite/reference-to-video",
            {"references": (PNG,)},
            {"reference_image_urls": [DATA]},
        ),
        (fal, "maker/own", {"size": "1280x720"}, {"aspect_ratio": "16:9", "resolution": "720p"}),
        (fal, "maker/own", {"negative_prompt": "blur"}, {"negative_prompt": "blur"}),
        (replicate, "maker/own", {"seconds": 5.0, "first_frame": PNG}, {"duration": 5, "image": DATA}),
        (
            replicate,
            "kwaivgi/kling-v2.1",
            {"first_frame": PNG, "last_frame": PNG},
            {"start_image": DATA, "end_image": DATA},
        ),
        (replicate, "openai/sora-2", {"seconds": 4.0}, {"seconds": 4}),
        (replicate, "google/veo-3.1", {"references": (PNG, PNG)}, {"reference_images": [DATA, DATA]}),
        (replicate, "minimax/hailuo-02", {"first_frame": PNG}, {"first_frame_image": DATA}),
    ],
)
def test_each_model_is_asked_in_its_own_words(
    dialect: VideoDialect, model: str, fields: dict[str, Any], inputs: dict[str, Any]
) -> None:
    """One request has the names and the spelling that the model's family wants."""
    assert sent(dialect, model=model, **fields) == inputs


@pytest.mark.parametrize(
    ("dialect", "fields", "field"),
    [
        (fal, {"model": "fal-ai/veo3.1", "seconds": 5.0}, "seconds"),
        (fal, {"model": "fal-ai/veo3.1", "last_frame": PNG}, "last_frame"),
        (fal, {"model": "fal-ai/luma-dream-machine/ray-2", "audio": True}, "audio"),
        (fal, {"model": "maker/own", "seconds": 5.5}, "seconds"),
        (fal, {"model": "maker/own", "count": 2}, "count"),
        (fal, {"model": "maker/own", "remix_of": "r"}, "remix_of"),
        (fal, {"model": "veo3"}, "model"),
        (fal, {"model": ""}, "model"),
        (fal, {"model": "a/../b"}, "model"),
        (fal, {"model": "a//b"}, "model"),
        (replicate, {"model": "minimax/video-01", "seconds": 7.0}, "seconds"),
        (replicate, {"model": "minimax/video-01", "references": (PNG,)}, "references"),
        (replicate, {"model": "../x"}, "model"),
        (replicate, {"model": "owner"}, "model"),
        (replicate, {"model": "owner/name:short"}, "model"),
        (replicate, {"model": ""}, "model"),
        (replicate, {"model": "maker/own", "count": 3}, "count"),
        (replicate, {"model": "maker/own", "remix_of": "p"}, "remix_of"),
    ],
)
def test_what_a_model_cannot_be_told_is_named(
    dialect: VideoDialect, fields: dict[str, Any], field: str
) -> None:
    """Before money is spent the field is named, with what to do instead."""
    with pytest.raises(UnsupportedError) as caught:
        dialect.check(VideoRequest(**{"prompt": "p", **fields}))
    assert caught.value.field == field
    assert caught.value.hint


@pytest.mark.parametrize("dialect", [fal, replicate])
def test_a_picture_that_only_another_provider_has_is_refused_before_it_is_sent(dialect: VideoDialect) -> None:
    """No picture at all is no picture."""
    provider = FAL if dialect is fal else REPLICATE
    with pytest.raises(UnsupportedError):
        dialect.encode_create(VideoRequest(prompt="p", model="a/b", first_frame=Image()), provider, "")
    with pytest.raises(ArgumentsError):
        dialect.check(VideoRequest(prompt="p", model="a/b", size="big"))


@given(st.text(max_size=30))
def test_no_model_leaves_the_host_or_its_path(model: str) -> None:
    """Whatever a model is called, its call has a plain path below the provider's own address, or there is none."""
    for dialect, provider in ((fal, FAL), (replicate, REPLICATE)):
        try:
            wire = dialect.encode_create(VideoRequest(prompt="p", model=model), provider, "")
        except UnsupportedError:
            continue
        assert wire.path.startswith("/")
        assert not {"..", ".", ""} & set(wire.path.split("/")[1:])
        assert not set("?#\\ ") & set(wire.path)


def test_a_version_of_a_model_is_named_by_its_digest() -> None:
    """With or without owner and name."""
    for model in (f"owner/name:{DIGEST}", DIGEST):
        wire = replicate.encode_create(VideoRequest(prompt="p", model=model), REPLICATE, "")
        assert (wire.path, json.loads(wire.body)["version"]) == ("/predictions", DIGEST)


def test_a_job_of_fals_without_its_addresses_is_found_by_owner_and_app() -> None:
    """A job that was taken over by its id alone has paths made of the model's first two names."""
    found = job("fal", "fal-ai/veo3.1/fast")
    assert fal.encode_poll(found).path == "/fal-ai/veo3.1/requests/r%2F1/status"
    done = job("fal", "fal-ai/veo3.1/fast", raw_status="COMPLETED")
    assert fal.encode_poll(done).path == "/fal-ai/veo3.1/requests/r%2F1"
    cancel = fal.encode_cancel(found)
    assert cancel is not None
    assert (cancel.method, cancel.path) == ("PUT", "/fal-ai/veo3.1/requests/r%2F1/cancel")


def test_addresses_of_the_queue_never_lead_to_another_host() -> None:
    """Only the path of what the queue names is kept, so the key stays at home; nonsense is passed over."""
    body = {
        "request_id": "r",
        "status": "IN_QUEUE",
        "status_url": "https://evil.test/a/b/requests/r/status",
        "response_url": "https://[bad",
        "cancel_url": 7,
    }
    reply = fal.decode_create(200, {}, json.dumps(body).encode())
    assert reply.handle == {"status": "/a/b/requests/r/status"}
    taken = job("fal", "a/b", handle={"response": 5}, raw_status="COMPLETED")
    assert fal.encode_poll(taken).path == "/a/b/requests/r%2F1"


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (404, {}, {"status": "NOT_FOUND"}, NotFoundError),
        (400, {}, {"status": "ALREADY_COMPLETED"}, BadRequestError),
        (429, {}, {"detail": "Too many requests"}, RateLimitError),
        (503, {}, {}, OverloadedError),
        (503, {}, "busy", OverloadedError),
        (502, {}, [], StatusError),
    ],
)
def test_a_refused_poll_is_no_failed_job(
    status: int, headers: dict[str, str], body: object, error: type[StatusError]
) -> None:
    """Only what a run left behind ends the job; a refusal of the call is told as one."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    with pytest.raises(error):
        fal.decode_poll(status, headers, raw)


def test_a_web_page_in_place_of_the_queue_is_told() -> None:
    """A proxy's page is no answer of fal's."""
    with pytest.raises(StatusError, match="Bad Gateway"):
        fal.decode_poll(502, {}, b"<html><head><title>Bad Gateway</title></head></html>")


@pytest.mark.parametrize(
    ("headers", "body", "code", "hint"),
    [
        ({"x-fal-error-type": "runner_disconnected"}, {"detail": "gone"}, "runner_disconnected", ""),
        ({}, {"detail": "Timed out", "error_type": "request_timeout"}, "request_timeout", ""),
        ({"x-fal-retryable": "true"}, {"detail": "odd"}, "", "Run the cell again"),
        ({"x-fal-retryable": "false"}, {"detail": [{"msg": "no", "loc": 1}]}, "", ""),
    ],
)
def test_what_a_run_left_behind_is_the_jobs_failure(
    headers: dict[str, str], body: object, code: str, hint: str
) -> None:
    """Both shapes are read, and the queue's own word on trying again is passed on."""
    reply = fal.decode_poll(500, headers, json.dumps(body).encode())
    assert (reply.state, reply.raw_status) == ("failed", "COMPLETED")
    assert reply.failure is not None
    assert reply.failure.code == code
    assert hint in reply.failure.hint


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        ({"video": {"url": "https://f.test/a.mp4"}}, ("https://f.test/a.mp4",)),
        ({"video": "https://f.test/b.mp4"}, ("https://f.test/b.mp4",)),
        ({"videos": [{"url": "https://f.test/c.mp4"}]}, ("https://f.test/c.mp4",)),
        ({"url": "https://f.test/d.mp4"}, ("https://f.test/d.mp4",)),
        ({"images": []}, ()),
    ],
)
def test_a_result_of_any_model_names_its_file(result: object, urls: tuple[str, ...]) -> None:
    """Models put it in different places; a result without a file names none."""
    reply = fal.decode_poll(200, {}, json.dumps(result).encode())
    assert (reply.state, reply.urls) == ("succeeded", urls)


def test_a_list_of_predictions_goes_on_where_its_cursor_says() -> None:
    """The cursor of the next page is all that is taken from its address; items without an id are passed over."""
    first, later = replicate.encode_list(), replicate.encode_list("abc=")
    assert first is not None
    assert later is not None
    assert (first.path, first.query, later.query) == ("/predictions", (), (("cursor", "abc="),))
    item = {"id": "p1", "status": "starting", "input": {"prompt": "a fox"}, "model": "m/n", "created_at": 5}
    page = {"next": "https://evil.test/v9/predictions?cursor=abc%3D", "results": [item, {"status": "x"}, 3]}
    found = replicate.decode_list(200, {}, json.dumps(page).encode())
    assert found.after == "abc="
    assert [(reply.provider_job_id, reply.prompt, reply.model) for reply in found.replies] == [
        ("p1", "a fox", "m/n")
    ]
    for end in (None, "https://[bad", 7):
        body = json.dumps({"next": end, "results": []}).encode()
        assert replicate.decode_list(200, {}, body).after == ""


@pytest.mark.parametrize("body", [b'{"detail":"Slow down."}', b"Request was throttled."])
def test_a_refusal_without_a_wait_names_none(body: bytes) -> None:
    """The wait is read out of the sentence only where it stands there."""
    with pytest.raises(RateLimitError) as caught:
        replicate.decode_create(429, {}, body)
    assert caught.value.retry_after is None


def test_an_answer_that_says_nothing_of_a_state_is_no_answer() -> None:
    """A poll is not taken for queued because it lacks the word."""
    with pytest.raises(DecodeError):
        replicate.decode_poll(200, {}, b'{"id":"p1"}')


def test_there_is_no_picture_of_a_video() -> None:
    """Thumbnails are made here."""
    assert fal.encode_fetch(job("fal", "a/b", urls=("https://f.test/a.mp4",)), FAL, "thumbnail") == ()
    assert replicate.encode_delete(job("replicate", "a/b")) is None
