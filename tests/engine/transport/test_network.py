"""What both clients promise on a real socket: connections, TLS, proxies and odd but valid HTTP."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.transport import Deadlines, WireCall
from ve_magics.errors import ConnectFailedError, TimedOutError, TransportError

pytestmark = pytest.mark.anyio
END = ("end", None)
Start = Callable[..., Any]
KINDS = ["httpx", "httptools"]


async def take(reply: Any, came: list[bytes]) -> None:
    """Collect the pieces of a body, also where it breaks."""
    async for piece in reply.chunks():
        came.append(piece)  # noqa: PERF401 - what came before an error counts


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory, require: Any) -> Path:
    """Return a self-signed certificate and its key for localhost and provider.invalid, in one file."""
    openssl = shutil.which("openssl")
    require(openssl, "the openssl command")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = path.with_name("key.pem")
    names = "subjectAltName=DNS:localhost,DNS:provider.invalid,IP:127.0.0.1"
    options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", names]
    subprocess.run(
        [str(openssl), "req", "-x509", *options, "-keyout", key, "-out", path],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a client's side that trusts the certificate."""
    return ssl.create_default_context(cafile=certificate)


@pytest.mark.parametrize("kind", KINDS)
async def test_refused(open_network: Any, kind: str) -> None:
    """Where nobody listens, the error says who refused."""
    port = free_port()
    with pytest.raises(ConnectFailedError, match=f"127.0.0.1:{port} refuses connections"):
        await open_network(kind).send(WireCall("GET", f"http://127.0.0.1:{port}/?key=secret"))


@pytest.mark.parametrize("kind", KINDS)
async def test_unknown_host(open_network: Any, kind: str) -> None:
    """A name that can't be looked up is said to be one."""
    with pytest.raises(ConnectFailedError, match=r"no host named nowhere\.invalid"):
        await open_network(kind).send(WireCall("GET", "http://nowhere.invalid/"), Deadlines(connect=30))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_untrusted_certificate_is_refused(
    open_network: Any, raw_server: Any, kind: str, server_tls: ssl.SSLContext
) -> None:
    """TLS is verified; the error says what is wrong and nothing was sent."""
    port = await raw_server.start(server_tls)
    with pytest.raises(ConnectFailedError, match=r"certificate of localhost.* can't be trusted: self.signed"):
        await open_network(kind).send(
            WireCall("POST", f"https://localhost:{port}/", (("Authorization", "x"),))
        )
    assert raw_server.asked == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_trusted_certificate_works_and_its_connection_is_kept(
    open_network: Any,
    raw_server: Any,
    kind: str,
    server_tls: ssl.SSLContext,
    trusting: ssl.SSLContext,
    start: Start,
) -> None:
    """TLS to a server that the given context trusts; two calls in a row take one handshake."""
    port = await raw_server.start(server_tls)
    raw_server.play(start(), ("body", b"hi"), END)
    transport = open_network(kind, tls=trusting)
    for _ in range(2):
        assert await (await transport.send(WireCall("POST", f"https://localhost:{port}/"))).read(10) == b"hi"
    assert raw_server.connections == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_tls_to_a_plain_server_says_so(open_network: Any, raw_server: Any, kind: str) -> None:
    """https:// in place of http:// is recognised."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectFailedError, match="No TLS could be agreed"):
        await open_network(kind).send(WireCall("GET", f"https://localhost:{port}/"))
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_connect_deadline_covers_the_handshake(open_network: Any, kind: str) -> None:
    """A server that accepts and then says nothing in TLS runs into the connect deadline, not a later one."""
    accepted = asyncio.Event()
    over = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        while await reader.read(1000):
            pass
        over.set()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = time.monotonic()
    with pytest.raises(TimedOutError) as caught:
        await open_network(kind).send(WireCall("GET", f"https://localhost:{port}/"), Deadlines(connect=0.3))
    assert caught.value.phase == "connect"
    assert 0.29 <= time.monotonic() - began < 0.8
    assert accepted.is_set()
    await asyncio.wait_for(over.wait(), 0.3)
    server.close()
    await server.wait_closed()


async def test_time_spent_connecting_is_not_the_first_tokens(network: Any, start: Start) -> None:
    """A first-token deadline shorter than the connect deadline begins only when the request is sent."""
    network.stage.play(("wait", 0.25), start(), END)
    reply = await network.transport.send(network.call(), Deadlines(connect=0.1, first_token=1.0))
    await reply.read(10)
    with pytest.raises(TimedOutError) as caught:
        await network.transport.send(network.call(), Deadlines(connect=5, first_token=0.1))
    assert caught.value.phase == "first_token"


async def test_connections_are_used_again(network: Any, start: Start) -> None:
    """Calls one after another share a connection; calls at once don't wait for each other."""
    network.stage.play(start(), ("body", b"x"), END)
    for _ in range(5):
        await (await network.transport.send(network.call())).read(10)
    assert network.stage.connections == 1
    network.stage.play(start(), ("wait", 0.1), END)
    replies = await asyncio.gather(*(network.transport.send(network.call()) for _ in range(5)))
    assert network.stage.connections == 5
    for reply in replies:
        await reply.read(10)


