"""The client over real sockets: what it sends, when it sends it again, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.transport import Deadlines, WireCall
from ve_magics.engine.transport.guarded import GuardedTransport
from ve_magics.engine.transport.http1 import Http1Backend
from ve_magics.engine.transport.http1.connection import PIECE, BrokenOffError, NotHttpError
from ve_magics.errors import ConnectFailedError, TransportError

pytestmark = pytest.mark.anyio
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(what: Callable[[], object]) -> None:
    """Wait until something is so."""
    for _ in range(1000):
        if what():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


class Host:
    """A server whose connections are handled by one function each, the last one for all that follow."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.servers: list[asyncio.Server] = []

    async def serve(
        self, *handlers: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> str:
        """Listen on a free port and return the address."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            self.open += 1
            try:
                await handlers[min(self.connections, len(handlers)) - 1](reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                self.open -= 1
                writer.transport.abort()

        server = await asyncio.start_server(handle, host, 0, ssl=tls, backlog=1024)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        name = f"[{host}]" if ":" in host else "localhost" if tls else host
        return f"{'https' if tls else 'http'}://{name}:{port}"

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        """Read the head of one request."""
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        return self.heads[-1]

    async def good(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every request."""
        while True:
            await self.head(reader)
            writer.write(OK)
            await writer.drain()

    async def mute(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take everything and say nothing."""
        while await reader.read(65536):
            pass

    async def quiet(self) -> None:
        """Wait until no connection is left."""
        await until(lambda: not self.open)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Return a server, whose connections are all gone at the end."""
    host = Host()
    yield host
    for server in host.servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def transport(host: Host) -> AsyncIterator[GuardedTransport]:
    """Return the client, without deadlines' help: what hangs, hangs."""
    transport = GuardedTransport(Http1Backend())
    yield transport
    await transport.aclose()
    await host.quiet()


async def ask(transport: GuardedTransport, url: str, **rest: Any) -> bytes:
    """Return the body of one answer."""
    return await (await transport.send(WireCall(rest.pop("method", "GET"), url, **rest))).read(1 << 28)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("?q=1&r=%20", "/?q=1&r=%20"),
        ("/a%2Fb;c/d?x=%C3%A9/?", "/a%2Fb;c/d?x=%C3%A9/?"),
        ("/a#part", "/a"),
        ("#part", "/"),
        ("//x/../y", "//x/../y"),
    ],
)
async def test_the_target_is_the_urls_own(
    transport: GuardedTransport, host: Host, path: str, target: str
) -> None:
    """Path and query go out as they stand, nothing decoded, tidied or left out but the fragment."""
    url = await host.serve(host.good)
    assert await ask(transport, url + path) == b"ok"
    assert host.heads[0].split(b"\r\n")[0] == f"GET {target} HTTP/1.1".encode()
    assert f"\r\nHost: {url.removeprefix('http://')}\r\n".encode() in host.heads[0]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://Some.Host/x", "some.host"),
        ("http://some.host:80/x", "some.host"),
        ("http://some.host:443/x", "some.host:443"),
        ("https://some.host:443/x", "some.host"),
        ("https://some.host:80/x", "some.host:80"),
        ("http://[2001:db8::1]/x", "[2001:db8::1]"),
        ("http://[2001:db8::1]:81/x", "[2001:db8::1]:81"),
    ],
)
def test_a_port_that_goes_without_saying_is_not_said(url: str, name: str) -> None:
    """The Host field names the port only where it isn't the scheme's own; IPv6 stands in brackets."""
    head = Http1Backend()._head(WireCall("GET", url))
    assert head == f"GET /x HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", b"", None), ("DELETE", b"", None), ("POST", b"", 0), ("PUT", b"", 0), ("DELETE", b"x", 1)],
)
def test_a_length_is_said_where_a_body_is_expected(method: str, body: bytes, length: int | None) -> None:
    """A POST without a body says so; a GET says nothing."""
    head = Http1Backend()._head(WireCall(method, "http://a/", (("X-A", "b"),), body))
    assert head.endswith(
        b"X-A: b\r\n" + (b"\r\n" if length is None else b"Content-Length: %d\r\n\r\n" % length)
    )


