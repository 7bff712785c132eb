"""Google's films are found at an address, by a file's name, in a bucket, or inside an answer."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Packed
from ve_magics.dialects.videos.google_files import INSIDE, sources
from ve_magics.errors import DecodeError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.providers import PROVIDERS

GOOGLE = PROVIDERS["google"].filming
HOST = "https://generativelanguage.googleapis.com"
POLL = WireRequest("/poll", method="GET", headers=())
JOB = Job(id="j", provider="google", request=VideoRequest(prompt="p"))
DOWNLOAD = WireRequest("/files/f1:download", method="GET", headers=(), query=(("alt", "media"),), stream=True)


def find(value: object) -> str:
    return str(value["film"]) if isinstance(value, dict) else ""


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("files/f1", DOWNLOAD),
        (f"{HOST}/v1beta/files/f1", DOWNLOAD),
        (f"{HOST}/v1/files/f1:download?alt=media", Link(f"{HOST}/v1/files/f1:download?alt=media", True)),
        ("https://evil.test/v1/files/f1", Link("https://evil.test/v1/files/f1")),
        ("gs://films/a b/c.mp4", Link("https://storage.googleapis.com/films/a%20b/c.mp4")),
        ("https://cdn.test/v.mp4", Link("https://cdn.test/v.mp4")),
    ],
)
def test_each_name_of_a_file_leads_to_it(url: str, source: object) -> None:
    """A file's own address gives its description only, so it is downloaded; no key goes to other hosts."""
    assert sources(msgspec.structs.replace(JOB, urls=(url,)), GOOGLE, POLL, find) == (source,)


def test_a_bucket_of_ones_own_may_have_the_key() -> None:
    """Where the user has named the host of buckets as the provider's, the key goes there."""
    provider = msgspec.structs.replace(GOOGLE, allowed_hosts=("storage.googleapis.com",))
    (found,) = sources(msgspec.structs.replace(JOB, urls=("gs://films/v.mp4",)), provider, POLL, find)
    assert found == Link("https://storage.googleapis.com/films/v.mp4", True)


def test_a_film_inside_an_answer_is_unpacked() -> None:
    """The poll is asked again and its answer read; what holds no film is a decode error."""
    (found,) = sources(msgspec.structs.replace(JOB, handle={INSIDE: True}), GOOGLE, POLL, find)
    assert isinstance(found, Packed)
    assert (found.request.path, found.request.stream) == ("/poll", True)
    assert found.unpack(json.dumps({"film": base64.b64encode(b"mp4").decode()}).encode()) == b"mp4"
    for body in (b"{", b'{"film": "?"}', b'{"film": ""}', b"[]"):
        with pytest.raises(DecodeError):
            found.unpack(body)
    assert sources(JOB, GOOGLE, POLL, find) == ()
