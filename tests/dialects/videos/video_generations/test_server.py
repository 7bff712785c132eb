"""Answering users who ask in the aggregators' format."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.videos.forms import FormPart, encode_form
from ve_magics.dialects.videos.openai_videos import dialect as openai_videos
from ve_magics.dialects.videos.video_generations import dialect, server_dialect
from ve_magics.errors import (
    BadRequestError,
    BudgetError,
    ContentFilterError,
    NotFoundError,
    RateLimitError,
    UnsupportedError,
    VeError,
)
from ve_magics.jobs import Job, JobFailure, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
PLAIN = base64.b64encode(PICTURE).decode()
WEB = "https://pictures.test/fox.png"
ORIGIN = "https://here.test"


def read(**fields: Any) -> VideoRequest:
    body = json.dumps({"prompt": "a fox", "model": "m", **fields}).encode()
    return server_dialect.decode_create_request(body, {"content-type": "application/json"})


def test_a_request_is_read_whole() -> None:
    """Known fields have their places, and what isn't known travels on."""
    request = read(
        size="1280x720",
        duration=5,
        seed=7,
        n=2,
        negative_prompt="blur",
        aspect_ratio="16:9",
        resolution="720p",
        response_format="url",
        metadata={"mode": "pro"},
        fps=24,
    )
    assert request == VideoRequest(
        prompt="a fox",
        model="m",
        seconds=5.0,
        size="1280x720",
        aspect="16:9",
        resolution="720p",
        seed=7,
        count=2,
        negative_prompt="blur",
        extra={"metadata": {"mode": "pro"}, "fps": 24},
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"duration": "8"}, {"seconds": 8.0}),
        ({"seconds": "8"}, {"seconds": 8.0}),
        ({"duration": "", "seconds": 6}, {"seconds": 6.0}),
        ({"width": 1280, "height": "720"}, {"size": "1280x720"}),
        ({"image": WEB}, {"first_frame": Image(url=WEB)}),
        ({"image": "", "input_reference": WEB}, {"first_frame": Image(url=WEB)}),
        ({"image": PLAIN}, {"first_frame": Image(PICTURE)}),
        ({"image": f"data:image/png;base64,{PLAIN}"}, {"first_frame": Image(PICTURE, "image/png")}),
        ({"images": [WEB]}, {"first_frame": Image(url=WEB)}),
        ({"images": [WEB, WEB]}, {"references": (Image(url=WEB), Image(url=WEB))}),
        (
            {"images": [WEB, ""], "image": WEB},
            {"first_frame": Image(url=WEB), "references": (Image(url=WEB),)},
        ),
        ({"images": []}, {}),
        ({"images": None, "image": None}, {}),
    ],
)
def test_a_field_is_read_in_each_of_its_forms(fields: dict[str, Any], said: dict[str, Any]) -> None:
    """Users of these gateways write lengths, sizes and pictures in several ways."""
    assert read(**fields) == VideoRequest(**{"prompt": "a fox", "model": "m", **said})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": " "}, "prompt"),
        ({"model": 1}, "model"),
        ({"duration": "long"}, "duration"),
        ({"seconds": -1}, "seconds"),
        ({"size": "big"}, "size"),
        ({"width": 1280}, "height"),
        ({"height": 720}, "width"),
        ({"width": 1, "height": 1}, "width"),
        ({"image": "fox.png"}, "image"),
        ({"image": "ü" * 100}, "image"),
        ({"image": "x" * 101}, "image"),
        ({"image": "data:image/png;base64,ü"}, "image"),
        ({"images": WEB}, "images"),
        ({"images": [WEB] * 17}, "images"),
        ({"images": [7]}, "images"),
        ({"n": 0}, "n"),
        ({"seed": "x"}, "seed"),
        ({"response_format": "b64_json"}, "response_format"),
    ],
)
def test_a_bad_request_names_its_field(fields: dict[str, Any], param: str) -> None:
    """Nobody has to guess what to mend."""
    with pytest.raises(BadRequestError) as caught:
        read(**fields)
    assert caught.value.param == param


def test_a_form_may_carry_the_picture() -> None:
    """A file that is uploaded is the first frame."""
    content_type, body = encode_form(
        [
            FormPart("prompt", b"a fox"),
            FormPart("duration", b"5"),
            FormPart("input_reference", PICTURE, "fox.png", "image/png"),
        ]
    )
    request = server_dialect.decode_create_request(body, {"content-type": content_type})
    assert (request.first_frame, request.seconds) == (Image(PICTURE, "image/png"), 5.0)


