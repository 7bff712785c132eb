"""Files are fetched from where it is safe: keys stay at home, and no redirect leads inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import CANARY, Asked, NoNetwork, Play, Provider, Send, World, begin, body
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link
from ve_magics.engine.fetching import MOST_REDIRECTS, PATIENT, Fetcher, check_public, resolve
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.transport import Deadlines, Mounted, Reply, WireCall
from ve_magics.errors import PermissionDeniedError, StatusError, VeError

pytestmark = pytest.mark.anyio

ADDRESSES = {"cdn.test": "93.184.216.34", "inside.test": "10.0.0.5", "files.test": "93.184.216.35"}


async def looked_up(host: str, port: int) -> list[str]:
    """Return the addresses that the test gives."""
    return [ADDRESSES[host]] if host in ADDRESSES else []


def sends(data: bytes = b"mp4", status: int = 200) -> Play:
    """Send a file."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send, status, {"content-type": "video/mp4"})
        await body(send, data, more=False)

    return play


def redirects(where: str) -> Play:
    """Send somewhere else."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send, 302, {"location": where})
        await body(send, b"", more=False)

    return play


async def fetch(folder: Path, source: Any, **apps: Provider) -> tuple[bytes, dict[str, Provider]]:
    """Fetch from provider `a`, whose other hosts are given, and return what came."""
    toml = (
        '[providers.a]\nbase_url = "https://a.test/v1"\nkey = "env:A_KEY"\nallowed_hosts = ["files.test"]\n'
    )
    home = apps.pop("a", Provider(sends()))
    world = World(folder, home, toml=toml)
    hosts = {name.replace("_", "."): app for name, app in apps.items()}
    transport = Mounted({"a.test": home, **hosts}, NoNetwork)
    gateway = Gateway(world.config, world.router, transport, clock=world.clock, sleep=world.clock.sleep)
    fetcher = Fetcher(gateway, resolve=looked_up)
    pieces = [piece async for piece in fetcher.fetch(source, world.config.provider("a"))]
    return b"".join(pieces), {"a": home, **apps}


async def test_a_call_of_the_providers_own_goes_with_its_key(tmp_path: Path) -> None:
    """The provider's own interface gets the key; so does a keyed address of its own hosts, and no other."""
    data, apps = await fetch(tmp_path, WireRequest("/videos/1/content", method="GET"))
    assert data == b"mp4"
    assert CANARY in apps["a"].asked[0].headers["authorization"]
    _, apps = await fetch(tmp_path, Link("https://files.test/1", keyed=True), files_test=Provider(sends()))
    assert CANARY in apps["files_test"].asked[0].headers["authorization"]
    for link in (Link("https://cdn.test/1", keyed=True), Link("https://cdn.test/1")):
        _, apps = await fetch(tmp_path, link, cdn_test=Provider(sends()))
        assert "authorization" not in apps["cdn_test"].asked[0].headers


async def test_the_key_stays_behind_at_a_redirect(tmp_path: Path) -> None:
    """A hop to another host carries no key; one within the same host keeps it."""
    away, cdn = Provider(redirects("https://cdn.test/1")), Provider(sends())
    data, _ = await fetch(tmp_path, WireRequest("/x", method="GET"), a=away, cdn_test=cdn)
    assert data == b"mp4"
    assert "authorization" not in cdn.asked[0].headers
    round_trip = Provider(redirects("/v1/y"), sends())
    await fetch(tmp_path, WireRequest("/x", method="GET"), a=round_trip)
    assert CANARY in round_trip.asked[1].headers["authorization"]


@pytest.mark.parametrize(
    "where",
    [
        "https://inside.test/x",
        "http://cdn.test/x",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://cdn.test/x",
    ],
)
async def test_nothing_is_fetched_from_inside(tmp_path: Path, where: str) -> None:
    """Neither at once nor by a redirect; nothing is sent there."""
    for source, home in (
        (Link(where), Provider(sends())),
        (WireRequest("/x", method="GET"), Provider(redirects(where))),
    ):
        with pytest.raises(PermissionDeniedError) as caught:
            await fetch(tmp_path, source, a=home)
        assert caught.value.code == "unsafe_address"