async def test_an_abandoned_connection_is_never_used_again(network: Any, start: Start) -> None:
    """The rest of an unread body can't leak into the next answer."""
    network.stage.play(start(), ("body", b"old"), ("wait", 0.05), ("body", b"old"), END)
    reply = await network.transport.send(network.call())
    await anext(aiter(reply.chunks()))
    await reply.aclose()
    network.stage.play(start(), ("body", b"new"), END)
    assert await (await network.transport.send(network.call())).read(10) == b"new"
    assert network.stage.connections == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(network: Any, start: Start) -> None:
    """A kept connection that died while idle costs no error."""
    network.stage.play(start(), ("body", b"x"), END, ("close", None))
    for _ in range(3):
        assert await (await network.transport.send(network.call())).read(10) == b"x"
        await asyncio.sleep(0.05)
    assert network.stage.connections == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_idle_connections_are_closed_after_a_while(raw_server: Any, kind: str, start: Start) -> None:
    """A quiet notebook holds no sockets, even if no further call is made."""
    from ve_magics.engine.transport.guarded import GuardedTransport
    from ve_magics.engine.transport.http1 import Http1Backend
    from ve_magics.engine.transport.httpx_backend import HttpxBackend

    port = await raw_server.start()
    raw_server.play(start(), ("wait", 0.1), END)
    backend = (HttpxBackend if kind == "httpx" else Http1Backend)(keepalive=0.2)
    transport = GuardedTransport(backend)
    call = WireCall("GET", f"http://127.0.0.1:{port}/")
    await asyncio.gather(*[(await transport.send(call)).read(9) for _ in range(3)])
    assert raw_server.open_connections >= 1
    await asyncio.wait_for(raw_server.quiet.wait(), 2.5)
    await (await transport.send(call)).read(9)
    await transport.aclose()


async def test_closing_the_transport_closes_idle_connections(network: Any, start: Start) -> None:
    """After aclose the server has no connection left."""
    network.stage.play(start(), ("wait", 0.1), END)
    await asyncio.gather(*[(await network.transport.send(network.call())).read(9) for _ in range(3)])
    await network.transport.aclose()
    await asyncio.wait_for(network.stage.quiet.wait(), 1)


