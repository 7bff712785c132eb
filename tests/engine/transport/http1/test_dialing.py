"""From a name to a socket: one lookup for all who ask, and addresses that race."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ve_magics.engine.transport.http1 import dialing
from ve_magics.engine.transport.http1.dialing import HEAD_START, Address, Names, connect, dial, in_turn, named
from ve_magics.engine.transport.surroundings import Origin

pytestmark = pytest.mark.anyio
ORIGIN = Origin("http", "provider.invalid", 80)
FOUND = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("192.0.2.1", 80))]
SIX, SEVEN = (socket.AF_INET6, ("2001:db8::6", 80, 0, 0)), (socket.AF_INET6, ("2001:db8::7", 80, 0, 0))
FOUR, FIVE = (socket.AF_INET, ("192.0.2.4", 80)), (socket.AF_INET, ("192.0.2.5", 80))


class Resolver:
    """Answers lookups when it is let, and counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, host: str, port: int, **_: Any) -> Any:
        """Answer one lookup."""
        self.asked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return FOUND


@pytest.fixture
async def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Return what the loop looks names up with."""
    resolver = Resolver()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver)
    return resolver


async def test_one_lookup_serves_all_who_ask(resolver: Resolver) -> None:
    """Sixty-four callers at once and those of the next moment share one lookup; other ports and names have their own."""
    names = Names()
    asking = [asyncio.create_task(names.addresses(ORIGIN)) for _ in range(64)]
    await asyncio.sleep(0)
    resolver.gate.set()
    assert await asyncio.gather(*asking) == [[(socket.AF_INET, ("192.0.2.1", 80))]] * 64
    await names.addresses(ORIGIN)
    assert resolver.asked == 1
    await names.addresses(Origin("http", "other.invalid", 80))
    assert resolver.asked == 2
    names.forget()
    await names.addresses(ORIGIN)
    assert resolver.asked == 3


async def test_a_lookup_is_kept_for_a_moment_only(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time a name is looked up again, and names of which nobody asks any more aren't kept."""
    monkeypatch.setattr(dialing, "FRESH", -1.0)
    names = Names()
    resolver.gate.set()
    for at in range(10):
        await names.addresses(Origin("http", f"name{at}.invalid", 80))
    await names.addresses(ORIGIN)
    await names.addresses(ORIGIN)
    assert resolver.asked == 12
    assert len(names._lookups) == 1


async def test_a_failed_lookup_is_not_kept(resolver: Resolver) -> None:
    """All who waited learn of the failure; the next one asks anew."""
    names = Names()
    resolver.failure = socket.gaierror(socket.EAI_AGAIN, "later")
    resolver.gate.set()
    for result in await asyncio.gather(*(names.addresses(ORIGIN) for _ in range(3)), return_exceptions=True):
        assert isinstance(result, socket.gaierror)
    resolver.failure = None
    assert await names.addresses(ORIGIN)
    assert resolver.asked == 2


async def test_a_cancelled_caller_takes_no_other_along(resolver: Resolver) -> None:
    """The lookup goes on for the others, and for nobody too."""
    names = Names()
    first, second = (asyncio.create_task(names.addresses(ORIGIN)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    resolver.gate.set()
    assert await second
    assert first.cancelled()
    assert resolver.asked == 1


async def test_forgetting_ends_lookups_on_their_way(resolver: Resolver) -> None:
    """No lookup outlives the names."""
    names = Names()
    asking = asyncio.create_task(names.addresses(ORIGIN))
    await asyncio.sleep(0)
    names.forget()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 81))), ("::1", (socket.AF_INET6, ("::1", 81, 0, 0)))],
)
async def test_an_address_is_not_looked_up(resolver: Resolver, host: str, address: Address) -> None:
    """What is an IP address already needs nobody's answer."""
    assert await Names().addresses(Origin("http", host, 81)) == [address]
    assert resolver.asked == 0


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".invalid"])
async def test_a_name_that_no_host_can_have_is_unknown(host: str) -> None:
    """An empty or endless label is a name that isn't known, not an error of letters."""
    with pytest.raises(socket.gaierror):
        await Names().addresses(Origin("http", host, 80))


async def test_families_take_turns() -> None:
    """The first address stays first; a family without a way out holds nothing up for more than one head start."""
    assert in_turn([SIX, SEVEN, FOUR]) == [SIX, FOUR, SEVEN]
    assert in_turn([FOUR, FIVE, SIX]) == [FOUR, SIX, FIVE]
    assert in_turn([FOUR]) == [FOUR]
    with pytest.raises(OSError, match="no address"):
        named((), 80)


async def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


