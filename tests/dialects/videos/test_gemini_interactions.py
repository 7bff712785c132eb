"""Films through the Interactions API."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.videos.contract import Packed
from ve_magics.dialects.videos.gemini_interactions import dialect
from ve_magics.errors import DecodeError, RateLimitError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS, Quirks

GOOGLE = PROVIDERS["google"].filming
BLIND = msgspec.structs.replace(GOOGLE, quirks=Quirks(image_urls=False))
MODEL = "gemini-omni-1.1-flash"
JOB = Job(id="j", provider="google", request=VideoRequest(prompt="p"), provider_job_id="int/1")


def create(**fields: Any) -> dict[str, Any]:
    request = VideoRequest(**{"prompt": "a fox", "model": MODEL, **fields})
    body: dict[str, Any] = json.loads(dialect.encode_create(request, GOOGLE, "k").body)
    return body


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"last_frame": Image(b"x")}, "last_frame"),
        ({"audio": True}, "audio"),
        ({"count": 2}, "count"),
        ({"size": "1000x1000"}, "aspect"),
        ({"first_frame": Image(url="http://p.test/a.png")}, "first_frame"),
        ({"references": (Image(),)}, "references"),
    ],
)
def test_what_it_cant_be_told_is_refused(fields: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(UnsupportedError) as caught:
        create(**fields)
    assert caught.value.field == field


def test_pictures_are_files_addresses_or_bytes() -> None:
    """What Google has or loads by itself goes by its address."""
    body = create(
        first_frame=Image(file_id="files/a", media_type="image/png"),
        references=(Image(url="https://p.test/b.png"), Image(url="gs://films/c.png"), Image(b"\x89PNG")),
    )
    assert body["input"] == [
        {"type": "image", "uri": "files/a", "mime_type": "image/png"},
        {"type": "image", "uri": "https://p.test/b.png", "mime_type": "image/png"},
        {"type": "image", "uri": "gs://films/c.png", "mime_type": "image/png"},
        {"type": "image", "data": "iVBORw==", "mime_type": "image/png"},
        {"type": "text", "text": "a fox"},
    ]
    request = VideoRequest(prompt="p", first_frame=Image(url="https://p.test/b.png"))
    with pytest.raises(UnsupportedError):
        dialect.encode_create(request, BLIND, "k")


def test_the_providers_own_fields_are_joined() -> None:
    """The task may be named, and what is known wins over the rest."""
    body = create(
        model="",
        remix_of="int-0",
        extra={"task": "extend", "background": False, "store": True, "generation_config": {"seed": 1}},
    )
    assert "model" not in body
    assert body["generation_config"] == {"video_config": {"task": "extend"}, "seed": 1}
    assert (body["background"], body["store"], body["previous_interaction_id"]) == (True, True, "int-0")
    assert "task" not in body


def test_an_id_is_quoted() -> None:
    """An id can't leave its place in the path."""
    assert dialect.encode_poll(JOB).path == "/interactions/int%2F1"


def test_an_answer_that_is_no_interaction_is_an_error() -> None:
    """An error in a good answer is that error; an answer without id and status is none."""
    with pytest.raises(RateLimitError):
        dialect.decode_poll(200, {}, b'{"error": {"code": "rate_limit_exceeded", "message": "slow"}}')
    with pytest.raises(DecodeError):
        dialect.decode_poll(200, {}, b'{"x": 1}')


def test_a_film_may_come_inline_although_an_address_was_asked_for() -> None:
    """It is fetched out of the answer then, and not kept in the job."""
    film = {"type": "video", "mime_type": "video/mp4", "data": "bXA0"}
    body = json.dumps({"id": "1", "status": "completed", "output_video": film}).encode()
    reply = dialect.decode_poll(200, {}, body)
    assert (reply.state, reply.urls, reply.handle) == ("succeeded", (), {"inside": True})
    job = msgspec.structs.replace(JOB, handle=reply.handle)
    (source,) = dialect.encode_fetch(job, GOOGLE, "video")
    assert isinstance(source, Packed)
    assert source.unpack(body) == b"mp4"
    with pytest.raises(DecodeError):
        source.unpack(b"[]")
    assert dialect.encode_fetch(job, GOOGLE, "thumbnail") == ()


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"status": "budget_exceeded"}, "quota", "budget"),
        ({"status": "failed"}, "job", "without a video"),
        ({"status": "failed", "error": {"code": "internal", "message": "Oops"}}, "job", "Oops"),
        ({"status": "completed", "output_text": "No."}, "job", "No."),
        (
            {"status": "completed", "output_text": "That goes against the content policy."},
            "content_filter",
            "policy",
        ),
    ],
)
def test_an_interaction_without_a_film_says_why(fields: dict[str, Any], kind: str, words: str) -> None:
    """Errors first, then what the model said, then what the status means."""
    reply = dialect.decode_poll(200, {}, json.dumps({"id": "1", **fields}).encode())
    assert reply.state == "failed"
    assert reply.failure is not None
    assert reply.failure.kind == kind
    assert words in reply.failure.message


def test_a_new_interaction_without_a_status_waits() -> None:
    """It has an id, so it was made."""
    assert dialect.decode_create(200, {}, b'{"id": "1", "created": "2026-11-23T10:00:00Z"}').state == "queued"
