"""Kling's paths and fields follow what is given; the wire fixtures hold the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.videos.kling import dialect
from ve_magics.errors import BadRequestError, DecodeError, NotFoundError, ServerError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest, certainly_not_made
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

KLING = PROVIDERS["kling"]
FOX = Image(url="https://pictures.test/fox.png")
DEN = Image(data=b"den", media_type="image/png")


def ask(**fields: Any) -> tuple[str, dict[str, Any]]:
    request = VideoRequest(prompt="a fox", **fields)
    wire = dialect.encode_create(request, KLING, "")
    poll = dialect.encode_poll(Job(id="own", provider="kling", request=request, provider_job_id="t/1"))
    assert poll.path == f"{wire.path}/t%2F1"
    return wire.path, json.loads(wire.body)


def test_pictures_of_what_is_to_appear_have_a_path_of_their_own() -> None:
    """Up to four of them, not together with frames."""
    assert ask(model="kling-v1-6", references=(FOX, DEN)) == (
        "/v1/videos/multi-image2video",
        {
            "model_name": "kling-v1-6",
            "prompt": "a fox",
            "image_list": [{"image": FOX.url}, {"image": "ZGVu"}],
        },
    )
    with pytest.raises(UnsupportedError, match="4 references at most"):
        ask(references=(FOX,) * 5)
    with pytest.raises(UnsupportedError, match="frames or references"):
        ask(references=(FOX,), first_frame=DEN)


def test_a_last_frame_alone_will_do() -> None:
    """It goes to the path of pictures too."""
    assert ask(last_frame=FOX) == ("/v1/videos/image2video", {"prompt": "a fox", "image_tail": FOX.url})


def test_omni_models_take_all_pictures_in_one_list() -> None:
    """Frames say which they are, and may stand beside references."""
    path, body = ask(model="kling-v3-omni", first_frame=FOX, last_frame=DEN, references=(FOX,) * 5)
    assert path == "/v1/videos/omni-video"
    assert body["image_list"][:3] == [
        {"image_url": FOX.url, "type": "first_frame"},
        {"image_url": "ZGVu", "type": "end_frame"},
        {"image_url": FOX.url},
    ]
    assert ask(model="kling-video-o1") == (
        "/v1/videos/omni-video",
        {"model_name": "kling-video-o1", "prompt": "a fox"},
    )


def test_sound_is_on_or_off() -> None:
    """Models from before there was sound refuse it."""
    assert ask(model="kling-v2-6", audio=True)[1]["sound"] == "on"
    assert ask(model="kling-v2-6", audio=False)[1]["sound"] == "off"
    with pytest.raises(UnsupportedError, match="kling-v1 doesn't know 'audio'"):
        ask(model="kling-v1", audio=True)


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("size", "1280x720", "aspect ratio"),
        ("resolution", "1080p", "std or pro"),
        ("count", 2, "once for each"),
        ("seed", 1, ""),
        ("remix_of", "v", ""),
    ],
)
def test_what_it_cannot_say_is_named(field: str, value: object, hint: str) -> None:
    """Each with what can be done instead."""
    with pytest.raises(UnsupportedError) as caught:
        ask(**{field: value})
    assert caught.value.field == field
    assert hint in caught.value.hint


def test_limits_name_the_nearest_that_is_allowed() -> None:
    """Length and shape, before money is spent; a picture gives the shape itself."""
    with pytest.raises(UnsupportedError, match="nearest is 10"):
        ask(model="kling-v2-5-turbo", seconds=9)
    with pytest.raises(UnsupportedError, match="nearest is 16:9"):
        ask(model="kling-v2-5-turbo", aspect="21:9")
    with pytest.raises(UnsupportedError, match="shape of its picture"):
        ask(first_frame=FOX, aspect="16:9")
    assert ask(model="kling-v9", seconds=15)[1]["duration"] == "15"


def test_an_unknown_code_inside_a_good_answer_is_an_error() -> None:
    """Whatever is not 0 is a refusal; a gateway's own shape of a refusal is read as well."""
    with pytest.raises(BadRequestError, match="new rule") as caught:
        dialect.decode_create(400, {}, b'{"code": 1777, "message": "new rule"}')
    assert caught.value.code == "1777"
    with pytest.raises(BadRequestError, match="no such channel option"):
        dialect.decode_poll(400, {}, b'{"error": {"message": "no such channel option"}}')
    with pytest.raises(ServerError, match="odd") as odd:
        dialect.decode_create(200, {}, b'{"code": 1777, "message": "odd"}')
    assert odd.value.code == "1777"
    assert not certainly_not_made(odd.value)


def test_an_envelope_without_a_state_is_a_queued_job() -> None:
    """Some gateways answer a create call with the id alone."""
    reply = dialect.decode_create(200, {}, b'{"code": 0, "data": {"task_id": "t"}}')
    assert (reply.provider_job_id, reply.state) == ("t", "queued")


def test_a_task_is_found_by_our_key_and_taken_for_ours_only_if_it_says_so() -> None:
    """The key stands in the path where the task's own id does; whatever else comes back is left alone."""
    job = Job(id="own", provider="kling", request=VideoRequest(prompt="a fox", first_frame=FOX), key="k/1")
    wire = dialect.encode_find(job)
    assert (wire.method, wire.path) == ("GET", "/v1/videos/image2video/k%2F1")

    def answer(key: object, task: str = "t") -> bytes:
        data = {"task_id": task, "task_status": "processing", "task_info": {"external_task_id": key}}
        return json.dumps({"code": 0, "data": data}).encode()

    found = dialect.decode_find(job, 200, {}, answer("k/1"))
    assert found is not None
    assert (found.provider_job_id, found.state) == ("t", "running")
    assert dialect.decode_find(job, 200, {}, answer("other")) is None
    assert dialect.decode_find(job, 200, {}, b'{"code": 0, "data": {"task_id": "t"}}') is None
    keyless = Job(id="own", provider="kling", request=VideoRequest(prompt="a fox"))
    assert dialect.decode_find(keyless, 200, {}, answer("")) is None
    with pytest.raises(DecodeError):
        dialect.decode_find(job, 200, {}, answer("k/1", task=""))
    with pytest.raises(NotFoundError):
        dialect.decode_find(job, 404, {}, b'{"code": 1203, "message": "no such task"}')
