"""How much the gateway costs: requests and streams a second beside bare aiohttp, over loopback, in one run.

    python tests/bench/gateway_overhead.py [--seconds 3] [--profile whole|stream] [--backend httptools|httpx]

The server runs in a process of its own. It answers whole at once, and streams 20 chunks one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import pstats
import random
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import uvicorn

from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.listener import bound
from ve_magics.engine.transport import open_transport
from ve_magics.messages import ChatRequest, user
from ve_magics.routing import Router

CHUNKS = 20
PAUSE = 0.005


def whole() -> bytes:
    """Return a whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "word " * 20}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    ).encode()


def chunks() -> list[bytes]:
    """Return the pieces of a streamed answer."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": "word "}, None)] * CHUNKS + [({}, "stop")]
    return [
        b"data: "
        + json.dumps(
            {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        ).encode()
        + b"\n\n"
        for delta, finish in deltas
    ] + [b"data: [DONE]\n\n"]


WHOLE, PIECES = whole(), chunks()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer as fast as can be."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    if b'"stream":true' not in body:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(WHOLE)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": WHOLE})
        return
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
    )
    for piece in PIECES[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": PIECES[-1]})


def serve(listening: Any) -> None:
    """Run the server."""
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listening])


Once = Callable[[bool], Awaitable[float]]


def bare(session: aiohttp.ClientSession, url: str) -> Once:
    """Return what asks with aiohttp alone and reads every line; returns the seconds to the first piece."""

    async def once(stream: bool) -> float:
        body = json.dumps(
            {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]},
            separators=(",", ":"),
        )
        begun, first = time.perf_counter(), 0.0
        async with session.post(
            f"{url}/chat/completions", data=body, headers={"authorization": "Bearer x"}
        ) as reply:
            if not stream:
                json.loads(await reply.read())
                return time.perf_counter() - begun
            async for line in reply.content:
                first = first or time.perf_counter() - begun
                if line.startswith(b"data: {"):
                    json.loads(line[6:])
        return first

    return once


def ours(gateway: Gateway) -> Once:
    """Return what asks through the gateway."""

    async def once(stream: bool) -> float:
        request = ChatRequest(model="bench/m", messages=(user("Hi"),), stream=stream)
        begun, first = time.perf_counter(), 0.0
        async with aclosing(gateway.stream(request)) as events:
            async for _ in events:
                first = first or time.perf_counter() - begun
        return first

    return once


async def measure(once: Once, stream: bool, at_once: int, seconds: float) -> tuple[float, float, float]:
    """Return requests a second of wall time, requests a second of CPU, and the median time to the first piece in ms."""
    firsts: list[float] = []
    end = time.perf_counter() + seconds

    async def worker() -> None:
        while time.perf_counter() < end:
            firsts.append(await once(stream))

    await once(stream)
    firsts.clear()
    cpu, begun = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    count = len(firsts)
    return (
        count / (time.perf_counter() - begun),
        count / (time.process_time() - cpu),
        statistics.median(firsts) * 1000,
    )


async def main(arguments: argparse.Namespace, url: str, folder: Path) -> None:
    """Measure and print."""
    path = folder / "config.toml"
    path.write_text(f'[providers.bench]\nbase_url = "{url}"\nkey = "env:BENCH"\n', "utf-8")
    config = Config(environ={"VE_CONFIG": str(path), "BENCH": "x"})
    transport = open_transport(arguments.backend)
    router = Router(clock=time.monotonic, random=random.Random())
    gateway = Gateway(config, router, transport, clock=time.monotonic)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        if arguments.profile:
            profile = cProfile.Profile()
            profile.enable()
            await measure(ours(gateway), arguments.profile == "stream", 64, arguments.seconds)
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(35)
        else:
            print(
                "what    at once |  bare: per s   per CPU s  first ms |  ours: per s   per CPU s  first ms | ratio per CPU s"
            )
            for stream in (False, True):
                for at_once in (1, 64, 500):
                    theirs = await measure(bare(session, url), stream, at_once, arguments.seconds)
                    mine = await measure(ours(gateway), stream, at_once, arguments.seconds)
                    told = " | ".join(f"{a:12.0f} {b:11.0f} {c:9.2f}" for a, b, c in (theirs, mine))
                    print(
                        f"{'stream' if stream else 'whole':<8}{at_once:>7} | {told} | {mine[1] / theirs[1]:.2f}",
                        flush=True,
                    )
            print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    await transport.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--profile", choices=("whole", "stream"))
    parser.add_argument("--backend", choices=("httptools", "httpx"), default="httptools")
    parsed = parser.parse_args()
    listening = bound("127.0.0.1", 0)
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
    server.start()
    with TemporaryDirectory() as temporary:
        asyncio.run(main(parsed, f"http://127.0.0.1:{listening.getsockname()[1]}/v1", Path(temporary)))
    server.terminate()
