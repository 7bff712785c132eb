"""Which idle connection is given out, and which never is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from ve_magics.engine.transport.http1.connection import Connection, Http1Reply
from ve_magics.engine.transport.http1.pool import Pool

pytestmark = pytest.mark.anyio
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Ends:
    """Connections of a pool over pairs of sockets, whose other ends are here."""

    def __init__(self) -> None:
        self.far: dict[Connection, socket.socket] = {}

    async def connect(self, pool: Pool, place: str = "here") -> Connection:
        """Return a new connection."""
        near, far = socket.socketpair()
        near.setblocking(False)
        connection = pool.make(place, near)
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=near)
        self.far[connection] = far
        return connection

    async def answered(self, connection: Connection) -> None:
        """Ask once and answer, so that the connection is idle."""
        reply = connection.send(REQUEST, b"")
        self.far[connection].sendall(ANSWER)
        async with asyncio.timeout(5):
            assert await _end(reply) == b""

    def gone(self, connection: Connection) -> bool:
        """Return whether our end of a connection was closed."""
        far = self.far[connection]
        far.setblocking(False)
        try:
            while far.recv(1000):
                pass
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        return True


async def _end(reply: Http1Reply) -> bytes:
    await reply.headers()
    return await reply.receive()


async def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


async def until_gone(ends: Ends, connection: Connection) -> None:
    """Wait until our end of a connection is closed."""
    await until(lambda: ends.gone(connection))


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return the servers' ends, closed afterwards."""
    ends = Ends()
    yield ends
    for far in ends.far.values():
        far.close()


@pytest.fixture
async def pool() -> Pool:
    """Return a pool that keeps connections for long."""
    return Pool(60)


async def test_the_warmest_connection_is_given_out_first(pool: Pool, ends: Ends) -> None:
    """Last in, first out, so that the others grow old and go; each is given out once, and only for its place."""
    first, second, elsewhere = [await ends.connect(pool, place) for place in ("here", "here", "there")]
    for connection in (first, second, elsewhere):
        await ends.answered(connection)
    assert pool.take("nowhere") is None
    assert pool.take("here") is second
    assert pool.take("here") is first
    assert pool.take("here") is None
    assert pool.take("there") is elsewhere
    pool.close()
    for connection in (first, second, elsewhere):
        await until_gone(ends, connection)


@pytest.mark.parametrize("told", [True, False])
async def test_a_connection_that_the_server_closed_is_never_given_out(
    pool: Pool, ends: Ends, told: bool
) -> None:
    """Not even while the loop has been too busy to learn of it, and not where it sent bytes that nobody asked for."""
    closed, spoilt, good = [await ends.connect(pool) for _ in range(3)]
    for connection in (good, closed, spoilt):
        await ends.answered(connection)
    ends.far[closed].shutdown(socket.SHUT_WR)
    ends.far[spoilt].sendall(ANSWER)
    if told:
        await asyncio.sleep(0.02)
    assert pool.take("here") is good
    assert pool.take("here") is None
    await until_gone(ends, closed)
    await until_gone(ends, spoilt)
    pool.close()
    await until_gone(ends, good)


async def test_what_was_idle_for_too_long_is_not_given_out(ends: Ends) -> None:
    """Also where the loop was too busy to sweep in time."""
    pool = Pool(0)
    connection = await ends.connect(pool)
    reply = connection.send(REQUEST, b"")
    connection.data_received(ANSWER)
    assert reply.whole
    assert pool.take("here") is None
    await until_gone(ends, connection)
    pool.close()


async def test_idle_connections_are_swept_and_used_ones_are_not(ends: Ends) -> None:
    """Each goes when its own time is up; with the last one the sweeping ends, and begins anew with the next."""
    pool = Pool(0.05)
    for _ in range(2):
        early, late, used = [await ends.connect(pool) for _ in range(3)]
        await ends.answered(used)
        assert pool.take("here") is used
        await ends.answered(early)
        await asyncio.sleep(0.04)
        await ends.answered(late)
        for connection in (early, late):
            await until_gone(ends, connection)
        await until(lambda: pool._broom is None)
        assert not ends.gone(used)
        assert used.usable
        used.abort()
    pool.close()


async def test_closing_ends_connections_in_use_too(pool: Pool, ends: Ends) -> None:
    """Whoever waits learns it; what becomes free afterwards isn't kept."""
    used, idle, late = [await ends.connect(pool) for _ in range(3)]
    await ends.answered(idle)
    reply, last = used.send(REQUEST, b""), late.send(REQUEST, b"")
    late.data_received(ANSWER[:-2])
    pool.close()
    late.data_received(ANSWER[-2:])
    assert last.whole
    assert pool.take("here") is None
    with pytest.raises(ConnectionError):
        await reply.headers()
    for connection in (used, idle, late):
        await until_gone(ends, connection)


async def test_a_connection_is_not_silent_once_its_socket_is_closed(pool: Pool, ends: Ends) -> None:
    """A socket that can't be asked any more carries no request."""
    connection = await ends.connect(pool)
    assert connection.silent
    pool.close()
    await until_gone(ends, connection)
    assert not connection.silent
