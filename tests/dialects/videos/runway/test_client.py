"""Each of the models that Runway serves is told what it knows, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.videos.runway import dialect
from ve_magics.dialects.videos.runway.table import FILMS
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.jobs import VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

RUNWAY = PROVIDERS["runway"]
FOX = Image(url="https://p.test/fox.png")


def create(**fields: Any) -> tuple[str, dict[str, Any]]:
    wire = dialect.encode_create(VideoRequest(**{"prompt": "a fox", **fields}), RUNWAY, "k")
    return wire.path, json.loads(wire.body)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "model", "the model"),
        ({"model": "gen4.5", "remix_of": "x"}, "remix_of", ""),
        ({"model": "gen4.5", "count": 2}, "count", "once"),
        ({"model": "gen4.5", "seconds": 4.5}, "seconds", "whole"),
        ({"model": "gen4.5", "negative_prompt": "x"}, "negative_prompt", "gen4.5"),
        ({"model": "gen4.5", "first_frame": FOX, "last_frame": FOX}, "last_frame", "gen4.5"),
        ({"model": "gen4_turbo"}, "first_frame", "from a picture only"),
        ({"model": "veo3.1", "last_frame": FOX}, "last_frame", "first frame too"),
        ({"model": "veo3.1", "seconds": 5}, "seconds", "nearest is 4"),
        ({"model": "gen4.5", "size": "1920x1080"}, "size", "nearest is 1280x720"),
        ({"model": "gen4.5", "aspect": "4:3"}, "size", "nearest"),
        ({"model": "kling2.5_turbo_pro", "first_frame": FOX, "size": "1280x720"}, "size", "doesn't know"),
        ({"model": "hailuo3", "resolution": "1080p"}, "resolution", "nearest is 2k"),
        ({"model": "grok_imagine_1_5", "first_frame": FOX, "aspect": "1:1"}, "aspect", "doesn't know"),
        ({"model": "seedance2", "first_frame": FOX, "references": (FOX,)}, "references", "doesn't know"),
    ],
)
def test_what_a_model_cant_be_told_is_refused(fields: dict[str, Any], field: str, words: str) -> None:
    """The error names the field and what would do."""
    with pytest.raises(UnsupportedError) as caught:
        create(**fields)
    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "path", "body"),
    [
        ({"model": "gen4.5"}, "/text_to_video", {"ratio": "1280:720", "duration": 5}),
        (
            {"model": "gen4_turbo", "first_frame": FOX, "count": 1},
            "/image_to_video",
            {"ratio": "1280:720", "promptImage": FOX.url},
        ),
        ({"model": "kling3.0_pro", "audio": True}, "/text_to_video", {"ratio": "1920:1080", "audio": True}),
        ({"model": "kling3.0_pro", "first_frame": FOX}, "/image_to_video", {"promptImage": FOX.url}),
        (
            {"model": "hailuo3", "aspect": "16:9", "resolution": "768P", "seconds": 6},
            "/text_to_video",
            {"ratio": "16:9", "resolution": "768p", "duration": 6},
        ),
        (
            {"model": "seedance2_fast", "references": (FOX,), "seed": 3},
            "/text_to_video",
            {"references": [{"uri": FOX.url}], "seed": 3},
        ),
        (
            {"model": "veo3.1", "negative_prompt": "blur", "aspect": "9:16"},
            "/text_to_video",
            {"ratio": "720:1280", "negativePrompt": "blur"},
        ),
        (
            {"model": "new-model", "size": "640x480", "last_frame": FOX, "extra": {"outputFormat": "mp4"}},
            "/image_to_video",
            {
                "ratio": "640:480",
                "promptImage": [{"uri": FOX.url, "position": "last"}],
                "outputFormat": "mp4",
            },
        ),
    ],
)
def test_a_model_is_told_what_it_knows(fields: dict[str, Any], path: str, body: dict[str, Any]) -> None:
    """What Runway wants is filled in, and what nobody asked for is left out."""
    assert create(**fields) == (path, {"model": fields["model"], "promptText": "a fox", **body})


@pytest.mark.parametrize("model", FILMS)
def test_every_row_is_sound(model: str) -> None:
    """A default is a value that the model makes, and a shape is told in one way."""
    film = FILMS[model]
    for limits, size in ((film.text, film.size), (film.picture, film.picture_size)):
        if limits is not None:
            assert not size or size.replace(":", "x") in limits.sizes
            assert not (limits.sizes and limits.aspects)
            assert film.named or not limits.resolutions


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SAFETY.INPUT.TEXT", "content_filter"),
        ("ASSET.INVALID", "bad_request"),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "content_filter"),
        ("INPUT_PREPROCESSING.INTERNAL", "job"),
        ("INPUT_PREPROCESSING.IMAGE", "bad_request"),
        ("INTERNAL.BAD_OUTPUT.CODE01", "job"),
        ("", "job"),
    ],
)
def test_the_family_of_a_code_is_its_kind(code: str, kind: str) -> None:
    """Refusals by policy are told from faults of the input and of Runway."""
    task = {"id": "t", "status": "FAILED", "failure": "It failed.", "failureCode": code}
    reply = dialect.decode_poll(200, {}, json.dumps(task).encode())
    assert reply.failure is not None
    assert (reply.failure.kind, reply.failure.code) == (kind, code)


def test_a_task_is_asked_for_again_after_five_seconds() -> None:
    """Runway asks for that; an answer that is no task is an error."""
    assert dialect.decode_poll(200, {}, b'{"id": "t", "status": "RUNNING"}').poll_after == 5.0
    assert dialect.decode_poll(200, {}, b'{"id": "t", "status": "SUCCEEDED", "output": "x"}').urls == ()
    with pytest.raises(DecodeError):
        dialect.decode_poll(200, {}, b'{"x": 1}')