OK_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
ODD: dict[str, tuple[bytes, bytes]] = {
    "chunked": (OK_CHUNKED, b"hello world"),
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK_CHUNKED,
        b"hello world",
    ),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "empty length": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "folded": (b"HTTP/1.1 200 OK\r\nX-A:   spaced   \r\ncontent-length:2\r\n\r\nok", b"ok"),
    "many headers": (
        b"HTTP/1.1 200 OK\r\n"
        + b"".join(b"X-%d: y\r\n" % i for i in range(90))
        + b"Content-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "long header": (
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("step", ["raw", "bytewise"])
async def test_valid_http_is_understood_in_any_split(network: Any, name: str, step: str) -> None:
    """Chunked, lengthed, interim answers, long headers: whole or byte by byte."""
    sent, body = ODD[name]
    if step == "bytewise" and len(sent) > 10_000:
        step = "raw"
    network.stage.play((step, sent))
    for _ in range(2):
        reply = await network.transport.send(network.call())
        assert await reply.read(100) == body
    assert network.stage.connections == 1


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_that_ends_with_the_connection(network: Any, version: bytes) -> None:
    """Without a length, the end of the connection is the end of the body."""
    network.stage.play(
        ("raw", b"HTTP/%s 200 OK\r\nConnection: close\r\n\r\nhel" % version),
        ("wait", 0.05),
        ("raw", b"lo"),
        ("close", None),
    )
    for _ in range(2):
        assert await (await network.transport.send(network.call())).read(100) == b"hello"


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ],
)
async def test_a_body_cut_short_is_a_transport_error(network: Any, sent: bytes) -> None:
    """An orderly close in the middle of a body is a break, not an end; what came is delivered first."""
    network.stage.play(("raw", sent), ("wait", 0.05), ("close", None))
    reply = await network.transport.send(network.call())
    came: list[bytes] = []
    with pytest.raises(TransportError, match="in the middle"):
        await take(reply, came)
    assert b"".join(came) == b"hello"


async def test_a_close_before_the_answer_is_a_transport_error(network: Any) -> None:
    """An orderly close without an answer is named so, and isn't tried again behind the caller's back."""
    network.stage.play(("close", None))
    with pytest.raises(TransportError, match="without an answer"):
        await network.transport.send(network.call())
    assert len(network.stage.asked) == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_transport_error(network: Any, sent: bytes) -> None:
    """Nonsense, or a header without end, is an error that says so."""
    network.stage.play(("raw", sent), ("wait", 0.1), ("close", None))
    with pytest.raises(TransportError, match="did not answer in valid HTTP"):
        await network.transport.send(network.call())


@pytest.mark.parametrize("kind", KINDS)
async def test_plain_http_goes_through_the_proxy(
    open_network: Any, raw_server: Any, kind: str, start: Start
) -> None:
    """HTTP_PROXY is used, with its user and password, and the body comes back."""
    port = await raw_server.start()
    raw_server.play(start(), ("body", b"via"), END, path="http://provider.invalid/v1")
    transport = open_network(kind, proxies={"http": f"http://me:pa%40ss@127.0.0.1:{port}"})
    assert await (await transport.send(WireCall("POST", "http://provider.invalid/v1"))).read(10) == b"via"
    (asked,) = raw_server.asked
    assert asked.header("proxy-authorization") == "Basic bWU6cGFAc3M="
    assert asked.header("host") == "provider.invalid"


@pytest.mark.parametrize("kind", KINDS)
async def test_tls_goes_through_a_tunnel(
    open_network: Any,
    raw_server: Any,
    kind: str,
    server_tls: ssl.SSLContext,
    trusting: ssl.SSLContext,
    start: Start,
) -> None:
    """HTTPS_PROXY is asked for a tunnel; the proxy's password stays with the proxy, the key within the tunnel."""
    port = await raw_server.start()
    raw_server.play(("raw", b"HTTP/1.1 200 OK\r\n\r\n"), ("tls", server_tls), path="provider.invalid:443")
    raw_server.play(start(), ("body", b"in"), END, path="/v1")
    transport = open_network(kind, tls=trusting, proxies={"https": f"http://me:pw@127.0.0.1:{port}"})
    call = WireCall("POST", "https://provider.invalid/v1", (("Authorization", "Bearer k"),))
    for _ in range(2):
        assert await (await transport.send(call, Deadlines(connect=3))).read(10) == b"in"
    connect, inner, again = raw_server.asked
    assert (connect.method, connect.header("proxy-authorization")) == ("CONNECT", "Basic bWU6cHc=")
    assert connect.header("authorization") is None
    assert inner.header("proxy-authorization") is None
    assert (inner.header("authorization"), again.header("authorization")) == ("Bearer k", "Bearer k")
    assert raw_server.connections == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_refuses_is_blamed(open_network: Any, raw_server: Any, kind: str) -> None:
    """A tunnel that is refused and a proxy that is away are the proxy's fault."""
    port = await raw_server.start()
    raw_server.play(("raw", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), path="provider.invalid:443")
    for address in (f"http://me:pw@127.0.0.1:{port}", f"http://me:pw@127.0.0.1:{free_port()}"):
        transport = open_network(kind, proxies={"https": address})
        with pytest.raises(ConnectFailedError) as caught:
            await transport.send(WireCall("GET", "https://provider.invalid/"))
        assert "pw" not in str(caught.value)
        assert "prox" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_handshake_in_a_tunnel_counts_as_connecting(
    open_network: Any, raw_server: Any, kind: str
) -> None:
    """A tunnel in which nobody speaks TLS runs into the connect deadline."""
    port = await raw_server.start()
    raw_server.play(("raw", b"HTTP/1.1 200 OK\r\n\r\n"), ("hold", None), path="provider.invalid:443")
    transport = open_network(kind, proxies={"https": f"http://127.0.0.1:{port}"})
    with pytest.raises(TimedOutError) as caught:
        await transport.send(WireCall("GET", "https://provider.invalid/"), Deadlines(connect=0.3))
    assert caught.value.phase == "connect"


