"""OpenRouter, xAI, SiliconFlow and the aggregators' formats as clients: what fixtures leave open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, VideoDialect
from ve_magics.dialects.videos.openrouter_videos import dialect as openrouter
from ve_magics.dialects.videos.siliconflow_videos import dialect as siliconflow
from ve_magics.dialects.videos.unified_videos import dialect as unified
from ve_magics.dialects.videos.video_generations import dialect as generations
from ve_magics.dialects.videos.xai_videos import dialect as xai
from ve_magics.errors import (
    ArgumentsError,
    DecodeError,
    OverloadedError,
    ServerError,
    StatusError,
    UnsupportedError,
)
from ve_magics.jobs import Job, VideoRequest, certainly_not_made
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS, Provider

PNG = Image(b"\x89PNG\r\n\x1a\n", "image/png")
DATA = "data:image/png;base64,iVBORw0KGgo="
WEB = Image(url="https://pictures.test/fox.png")
GATEWAY = PROVIDERS["vectorengine"]


def body_of(dialect: VideoDialect, provider: Provider = GATEWAY, **fields: Any) -> dict[str, Any]:
    wire = dialect.encode_create(VideoRequest(**{"prompt": "p", "model": "m", **fields}), provider, "key")
    assert [name for name, _ in wire.headers] == ["content-type"]
    body = json.loads(wire.body)
    assert isinstance(body, dict)
    return {name: value for name, value in body.items() if name not in ("prompt", "model")}


def job(**fields: Any) -> Job:
    known: dict[str, Any] = {"id": "j", "provider": "p", "state": "running", "provider_job_id": "a/b?c"}
    return Job(request=VideoRequest(prompt="p"), **{**known, **fields})


@pytest.mark.parametrize(
    ("dialect", "fields", "body"),
    [
        (
            openrouter,
            {"resolution": "4k", "references": (PNG,)},
            {
                "resolution": "4K",
                "input_references": [{"type": "image_url", "image_url": {"url": DATA}}],
            },
        ),
        (openrouter, {"size": "1280×720", "extra": {"user": "u"}}, {"size": "1280x720", "user": "u"}),
        (
            xai,
            {"size": "1280x720", "first_frame": PNG, "references": (WEB,)},
            {
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "image": {"url": DATA},
                "reference_images": [{"url": WEB.url}],
            },
        ),
        (siliconflow, {}, {"image_size": "1280x720"}),
        (siliconflow, {"aspect": "9:16"}, {"image_size": "720x1280"}),
        (generations, {"references": (PNG, WEB), "count": 2}, {"images": [DATA, WEB.url], "n": 2}),
        (generations, {"aspect": "9:16"}, {"size": "720x1280"}),
        (
            unified,
            {"first_frame": WEB, "last_frame": PNG, "aspect": "16:9", "seconds": 8.0},
            {"images": [WEB.url, DATA], "aspect_ratio": "16:9", "duration": 8},
        ),
        (unified, {"references": (WEB,), "size": "1280x720"}, {"images": [WEB.url], "size": "1280x720"}),
        (unified, {"extra": {"enhance_prompt": True}}, {"enhance_prompt": True}),
    ],
)
def test_a_request_is_said_in_the_dialects_words(
    dialect: VideoDialect, fields: dict[str, Any], body: dict[str, Any]
) -> None:
    """Every field that is said has its name and form; what is not said is not sent."""
    assert body_of(dialect, **fields) == body


@pytest.mark.parametrize(
    ("dialect", "fields", "field", "hint"),
    [
        (openrouter, {"aspect": "5:4"}, "aspect", "4:3"),
        (openrouter, {"resolution": "700p"}, "resolution", "720p"),
        (openrouter, {"seconds": 7.6}, "seconds", "8"),
        (openrouter, {"size": "1280x720", "aspect": "16:9"}, "size", "aspect"),
        (openrouter, {"negative_prompt": "x"}, "negative_prompt", "prompt"),
        (openrouter, {"count": 2}, "count", "once"),
        (xai, {"model": "grok-imagine-video", "seconds": 16.0}, "seconds", "15"),
        (xai, {"model": "grok-imagine-video", "resolution": "1080p"}, "resolution", "720p"),
        (xai, {"resolution": "4k"}, "resolution", "1080p"),
        (xai, {"seconds": 1.5}, "seconds", "2"),
        (xai, {"last_frame": PNG}, "last_frame", "first frame"),
        (xai, {"seed": 1}, "seed", "seed"),
        (xai, {"audio": True}, "audio", "prompt"),
        (xai, {"remix_of": "r"}, "remix_of", "video"),
        (siliconflow, {"seconds": 5.0}, "seconds", "length"),
        (siliconflow, {"references": (PNG,)}, "references", "first frame"),
        (siliconflow, {"last_frame": PNG}, "last_frame", "first frame"),
        (siliconflow, {"model": "Wan-AI/Wan2.2-T2V-A14B", "size": "1920x1080"}, "size", "1280x720"),
        (generations, {"last_frame": PNG}, "last_frame", "metadata"),
        (generations, {"audio": True}, "audio", "metadata"),
        (generations, {"negative_prompt": "x"}, "negative_prompt", "metadata"),
        (generations, {"first_frame": PNG, "references": (PNG,)}, "references", "first frame"),
        (generations, {"remix_of": "t"}, "remix_of", "prompt"),
        (generations, {"seconds": 2.5}, "seconds", "2"),
        (unified, {"last_frame": PNG}, "last_frame", "first frame"),
        (unified, {"first_frame": PNG, "references": (PNG,)}, "references", "frames"),
        (unified, {"resolution": "1080p"}, "resolution", "enable_upsample"),
        (unified, {"seed": 1}, "seed", "seed"),
    ],
)
def test_what_cannot_be_said_is_named_with_a_way_out(
    dialect: VideoDialect, fields: dict[str, Any], field: str, hint: str
) -> None:
    """Nothing is dropped in silence, and the hint names the nearest or another way."""
    with pytest.raises(UnsupportedError) as caught:
        dialect.check(VideoRequest(**{"prompt": "p", "model": "m", **fields}))
    assert caught.value.field == field
    assert hint in caught.value.hint


@pytest.mark.parametrize("dialect", [openrouter, xai, siliconflow, generations, unified])
def test_a_size_that_is_none_is_refused(dialect: VideoDialect) -> None:
    """Before anything is sent, for any model."""
    with pytest.raises(ArgumentsError):
        dialect.check(VideoRequest(prompt="p", size="big"))


@pytest.mark.parametrize(
    ("dialect", "path", "query"),
    [
        (openrouter, "/videos/a%2Fb%3Fc", ()),
        (xai, "/videos/a%2Fb%3Fc", ()),
        (generations, "/video/generations/a%2Fb%3Fc", ()),
        (unified, "/video/query", (("id", "a/b?c"),)),
    ],
)
def test_an_id_never_breaks_out_of_its_place(
    dialect: VideoDialect, path: str, query: tuple[tuple[str, str], ...]
) -> None:
    """It is quoted in a path and kept apart in a query."""
    wire = dialect.encode_poll(job())
    assert (wire.path, wire.query, wire.headers) == (path, query, ())


def test_a_file_is_fetched_by_address_first_and_by_the_content_call_last() -> None:
    """Addresses carry the key to their own provider only; the content call is the provider's own."""
    found = job(urls=("https://cdn.test/a.mp4", "https://openrouter.ai/api/v1/videos/x/content?index=0"))
    own = WireRequest(
        "/videos/a%2Fb%3Fc/content", method="GET", headers=(), query=(("index", "0"),), stream=True
    )
    assert openrouter.encode_fetch(found, PROVIDERS["openrouter"], "video") == (
        Link("https://cdn.test/a.mp4", keyed=False),
        Link("https://openrouter.ai/api/v1/videos/x/content?index=0", keyed=True),
        own,
    )
    assert openrouter.encode_fetch(found, PROVIDERS["openrouter"], "thumbnail") == ()
    assert generations.encode_fetch(found, GATEWAY, "thumbnail") == ()
    assert unified.encode_fetch(found, GATEWAY, "video")[0] == Link("https://cdn.test/a.mp4")


