"""One client library under load, in a process of its own: reads orders on its input, prints what it measured.

    echo '{"stream": false, "at_once": 64, "seconds": 2}' | python tests/bench/contestants.py aiohttp http://127.0.0.1:1234/v1

It needs nothing but the library that it is asked for, so that each can be run by the interpreter of its own
environment. Every answer is read to its end and its JSON is decoded, by whoever does that.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

Once = Callable[[bool], Awaitable[float]]
"""Asks once, streamed or not; returns the seconds to the first piece."""

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
HEADERS = {"authorization": "Bearer x", "content-type": "application/json"}


def body(stream: bool) -> bytes:
    """Return a request's bytes."""
    return json.dumps({"model": "m", "stream": stream, "messages": MESSAGES}, separators=(",", ":")).encode()


@asynccontextmanager
async def bare_aiohttp(url: str) -> AsyncIterator[Once]:
    """Ask with aiohttp alone."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def once(stream: bool) -> float:
            begun, first = time.perf_counter(), 0.0
            async with session.post(f"{url}/chat/completions", data=body(stream), headers=HEADERS) as reply:
                if not stream:
                    json.loads(await reply.read())
                    return time.perf_counter() - begun
                async for line in reply.content:
                    first = first or time.perf_counter() - begun
                    if line.startswith(b"data: {"):
                        json.loads(line[6:])
            return first

        yield once


@asynccontextmanager
async def bare_httpx(url: str) -> AsyncIterator[Once]:
    """Ask with httpx alone, its pool unlimited."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=120) as client:

        async def once(stream: bool) -> float:
            begun, first = time.perf_counter(), 0.0
            if not stream:
                reply = await client.post(f"{url}/chat/completions", content=body(stream), headers=HEADERS)
                reply.json()
                return time.perf_counter() - begun
            async with client.stream(
                "POST", f"{url}/chat/completions", content=body(stream), headers=HEADERS
            ) as reply:
                async for line in reply.aiter_lines():
                    first = first or time.perf_counter() - begun
                    if line.startswith("data: {"):
                        json.loads(line[6:])
            return first

        yield once


@asynccontextmanager
async def ve_magics(url: str, backend: Any) -> AsyncIterator[Once]:
    """Ask through the gateway, in this process."""
    import random

    from ve_magics.engine.config import Config
    from ve_magics.engine.gateway import Gateway
    from ve_magics.engine.transport import open_transport
    from ve_magics.messages import ChatRequest, user
    from ve_magics.routing import Router

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(f'[providers.bench]\nbase_url = "{url}"\nkey = "env:BENCH"\n', "utf-8")
        config = Config(environ={"VE_CONFIG": str(path), "BENCH": "x"})
        transport = open_transport(backend)
        router = Router(clock=time.monotonic, random=random.Random())
        gateway = Gateway(config, router, transport, clock=time.monotonic)

        async def once(stream: bool) -> float:
            request = ChatRequest(model="bench/m", messages=(user("Hi"),), stream=stream)
            begun, first = time.perf_counter(), 0.0
            async with aclosing(gateway.stream(request)) as events:
                async for _ in events:
                    first = first or time.perf_counter() - begun
            return first

        yield once
        await transport.aclose()


@asynccontextmanager
async def ve_client(url: str) -> AsyncIterator[Once]:
    """Ask through `VectorEngineClient`, as users do."""
    from ve_magics import VectorEngineClient

    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(VE_HOME=folder, XDG_CONFIG_HOME=folder)
        async with VectorEngineClient("x", url, model="m") as client:

            async def once(stream: bool) -> float:
                begun, first = time.perf_counter(), 0.0
                if not stream:
                    await client.chat_completion("Hi")
                    return time.perf_counter() - begun
                async with aclosing(client.stream("Hi")) as events:
                    async for _ in events:
                        first = first or time.perf_counter() - begun
                return first

            yield once