async def test_this_machine_is_never_reached_through_a_proxy(
    open_network: Any, raw_server: Any, start: Start
) -> None:
    """A local model server works whatever HTTP_PROXY says."""
    port = await raw_server.start()
    raw_server.play(start(), ("body", b"local"), END)
    proxies = {"http": f"http://127.0.0.1:{free_port()}"}
    for kind in KINDS:
        reply = await open_network(kind, proxies=proxies).send(WireCall("GET", f"http://127.0.0.1:{port}/"))
        assert await reply.read(10) == b"local"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_goes_to_the_address_that_it_names(
    open_network: Any,
    raw_server: Any,
    kind: str,
    server_tls: ssl.SSLContext,
    trusting: ssl.SSLContext,
    start: Start,
) -> None:
    """The name is not looked up: it stands in Host, in TLS and on the certificate; a dead address is passed over."""
    named: list[str | None] = []
    server_tls.sni_callback = lambda _, name, __: named.append(name)
    port = await raw_server.start(server_tls)
    raw_server.play(start(), ("body", b"hi"), END, path="/x")
    transport = open_network(kind, tls=trusting)
    url = f"https://provider.invalid:{port}/x"
    for addresses in (("127.0.0.1",), ("127.0.0.2", "127.0.0.1")):
        reply = await transport.send(WireCall("GET", url, addresses=addresses))
        assert await reply.read(10) == b"hi"
    assert set(named) == {"provider.invalid"}
    assert {asked.header("host") for asked in raw_server.asked} == {f"provider.invalid:{port}"}
    for dead in ((), ("127.0.0.2",), ("127.0.0.2", "127.0.0.3")):
        fresh = open_network(kind, tls=trusting)
        with pytest.raises(ConnectFailedError):
            await fresh.send(WireCall("GET", url, addresses=dead))
    stranger = url.replace("provider.invalid", "stranger.invalid")
    with pytest.raises(ConnectFailedError, match="can't be trusted"):
        await transport.send(WireCall("GET", stranger, addresses=("127.0.0.1",)))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_known_address_changes_nothing_for_other_calls(
    open_network: Any, raw_server: Any, kind: str, start: Start
) -> None:
    """Connections to named addresses and to looked-up ones are apart, and a proxy goes by the name."""
    port = await raw_server.start()
    raw_server.play(start(), ("body", b"hi"), END, path="/x")
    transport = open_network(kind)
    for addresses in (None, ("127.0.0.1",), None, ("127.0.0.1",)):
        reply = await transport.send(WireCall("GET", f"http://localhost:{port}/x", addresses=addresses))
        assert await reply.read(10) == b"hi"
    assert raw_server.connections == 2
    raw_server.play(start(), ("body", b"by proxy"), END, path="http://far.invalid/x")
    proxied = open_network(kind, proxies={"http": f"http://127.0.0.1:{port}"})
    reply = await proxied.send(WireCall("GET", "http://far.invalid/x", addresses=("192.0.2.1",)))
    assert await reply.read(10) == b"by proxy"
