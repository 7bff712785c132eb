"""What Veo can't be told is refused, and the rest goes where Google's API reference has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.dialects.videos.contract import Packed
from ve_magics.dialects.videos.veo import dialect
from ve_magics.errors import AuthError, DecodeError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import PROVIDERS

VERTEX = PROVIDERS["vertex"].filming
MODEL = "veo-3.1-generate-001"


def create(**fields: Any) -> dict[str, Any]:
    request = VideoRequest(**{"prompt": "a fox", "model": MODEL, **fields})
    body: dict[str, Any] = json.loads(dialect.encode_create(request, VERTEX, "k").body)
    return body


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": ""}, "model"),
        ({"remix_of": "x"}, "remix_of"),
        ({"count": 2}, "count"),
        ({"model": "veo-9", "seconds": 4.5}, "seconds"),
        ({"size": "1000x1000"}, "aspect"),
        ({"resolution": "480p"}, "resolution"),
        ({"first_frame": Image(url="https://p.test/a.png")}, "first_frame"),
        ({"last_frame": Image(file_id="f")}, "last_frame"),
        ({"references": (Image(url="https://p.test/a.png"),)}, "references"),
    ],
)
def test_what_veo_cant_be_told_is_refused(fields: dict[str, Any], field: str) -> None:
    """The error names the field."""
    with pytest.raises(UnsupportedError) as caught:
        create(**fields)
    assert caught.value.field == field


def test_a_size_becomes_a_shape() -> None:
    """Veo knows aspect ratios and resolutions only; sound is a parameter."""
    body = create(size="1920x1080", audio=False, count=1)
    assert body["parameters"] == {
        "aspectRatio": "16:9",
        "resolution": "1080p",
        "sampleCount": 1,
        "generateAudio": False,
    }


def test_the_providers_own_fields_go_where_they_belong() -> None:
    """A film to be extended stands beside the prompt, everything else among the parameters."""
    film = {"gcsUri": "gs://films/v.mp4", "mimeType": "video/mp4"}
    body = create(extra={"video": film, "storageUri": "gs://films/"})
    assert body["instances"] == [{"prompt": "a fox", "video": film}]
    assert body["parameters"] == {"sampleCount": 1, "storageUri": "gs://films/"}


def test_a_picture_may_lie_in_a_bucket() -> None:
    """Its address goes out with its type."""
    body = create(first_frame=Image(url="gs://films/a.png"))
    assert body["instances"][0]["image"] == {"gcsUri": "gs://films/a.png", "mimeType": "image/png"}


def test_a_model_in_a_folder_is_asked_by_its_name() -> None:
    """`google/veo-x` and `veo-x` are the same model, with the same limits."""
    request = VideoRequest(prompt="p", model=f"google/{MODEL}")
    assert dialect.encode_create(request, VERTEX, "").path == f"/models/{MODEL}:predictLongRunning"
    with pytest.raises(UnsupportedError):
        create(model=f"google/{MODEL}", seconds=5)


def test_an_operation_without_its_model_is_asked_of_the_jobs_model() -> None:
    """Vertex wants a model in the path, whatever the operation is called."""
    job = Job(
        id="j", provider="vertex", request=VideoRequest(prompt="p", model=MODEL), provider_job_id="op/1"
    )
    assert dialect.encode_poll(job).path == f"/models/{MODEL}:fetchPredictOperation"


def test_an_answer_that_is_no_operation_is_an_error() -> None:
    """An error object in a good answer is that error; anything else is no answer."""
    with pytest.raises(AuthError):
        dialect.decode_poll(
            200, {}, b'{"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}}'
        )
    for body in (b"{}", b"[1]", b"<html></html>"):
        with pytest.raises(DecodeError):
            dialect.decode_poll(200, {}, body)


def test_a_cancelled_operation_is_cancelled() -> None:
    """gRPC's code 1 means so."""
    reply = dialect.decode_poll(
        200, {}, b'{"name": "models/m/operations/1", "done": true, "error": {"code": 1}}'
    )
    assert (reply.state, reply.failure) == ("cancelled", None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 3, "message": "The prompt violates Google's usage guidelines."}, "content_filter"),
        ({"code": 3, "message": "durationSeconds is wrong."}, "bad_request"),
        ({"code": 8, "message": "Busy."}, "rate_limit"),
        ({"code": 13, "message": "Oops."}, "job"),
        ({"message": "Oops."}, "job"),
    ],
)
def test_an_operations_error_has_a_kind(error: dict[str, Any], kind: str) -> None:
    """Its number is gRPC's; words of policy win."""
    body = json.dumps({"name": "models/m/operations/1", "done": True, "error": error}).encode()
    reply = dialect.decode_poll(200, {}, body)
    assert reply.failure is not None
    assert (reply.state, reply.failure.kind) == ("failed", kind)


@pytest.mark.parametrize(
    "response",
    [
        {"videos": [{"bytesBase64Encoded": "bXA0", "mimeType": "video/mp4"}]},
        {
            "generateVideoResponse": {
                "generatedSamples": [{"video": {"encodedVideo": "bXA0"}}, {"video": None}]
            }
        },
        {"generatedVideos": [{"video": {"bytesBase64Encoded": "bXA0"}}]},
    ],
)
def test_a_film_may_come_inside_the_operation(response: dict[str, Any]) -> None:
    """It is not kept in the job, but fetched by asking once more."""
    body = json.dumps(
        {"name": "projects/p/models/m/operations/1", "done": True, "response": response}
    ).encode()
    reply = dialect.decode_poll(200, {}, body)
    assert (reply.state, reply.urls, reply.handle) == ("succeeded", (), {"inside": True})
    job = Job(
        id="j",
        provider="vertex",
        request=VideoRequest(prompt="p"),
        provider_job_id="projects/p/models/m/operations/1",
        handle=reply.handle,
    )
    (source,) = dialect.encode_fetch(job, VERTEX, "video")
    assert isinstance(source, Packed)
    assert source.unpack(body) == b"mp4"
    for nothing in (b"{}", b"[]"):
        with pytest.raises(DecodeError):
            source.unpack(nothing)
    assert dialect.encode_fetch(job, VERTEX, "thumbnail") == ()


def test_a_film_in_a_bucket_keeps_its_address() -> None:
    """An address that is no address is passed over."""
    videos = [{"gcsUri": "ftp://x"}, {"gcsUri": "gs://films/v.mp4", "mimeType": "video/mp4"}]
    body = json.dumps({"name": "n", "done": True, "response": {"videos": videos}}).encode()
    assert dialect.decode_poll(200, {}, body).urls == ("gs://films/v.mp4",)


def test_a_filter_without_a_word_is_told() -> None:
    """A count alone is enough to know what happened."""
    body = b'{"name": "n", "done": true, "response": {"raiMediaFilteredCount": 2}}'
    reply = dialect.decode_poll(200, {}, body)
    assert reply.failure is not None
    assert (reply.failure.kind, reply.failure.code) == ("content_filter", "rai_media_filtered")
    empty = dialect.decode_poll(200, {}, b'{"name": "n", "done": true}')
    assert empty.failure is not None
    assert empty.failure.kind == "job"