async def test_redirects_come_to_an_end(tmp_path: Path) -> None:
    """A circle is left after a few rounds."""
    circle = Provider(redirects("/v1/x"))
    with pytest.raises(PermissionDeniedError, match="redirects"):
        await fetch(tmp_path, WireRequest("/x", method="GET"), a=circle)
    assert len(circle.asked) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"gone", "^gone$"),
        (b"\0\1", "can't be had"),
        (b'{"error": {"message": "It was deleted."}}', "^It was deleted.$"),
        (b'{"detail": "No file."}', "^No file.$"),
        (b'{"broken', "broken"),
    ],
)
async def test_a_bad_status_is_told(tmp_path: Path, data: bytes, message: str) -> None:
    """The provider's words are shown where they are words."""
    with pytest.raises(StatusError, match=message):
        await fetch(tmp_path, WireRequest("/x", method="GET"), a=Provider(sends(data, 404)))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "100.64.0.1",
    ],
)
async def test_private_addresses_are_known(address: str) -> None:
    """Loopback, private networks, link-local and mapped forms are inside; one bad address is enough."""

    async def both(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]

    with pytest.raises(PermissionDeniedError):
        await check_public("https://x.test/a", resolve=both)


async def test_names_are_looked_up() -> None:
    """This machine's own name is inside; a name that is not known here may be known to a proxy."""
    assert "127.0.0.1" in await resolve("127.0.0.1", 443)
    assert await resolve("no-such-host.invalid", 443) == []
    with pytest.raises(VeError):
        await check_public("https://127.0.0.1/x")
    await check_public("https://no-such-host.invalid/x")


class Recorded:
    """A transport that keeps each call before a mounted app answers it."""

    def __init__(self, transport: Mounted) -> None:
        self.calls: list[WireCall] = []
        self._transport = transport

    async def send(self, call: WireCall, deadlines: Deadlines = PATIENT) -> Reply:
        """Keep the call and pass it on."""
        self.calls.append(call)
        return await self._transport.send(call, deadlines)

    async def aclose(self) -> None:
        """Close the app's side."""
        await self._transport.aclose()


async def test_a_name_that_changes_its_answer_leads_nowhere_else(tmp_path: Path) -> None:
    """A name is asked once a hop, and what it said then is what is connected to, whatever it says afterwards."""
    said = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])

    async def fickle(host: str, port: int) -> list[str]:
        return [next(said)]

    world = World(tmp_path, Provider(sends()))
    cdn = Provider(sends(), redirects("https://cdn.test/2"))
    recorded = Recorded(Mounted({"cdn.test": cdn}, NoNetwork))
    gateway = Gateway(world.config, world.router, recorded, clock=world.clock, sleep=world.clock.sleep)
    fetcher = Fetcher(gateway, resolve=fickle)
    provider = world.config.provider("a")
    assert [piece async for piece in fetcher.fetch(Link("https://cdn.test/1"), provider)] == [b"mp4"]
    assert [call.addresses for call in recorded.calls] == [("93.184.216.34",)]
    with pytest.raises(PermissionDeniedError):
        assert [piece async for piece in fetcher.fetch(Link("https://cdn.test/1"), provider)]
    assert len(recorded.calls) == 1


async def test_a_name_that_is_not_known_is_not_asked_again(tmp_path: Path) -> None:
    """Where the check finds no address the call carries none, so that only a proxy can bring it anywhere."""
    world = World(tmp_path, Provider(sends()))
    recorded = Recorded(Mounted({"dark.test": Provider(sends()), "a.test": Provider(sends())}, NoNetwork))
    gateway = Gateway(world.config, world.router, recorded, clock=world.clock, sleep=world.clock.sleep)
    fetcher = Fetcher(gateway, resolve=looked_up)
    for source in (Link("https://dark.test/1"), Link("https://a.test/v1/x")):
        assert [piece async for piece in fetcher.fetch(source, world.config.provider("a"))] == [b"mp4"]
    assert [call.addresses for call in recorded.calls] == [(), None]
