"""Answering in OpenAI's format, so that its own clients understand."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.videos.contract import ListQuery
from ve_magics.dialects.videos.forms import FormPart, encode_form
from ve_magics.dialects.videos.openai_videos import dialect, server_dialect
from ve_magics.errors import BadRequestError, NotFoundError, RateLimitError, UnsupportedError, VeError
from ve_magics.jobs import Job, JobFailure, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

JSON = {"content-type": "application/json"}
PNG = Image(b"\x89PNG", "image/png")


def decode(value: object) -> VideoRequest:
    return server_dialect.decode_create_request(msgspec.json.encode(value), JSON)


words = st.text(min_size=1).filter(lambda text: text.strip() != "")
requests = st.builds(
    VideoRequest,
    prompt=words,
    model=st.sampled_from(["", "wan", "模型"]),
    seconds=st.none() | st.integers(1, 60).map(float),
    size=st.sampled_from(["", "1280x720"]),
    first_frame=st.sampled_from([None, PNG, Image(url="https://x.test/a"), Image(file_id="f")]),
    seed=st.none() | st.integers(0, 2**31),
    negative_prompt=st.sampled_from(["", "blur"]),
    extra=st.dictionaries(st.sampled_from(["mode", "style"]), words),
)


@given(requests)
def test_what_the_client_writes_the_server_reads(request: VideoRequest) -> None:
    """Both roles mean the same by the same bytes."""
    wire = dialect.encode_create(request, PROVIDERS["sim"], "k")
    assert server_dialect.decode_create_request(wire.body, dict(wire.headers)) == request


def test_a_remix_is_read_with_its_video() -> None:
    """The video is named in the path, the prompt in the body."""
    request = VideoRequest(prompt="in snow", remix_of="v", extra={"a": 1})
    wire = dialect.encode_create(request, PROVIDERS["sim"], "k")
    assert server_dialect.decode_remix_request(wire.body, dict(wire.headers), "v") == request


def test_what_official_clients_write_is_read() -> None:
    """Nested form fields, numbers as numbers, data addresses and JSON text all mean the same picture or length."""
    content_type, body = encode_form(
        [FormPart("prompt", b"p"), FormPart("input_reference[image_url]", b"https://x.test/a")]
    )
    nested = server_dialect.decode_create_request(body, {"content-type": content_type})
    assert nested.first_frame == Image(url="https://x.test/a")
    content_type, body = encode_form(
        [FormPart("prompt", b"p"), FormPart("input_reference", b"x", "", "image/png")]
    )
    assert server_dialect.decode_create_request(body, {"content-type": content_type}).first_frame == Image(
        b"x", "image/png"
    )
    assert decode({"prompt": "p", "seconds": 8, "n": 2}) == VideoRequest(prompt="p", seconds=8.0, count=2)
    data = "data:image/png;base64,iVBORw=="
    assert decode({"prompt": "p", "input_reference": {"image_url": data}}).first_frame == PNG
    assert decode({"prompt": "p", "input_reference": {"image_url": {"url": data}}}).first_frame == PNG
    assert decode({"prompt": "p", "input_reference": data.replace("image/png", "")}).first_frame == Image(
        PNG.data
    )
    assert decode({"prompt": "p", "input_reference": '{"file_id":"f"}'}).first_frame == Image(file_id="f")
    assert decode(
        {"prompt": "p", "seconds": "", "seed": "", "n": None, "input_reference": ""}
    ) == VideoRequest(prompt="p")


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "p", "model": 5}, "model"),
        ({"prompt": "p", "seconds": "long"}, "seconds"),
        ({"prompt": "p", "seconds": -1}, "seconds"),
        ({"prompt": "p", "seconds": []}, "seconds"),
        ({"prompt": "p", "seconds": "nan"}, "seconds"),
        ({"prompt": "p", "size": "big"}, "size"),
        ({"prompt": "p", "seed": "x"}, "seed"),
        ({"prompt": "p", "seed": 1.5}, "seed"),
        ({"prompt": "p", "n": 0}, "n"),
        ({"prompt": "p", "input_reference": "nonsense"}, "input_reference"),
        ({"prompt": "p", "input_reference": "{broken"}, "input_reference"),
        ({"prompt": "p", "input_reference": 5}, "input_reference"),
        ({"prompt": "p", "input_reference": {"image_url": "file:///etc/passwd"}}, "input_reference"),
        ({"prompt": "p", "input_reference": {"image_url": "data:image/png;base64,!"}}, "input_reference"),
        ([], None),
    ],
)
def test_a_bad_request_names_its_field(value: object, param: str | None) -> None:
    """A user learns which field to mend."""
    with pytest.raises(BadRequestError) as caught:
        decode(value)
    assert caught.value.param == param
    assert caught.value.http_status == 400


def test_a_field_that_is_two_things_is_refused() -> None:
    """A form may not give a field once plain and once nested."""
    content_type, body = encode_form([FormPart("a", b"1"), FormPart("a[b]", b"2")])
    with pytest.raises(BadRequestError, match="twice"):
        server_dialect.decode_create_request(body, {"content-type": content_type})


def test_a_list_is_asked_for() -> None:
    """Where it begins, how long and which way; nonsense is named."""
    assert server_dialect.decode_list_query({}) == ListQuery()
    query = {"after": "v", "limit": "5", "order": "asc"}
    assert server_dialect.decode_list_query(query) == ListQuery("v", 5, newest_first=False)
    for bad in ({"order": "up"}, {"limit": "0"}, {"limit": "many"}):
        with pytest.raises(BadRequestError) as caught:
            server_dialect.decode_list_query(bad)
        assert caught.value.param in bad


JOB = Job(
    id="video_1",
    provider="sim",
    request=VideoRequest(prompt="p", model="m", seconds=8, size="1280x720"),
    created=100.9,
    updated=200.0,
)


@pytest.mark.parametrize(
    ("fields", "status", "progress"),
    [
        ({}, "queued", 0),
        ({"state": "submitting"}, "queued", 0),
        ({"state": "running", "remote": "queued"}, "queued", 0),
        ({"state": "running", "remote": "running", "progress": 0.42}, "in_progress", 42),
        ({"state": "running", "remote": "succeeded", "progress": 1.0}, "in_progress", 99),
        ({"state": "unknown"}, "in_progress", 0),
        ({"state": "succeeded", "path": "x"}, "completed", 100),
        ({"state": "failed", "failure": JobFailure("no", "rate_limit")}, "failed", 0),
        ({"state": "cancelled"}, "failed", 0),
        ({"state": "expired"}, "failed", 0),
    ],
)
def test_a_job_is_told_in_four_words(fields: dict[str, object], status: str, progress: int) -> None:
    """Our states become the format's; only a file that is here is completed."""
    job = msgspec.structs.replace(JOB, **fields)
    value = msgspec.json.decode(server_dialect.encode_job(job))
    assert (value["status"], value["progress"]) == (status, progress)
    assert (value["error"] is None) is (status != "failed")
    assert (value["completed_at"] is None) is (status != "completed")
    assert (value["id"], value["object"], value["created_at"]) == ("video_1", "video", 100)