def test_few_heads_are_remembered() -> None:
    """A client that asks a thousand addresses doesn't keep a thousand heads."""
    backend = Http1Backend()
    for number in range(1000):
        call = WireCall("GET", f"http://a/{number}")
        assert backend._head(call) == backend._head(call)
    assert len(backend._heads) <= 64


async def test_ipv6_is_spoken(transport: GuardedTransport, host: Host, require: Any) -> None:
    """An IPv6 literal leads to its server."""
    try:
        url = await host.serve(host.good, host="::1")
    except OSError:
        require(False, "IPv6 on loopback")
    assert await ask(transport, url) == b"ok"


async def test_an_impossible_name_is_an_unknown_one(transport: GuardedTransport) -> None:
    """A name with an empty label is told as one that can't be found."""
    with pytest.raises(ConnectFailedError, match="There is no host named"):
        await ask(transport, "http://a..b/")


async def _answer_once_then_close(
    host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await host.head(reader)
    writer.write(OK)
    await host.head(reader)  # the second request is read and gets no answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_only_what_may_be_repeated_is_asked_again(
    transport: GuardedTransport, host: Host, method: str
) -> None:
    """Where a kept connection dies without a byte, a GET is asked once more and a POST is an error: it may have acted."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer_once_then_close(host, reader, writer)

    url = await host.serve(once, host.good)
    await ask(transport, url)
    if method == "POST":
        with pytest.raises(TransportError, match="without an answer"):
            await ask(transport, url, method=method)
    else:
        assert await ask(transport, url, method=method) == (b"" if method == "HEAD" else b"ok")
    assert len(host.heads) == (2 if method == "POST" else 3)


async def test_a_get_is_asked_again_once_and_only_over_a_kept_connection(
    transport: GuardedTransport, host: Host
) -> None:
    """A server that never answers is asked twice at most; one that began to answer isn't asked again."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer_once_then_close(host, reader, writer)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)

    async def begun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)
        writer.write(OK)
        await host.head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()

    url = await host.serve(once, silent, begun)
    assert await ask(transport, url) == b"ok"
    with pytest.raises(TransportError, match="without an answer"):
        await ask(transport, url)
    assert len(host.heads) == 3
    assert await ask(transport, url) == b"ok"
    with pytest.raises(TransportError, match="without an answer"):
        await ask(transport, url)
    assert len(host.heads) == 5


async def test_five_hundred_at_once_then_one(transport: GuardedTransport, host: Host) -> None:
    """Each call of a crowd has a connection of its own; afterwards they are all there for whoever comes."""
    both = asyncio.Event()

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)
        if host.connections == 500:
            both.set()
        await both.wait()
        writer.write(OK)
        await host.good(reader, writer)

    url = await host.serve(together)
    assert await asyncio.gather(*(ask(transport, url) for _ in range(500))) == [b"ok"] * 500
    for _ in range(10):
        await ask(transport, url)
    assert host.connections == 500


async def test_calls_to_different_addresses_share_no_connection(
    transport: GuardedTransport, host: Host
) -> None:
    """A connection is kept for the way by which it was made."""
    url = await host.serve(host.good)
    for addresses in (None, ("127.0.0.1",), ("127.0.0.9", "127.0.0.1"), None, ("127.0.0.1",)):
        await ask(transport, url, addresses=addresses)
    assert host.connections == 3


async def test_an_unread_answer_stops_the_server(transport: GuardedTransport, host: Host) -> None:
    """Of a long answer that nobody reads the server gets rid of little; all of it comes when it is read."""
    size, piece, sent = 64 * 1024 * 1024, b"x" * 65536, 0

    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await host.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
        await host.good(reader, writer)

    url = await host.serve(long)
    reply = await transport.send(WireCall("GET", url))
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.05)
    assert sent < size / 2
    total = 0
    async for each in reply.chunks():
        total += len(each)
    assert total == size
    assert await ask(transport, url) == b"ok"
    assert host.connections == 1


