"""Two stages for the same plays: a raw server on loopback, and an ASGI app in process."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pytest

from ve_magics.engine.transport import Mounted, Proxies, Transport, WireCall, open_transport

Step = tuple[str, Any]
"""One step of a play: `("start", (status, headers))`, `("body", bytes)`, `("wait", seconds)`, `("hold", None)`,
`("end", None)`, `("reset", None)`, or, on the raw server only, `("raw", bytes)`, `("bytewise", bytes)`, `("close", None)`,
`("tls", context)`: the answer so far was to a CONNECT, go on with TLS."""


class Asked:
    """What a stage saw of one request."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.connection = 0
        self.gone = asyncio.Event()

    def header(self, name: str) -> str | None:
        """Return the one field of that name."""
        values = [value for key, value in self.headers if key.lower() == name]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None


class Stage:
    """Plays what it was told, by path, and remembers what it was asked."""

    def __init__(self) -> None:
        self.plays: dict[str, list[Step]] = {}
        self.asked: list[Asked] = []
        self.arrived = asyncio.Event()

    def play(self, *steps: Step, path: str = "/") -> None:
        """Set what is played at a path."""
        self.plays[path] = list(steps)

    def note(self, asked: Asked) -> None:
        """Remember a request."""
        self.asked.append(asked)
        self.arrived.set()


