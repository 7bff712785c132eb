"""What is special about calling an ASGI app in process, and how calls find their app."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from ve_magics.engine.transport import Deadlines, Mounted, Transport, WireCall
from ve_magics.errors import ConnectFailedError, MissingExtraError, TransportError

pytestmark = pytest.mark.anyio
CALL = WireCall("POST", "http://app.invalid/v1/x?y=%20", (("X-A", "b"),), b"body")


async def _start(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def test_the_scope_is_that_of_a_real_server() -> None:
    """An app sees what it would see behind a server."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, message=await receive())
        await _start(send)
        await send({"type": "http.response.body", "body": b"ok"})

    transport = Mounted({"app.invalid": app})
    assert await (await transport.send(CALL)).read(10) == b"ok"
    assert (seen["type"], seen["method"], seen["scheme"]) == ("http", "POST", "http")
    assert (seen["path"], seen["query_string"], seen["server"]) == ("/v1/x", b"y=%20", ("app.invalid", 80))
    assert (b"host", b"app.invalid") in seen["headers"]
    assert (b"content-length", b"4") in seen["headers"]
    assert (b"x-a", b"b") in seen["headers"]
    assert seen["message"] == {"type": "http.request", "body": b"body", "more_body": False}
    await transport.aclose()


@pytest.mark.parametrize(
    ("raised", "expected", "message"),
    [
        (ConnectionRefusedError(), ConnectFailedError, "app.invalid refuses connections"),
        (ConnectionResetError(), TransportError, "without an answer"),
        (ValueError("secret"), TransportError, "The app at app.invalid failed: ValueError"),
    ],
)
async def test_what_an_app_raises_before_it_answers(
    raised: Exception, expected: type[TransportError], message: str
) -> None:
    """A simulated refusal, a simulated reset and a bug are told apart; a bug's text isn't shown."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise raised

    transport = Mounted({"app.invalid": app})
    with pytest.raises(expected, match=message) as caught:
        await transport.send(CALL)
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)
    await transport.aclose()


@pytest.mark.parametrize("how", ["raises", "returns", "says nothing"])
async def test_an_answer_that_its_app_leaves_unfinished_is_broken(how: str) -> None:
    """An app that crashes or returns in the middle of its answer doesn't look finished."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if how == "says nothing":
            return
        await _start(send)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        if how == "raises":
            raise ValueError

    transport = Mounted({"app.invalid": app})
    with pytest.raises(TransportError):
        await (await transport.send(CALL)).read(10)
    await transport.aclose()


async def test_an_app_waits_for_a_slow_reader() -> None:
    """A body of any length needs little memory: the app gets no further than a few pieces ahead."""
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await _start(send)
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            sent += 1
        await send({"type": "http.response.body"})

    transport = Mounted({"app.invalid": app})
    reply = await transport.send(CALL)
    await asyncio.sleep(0.05)
    assert 0 < sent <= 16
    assert await reply.read(5000) == b"x" * 1000
    await transport.aclose()


async def test_an_app_that_ignores_its_lost_caller_is_cancelled() -> None:
    """Sending to a caller that has gone fails; an app that sleeps on is ended after a short grace."""
    ends: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _start(send)
        try:
            if scope["path"] == "/sleeps":
                await asyncio.sleep(30)
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except (OSError, asyncio.CancelledError) as error:
            ends.put_nowait(type(error).__name__)
            raise

    transport = Mounted({"app.invalid": app})
    for path, end in (("/sleeps", "CancelledError"), ("/sends", "ConnectionAbortedError")):
        reply = await transport.send(WireCall("GET", f"http://app.invalid{path}"))
        await asyncio.sleep(0.01)
        await reply.aclose()
        assert await asyncio.wait_for(ends.get(), 0.3) == end
    await transport.aclose()


async def test_work_after_the_answer_goes_on() -> None:
    """An app may do something after its last byte; the caller's closing doesn't cut it off."""
    done = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _start(send)
        await send({"type": "http.response.body", "body": b"x"})
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        await asyncio.sleep(0.2)
        done.set()

    transport = Mounted({"app.invalid": app})
    assert await (await transport.send(CALL)).read(10) == b"x"
    await asyncio.wait_for(done.wait(), 1)
    await transport.aclose()


class Recorder:
    """A transport that only remembers what it was sent."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.closed = False

    async def send(self, call: WireCall, deadlines: Deadlines | None = None) -> Any:
        """Remember the call."""
        self.urls.append(call.url)

    async def aclose(self) -> None:
        """Remember the closing."""
        self.closed = True


async def test_calls_go_to_the_app_of_their_origin_and_the_rest_to_the_network() -> None:
    """Origins are matched whole; the network is opened at its first call, once, and closed with the rest."""

    def named(name: bytes) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await _start(send)
            await send({"type": "http.response.body", "body": name})

        return app

    opened: list[Recorder] = []

    def network() -> Transport:
        opened.append(Recorder())
        return opened[-1]

    apps = {"sim.invalid": named(b"host"), "http://one": named(b"origin"), "two:81": named(b"port")}
    transport = Mounted(apps, network)
    for url, name in {
        "https://sim.invalid:444/x": b"host",
        "http://one/v1": b"origin",
        "http://two:81/": b"port",
    }.items():
        assert await (await transport.send(WireCall("GET", url))).read(10) == name
    assert opened == []
    elsewhere = ["https://one/", "http://two/", "http://sim.invalid.example/", "http://one.sim.invalid/"]
    for url in elsewhere:
        await transport.send(WireCall("GET", url))
    await transport.aclose()
    (recorder,) = opened
    assert recorder.urls == elsewhere
    assert recorder.closed


def test_a_simulated_call_loads_no_http_library() -> None:
    """Importing the package and calling an app in process imports neither httpx nor httptools nor ssl certificates."""
    code = """
import asyncio, sys
from ve_magics.engine.transport import Mounted, WireCall
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})
async def main():
    transport = Mounted({"sim.invalid": app})
    assert await (await transport.send(WireCall("GET", "http://sim.invalid/"))).read(9) == b"x"
asyncio.run(main())
print(sorted({"httpx", "httpcore", "httptools", "anyio", "certifi"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_httptools_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without httptools, auto takes httpx, and asking for httptools says what to install."""
    from ve_magics.engine.transport import Proxies, choice

    assert _backend(choice.open_transport(proxies=Proxies({}))) == "Http1Backend"
    assert _backend(choice.open_transport("httpx", proxies=Proxies({}))) == "HttpxBackend"
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert _backend(choice.open_transport(proxies=Proxies({}))) == "HttpxBackend"
    with pytest.raises(MissingExtraError, match=r"ve_magics\[fast\]"):
        choice.open_transport("httptools")


def _backend(transport: Any) -> str:
    return type(transport._backend).__name__
