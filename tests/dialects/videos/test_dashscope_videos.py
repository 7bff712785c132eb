"""DashScope's pictures, parts of the body and times; the wire fixtures hold the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.videos.dashscope_videos import dialect
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

DASHSCOPE = PROVIDERS["dashscope"].filming
FOX = Image(url="https://pictures.test/fox.png")
DEN = Image(data=b"den", media_type="image/png")
DEN_URL = "data:image/png;base64,ZGVu"


def ask(**fields: Any) -> tuple[str, dict[str, Any]]:
    wire = dialect.encode_create(VideoRequest(prompt="a fox", **fields), DASHSCOPE, "")
    assert dict(wire.headers)["x-dashscope-async"] == "enable"
    return wire.path, json.loads(wire.body)


def poll(**output: Any) -> Any:
    return dialect.decode_poll(200, {}, json.dumps({"output": {"task_id": "t", **output}}).encode())


def test_newer_models_take_a_list_of_what_is_what() -> None:
    """From wan2.7 on; dated names too."""
    _, body = ask(model="wan2.7-i2v-2026-04-25", first_frame=FOX, last_frame=DEN, references=(FOX,))
    assert body["input"]["media"] == [
        {"type": "first_frame", "url": FOX.url},
        {"type": "last_frame", "url": DEN_URL},
        {"type": "reference_image", "url": FOX.url},
    ]
    assert "media" not in ask(model="wan2.7-t2v")[1]["input"]


def test_older_models_take_each_picture_in_a_field() -> None:
    """One picture, references, or two frames, which have a path of their own in `kf2v` models."""
    assert ask(model="wan2.6-i2v", first_frame=FOX)[1]["input"] == {"prompt": "a fox", "img_url": FOX.url}
    assert ask(model="wan2.6-r2v", references=(FOX,))[1]["input"]["reference_urls"] == [FOX.url]
    path, body = ask(model="wanx2.1-kf2v-plus", first_frame=FOX, last_frame=DEN)
    assert path == "/services/aigc/image2video/video-synthesis"
    assert body["input"] == {"prompt": "a fox", "first_frame_url": FOX.url, "last_frame_url": DEN_URL}
    assert ask(model="other", last_frame=FOX)[1]["input"]["last_frame_url"] == FOX.url


def test_the_providers_own_fields_find_their_part_of_the_body() -> None:
    """What belongs under `input` goes there, all else under `parameters`; either may be named outright."""
    _, body = ask(
        model="m",
        extra={"audio_url": "u", "prompt_extend": False, "input": {"new": 1}, "parameters": {"other": 2}},
    )
    assert body["input"] == {"prompt": "a fox", "audio_url": "u", "new": 1}
    assert body["parameters"] == {"prompt_extend": False, "other": 2}


def test_a_body_holds_no_empty_parts() -> None:
    """Nothing said leaves a setting to the provider."""
    assert ask() == (
        "/services/aigc/video-generation/video-synthesis",
        {"input": {"prompt": "a fox"}},
    )


def test_a_shape_is_said_in_pixels_or_in_words() -> None:
    """Not both ways."""
    assert ask(model="m", size="1280x720")[1]["parameters"] == {"size": "1280*720"}
    parameters = ask(model="m", aspect="9:16", resolution="1080p", seconds=5, seed=0, audio=True)[1][
        "parameters"
    ]
    assert parameters == {"ratio": "9:16", "resolution": "1080P", "duration": 5, "seed": 0, "audio": True}
    for field in ("aspect", "resolution"):
        with pytest.raises(UnsupportedError) as caught:
            ask(size="1280x720", **{field: "16:9" if field == "aspect" else "720p"})
        assert caught.value.field == field


def test_limits_name_the_nearest_that_is_allowed() -> None:
    """Before money is spent."""
    with pytest.raises(UnsupportedError, match="nearest is 5"):
        ask(model="wanx2.1-t2v-turbo", seconds=10)
    with pytest.raises(UnsupportedError, match="nearest is 720P"):
        ask(model="wanx2.1-t2v-turbo", resolution="1080p")
    with pytest.raises(UnsupportedError, match="first_frame"):
        ask(model="wanx2.1-t2v-plus", first_frame=FOX)
    with pytest.raises(UnsupportedError):
        ask(count=2)


def test_times_are_those_of_beijing() -> None:
    """They name no zone; a finished task is gone a day after its end."""
    done = poll(
        task_status="SUCCEEDED",
        submit_time="2026-11-23 10:00:00.123",
        end_time="2026-11-23 10:05:00.000",
        video_url="https://x.test/v.mp4",
    )
    assert done.created == 1_795_399_200.123
    assert done.expires_at == 1_795_399_500.0 + 86_400
    assert done.poll_after is None
    assert poll(task_status="SUCCEEDED", end_time="soon").expires_at is None
    assert poll(task_status="RUNNING", submit_time="2026-11-23T10:00:00+00:00").created == 1_795_428_000.0


def test_the_prompt_that_was_made_of_the_prompt_is_kept() -> None:
    """And the provider asks not to be asked too often."""
    reply = poll(task_status="PENDING", orig_prompt="a fox", actual_prompt="A red fox, wide shot.")
    assert (reply.prompt, reply.revised_prompt) == ("a fox", "A red fox, wide shot.")
    assert reply.poll_after == 15.0


def test_a_failure_with_an_unknown_code_keeps_it() -> None:
    """Its class is left open."""
    reply = poll(task_status="FAILED", code="Odd.Code", message="it broke")
    assert reply.failure.code == "Odd.Code"
    assert reply.failure.kind == "job"


def test_an_answer_without_a_state_is_a_queued_task() -> None:
    """As long as it has an id."""
    assert dialect.decode_create(200, {}, b'{"output": {"task_id": "t"}}').state == "queued"
