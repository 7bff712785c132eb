"""Which way a call goes: straight, or through a proxy."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.engine.transport import Proxies, Transport, WireCall, open_transport
from ve_magics.engine.transport.choice import PastProxies
from ve_magics.errors import ConfigError, TransportError

pytestmark = pytest.mark.anyio
PROXY = {"http": "http://proxy.invalid:3128", "no": "spared.invalid"}


class Way:
    """A transport that only remembers what it was sent."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.closed = 0

    async def send(self, call: WireCall, deadlines: object = None) -> Any:
        """Remember the call; once closed, refuse it."""
        if self.closed:
            raise TransportError("The transport is closed.", retryable=False)
        self.urls.append(call.url)

    async def aclose(self) -> None:
        """Remember the closing."""
        self.closed += 1


class Ways:
    """Both ways, and how often the one through proxies was opened."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.direct, self.through = Way(), Way()
        self.opened = 0
        self.transport = PastProxies(self.direct, Proxies(settings), self._open)

    def _open(self) -> Transport:
        self.opened += 1
        return self.through


async def test_only_what_stands_behind_a_proxy_goes_through_it() -> None:
    """Other schemes, spared hosts and this machine are reached straight; the proxies' way is opened once, when needed."""
    ways = Ways(PROXY)
    straight = ["https://far.invalid/", "http://spared.invalid/", "http://127.0.0.1:1/", "http://localhost/"]
    for url in straight:
        await ways.transport.send(WireCall("GET", url))
    assert ways.opened == 0
    behind = ["http://far.invalid/a", "http://far.invalid/b", "http://far.invalid:81/"]
    for url in behind:
        await ways.transport.send(WireCall("GET", url))
    assert (ways.direct.urls, ways.through.urls, ways.opened) == (straight, behind, 1)
    await ways.transport.aclose()
    assert (ways.direct.closed, ways.through.closed) == (1, 1)


async def test_once_closed_no_way_is_opened_any_more() -> None:
    """A call that comes late is refused, also where the way through proxies was never needed before."""
    ways = Ways(PROXY)
    await ways.transport.aclose()
    for url in ("http://far.invalid/", "https://far.invalid/"):
        with pytest.raises(TransportError, match="closed"):
            await ways.transport.send(WireCall("GET", url))
    assert ways.opened == 0


@pytest.mark.parametrize(
    "url", ["far.invalid", "ftp://far.invalid/", "http://me:pw@far.invalid/", "http://far.invalid:x/"]
)
async def test_an_address_that_is_none_is_refused_first(url: str) -> None:
    """Neither way sees it, and the error shows no password."""
    ways = Ways(PROXY)
    with pytest.raises(ConfigError) as caught:
        await ways.transport.send(WireCall("GET", url))
    assert "pw" not in str(caught.value)
    assert (ways.direct.urls, ways.opened) == ([], 0)


async def test_a_proxy_that_makes_no_sense_is_the_users_to_mend() -> None:
    """It is told at the call that needs it, and calls that don't need it go on."""
    ways = Ways({"http": "gopher://proxy.invalid"})
    await ways.transport.send(WireCall("GET", "https://far.invalid/"))
    with pytest.raises(ConfigError, match="proxy setting"):
        await ways.transport.send(WireCall("GET", "http://far.invalid/"))


async def test_without_proxies_there_is_one_way() -> None:
    """Nothing is asked about proxies where none is named, and httpx always knows its own."""
    assert not isinstance(open_transport("httptools", proxies=Proxies({"no": "*"})), PastProxies)
    assert isinstance(open_transport("httptools", proxies=Proxies(PROXY)), PastProxies)
    assert not isinstance(open_transport("httpx", proxies=Proxies(PROXY)), PastProxies)