def test_signed_addresses_come_before_those_that_need_the_key() -> None:
    """And while a job runs, OpenRouter wants to be asked every ten seconds at most."""
    told: dict[str, Any] = {"id": "v", "status": "in_progress"}
    assert openrouter.decode_poll(200, {}, json.dumps(told).encode()).poll_after == 10.0
    told |= {"status": "completed", "unsigned_urls": ["https://o.test/u"], "urls": ["https://o.test/s", None]}
    reply = openrouter.decode_poll(200, {}, json.dumps(told).encode())
    assert (reply.urls, reply.poll_after) == (("https://o.test/s", "https://o.test/u"), None)


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (200, b'{"error":{"code":502,"message":"down"}}', ServerError, 502),
        (200, b'{"error":{"code":"odd","message":"down"}}', StatusError, 200),
        (500, b"oops", ServerError, 500),
        (500, b'{"message":"oops"}', ServerError, 500),
        (503, b'["x"]', OverloadedError, 503),
    ],
)
def test_openrouters_error_object_wins_over_the_status(
    status: int, body: bytes, error: type[StatusError], told: int
) -> None:
    """Its code stands for the status inside a good answer; without such an object the status says it all."""
    with pytest.raises(error) as caught:
        openrouter.decode_create(status, {}, body)
    assert caught.value.status == told


def test_a_job_that_failed_with_an_error_object_is_a_failed_job() -> None:
    """An object with an id is a job, whatever else it holds."""
    reply = openrouter.decode_poll(200, {}, b'{"id":"v","status":"failed","error":{"message":"no"}}')
    assert reply.state == "failed"


def test_an_error_of_a_server_inside_a_good_answer_proves_nothing() -> None:
    """A gateway may have passed the call on before it failed: the create call isn't repeated in silence."""
    with pytest.raises(ServerError) as caught:
        generations.decode_create(200, {}, b'{"code":"fail_to_fetch_task","message":"upstream refused"}')
    assert not certainly_not_made(caught.value)


@pytest.mark.parametrize("body", [b"[1]", b'{"data":null}', b"x"])
def test_siliconflows_refusals_without_a_known_number_go_by_their_status(body: bytes) -> None:
    """The table of numbers is no limit."""
    with pytest.raises(OverloadedError):
        siliconflow.decode_create(503, {}, body)


@pytest.mark.parametrize("dialect", [openrouter, xai, siliconflow, unified])
def test_a_poll_without_a_state_is_no_answer(dialect: VideoDialect) -> None:
    """Silence is not taken for queued."""
    with pytest.raises(DecodeError):
        dialect.decode_poll(200, {}, b'{"id":"v","requestId":"v","request_id":"v"}')


def test_a_failure_of_xais_may_be_a_sentence() -> None:
    """Without a code it is still told."""
    reply = xai.decode_poll(200, {}, b'{"status":"failed","error":"Out of capacity"}')
    assert reply.failure is not None
    assert "Out of capacity" in reply.failure.message