class RawServer(Stage):
    """HTTP/1.1 by hand, so that every byte and every fault is ours."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0
        self.open_connections = 0
        self.quiet = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tunnel: Any = None
        self._ahead: dict[int, bytes] = {}

    async def start(self, tls: Any = None) -> int:
        """Listen on a free port of loopback and return it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, backlog=1024)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        self.quiet.clear()
        number = self.connections
        try:
            while await self._answer(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            if not self.open_connections:
                self.quiet.set()
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = self._ahead.pop(number, b"") + await reader.readuntil(b"\r\n\r\n")
        request, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = request.split(" ")
        headers = [(line.partition(": ")[0], line.partition(": ")[2]) for line in lines]
        length = int({key.lower(): value for key, value in headers}.get("content-length", "0"))
        asked = Asked(method, target, headers, await reader.readexactly(length))
        asked.connection = number
        self.note(asked)
        listener = asyncio.create_task(_until_gone(reader, asked.gone))
        try:
            return await self._perform(self.plays[target.partition("?")[0]], writer, asked)
        finally:
            listener.cancel()
            (ahead,) = await asyncio.gather(listener, return_exceptions=True)
            if ahead and isinstance(ahead, bytes):
                self._ahead[number] = ahead
            tunnel, self._tunnel = self._tunnel, None
            if tunnel is not None:
                await writer.start_tls(tunnel)

    async def _perform(self, steps: list[Step], writer: asyncio.StreamWriter, asked: Asked) -> bool:
        chunked = False
        for kind, value in steps:
            if kind == "start":
                status, fields = value
                fields = list(fields)
                if not any(name == "content-length" for name, _ in fields):
                    fields.append(("transfer-encoding", "chunked"))
                    chunked = True
                lines = "".join(f"{name}: {text}\r\n" for name, text in fields)
                writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1"))
            elif kind == "body":
                writer.write(b"%x\r\n%s\r\n" % (len(value), value) if chunked else value)
            elif kind == "raw":
                writer.write(value)
            elif kind == "bytewise":
                for i in range(len(value)):
                    writer.write(value[i : i + 1])
                    await asyncio.sleep(0)
            elif kind == "wait":
                await _wait(asked.gone, value)
            elif kind == "hold":
                await asked.gone.wait()
                return False
            elif kind == "tls":
                self._tunnel = value
            elif kind == "end":
                if chunked:
                    writer.write(b"0\r\n\r\n")
            elif kind == "reset":
                await asyncio.sleep(0.05)  # what was written before is to arrive
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif kind == "close":
                return False
            await writer.drain()
        return True


async def _wait(gone: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(gone.wait(), seconds)


async def _until_gone(reader: asyncio.StreamReader, gone: asyncio.Event) -> bytes:
    """Note when the peer closes; return the first byte of the next request if that comes first."""
    ahead = b""
    try:
        ahead = await reader.read(1)
    finally:
        if not ahead:
            gone.set()
    return ahead


class AppStage(Stage):
    """The same plays by an ASGI app."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        message = await receive()
        target = scope["raw_path"].decode() + (
            "?" + scope["query_string"].decode() if scope["query_string"] else ""
        )
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        asked = Asked(scope["method"], target, headers, message["body"])
        self.note(asked)
        listener = asyncio.create_task(self._listen(receive, asked))
        try:
            await self._perform(self.plays[scope["path"]], send, asked)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self, receive: Any, asked: Asked) -> None:
        assert (await receive())["type"] == "http.disconnect"
        asked.gone.set()

    async def _perform(self, steps: list[Step], send: Any, asked: Asked) -> None:
        for kind, value in steps:
            if kind == "start":
                status, fields = value
                raw = [(name.encode(), text.encode()) for name, text in fields]
                await send({"type": "http.response.start", "status": status, "headers": raw})
            elif kind == "body":
                await send({"type": "http.response.body", "body": value, "more_body": True})
            elif kind == "wait":
                await _wait(asked.gone, value)
            elif kind == "hold":
                await asked.gone.wait()
                return
            elif kind == "end":
                await send({"type": "http.response.body", "body": b""})
            elif kind == "reset":
                raise ConnectionResetError
            else:
                raise AssertionError(kind)


Kind = Literal["httpx", "httptools", "asgi"]


@dataclass
class World:
    """A transport, a stage that it reaches, and how to call it."""

    kind: Kind
    transport: Transport
    stage: Stage
    base: str
    extra: dict[str, Any] = field(default_factory=dict)

    def call(self, path: str = "/", *, method: str = "POST", body: bytes = b"{}", **headers: str) -> WireCall:
        """Return a call to the stage."""
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return WireCall(method, self.base + path, fields, body)


class OpenNetwork(Protocol):
    """Opens a transport to the network that is closed after the test."""

    def __call__(self, kind: str, *, tls: Any = None, proxies: Mapping[str, str] | None = None) -> Transport:
        """Return the transport."""


@pytest.fixture
async def open_network() -> AsyncIterator[OpenNetwork]:
    """Return a function that opens a transport; afterwards all are closed and no task is left."""
    before = asyncio.all_tasks()
    opened: list[Transport] = []

    def open_one(kind: Any, *, tls: Any = None, proxies: Mapping[str, str] | None = None) -> Transport:
        opened.append(open_transport(kind, tls=tls, proxies=Proxies(proxies or {})))
        return opened[-1]

    yield open_one
    for transport in opened:
        await transport.aclose()
    await _no_task_left(before)


async def _no_task_left(before: set[asyncio.Task[Any]]) -> None:
    for _ in range(100):
        left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task.get_coro())}
        if not left:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"tasks are left: {left}")


@pytest.fixture
async def raw_server() -> AsyncIterator[RawServer]:
    """Return a raw server, not started."""
    server = RawServer()
    yield server
    if server._server is not None:
        await server.stop()


@pytest.fixture(params=["httpx", "httptools"])
async def network(
    request: pytest.FixtureRequest, raw_server: RawServer, open_network: OpenNetwork
) -> AsyncIterator[World]:
    """Return a world with a raw server in it, once for each HTTP library."""
    port = await raw_server.start()
    transport = open_network(request.param)
    yield World(request.param, transport, raw_server, f"http://127.0.0.1:{port}")
    await transport.aclose()


@pytest.fixture(params=["httpx", "httptools", "asgi"])
async def world(
    request: pytest.FixtureRequest, raw_server: RawServer, open_network: OpenNetwork
) -> AsyncIterator[World]:
    """Return a world, once for each backend: the contract is the same."""
    if request.param != "asgi":
        port = await raw_server.start()
        transport: Transport = open_network(request.param)
        yield World(request.param, transport, raw_server, f"http://127.0.0.1:{port}")
        await transport.aclose()
        return
    before = asyncio.all_tasks()
    stage = AppStage()
    transport = Mounted({"http://stage.invalid": stage}, network=_no_network)
    yield World("asgi", transport, stage, "http://stage.invalid")
    await transport.aclose()
    await _no_task_left(before)


def _no_network() -> Transport:
    raise AssertionError("a call left for the network")


START: Step = ("start", (200, []))


@pytest.fixture
def start() -> Callable[..., Step]:
    """Return `start(status=200, **fields)`, the step that sends status and headers."""
    return lambda status=200, **fields: (
        "start",
        (status, [(n.replace("_", "-"), v) for n, v in fields.items()]),
    )