def test_a_jobs_fields_are_told() -> None:
    """Prompt, length, size, parent and rewritten prompt are there; what the provider made wins over what was asked."""
    job = msgspec.structs.replace(JOB, seconds=4.5, size="720x1280", parent="video_0", revised_prompt="P.")
    assert msgspec.json.decode(server_dialect.encode_job(job)) == {
        "id": "video_1",
        "object": "video",
        "model": "m",
        "status": "queued",
        "progress": 0,
        "created_at": 100,
        "completed_at": None,
        "expires_at": None,
        "prompt": "p",
        "seconds": "4.5",
        "size": "720x1280",
        "remixed_from_video_id": "video_0",
        "error": None,
        "revised_prompt": "P.",
    }


def test_a_failed_jobs_reason_survives_both_ways() -> None:
    """What the server tells of a failure, the client reads as the same failure."""
    failure = JobFailure(
        "Blocked.",
        "content_filter",
        "moderation_blocked",
        "Change the prompt: the provider's policy refused it.",
    )
    job = msgspec.structs.replace(JOB, state="failed", failure=failure)
    reply = dialect.decode_poll(200, {}, server_dialect.encode_job(job))
    assert reply.failure == failure
    bare = msgspec.structs.replace(JOB, state="failed", failure=JobFailure("No.", "rate_limit"))
    assert msgspec.json.decode(server_dialect.encode_job(bare))["error"] == {
        "code": "rate_limit",
        "message": "No.",
    }


def test_a_job_is_read_as_it_was_told() -> None:
    """The client understands the server's object."""
    reply = dialect.decode_poll(200, {}, server_dialect.encode_job(JOB))
    assert reply == JobReply(
        provider_job_id="video_1",
        state="queued",
        raw_status="queued",
        progress=0.0,
        created=100.0,
        seconds=8.0,
        size="1280x720",
        prompt="p",
        model="m",
    )
    plain = Job(id="v", provider="p", request=VideoRequest(prompt="p"), created=1.0)
    assert dialect.decode_poll(200, {}, server_dialect.encode_job(plain)).seconds is None


def test_lists_and_deletions_are_told() -> None:
    """A page names its ends and whether there is more; a deletion is confirmed."""
    jobs = (JOB, msgspec.structs.replace(JOB, id="video_2"))
    page = dialect.decode_list(200, {}, server_dialect.encode_jobs(jobs, more=True))
    assert ([reply.provider_job_id for reply in page.replies], page.after) == (
        ["video_1", "video_2"],
        "video_2",
    )
    empty = msgspec.json.decode(server_dialect.encode_jobs((), more=False))
    assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert msgspec.json.decode(server_dialect.encode_deleted("v")) == {
        "id": "v",
        "object": "video.deleted",
        "deleted": True,
    }


@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "param"),
    [
        (
            BadRequestError("no", status=400, code="invalid_value", param="size"),
            400,
            "invalid_request_error",
            "invalid_value",
            "size",
        ),
        (NotFoundError("no", status=404), 404, "not_found_error", "model_not_found", None),
        (RateLimitError("no", status=429), 429, "rate_limit_error", "rate_limit", None),
        (UnsupportedError("seconds", "d"), 400, "invalid_request_error", None, "seconds"),
        (VeError("no"), 500, "server_error", None, None),
    ],
)
def test_errors_are_told(error: VeError, status: int, kind: str, code: str | None, param: str | None) -> None:
    """Each failure has its HTTP status and the format's error object, hint included."""
    told, body = server_dialect.encode_error(error)
    assert told == status
    assert msgspec.json.decode(body) == {
        "error": {"message": str(error), "type": kind, "param": param, "code": code}
    }
