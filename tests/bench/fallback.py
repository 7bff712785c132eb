"""How fast a fallback goes out, and what 500 open streams weigh.

    python -m tests.bench.fallback [--requests 1000] [--backend httptools|httpx]

A route of two targets, the first of which fails. Measured is the time from the moment at which the transport tells
of the failure (the error, the status, the broken body) to the moment at which it is handed the next request.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from tests.bench.contestants import percentile, resident
from tests.bench.upstream import upstream
from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Gateway
from ve_magics.engine.transport import Deadlines, Transport, open_transport
from ve_magics.engine.transport.wire import Reply, WireCall
from ve_magics.messages import ChatRequest, user
from ve_magics.routing import Router

FAULTS = ("refused", "500", "429", "cut")


class Stopwatch:
    """A transport that notes when a request failed and when the next one is handed to it.

    Args:
        inner: Carries the bytes.

    Attributes:
        gaps: Seconds between the two, one a fallback.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._failed: float | None = None
        self.gaps: list[float] = []

    async def send(self, call: WireCall, deadlines: Deadlines = Deadlines()) -> Reply:  # noqa: B008 - frozen
        """Send a request."""
        if self._failed is not None:
            self.gaps.append(time.perf_counter() - self._failed)
            self._failed = None
        try:
            reply = await self._inner.send(call, deadlines)
        except BaseException:
            self._failed = time.perf_counter()
            raise
        if reply.status >= 300:
            self._failed = time.perf_counter()
            return reply
        return Timed(reply, self)

    def fail(self) -> None:
        """Note that a reply broke."""
        self._failed = time.perf_counter()

    async def aclose(self) -> None:
        """Leave the connections to whoever opened them."""


class Timed:
    """A reply that tells when it breaks."""

    def __init__(self, reply: Reply, watch: Stopwatch) -> None:
        self.status, self.headers = reply.status, reply.headers
        self.read, self.aclose = reply.read, reply.aclose
        self._reply, self._watch = reply, watch

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the pieces of the body."""
        try:
            async for piece in self._reply.chunks():
                yield piece
        except Exception:
            self._watch.fail()
            raise


def gateway(config: Config, transport: Transport) -> Gateway:
    """Return a gateway that knows nothing yet of who is well."""
    return Gateway(config, fresh(), transport, clock=time.monotonic)


def fresh() -> Router:
    """Return a router without a memory."""
    return Router(clock=time.monotonic, random=random.Random())


async def fallbacks(
    config: Config, transport: Transport, fault: str, count: int, at_once: int
) -> list[float]:
    """Return the gaps of so many fallbacks."""
    request = ChatRequest(model=f"route-{fault}", messages=(user("Hi"),), stream=True)

    async def worker(share: int) -> list[float]:
        watch = Stopwatch(transport)
        ours = gateway(config, watch)
        for _ in range(share):
            ours.router = fresh()  # else its breaker would soon pass the failing target over
            async with aclosing(ours.stream(request)) as events:
                async for _ in events:
                    break
        return watch.gaps

    gaps = await asyncio.gather(*(worker(max(1, count // at_once)) for _ in range(at_once)))
    return [gap for one in gaps for gap in one]


async def open_streams(config: Config, transport: Transport, count: int) -> tuple[float, float]:
    """Return the megabytes of memory before and while so many streams are open, each with its first token read."""
    ours = gateway(config, transport)
    request = ChatRequest(model="good/m", messages=(user("Hi"),), stream=True)
    before = resident()
    async with AsyncExitStack() as stack:
        streams: list[AsyncIterator[Any]] = [
            await stack.enter_async_context(aclosing(ours.stream(request))) for _ in range(count)
        ]
        await asyncio.gather(*(anext(stream) for stream in streams))
        return before, resident()


def configuration(folder: Path, url: str) -> Config:
    """Return the configuration: a good provider, one for each fault, and a route over both."""
    origin = url.removesuffix("/v1")
    urls = {"good": url, "refused": "http://127.0.0.1:1/v1"}
    urls |= {fault: f"{origin}/{fault}/v1" for fault in FAULTS[1:]}
    rows = [f'[providers.{name}]\nbase_url = "{address}"\nauth = "none"' for name, address in urls.items()]
    rows += [f'[routes.route-{fault}]\ntargets = ["{fault}/m", "good/m"]' for fault in FAULTS]
    (folder / "config.toml").write_text("\n".join(rows), "utf-8")
    return Config(environ={"VE_CONFIG": str(folder / "config.toml")})


async def main(options: argparse.Namespace, url: str, folder: Path) -> None:
    """Measure and print."""
    config = configuration(folder, url)
    transport = open_transport(options.backend)
    before, during = await open_streams(config, transport, 500)
    print(f"500 open streams in process: {during:.0f} MB ({before:.0f} MB before)")
    await transport.aclose()
    transport = open_transport(options.backend)
    print(f"{'failure':<9}{'at once':>8}{'fallbacks':>11}{'p50 ms':>9}{'p99 ms':>9}")
    for fault in FAULTS:
        for at_once in (1, 16):
            await fallbacks(config, transport, fault, 2 * at_once, at_once)
            gaps = await fallbacks(config, transport, fault, options.requests, at_once)
            p50, p99 = statistics.median(gaps) * 1000, percentile(gaps, 0.99) * 1000
            print(f"{fault:<9}{at_once:>8}{len(gaps):>11}{p50:>9.2f}{p99:>9.2f}", flush=True)
    await transport.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--backend", choices=("httptools", "httpx"), default="httptools")
    with upstream() as base, tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(parser.parse_args(), base, Path(temporary)))
