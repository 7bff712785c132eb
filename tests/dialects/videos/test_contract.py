"""Every registered video dialect keeps its contract, and keys stay at home."""

from __future__ import annotations

import msgspec
import pytest

from ve_magics.dialects.videos.contract import VideoDialect, may_carry_key
from ve_magics.dialects.videos.registry import VIDEO_DIALECTS, get_video_dialect
from ve_magics.errors import ArgumentsError, DecodeError
from ve_magics.jobs import VideoRequest
from ve_magics.providers import PROVIDERS, Provider

DIALECTS = [get_video_dialect(name) for name in VIDEO_DIALECTS]


@pytest.mark.parametrize("dialect", DIALECTS, ids=list(VIDEO_DIALECTS))
def test_a_dialect_goes_by_its_name(dialect: VideoDialect) -> None:
    """The name in the registry is the dialect's own."""
    module = type(dialect).__module__
    assert VIDEO_DIALECTS[dialect.name] in (module, module.rpartition(".")[0])


@pytest.mark.parametrize("dialect", DIALECTS, ids=list(VIDEO_DIALECTS))
def test_a_dialect_refuses_an_empty_prompt(dialect: VideoDialect) -> None:
    """No call goes out without a prompt."""
    with pytest.raises(ArgumentsError):
        dialect.encode_create(VideoRequest(prompt=" "), PROVIDERS["sim"], "k")


@pytest.mark.parametrize("dialect", DIALECTS, ids=list(VIDEO_DIALECTS))
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b"null", b'"x"'])
def test_an_answer_without_an_id_is_no_answer(dialect: VideoDialect, body: bytes) -> None:
    """What can't be read as a job is a decode error, so that nobody thinks the video was refused."""
    with pytest.raises(DecodeError):
        dialect.decode_create(200, {}, body)


def test_every_provider_with_video_speaks_a_known_format() -> None:
    """A row names a dialect of the registry or none."""
    assert {row.video for row in PROVIDERS.values()} - {""} <= set(VIDEO_DIALECTS)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example.com/v1/x", True),
        ("https://API.example.com:443/x", True),
        ("https://api.example.com:444/x", False),
        ("http://api.example.com/x", False),
        ("https://api.example.com.evil.test/x", False),
        ("https://api.example.com@evil.test/x", False),
        ("https://files.example.com/x", True),
        ("http://files.example.com/x", False),
        ("https://[bad/x", False),
        ("https://api.example.com:bad/x", False),
        ("/relative", False),
    ],
)
def test_a_key_goes_to_its_own_provider_only(url: str, allowed: bool) -> None:
    """Another host, port or scheme gets no key, however alike it looks; the provider's own other hosts do, over TLS."""
    provider = Provider(name="p", base_url="https://api.example.com/v1", allowed_hosts=("files.example.com",))
    assert may_carry_key(url, provider) is allowed


def test_a_local_server_is_known_by_its_port() -> None:
    """Two servers on one machine are two providers."""
    provider = msgspec.structs.replace(PROVIDERS["vllm"], base_url="http://127.0.0.1:8000/v1")
    assert may_carry_key("http://127.0.0.1:8000/v1/videos/x/content", provider) is True
    assert may_carry_key("http://127.0.0.1:9000/v1/videos/x/content", provider) is False
