"""What the gateway costs on this machine: a provider asked directly, through the gateway, and through the server.

The provider is a process that answers every question at once with the same bytes, so what is measured is the way
there and back. `python -m ve_magics.bench` is that process.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ve_magics.engine.config import Config, child_environment
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.listener import listen
from ve_magics.engine.transport import open_transport
from ve_magics.engine.transport.wire import Transport, WireCall
from ve_magics.errors import ConfigError, MissingExtraError
from ve_magics.messages import ChatRequest, user
from ve_magics.routing import Router

CHUNKS = 20
AT_ONCE = (1, 32)
ROUNDS = 3
SECONDS = 0.4
"""Length of one measurement; there are three ways, streamed and not, for each number at once, in each round."""

Ask = Callable[[bool], Awaitable[float]]
"""Asks once, streamed or not; returns the seconds to the first piece of the answer."""


class Row(NamedTuple):
    """What was measured of one kind of request, the ways in their order.

    Attributes:
        what: `whole` or `stream`.
        at_once: How many were under way at a time.
        rates: Requests a second.
        firsts: Milliseconds to the first piece.
    """

    what: str
    at_once: int
    rates: dict[str, float]
    firsts: dict[str, float]


def _answers() -> tuple[bytes, bytes]:
    """Return a whole answer and a streamed one."""
    head = {"id": "c", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 10, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 10}
    message = {"role": "assistant", "content": "word " * CHUNKS}
    whole = {**head, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": "word "}, None)] * CHUNKS + [({}, "stop")]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    lines = [*map(json.dumps, chunks), "[DONE]"]
    return json.dumps(whole).encode(), "".join(f"data: {line}\n\n" for line in lines).encode()


_WHOLE, _STREAM = _answers()


async def provider(scope: Any, receive: Any, send: Any) -> None:
    """Answer a chat request at once; an ASGI app."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    streamed = b'"stream":true' in (await receive()).get("body", b"")
    kind, body = (b"text/event-stream", _STREAM) if streamed else (b"application/json", _WHOLE)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _running(*arguments: str, environ: Mapping[str, str] = {}) -> Iterator[str]:
    """Run a module of ours that prints its address when it is ready, and give that address."""
    with subprocess.Popen(  # noqa: S603 - this interpreter and this package
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=child_environment(**environ),
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            if found is None:
                raise ConfigError("A server for the measurement did not start.", hint="Try: ve-magics doctor")
            yield found[0]
        finally:
            process.terminate()


def _by_http(transport: Transport, url: str, model: str, token: str) -> Ask:
    """Return what asks over HTTP and looks at nothing but the bytes."""
    headers = (("content-type", "application/json"), ("authorization", f"Bearer {token}"))

    async def ask(stream: bool) -> float:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
        data = json.dumps(body, separators=(",", ":")).encode()
        begun, first = time.perf_counter(), 0.0
        reply = await transport.send(WireCall("POST", f"{url}/chat/completions", headers, data))
        async for _ in reply.chunks():
            first = first or time.perf_counter() - begun
        if reply.status != 200:
            raise ConfigError(f"A server for the measurement answered with status {reply.status}.")
        return first

    return ask


def _by_gateway(gateway: Gateway) -> Ask:
    """Return what asks through a gateway in this process."""

    async def ask(stream: bool) -> float:
        request = ChatRequest(model="bench/m", messages=(user("Hi"),), stream=stream)
        begun, first = time.perf_counter(), 0.0
        async with aclosing(gateway.stream(request)) as events:
            async for _ in events:
                first = first or time.perf_counter() - begun
        return first

    return ask


async def _measured(ask: Ask, *, stream: bool, at_once: int, seconds: float) -> tuple[float, float]:
    """Return requests a second, and the median of the milliseconds to the first piece."""
    firsts: list[float] = []
    begun = time.perf_counter()

    async def worker() -> None:
        while time.perf_counter() < begun + seconds:
            firsts.append(await ask(stream))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return len(firsts) / (time.perf_counter() - begun), statistics.median(firsts) * 1000


@asynccontextmanager
async def _ways() -> AsyncIterator[dict[str, Ask]]:
    """Start what is measured; gives the ways to the provider."""
    with TemporaryDirectory() as folder, _running("ve_magics.bench") as origin:
        path = Path(folder) / "config.toml"
        path.write_text(f'[providers.bench]\nbase_url = "{origin}/v1"\nkey = "env:VE_BENCH"\n', "utf-8")
        token = secrets.token_urlsafe()
        environ = {"VE_CONFIG": str(path), "VE_HOME": folder, "VE_BENCH": "k", "VE_SERVER_TOKEN": token}
        with _running("ve_magics", "serve", "--port", "0", environ=environ) as server:
            transport = open_transport()
            try:
                router = Router(clock=time.monotonic, random=random.Random())  # noqa: S311 - guards nothing
                gateway = Gateway(Config(environ=environ), router, transport, clock=time.monotonic)
                yield {
                    "direct": _by_http(transport, f"{origin}/v1", "m", token),
                    "in process": _by_gateway(gateway),
                    "over HTTP": _by_http(transport, f"{server}/v1", "bench/m", token),
                }
            finally:
                await transport.aclose()


async def measure(*, seconds: float = SECONDS, rounds: int = ROUNDS) -> AsyncGenerator[Row, None]:
    """Yield what is measured, each kind of request as it is done, the ways taking turns.

    Args:
        seconds: Length of one measurement.
        rounds: How often each is made; the medians count.

    Raises:
        ConfigError: A server could not be started.
    """
    async with _ways() as ways:
        for stream in (False, True):
            for ask in ways.values():
                await ask(stream)
            for at_once in AT_ONCE:
                found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
                for _ in range(rounds):
                    for name, ask in ways.items():
                        found[name].append(
                            await _measured(ask, stream=stream, at_once=at_once, seconds=seconds)
                        )
                yield Row(
                    "stream" if stream else "whole",
                    at_once,
                    {name: statistics.median(rate for rate, _ in results) for name, results in found.items()},
                    {name: statistics.median(ms for _, ms in results) for name, results in found.items()},
                )


async def report(*, seconds: float = SECONDS, rounds: int = ROUNDS) -> None:
    """Measure and print a table; takes about 20 seconds as it is.

    Raises:
        MissingExtraError: uvicorn isn't installed.
        ConfigError: A server could not be started.
    """
    if find_spec("uvicorn") is None:
        raise MissingExtraError("ve-magics bench", "server")
    library = "httpx" if find_spec("httptools") is None else "httptools"
    print(
        f"A provider that answers at once, asked on loopback with {library}; streams have {CHUNKS} chunks.\n"
    )
    print(
        f"{'':<8}{'at once':>7}  {'way':<12}{'per second':>10}{'x direct':>10}{'first ms':>10}{'+ direct':>10}"
    )
    async with aclosing(measure(seconds=seconds, rounds=rounds)) as rows:
        async for row in rows:
            for name, rate in row.rates.items():
                first = row.firsts[name]
                print(
                    f"{row.what:<8}{row.at_once:>7}  {name:<12}{rate:>10.0f}{rate / row.rates['direct']:>10.2f}"
                    f"{first:>10.2f}{first - row.firsts['direct']:>10.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    listen(provider, "127.0.0.1", 0, name="provider", what="ve-magics bench")