@given(
    st.dictionaries(
        st.text(max_size=12), st.recursive(st.none() | st.text(max_size=9) | st.integers(), st.lists)
    )
)
def test_any_body_is_read_or_refused(fields: dict[str, Any]) -> None:
    """Nothing that a user sends breaks the server."""
    with suppress(BadRequestError):
        assert read(**fields).prompt == fields.get("prompt", "a fox")


DONE = Job(
    id="video_1",
    provider="sim",
    request=VideoRequest(prompt="a fox", model="m", seconds=5.0, size="1280x720", seed=7),
    state="succeeded",
    created=100.0,
    updated=200.0,
    seconds=5.1,
    size="128x128",
    path="/x.mp4",
    revised_prompt="A red fox.",
)


def test_a_finished_job_has_what_each_reader_looks_for() -> None:
    """Either id, either place of the address, the bare shape's status and what is known of the film."""
    told = json.loads(server_dialect.encode_job(DONE, origin=ORIGIN))
    address = f"{ORIGIN}/v1/videos/video_1/content"
    assert (told["id"], told["task_id"], told["object"]) == ("video_1", "video_1", "video")
    assert (told["status"], told["progress"], told["url"]) == ("completed", 100, address)
    assert told["data"] == [{"url": address, "revised_prompt": "A red fox."}]
    assert told["metadata"] == {"duration": 5.1, "width": 128, "height": 128, "seed": 7}
    assert told["format"] == "mp4"


@pytest.mark.parametrize("client", [dialect, openai_videos], ids=["own", "openai"])
def test_our_own_clients_read_what_we_answer(client: Any) -> None:
    """What goes out is understood by whoever speaks this format or OpenAI's."""
    reply = client.decode_poll(200, {}, server_dialect.encode_job(DONE, origin=ORIGIN))
    assert (reply.provider_job_id, reply.state, reply.progress) == ("video_1", "succeeded", 1.0)
    assert reply.urls == (f"{ORIGIN}/v1/videos/video_1/content",)
    assert (reply.prompt, reply.revised_prompt, reply.created) == ("a fox", "A red fox.", 100.0)


def test_a_job_under_way_names_no_address() -> None:
    """There is nothing to fetch yet; a size in words is no width and height."""
    running = Job(
        id="video_2",
        provider="sim",
        request=VideoRequest(prompt="a fox", model="m"),
        state="running",
        progress=0.42,
        provider_job_id="p",
        size="large",
    )
    told = json.loads(server_dialect.encode_job(running))
    assert (told["status"], told["progress"], told["metadata"]) == ("in_progress", 42, {})
    assert not {"url", "data"} & set(told)
    finished = json.loads(server_dialect.encode_job(Job(**{**_fields(running), "state": "succeeded"})))
    assert finished["data"] == [{"url": "/v1/videos/video_2/content"}]


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__struct_fields__}


def test_a_failed_job_tells_why() -> None:
    """Code and reason stand where the bare shape has them, and our own client reads them."""
    failed = Job(
        id="video_3",
        provider="sim",
        request=VideoRequest(prompt="a fox"),
        state="failed",
        failure=JobFailure("It was flagged.", "content_filter", "content_policy_violation"),
    )
    reply = dialect.decode_poll(200, {}, server_dialect.encode_job(failed))
    assert reply.failure is not None
    assert (reply.failure.kind, reply.failure.code) == ("content_filter", "content_policy_violation")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequestError("no", status=400, code="invalid_value"), 400, "invalid_value"),
        (NotFoundError("no", status=404, code="task_not_exist"), 404, "task_not_exist"),
        (ContentFilterError("no", status=400), 400, "content_filter"),
        (RateLimitError("slow", status=429), 429, "rate_limit"),
        (UnsupportedError("seed", "x"), 400, "invalid_request"),
        (BudgetError("too dear"), 402, "budget_exceeded"),
    ],
)
def test_an_error_has_the_familys_flat_shape(error: VeError, status: int, code: str) -> None:
    """Code, message, no data; and our own client names it as what it was."""
    told = server_dialect.encode_error(error)
    assert told[0] == status
    assert json.loads(told[1]) == {"code": code, "message": str(error), "data": None}
    with pytest.raises(VeError) as caught:
        dialect.decode_create(told[0], {}, told[1])
    assert type(caught.value) is type(error) or isinstance(error, (UnsupportedError, BudgetError))


def test_what_goes_out_comes_in_again() -> None:
    """A request that our client wrote is read by our server as the same request."""
    request = VideoRequest(
        prompt="a fox",
        model="m",
        seconds=5.0,
        size="1280x720",
        seed=7,
        count=2,
        first_frame=Image(PICTURE, "image/png"),
        extra={"metadata": {"mode": "pro"}},
    )
    wire = dialect.encode_create(request, PROVIDERS["vectorengine"], "")
    assert server_dialect.decode_create_request(wire.body, dict(wire.headers)) == request
