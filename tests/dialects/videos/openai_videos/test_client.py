"""Asking for videos in OpenAI's format."""

from __future__ import annotations

import msgspec
import pytest

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link
from ve_magics.dialects.videos.forms import decode_form
from ve_magics.dialects.videos.openai_videos import dialect
from ve_magics.errors import ArgumentsError, NotFoundError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS, Provider, Quirks

SIM = PROVIDERS["sim"]
PNG = Image(b"\x89PNG", "image/png")
JOB = Job(
    id="j",
    provider="sim",
    request=VideoRequest(prompt="p"),
    state="running",
    provider_job_id="video/1?x",
    urls=("https://cdn.test/v.mp4", "http://sim.invalid/v1/file"),
)


def form(wire: WireRequest) -> dict[str, bytes]:
    return {part.name: part.data for part in decode_form(dict(wire.headers)["content-type"], wire.body)}


def test_a_request_goes_out_as_a_form() -> None:
    """Every field has the name and type of the API reference, the length as a string; the key goes in a header."""
    wire = dialect.encode_create(
        VideoRequest(
            prompt="狐狸",
            model="wan",
            seconds=8.0,
            aspect="9:16",
            seed=7,
            negative_prompt="blur",
            count=1,
            first_frame=PNG,
            extra={"fps": 24, "flag": True, "mode": "pro"},
        ),
        SIM,
        "key-1",
    )
    assert (wire.method, wire.path, dict(wire.headers)["idempotency-key"]) == ("POST", "/videos", "key-1")
    assert form(wire) == {
        "prompt": "狐狸".encode(),
        "model": b"wan",
        "seconds": b"8",
        "size": b"720x1280",
        "seed": b"7",
        "negative_prompt": b"blur",
        "fps": b"24",
        "flag": b"true",
        "mode": b"pro",
        "input_reference": b"\x89PNG",
    }
    assert decode_form(dict(wire.headers)["content-type"], wire.body)[-1].filename == "input_reference.png"


def test_what_is_not_said_is_not_sent() -> None:
    """A prompt alone makes a form with one field, and no key makes no header."""
    wire = dialect.encode_create(VideoRequest(prompt="p"), SIM, "")
    assert form(wire) == {"prompt": b"p"}
    assert [name for name, _ in wire.headers] == ["content-type"]


def test_a_picture_of_unknown_type_is_still_a_file() -> None:
    """The server decides what it is."""
    wire = dialect.encode_create(VideoRequest(prompt="p", references=(Image(b"x"),)), SIM, "")
    part = decode_form(dict(wire.headers)["content-type"], wire.body)[-1]
    assert (part.filename, part.media_type) == ("input_reference.bin", "application/octet-stream")


@pytest.mark.parametrize(
    ("picture", "written"),
    [
        (Image(url="https://x.test/a.png"), {"image_url": "https://x.test/a.png"}),
        (Image(file_id="file_1"), {"file_id": "file_1"}),
    ],
)
def test_a_picture_by_reference_goes_out_as_json(picture: Image, written: dict[str, str]) -> None:
    """An address or a file's id is said in JSON, as the API reference has it."""
    wire = dialect.encode_create(VideoRequest(prompt="p", first_frame=picture), SIM, "k")
    assert msgspec.json.decode(wire.body) == {"prompt": "p", "input_reference": written}
    assert dict(wire.headers)["content-type"] == "application/json"


def test_fields_with_structure_go_out_as_json() -> None:
    """Fields of the provider that are no plain values keep their form; beside a file they are JSON text."""
    extra = {"metadata": {"a": [1]}}
    wire = dialect.encode_create(VideoRequest(prompt="p", extra=extra), SIM, "")
    assert msgspec.json.decode(wire.body) == {"prompt": "p", **extra}
    assert form(dialect.encode_create(VideoRequest(prompt="p", extra=extra, first_frame=PNG), SIM, ""))[
        "metadata"
    ] == (b'{"a":[1]}')


def test_a_provider_that_loads_no_pictures_gets_none() -> None:
    """The row's word on addresses is kept."""
    provider = Provider(name="p", base_url="https://x.test", quirks=Quirks(image_urls=False))
    with pytest.raises(UnsupportedError) as caught:
        dialect.encode_create(
            VideoRequest(prompt="p", first_frame=Image(url="https://x.test/a")), provider, ""
        )
    assert caught.value.field == "first_frame"
    file = VideoRequest(prompt="p", first_frame=Image(file_id="f"))
    assert dialect.encode_create(file, provider, "").path == "/videos"