@asynccontextmanager
async def openai_sdk(url: str) -> AsyncIterator[Once]:
    """Ask with the openai SDK."""
    import openai

    async with openai.AsyncOpenAI(api_key="x", base_url=url, max_retries=0) as client:

        async def once(stream: bool) -> float:
            begun, first = time.perf_counter(), 0.0
            reply: Any = await client.chat.completions.create(model="m", messages=MESSAGES, stream=stream)
            if stream:
                async for _ in reply:
                    first = first or time.perf_counter() - begun
            return first or time.perf_counter() - begun

        yield once


@asynccontextmanager
async def litellm_router(url: str) -> AsyncIterator[Once]:
    """Ask with LiteLLM's Router."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm: Any = importlib.import_module("litellm")

    litellm.suppress_debug_info = True
    model = {"model": "openai/m", "api_base": url, "api_key": "x"}
    router = litellm.Router(model_list=[{"model_name": "m", "litellm_params": model}], num_retries=0)

    async def once(stream: bool) -> float:
        begun, first = time.perf_counter(), 0.0
        reply = await router.acompletion(model="m", messages=MESSAGES, stream=stream)
        if stream:
            async for _ in reply:
                first = first or time.perf_counter() - begun
        return first or time.perf_counter() - begun

    yield once


@asynccontextmanager
async def tensorzero(url: str) -> AsyncIterator[Once]:
    """Ask with TensorZero's embedded gateway."""
    library: Any = importlib.import_module("tensorzero")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tensorzero.toml"
        path.write_text(
            "[gateway]\nobservability.enabled = false\ndisable_pseudonymous_usage_analytics = true\n"
            f'[models.m]\nrouting = ["p"]\n[models.m.providers.p]\ntype = "openai"\nmodel_name = "m"\n'
            f'api_base = "{url}"\napi_key_location = "none"\n'
        )
        gateway = await library.AsyncTensorZeroGateway.build_embedded(config_file=str(path), async_setup=True)

        async def once(stream: bool) -> float:
            begun, first = time.perf_counter(), 0.0
            reply = await gateway.inference(model_name="m", input={"messages": MESSAGES}, stream=stream)
            if stream:
                async for _ in reply:
                    first = first or time.perf_counter() - begun
            return first or time.perf_counter() - begun

        yield once


CONTESTANTS: dict[str, Callable[[str], AbstractAsyncContextManager[Once]]] = {
    "aiohttp": bare_aiohttp,
    "httpx": bare_httpx,
    "gateway": lambda url: ve_magics(url, "httptools"),
    "gateway-httpx": lambda url: ve_magics(url, "httpx"),
    "client": ve_client,
    "openai": openai_sdk,
    "litellm": litellm_router,
    "tensorzero": tensorzero,
}


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def resident() -> float:
    """Return the megabytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


async def measure(once: Once, *, stream: bool, at_once: int, seconds: float) -> dict[str, float]:
    """Ask so many at once for so many seconds, each as soon as the one before it is done.

    Returns:
        `rate` and `per_cpu` (requests a second, of the clock and of this process's CPU), `p50` and `p99` of the
        milliseconds to the first piece, `mb` of memory.
    """
    firsts: list[float] = []
    memory = 0.0
    cpu, begun = time.process_time(), time.perf_counter()
    end = begun + seconds

    async def worker() -> None:
        nonlocal memory
        while time.perf_counter() < end:
            firsts.append(await once(stream))
        memory = memory or resident()

    await asyncio.gather(*(worker() for _ in range(at_once)))
    spent, took = time.process_time() - cpu, time.perf_counter() - begun
    return {
        "rate": len(firsts) / took,
        "per_cpu": len(firsts) / spent,
        "p50": statistics.median(firsts) * 1000,
        "p99": percentile(firsts, 0.99) * 1000,
        "mb": memory,
    }


async def main(name: str, url: str) -> None:
    """Carry out orders until there are no more."""
    async with CONTESTANTS[name](url) as once:
        for stream in (False, True):
            await once(stream)
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await measure(once, **json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
