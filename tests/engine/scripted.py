"""Providers that do what a test tells them, and a gateway before them whose clock is the test's own."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.transport import Deadlines, Mounted, Transport
from ve_magics.engine.transport.wire import Reply, WireCall
from ve_magics.events import Event, TextDelta
from ve_magics.messages import ChatRequest, user
from ve_magics.routing import Router

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Play = Callable[["Asked", Send], Awaitable[None]]

CANARY = "sk-canary-0123456789abcdefghijklmnop"
SSE = {"content-type": "text/event-stream"}


class Asked:
    """One request that a provider got."""

    def __init__(self, scope: Message, body: bytes) -> None:
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode()
        self.headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.body = body
        self.gone = asyncio.Event()

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Provider:
    """An ASGI app that plays a list of plays, one a request; the last one again and again."""

    def __init__(self, *plays: Play) -> None:
        self.plays = list(plays)
        self.asked: list[Asked] = []
        self.arrived = asyncio.Event()

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        asked = Asked(scope, (await receive()).get("body", b""))
        self.asked.append(asked)
        self.arrived.set()
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            asked.gone.set()

        watching = asyncio.create_task(watch())
        try:
            await play(asked, send)
        except asyncio.CancelledError:
            asked.gone.set()
            raise
        finally:
            watching.cancel()


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """Return one chunk of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    value = {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


async def begin(send: Send, status: int = 200, headers: Mapping[str, str] = SSE) -> None:
    """Send status and headers."""
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def body(send: Send, data: bytes, *, more: bool = True) -> None:
    """Send a piece of the body."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


def says(*words: str, usage: dict[str, Any] | None = USAGE, headers: Mapping[str, str] | None = None) -> Play:
    """Answer with these words, whole or streamed as asked."""

    async def play(asked: Asked, send: Send) -> None:
        told = {} if usage is None else {"usage": usage}
        if asked.json.get("stream"):
            await begin(send, headers={**SSE, **(headers or {})})
            for word in words:
                await body(send, chunk({"content": word}))
            await body(send, chunk({}, "stop", **told))
            await body(send, b"data: [DONE]\n\n", more=False)
            return
        message = {"role": "assistant", "content": "".join(words)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        value = {"id": "c1", "model": "m", "choices": [choice], **told}
        await begin(send, headers={"content-type": "application/json", **(headers or {})})
        await body(send, json.dumps(value).encode(), more=False)

    return play


def fails(
    status: int, code: str = "", message: str = "It went wrong.", headers: Mapping[str, str] | None = None
) -> Play:
    """Answer with an error."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send, status, {"content-type": "application/json", **(headers or {})})
        error = {"message": message, "type": code, "code": code or None}
        await body(send, json.dumps({"error": error}).encode(), more=False)

    return play


def breaks(*words: str, deltas: Iterable[dict[str, Any]] = ()) -> Play:
    """Stream these words and then break the connection."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send)
        for word in words:
            await body(send, chunk({"content": word}))
        for delta in deltas:
            await body(send, chunk(delta))
        raise ConnectionResetError("cut")

    return play


def refuses() -> Play:
    """Refuse the connection."""

    async def play(asked: Asked, send: Send) -> None:
        raise ConnectionRefusedError("refused")

    return play


def pauses(*words: str, until: asyncio.Event | None = None) -> Play:
    """Stream these words and then say nothing more until the event, or for ever."""

    async def play(asked: Asked, send: Send) -> None:
        await begin(send)
        for word in words:
            await body(send, chunk({"content": word}))
        await (until or asyncio.Event()).wait()
        await body(send, chunk({"content": "."}))
        await body(send, chunk({}, "stop", usage=USAGE))
        await body(send, b"data: [DONE]\n\n", more=False)

    return play


class Clock:
    """A clock that only the test and its sleepers move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class NoNetwork:
    """A transport that must not be used."""

    async def send(self, call: WireCall, deadlines: Deadlines = Deadlines()) -> Reply:  # noqa: B008 - frozen
        raise AssertionError(f"a socket was opened to {call.url}")

    async def aclose(self) -> None:
        """Do nothing."""


class World:
    """Providers `a`, `b` and `c`, each with a key and a price, the route `fast` over all of them, and a gateway."""

    def __init__(
        self, folder: Path, *providers: Provider, toml: str = "", environ: Mapping[str, str] = {}
    ) -> None:
        self.providers = dict(zip("abcdef", providers, strict=False))
        self.environ = {f"{name.upper()}_KEY": f"{CANARY}-{name}" for name in self.providers} | dict(environ)
        path = folder / "config.toml"
        rows = [
            f'[providers.{name}]\nbase_url = "https://{name}.test/v1"\nkey = "env:{name.upper()}_KEY"'
            for name in self.providers
            if f"[providers.{name}]" not in toml
        ]
        rows += [
            f'[prices."{name}/m"]\ninput = 1\noutput = 2' for name in self.providers if "prices" not in toml
        ]
        if "[routes.fast]" not in toml:
            targets = ", ".join(f'"{name}/m"' for name in self.providers)
            rows.append(f"[routes.fast]\ntargets = [{targets}]")
        path.write_text("\n".join([*rows, toml]), "utf-8")
        self.environ.setdefault("VE_CONFIG", str(path))
        self.config = Config(environ=self.environ, directory=folder)
        self.clock = Clock()
        self.transport: Transport = Mounted(
            {f"{name}.test": app for name, app in self.providers.items()}, NoNetwork
        )
        self.router = Router(
            clock=self.clock,
            random=random.Random(7),
            keys={name: len(self.config.keys(name)) for name in self.providers},
        )
        self.gateway = Gateway(
            self.config, self.router, self.transport, clock=self.clock, sleep=self.clock.sleep
        )

    def asked(self, name: str) -> int:
        """Return how often a provider was asked."""
        return len(self.providers[name].asked)


def ask(model: str = "fast", text: str = "Hello", **more: Any) -> ChatRequest:
    """Return a question."""
    return ChatRequest(model=model, messages=(user(text),), **{"stream": True, **more})


async def gather(events: AsyncGenerator[Event, None]) -> list[Event]:
    """Return all events."""
    async with aclosing(events):
        return [event async for event in events]


def words(events: Iterable[Event]) -> str:
    """Return the text."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))
