"""Proxies and addresses: what the environment says, and what is refused."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.engine.transport import Preference, WireCall, open_transport
from ve_magics.engine.transport.body import PIECE, decoder, encodings
from ve_magics.engine.transport.guarded import host_of
from ve_magics.engine.transport.surroundings import (
    Origin,
    Proxies,
    Proxy,
    client_tls,
    is_loopback,
    parse_proxy,
)
from ve_magics.errors import ConfigError

SETTINGS = {
    "http": "proxy:1",
    "https": "https://s:2",
    "no": "direct.example, .dom.example,10.0.0.0/8,port.example:99",
}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://x.example/", "http://proxy:1"),
        ("https://x.example/", "https://s:2"),
        ("https://direct.example/", None),
        ("https://sub.direct.example/", None),
        ("https://indirect.example/", "https://s:2"),
        ("https://a.dom.example/", None),
        ("https://10.1.2.3/", None),
        ("https://11.1.2.3/", "https://s:2"),
        ("https://port.example:99/", None),
        ("https://port.example/", "https://s:2"),
        ("http://localhost:8000/", None),
        ("http://api.localhost/", None),
        ("http://127.1.2.3/", None),
        ("http://[::1]:8000/", None),
    ],
)
def test_proxies_and_their_exceptions(url: str, expected: str | None) -> None:
    """A scheme has its proxy; NO_PROXY lists hosts, domains, networks and ports; this machine never needs one."""
    found = Proxies(SETTINGS).of(Origin.of(url))
    assert (found and found.url) == expected


def test_a_star_means_no_proxy_and_all_is_the_last_resort() -> None:
    """NO_PROXY=* switches proxies off; ALL_PROXY serves schemes without their own."""
    origin = Origin.of("https://x.example/")
    assert Proxies({**SETTINGS, "no": "a, *"}).of(origin) is None
    assert Proxies({"all": "http://a:1", "http": "http://b:1"}).of(origin) == Proxy("http://a:1")
    assert Proxies({}).of(origin) is None


def test_proxies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY and NO_PROXY are read when a transport is opened."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://u:p%2F@p:3128")
    monkeypatch.setenv("NO_PROXY", "n.example")
    proxies = Proxies()
    assert proxies.of(Origin.of("https://x.example/")) == Proxy("http://p:3128", "Basic dTpwLw==")
    assert proxies.of(Origin.of("https://n.example/")) is None
    assert proxies.of(Origin.of("http://x.example/")) is None
    assert proxies
    assert not Proxies({"no": "n.example"})


@pytest.mark.parametrize("address", ["ftp://p:1", "http://p:port", "http://", "://"])
def test_a_proxy_setting_that_is_no_address_is_refused(address: str) -> None:
    """The message doesn't repeat the setting, which may hold a password."""
    with pytest.raises(ConfigError, match="proxy setting is not a valid address"):
        parse_proxy(address)


@pytest.mark.parametrize(
    ("host", "expected"), [("localhost", True), ("::1", True), ("128.0.0.1", False), ("a", False)]
)
def test_loopback(host: str, expected: bool) -> None:
    """This machine is known by name and by number."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/v1?key=x", "a.example"),
        ("https://a.example:443/", "a.example"),
        ("http://a.example:443/", "a.example:443"),
        ("http://[::1]:80/", "[::1]"),
    ],
)
def test_a_host_is_named_without_what_goes_without_saying(url: str, host: str) -> None:
    """Errors name the host and its port where it is unusual, never path or query."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example/v1",
        "ftp://a.example",
        "https://",
        "https://a:b",
        "https://a.example/x y",
        "https://a.example/\n",
        "https://u:secret@a.example/",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_unseen(url: str) -> None:
    """It is a fault of the configuration, and a password in it isn't shown."""
    with pytest.raises(ConfigError) as caught:
        host_of(url)
    assert "secret" not in str(caught.value)


def test_tls_verifies_and_trusts_someone() -> None:
    """Certificates and host names are checked, against a list that isn't empty."""
    context = client_tls()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.get_ca_certs()


def test_only_the_chosen_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SSL_CERT_FILE replaces the usual list."""
    import certifi

    end = "-----END CERTIFICATE-----"
    path = tmp_path / "one.pem"
    path.write_text(Path(certifi.where()).read_text("utf-8").partition(end)[0] + end + "\n", "utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert len(client_tls().get_ca_certs()) == 1


@given(
    st.binary(max_size=3000),
    st.lists(st.integers(0, 3000), max_size=8),
    st.sampled_from(["gzip", "deflate", "raw"]),
)
def test_decoding_undoes_encoding_in_any_split(data: bytes, cuts: list[int], how: str) -> None:
    """Whatever was packed comes out again, however the bytes are cut."""
    wbits = {"gzip": 31, "deflate": 15, "raw": -15}[how]
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(data) + packer.flush()
    chain = decoder(["deflate" if how == "raw" else how])
    assert chain is not None
    edges = [0, *sorted(cut for cut in cuts if cut < len(packed)), len(packed)]
    parts = [packed[a:b] for a, b in pairwise(edges)]
    assert b"".join(piece for part in parts for piece in chain.feed(part)) == data
    chain.end()


def test_pieces_are_bounded() -> None:
    """One piece in, many bounded pieces out."""
    chain = decoder(["gzip"])
    assert chain is not None
    packer = zlib.compressobj(wbits=31)
    sizes = [len(piece) for piece in chain.feed(packer.compress(bytes(5_000_000)) + packer.flush())]
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= PIECE


def test_content_encoding_is_read_as_a_list() -> None:
    """Case, spaces, old names and identity don't matter."""
    assert encodings(" GZIP , identity,x-gzip,") == ["gzip", "gzip"]
    assert encodings("identity") == []
    assert decoder([]) is None


@pytest.mark.parametrize("kind", ["httpx", "httptools"])
def test_a_transport_can_be_opened_before_its_loop_runs(kind: Preference) -> None:
    """Opening touches no loop and no network."""
    transport = open_transport(kind, proxies=Proxies({}))

    async def call() -> None:
        with pytest.raises(ConfigError):
            await transport.send(WireCall("GET", "nowhere"))
        await transport.aclose()

    asyncio.run(call())
