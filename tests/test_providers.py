"""Rows of providers."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
import pytest

from ve_magics.messages import ChatRequest
from ve_magics.providers import PROVIDERS, Provider, auth_headers

ROWS = list(PROVIDERS.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_sound(row: Provider) -> None:
    """Addresses are https or the user's own machine, end without a slash, and keyed providers name their key."""
    url = urlsplit(row.base_url)
    assert not row.base_url.endswith("/")
    assert url.scheme == "https" or url.hostname == "127.0.0.1" or row.simulated
    assert row.keyless or row.key_names
    assert row.name == row.name.lower()
    assert "/" not in row.name
    assert all(
        name == name.upper() and name.endswith(("_KEY", "_SECRET", "_TOKEN")) for name in row.key_names
    )
    assert all(name == name.lower() for name, _ in row.headers)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_provider_rejects_are_fields_of_a_request(row: Provider) -> None:
    """`Quirks.unsupported` names canonical fields, so a slip in a name can't hide."""
    assert set(row.quirks.unsupported) <= set(ChatRequest.__struct_fields__)


def test_no_two_local_servers_share_an_address() -> None:
    """A running model server is told from the others by its port."""
    addresses = [row.base_url for row in ROWS if row.local]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ("bearer", (("authorization", "Bearer k"),)),
        ("x-api-key", (("x-api-key", "k"),)),
        ("x-goog-api-key", (("x-goog-api-key", "k"),)),
        ("api-key", (("api-key", "k"),)),
        ("key", (("authorization", "Key k"),)),
        ("none", ()),
    ],
)
def test_a_key_travels_in_a_header_only(auth: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Each scheme has its header; no scheme puts a key into an address."""
    provider = msgspec.convert({"name": "p", "base_url": "https://h/v1", "auth": auth}, Provider)
    assert auth_headers(provider, "k") == headers
    assert auth_headers(provider, "") == ()


def test_the_host_is_where_the_key_may_go() -> None:
    """The host is told without port and in lower case."""
    assert Provider(name="p", base_url="https://API.Example.org:8443/v1").host == "api.example.org"
    assert Provider(name="p", base_url="nonsense").host == ""


def test_who_needs_no_key() -> None:
    """The user's own servers and the simulator."""
    assert {row.name for row in ROWS if row.keyless} >= {"ollama", "vllm", "sim"}
    assert not PROVIDERS["openai"].keyless


def test_a_row_says_where_its_video_interface_lies() -> None:
    """At the same host by another path, at its root, or where chat lies; a base URL of one's own moves both."""
    row = Provider(name="p", base_url="https://h.test:8443/compatible-mode/v1", video_path="/api/v1")
    assert row.filming.base_url == "https://h.test:8443/api/v1"
    assert row.filming.filming == row.filming
    assert msgspec.structs.replace(row, video_path="/").filming.base_url == "https://h.test:8443"
    plain = Provider(name="p", base_url="https://h.test/v1")
    assert plain.filming is plain


def test_a_pair_never_travels_as_it_is() -> None:
    """Whoever is to sign with it does so elsewhere; here it is no header."""
    row = Provider(name="p", base_url="https://h.test/v1", auth="jwt")
    assert auth_headers(row, "access:secret") == ()
    assert auth_headers(row, "plain") == (("authorization", "Bearer plain"),)


@pytest.mark.parametrize(
    ("model", "wire"),
    [
        ("sora-2", "openai_videos"),
        ("veo3.1-fast", "unified_videos"),
        ("maker/VEO3", "unified_videos"),
        ("kling-v2", "video_generations"),
        ("MiniMax-Hailuo-2.3", "video_generations"),
        ("", "openai_videos"),
    ],
)
def test_a_gateway_films_in_the_format_that_a_model_needs(model: str, wire: str) -> None:
    """How a model's name begins decides, whatever its case and its maker; any other model has the common format."""
    assert PROVIDERS["vectorengine"].video_dialect(model) == wire