async def test_a_long_request_leaves_room_for_others(transport: GuardedTransport, host: Host) -> None:
    """While 50 MB wait for a server that takes its time, other calls are answered; all of it arrives."""
    go = asyncio.Event()
    taken = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await host.head(reader)
        await go.wait()
        while taken < len(body):
            taken += len(await reader.read(1 << 20))
        writer.write(OK)
        await host.good(reader, writer)

    body = bytes(50_000_000)
    url = await host.serve(slow, host.good)
    sending = asyncio.create_task(ask(transport, url, method="POST", body=body))
    await until(lambda: host.heads)
    assert await ask(transport, url) == b"ok"
    assert not sending.done()
    go.set()
    assert await sending == b"ok"
    assert taken == len(body)


async def test_an_early_refusal_is_the_answer(transport: GuardedTransport, host: Host) -> None:
    """A 413 in the middle of a long request is delivered, and its half-sent connection carries nothing else."""

    heard = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await heard.wait()

    url = await host.serve(refuse, host.good)
    reply = await transport.send(WireCall("POST", url, body=bytes(50_000_000)))
    assert (reply.status, await reply.read(10)) == (413, b"no")
    heard.set()
    assert await ask(transport, url) == b"ok"
    assert host.connections == 2


@pytest.mark.parametrize("ending", ["closed", "cancelled"])
async def test_a_long_request_that_is_broken_off(
    transport: GuardedTransport, host: Host, ending: str
) -> None:
    """A server that goes away in the middle is an error; a cancelled call closes its connection."""

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)
        await reader.readexactly(PIECE)
        if ending == "cancelled":
            sending.cancel()
            await host.mute(reader, writer)

    url = await host.serve(leave)
    sending = asyncio.create_task(ask(transport, url, method="POST", body=bytes(50_000_000)))
    with pytest.raises(TransportError if ending == "closed" else asyncio.CancelledError):
        await sending
    await host.quiet()


@pytest.mark.parametrize("where", ["answer", "body", "handshake"])
async def test_a_cancelled_call_leaves_nothing(host: Host, where: str) -> None:
    """No socket, no task and nothing for the garbage collector; a call beside it goes on."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if where != "handshake":
            await host.head(reader)
        if where == "body":
            writer.write(OK[:-1])
        await host.mute(reader, writer)

    transport = GuardedTransport(Http1Backend(tls=ssl.create_default_context()))
    url = await host.serve(half, half, host.good)
    address = url if where != "handshake" else url.replace("http:", "https:")
    before = asyncio.all_tasks()
    calls = [asyncio.create_task(ask(transport, address)) for _ in range(2)]
    await until(lambda: host.connections == 2 and (where == "handshake" or len(host.heads) == 2))
    await asyncio.sleep(0.02)
    beside = asyncio.create_task(ask(transport, url))
    for call in calls:
        call.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError)
        for end in await asyncio.gather(*calls, return_exceptions=True)
    )
    assert await beside == b"ok"
    await transport.aclose()
    await host.quiet()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gc.collect()
    assert [each for each in warned if each.category is ResourceWarning] == []
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("first", [False, True])
async def test_closing_ends_a_call_that_is_still_connecting(
    host: Host, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Closed while a name is looked up, the call ends at once in an error of ours; cancelled besides, it is cancelled."""
    looking = asyncio.Event()

    async def never(*_: Any, **__: Any) -> None:
        looking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    transport = GuardedTransport(Http1Backend())
    calling = asyncio.create_task(ask(transport, "http://slow.invalid/"))
    await asyncio.wait_for(looking.wait(), 5)
    if first:
        calling.cancel()
    await transport.aclose()
    with pytest.raises(asyncio.CancelledError if first else TransportError):
        await asyncio.wait_for(calling, 5)
    assert first or not calling.cancelling()