def test_a_remix_names_its_video() -> None:
    """A remix is a call of its own that takes a prompt; its id can't break out of the path."""
    wire = dialect.encode_create(
        VideoRequest(prompt="in snow", remix_of="video/../x", extra={"a": 1}), SIM, "k"
    )
    assert (wire.method, wire.path) == ("POST", "/videos/video%2F..%2Fx/remix")
    assert msgspec.json.decode(wire.body) == {"prompt": "in snow", "a": 1}
    assert dict(wire.headers)["idempotency-key"] == "k"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"last_frame": PNG}, "last_frame"),
        ({"audio": False}, "audio"),
        ({"count": 2}, "count"),
        ({"first_frame": PNG, "references": (PNG,)}, "references"),
        ({"references": (PNG, PNG)}, "references"),
        ({"remix_of": "v", "seconds": 8.0}, "seconds"),
        ({"remix_of": "v", "size": "1280x720"}, "size"),
        ({"remix_of": "v", "first_frame": PNG}, "first_frame"),
        ({"remix_of": "v", "seed": 0}, "seed"),
        ({"remix_of": "v", "negative_prompt": "x"}, "negative_prompt"),
        ({"model": "sora-2", "seconds": 5.0}, "seconds"),
        ({"model": "sora-2", "size": "100x100"}, "size"),
        ({"model": "sora-2-pro", "seed": 1}, "seed"),
        ({"model": "sora-2", "prompt": "x" * 32_001}, "prompt"),
    ],
)
def test_what_cannot_be_said_is_named(fields: dict[str, object], field: str) -> None:
    """Nothing is dropped in silence: the field is named before anything is sent."""
    with pytest.raises(UnsupportedError) as caught:
        dialect.check(VideoRequest(**{"prompt": "p", **fields}))  # type: ignore[arg-type]  # named fields
    assert caught.value.field == field


def test_a_size_that_is_none_is_refused_for_any_model() -> None:
    """Also where the model is unknown."""
    with pytest.raises(ArgumentsError):
        dialect.check(VideoRequest(prompt="p", size="big"))


def test_calls_about_a_job_name_its_id() -> None:
    """Poll and delete name the job, its id quoted; there is no call that stops one."""
    path = "/videos/video%2F1%3Fx"
    assert dialect.encode_poll(JOB) == WireRequest(path, method="GET", headers=())
    assert dialect.encode_delete(JOB) == WireRequest(path, method="DELETE", headers=())
    assert dialect.encode_cancel(JOB) is None


def test_the_file_is_fetched_where_the_provider_says_first() -> None:
    """Addresses from the answer come before the content call, each with a word on the key."""
    own = WireRequest("/videos/video%2F1%3Fx/content", method="GET", headers=(), stream=True)
    assert dialect.encode_fetch(JOB, SIM, "video") == (
        Link("https://cdn.test/v.mp4", keyed=False),
        Link("http://sim.invalid/v1/file", keyed=True),
        own,
    )
    (thumbnail,) = dialect.encode_fetch(JOB, SIM, "thumbnail")
    assert thumbnail == msgspec.structs.replace(own, query=(("variant", "thumbnail"),))


def test_answers_are_read_alike() -> None:
    """Create and poll answers are the same object."""
    body = b'{"id":"v","status":"queued"}'
    assert dialect.decode_create(200, {}, body) == dialect.decode_poll(200, {}, body)
    with pytest.raises(NotFoundError):
        dialect.decode_poll(404, {}, b'{"error":{"message":"gone"}}')


def test_done_is_done_whatever_the_body() -> None:
    """A good status confirms a deletion, with or without words; a bad one is an error."""
    dialect.decode_done(204, {}, b"")
    dialect.decode_done(200, {}, b"ok")
    with pytest.raises(NotFoundError):
        dialect.decode_done(404, {}, b'{"error":{"message":"gone"}}')


def test_a_list_is_read_page_by_page() -> None:
    """Each page says where the next begins; items that are no jobs are passed over."""
    first = dialect.encode_list()
    assert first is not None
    assert (first.path, first.query) == ("/videos", (("limit", "100"), ("order", "desc")))
    later = dialect.encode_list("v9")
    assert later is not None
    assert later.query[-1] == ("after", "v9")
    page = dialect.decode_list(
        200, {}, b'{"object":"list","data":[{"id":"v1","prompt":"p"},{"x":1},2,{"id":"v2"}],"has_more":true}'
    )
    assert ([reply.provider_job_id for reply in page.replies], page.after) == (["v1", "v2"], "v2")
    assert dialect.decode_list(200, {}, b'{"data":[{"id":"v1"}],"has_more":false}').after == ""
    assert dialect.decode_list(200, {}, b'{"data":null}').replies == ()
