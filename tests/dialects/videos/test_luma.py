"""Luma's two services, each in its own words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ve_magics.dialects.videos.luma import dialect
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS, Quirks

LUMA = PROVIDERS["luma"]
BLIND = msgspec.structs.replace(LUMA, quirks=Quirks(image_urls=False))
FOX, SNOW = Image(url="https://p.test/fox.png"), Image(file_id="file-1")


def create(**fields: Any) -> dict[str, Any]:
    request = VideoRequest(**{"prompt": "a fox", "model": "ray-3.2", **fields})
    body: dict[str, Any] = json.loads(dialect.encode_create(request, LUMA, "k").body)
    return body


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"count": 2}, "count"),
        ({"references": (FOX,)}, "references"),
        ({"audio": True}, "audio"),
        ({"model": "ray-2", "remix_of": "g"}, "remix_of"),
        ({"remix_of": "g", "seconds": 5}, "seconds"),
        ({"model": "ray-2", "seconds": 10}, "seconds"),
        ({"model": "ray-2", "first_frame": Image(b"\x89PNG")}, "first_frame"),
        ({"model": "ray-flash-2", "last_frame": SNOW}, "last_frame"),
        ({"size": "1000x500"}, "aspect"),
    ],
)
def test_what_it_cant_be_told_is_refused(fields: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(UnsupportedError) as caught:
        create(**fields)
    assert caught.value.field == field


def test_an_address_is_not_sent_where_it_is_not_loaded() -> None:
    """The configuration may say that a server loads nothing from the web."""
    for model in ("ray-3.2", "ray-2"):
        with pytest.raises(UnsupportedError):
            dialect.encode_create(VideoRequest(prompt="p", model=model, first_frame=FOX), BLIND, "k")


def test_the_dream_machine_has_words_of_its_own() -> None:
    """Frames are numbered, and nothing lies in `video`."""
    body = create(
        model="ray-2", seconds=5, size="1280x720", first_frame=FOX, last_frame=FOX, extra={"loop": True}
    )
    frame = {"type": "image", "url": FOX.url}
    assert body == {
        "model": "ray-2",
        "prompt": "a fox",
        "aspect_ratio": "16:9",
        "duration": "5s",
        "resolution": "720p",
        "keyframes": {"frame0": frame, "frame1": frame},
        "loop": True,
    }
    assert create(model="ray-flash-2") == {"model": "ray-flash-2", "prompt": "a fox"}


def test_a_longer_film_has_its_frames_by_their_places() -> None:
    """Frames by name are for five seconds; ten seconds are 240 frames."""
    body = create(seconds=10, first_frame=FOX, last_frame=SNOW)
    assert body["video"] == {
        "duration": "10s",
        "keyframes": [{"url": FOX.url}, {"file_id": "file-1"}],
        "keyframe_indexes": [0, 240],
    }
    assert create(seconds=10, last_frame=SNOW)["video"]["keyframe_indexes"] == [240]
    assert create(first_frame=FOX)["video"] == {"start_frame": {"url": FOX.url}}


def test_a_change_names_its_source() -> None:
    """The provider's own fields join in `video`."""
    body = create(remix_of="gen-0", first_frame=FOX, extra={"video": {"edit": {"strength": "flex_1"}}})
    assert body == {
        "model": "ray-3.2",
        "prompt": "a fox",
        "type": "video_edit",
        "source": {"generation_id": "gen-0"},
        "video": {"start_frame": {"url": FOX.url}, "edit": {"strength": "flex_1"}},
    }


def test_only_the_dream_machine_deletes() -> None:
    """The Agents API has no such call, and none that stops a generation."""
    old = Job(id="j", provider="luma", request=VideoRequest(prompt="p", model="ray-2"), provider_job_id="g/1")
    wire = dialect.encode_delete(old)
    assert wire is not None
    assert (wire.method, wire.path) == ("DELETE", "/generations/g%2F1")
    new = msgspec.structs.replace(old, request=VideoRequest(prompt="p", model="ray-3.2"))
    assert dialect.encode_delete(new) is None
    assert dialect.encode_cancel(new) is None


def test_moderation_is_known_by_its_words_too() -> None:
    """The older service has no codes; an answer that is no generation is an error."""
    reply = dialect.decode_poll(
        200, {}, b'{"id": "g", "state": "failed", "failure_reason": "Frame moderation failed"}'
    )
    assert reply.failure is not None
    assert reply.failure.kind == "content_filter"
    with pytest.raises(DecodeError):
        dialect.decode_poll(200, {}, b'{"x": 1}')