@pytest.mark.parametrize(
    ("error", "stage", "message"),
    [
        (ConnectionRefusedError(), "opening", "refuses connections"),
        (NotHttpError(), "answer", "did not answer in valid HTTP"),
        (BrokenOffError(), "answer", "without an answer"),
        (BrokenOffError(), "body", "in the middle"),
        (NotHttpError(), "body", "in the middle"),
        (ZeroDivisionError("secret"), "answer", "ZeroDivisionError"),
    ],
)
def test_each_error_is_told_by_how_far_the_call_had_come(error: Exception, stage: Any, message: str) -> None:
    """What failed while connecting, before the headers and in the body is said so; a fault shows its kind alone."""
    told = str(Http1Backend().explain(error, "a.example", stage))
    assert message in told
    assert "a.example" in told
    assert "secret" not in told


def test_the_systems_certificates_are_read_once() -> None:
    """Whom to trust is looked up at the first call that needs it."""
    backend = Http1Backend()
    assert backend._trust().verify_mode == ssl.CERT_REQUIRED
    assert backend._trust() is backend._trust()


def make_certificate(folder: Path, name: str, *options: str) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate of its own, which lies in `folder/both.pem`."""
    both, key = folder / "both.pem", folder / "key.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command = [
        str(shutil.which("openssl")),
        "req",
        "-x509",
        *made,
        *options,
        "-keyout",
        str(key),
        "-out",
        str(both),
    ]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(both.read_bytes() + key.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, require: Any) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return both sides of TLS for localhost."""
    require(shutil.which("openssl"), "the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    server = make_certificate(folder, "localhost", "-days", "2")
    return server, ssl.create_default_context(cafile=folder / "both.pem")


async def test_a_certificate_for_another_name_is_refused(host: Host, tmp_path: Path, require: Any) -> None:
    """A certificate that is trusted but names another host doesn't do, and nothing is sent."""
    require(shutil.which("openssl"), "the openssl command")
    server = make_certificate(tmp_path, "other.invalid", "-days", "2")
    url = await host.serve(host.good, tls=server)
    transport = GuardedTransport(Http1Backend(tls=ssl.create_default_context(cafile=tmp_path / "both.pem")))
    with pytest.raises(ConnectFailedError, match=r"can't be trusted: .*[Hh]ostname mismatch"):
        await ask(transport, url)
    assert host.heads == []
    await transport.aclose()


async def test_an_older_tls_is_spoken(
    host: Host, tls: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path
) -> None:
    """A server that knows TLS 1.2 at best is reached, and a long answer over it is whole."""
    server = make_certificate(tmp_path, "localhost", "-days", "2")
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    size = 20_000_000

    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await host.good(reader, writer)

    url = await host.serve(long, tls=server)
    transport = GuardedTransport(Http1Backend(tls=ssl.create_default_context(cafile=tmp_path / "both.pem")))
    assert await ask(transport, url) == bytes(size)
    assert await ask(transport, url) == b"ok"
    assert host.connections == 1
    await transport.aclose()
    await host.quiet()


async def test_a_server_that_leaves_in_the_handshake_is_told(
    host: Host, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """It can't be reached; that isn't an answer that broke off."""

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    url = (await host.serve(leave)).replace("http://127.0.0.1", "https://localhost")
    transport = GuardedTransport(Http1Backend(tls=tls[1]))
    with pytest.raises(ConnectFailedError):
        await ask(transport, url)
    await transport.aclose()


@pytest.mark.parametrize(
    ("length", "told"), [(b"", True), (b"Content-Length: 9\r\n", True), (b"Content-Length: 9\r\n", False)]
)
async def test_the_end_of_a_body_over_tls(
    host: Host, tls: tuple[ssl.SSLContext, ssl.SSLContext], length: bytes, told: bool
) -> None:
    """Without a length TLS's close_notify is the end; with one an early end is a break, announced or not."""

    async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await host.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\npart")
        await writer.drain()
        if told:
            writer.close()
            await writer.wait_closed()
        else:
            writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    url = await host.serve(part, tls=tls[0])
    transport = GuardedTransport(Http1Backend(tls=tls[1]))
    reply = await transport.send(WireCall("GET", url), Deadlines(total=10))
    if not length:
        assert await reply.read(10) == b"part"
    else:
        with pytest.raises(TransportError, match="in the middle"):
            await reply.read(10)
    await transport.aclose()