class Network:
    """Connects to addresses as it is told: to a socket, to an error, or never."""

    def __init__(self, **plans: Any) -> None:
        self.plans = plans
        self.tried: list[str] = []
        self.made: list[socket.socket] = []
        self.cancelled = 0

    async def __call__(self, address: Address) -> socket.socket:
        """Connect to one address."""
        host = address[1][0]
        name = {SIX[1][0]: "six", SEVEN[1][0]: "seven", FOUR[1][0]: "four", FIVE[1][0]: "five"}[host]
        self.tried.append(name)
        plan = self.plans[name]
        if isinstance(plan, Exception):
            raise plan
        try:
            if isinstance(plan, asyncio.Event):
                await plan.wait()
            elif plan is None:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.made.append(socket.socket())
        return self.made[-1]


@pytest.fixture
def network() -> Iterator[Callable[..., Network]]:
    """Return a function that makes a network, whose sockets are closed afterwards."""
    made: list[Network] = []

    def make(**plans: Any) -> Network:
        made.append(Network(**plans))
        return made[-1]

    yield make
    for one in made:
        for each in one.made:
            each.close()


async def test_the_next_address_is_tried_after_the_head_start(network: Callable[..., Network]) -> None:
    """An address that says nothing doesn't hold the next one up for long; its try is ended when another answers."""
    net = network(six=None, four=True)
    began = time.monotonic()
    assert await dial([SIX, FOUR], net) is net.made[0]
    assert time.monotonic() - began >= HEAD_START * 0.9
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (net.tried, net.cancelled) == (["six", "four"], 1)


async def test_an_address_that_fails_makes_room_at_once(
    network: Callable[..., Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal nobody waits for the head start."""
    monkeypatch.setattr(dialing, "HEAD_START", 1000.0)
    net = network(six=ConnectionRefusedError(), seven=OSError(), four=True)
    async with asyncio.timeout(10):
        assert await dial([SIX, SEVEN, FOUR], net) is net.made[0]


async def test_where_all_fail_the_last_error_is_raised(network: Callable[..., Network]) -> None:
    """The error is one of connecting, not of racing; a single address has its own."""
    net = network(six=OSError("no way"), four=ConnectionRefusedError("no"))
    with pytest.raises(ConnectionRefusedError):
        await dial([SIX, FOUR], net)
    with pytest.raises(OSError, match="no way"):
        await dial([SIX], net)


async def test_one_that_fails_late_leaves_the_others_time(
    network: Callable[..., Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all are being tried already, a failure is waited out, and so is the last address."""
    monkeypatch.setattr(dialing, "HEAD_START", 0.0)
    failing, answering = asyncio.Event(), asyncio.Event()
    net = network(six=failing, four=answering)

    async def connecting(address: Address) -> socket.socket:
        made = await net(address)
        if address == SIX:
            made.close()
            raise ConnectionResetError
        return made

    dialling = asyncio.create_task(dial([SIX, FOUR], connecting))
    await until(lambda: len(net.tried) == 2)
    failing.set()
    await until(lambda: net.made)
    answering.set()
    assert await dialling is net.made[1]


@pytest.mark.parametrize("later_fails", [False, True])
async def test_the_loser_of_a_race_is_closed(
    network: Callable[..., Network], monkeypatch: pytest.MonkeyPatch, later_fails: bool
) -> None:
    """Two that come in at the same moment: one is taken, the other doesn't stay open, and an error isn't missed."""
    monkeypatch.setattr(dialing, "HEAD_START", 0.0)
    gate = asyncio.Event()
    net = network(six=gate, four=gate)

    async def connecting(address: Address) -> socket.socket:
        made = await net(address)
        if later_fails and len(net.made) == 2:
            made.close()
            raise OSError
        return made

    dialling = asyncio.create_task(dial([SIX, FOUR], connecting))
    await until(lambda: len(net.tried) == 2)
    gate.set()
    winner = await dialling
    for _ in range(5):
        await asyncio.sleep(0)
    (loser,) = set(net.made) - {winner}
    assert winner.fileno() >= 0
    assert loser.fileno() == -1


async def test_cancelling_ends_every_try(
    network: Callable[..., Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled race leaves no try behind."""
    monkeypatch.setattr(dialing, "HEAD_START", 0.0)
    net = network(six=None, four=None)
    before = asyncio.all_tasks()
    dialling = asyncio.create_task(dial([SIX, FOUR], net))
    await until(lambda: len(net.tried) == 2)
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert net.cancelled == 2
    assert asyncio.all_tasks() == before


async def test_a_socket_that_could_not_be_connected_is_closed() -> None:
    """A refusal leaves nothing for the garbage collector to complain about."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await connect((socket.AF_INET, bound.getsockname()))
