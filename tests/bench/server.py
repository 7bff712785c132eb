"""The gateway over HTTP, beside other gateways: requests and streams a second of the gateway's own CPU.

    python -m tests.bench.server [--seconds 2] [--rounds 3] [--at-once 1 64] [--what whole streams] [--longest 30]
        [--open 500] [--litellm /path/to/litellm] [--portkey /path/to/gateway/build/start-server.js]
        [--vllm-router /path/to/vllm-router]

The provider, the gateway and the client that asks are three processes. A gateway that isn't named is left out. What
has not come `--longest` seconds after the end of a measurement is not waited for and counts as failed. `--open` shows
what so many streams weigh in each gateway, all open at once with their first chunk read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.bench.contestants import MESSAGES, percentile
from tests.bench.upstream import HOLD, upstream

TICKS = os.sysconf("SC_CLK_TCK")
TOKEN = f"sk-{secrets.token_urlsafe()}"
PATIENCE = 90.0
"""Seconds that a gateway gets to start."""


@dataclass
class Hop:
    """What stands between the client and the provider.

    Attributes:
        name: What it is called in the tables.
        url: Base URL.
        pid: Its process; 0 for none.
        model: What the model is called there.
        headers: What it wants besides.
    """

    name: str
    url: str
    pid: int = 0
    model: str = "m"
    headers: dict[str, str] = field(default_factory=dict)


def family(pid: int) -> list[int]:
    """Return a process and all that it started."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += family(int(child))
    return found


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process and its children have used."""
    total = 0.0
    for one in family(pid) if pid else ():
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def resident(pid: int) -> float:
    """Return the megabytes of memory that a process and its children have."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid)) if pid else 0
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


class RefusedError(Exception):
    """A gateway answered, but not with what the provider said."""


def question(hop: Hop, *, stream: bool, text: str = "") -> str:
    """Return a request's body."""
    messages = [{"role": "user", "content": text}] if text else MESSAGES
    return json.dumps({"model": hop.model, "stream": stream, "messages": messages}, separators=(",", ":"))


async def warm(session: aiohttp.ClientSession, hop: Hop, stream: bool) -> None:
    """Ask once, whatever comes of it."""
    with suppress(RefusedError, aiohttp.ClientError):
        await once(session, hop, stream)


async def once(session: aiohttp.ClientSession, hop: Hop, stream: bool) -> float:
    """Ask once and return the seconds to the first piece of the answer."""
    body = question(hop, stream=stream)
    begun, first, size = time.perf_counter(), 0.0, 0
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", **hop.headers}
    async with session.post(f"{hop.url}/chat/completions", data=body, headers=headers) as reply:
        if reply.status != 200:
            raise RefusedError(f"It answers {reply.status}: {(await reply.text())[:300]}")
        async for piece in reply.content.iter_any():
            first = first or time.perf_counter() - begun
            size += len(piece)
    if size < 200:
        raise RefusedError(f"It answers with {size} bytes.")
    return first


async def finish(tasks: list[asyncio.Task[None]], seconds: float) -> int:
    """Wait for tasks, but no longer than so many seconds; return how many had to be given up."""
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return len(late)


async def opened(hop: Hop, count: int, seconds: float) -> tuple[int, float, float]:
    """Open so many streams at once; return how many began within the time, and the megabytes before and then."""
    body = question(hop, stream=True, text=HOLD)
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", **hop.headers}
    before, begun, ready = resident(hop.pid), 0, asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def hold() -> None:
            nonlocal begun
            async with session.post(f"{hop.url}/chat/completions", data=body, headers=headers) as reply:
                if reply.status == 200 and await reply.content.readany():
                    begun += 1
                    if begun == count:
                        ready.set()
                    await asyncio.Event().wait()

        holding = [asyncio.create_task(hold()) for _ in range(count)]
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), seconds)
        during = resident(hop.pid)
        for task in holding:
            task.cancel()
        await asyncio.gather(*holding, return_exceptions=True)
    return begun, before, during


async def measure(
    hop: Hop, *, stream: bool, at_once: int, seconds: float, longest: float
) -> dict[str, float]:
    """Ask so many at once for so many seconds; returns medians and rates as in `contestants`, and failures."""
    firsts: list[float] = []
    failed = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await finish([asyncio.create_task(warm(session, hop, stream)) for _ in range(at_once)], longest)
        spent, begun = cpu(hop.pid), time.perf_counter()
        end = begun + seconds

        async def worker() -> None:
            nonlocal failed
            while time.perf_counter() < end:
                try:
                    firsts.append(await once(session, hop, stream))
                except (RefusedError, aiohttp.ClientError):
                    failed += 1

        late = await finish([asyncio.create_task(worker()) for _ in range(at_once)], seconds + longest)
        failed += late
        served = len(firsts)
        firsts = firsts or [math.nan]
        took, spent = time.perf_counter() - begun, cpu(hop.pid) - spent
    return {
        "rate": served / took,
        "per_cpu": served / max(spent, 1 / TICKS) if hop.pid else 0.0,
        "p50": statistics.median(firsts) * 1000,
        "p99": percentile(firsts, 0.99) * 1000,
        "mb": resident(hop.pid),
        "failed": failed,
    }


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(*command: str, port: int, **environ: str) -> Iterator[int]:
    """Run a gateway until its port is open; gives its process id."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environ}
    ) as process:
        try:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end and process.poll() is None:
                with socket.socket() as knock:
                    if not knock.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()


def ve_magics(stack: ExitStack, _: str, url: str, folder: Path) -> Hop:
    """Start `ve-magics serve`."""
    (folder / "config.toml").write_text(
        f'[providers.bench]\nbase_url = "{url}"\nkey = "env:BENCH"\n', "utf-8"
    )
    port = free_port()
    environ = {"VE_CONFIG": str(folder / "config.toml"), "VE_HOME": str(folder), "BENCH": "x"}
    command = (sys.executable, "-m", "ve_magics", "serve", "--port", str(port))
    pid = stack.enter_context(running(*command, port=port, VE_SERVER_TOKEN=TOKEN, **environ))
    return Hop("ve-magics serve", f"http://127.0.0.1:{port}/v1", pid, "bench/m")


def litellm(stack: ExitStack, command: str, url: str, folder: Path) -> Hop:
    """Start LiteLLM's proxy."""
    params = {"model": "openai/m", "api_base": url, "api_key": "x"}
    config = {
        "model_list": [{"model_name": "m", "litellm_params": params}],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    (folder / "litellm.yaml").write_text(json.dumps(config), "utf-8")
    port = free_port()
    arguments = ("--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port))
    pid = stack.enter_context(
        running(command, *arguments, port=port, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_MASTER_KEY=TOKEN)
    )
    return Hop("LiteLLM proxy", f"http://127.0.0.1:{port}/v1", pid)


def portkey(stack: ExitStack, script: str, url: str, _: Path) -> Hop:
    """Start Portkey's gateway."""
    port = free_port()
    pid = stack.enter_context(running("node", script, f"--port={port}", "--headless", port=port))
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": url}
    return Hop("Portkey gateway", f"http://127.0.0.1:{port}/v1", pid, headers=headers)


def vllm_router(stack: ExitStack, command: str, url: str, _: Path) -> Hop:
    """Start vLLM's router."""
    port, metrics = free_port(), free_port()
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(metrics))
    worker = ("--worker-urls", url.removesuffix("/v1"), "--policy", "round_robin")
    pid = stack.enter_context(running(command, *arguments, *worker, port=port))
    return Hop("vLLM router", f"http://127.0.0.1:{port}/v1", pid)


PEERS: dict[str, Callable[[ExitStack, str, str, Path], Hop]] = {
    "ve_magics": ve_magics,
    "litellm": litellm,
    "portkey": portkey,
    "vllm_router": vllm_router,
}


async def works(hop: Hop, *, stream: bool) -> bool:
    """Whether a gateway answers, tried for a while after its start; says so where it doesn't."""
    end, why = time.monotonic() + 20, ""
    while time.monotonic() < end:
        try:
            async with aiohttp.ClientSession() as session:
                await once(session, hop, stream)
        except (RefusedError, aiohttp.ClientError, OSError) as error:
            why = str(error)
            await asyncio.sleep(0.5)
        else:
            return True
    print(f"{hop.name}, {'streams' if stream else 'whole'}: left out. {why}", flush=True)
    return False


async def main(options: argparse.Namespace, url: str) -> None:
    """Measure and print tables."""
    with ExitStack() as stack:
        hops = [Hop("direct", url)]
        for name, start in PEERS.items():
            named = getattr(options, name)
            if named is not None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                hops.append(start(stack, named, url, folder))
        for stream in [what == "streams" for what in options.what]:
            present = [hop for hop in hops if await works(hop, stream=stream)]
            for at_once in options.at_once:
                rounds: dict[str, list[dict[str, float]]] = {hop.name: [] for hop in present}
                for _ in range(options.rounds):
                    for hop in present:
                        figures = await measure(
                            hop,
                            stream=stream,
                            at_once=at_once,
                            seconds=options.seconds,
                            longest=options.longest,
                        )
                        rounds[hop.name].append(figures)
                table("streams" if stream else "whole", at_once, rounds)
        if options.open:
            print(
                f"\n{options.open} open streams\n{'':<17}{'open':>6}{'MB before':>11}{'MB then':>9}{'KB each':>9}"
            )
            for hop in hops[1:]:
                begun, before, during = await opened(hop, options.open, options.longest)
                each = 1000 * (during - before) / max(1, begun)
                print(f"{hop.name:<17}{begun:>6}{before:>11.0f}{during:>9.0f}{each:>9.0f}", flush=True)


def table(what: str, at_once: int, rounds: dict[str, list[dict[str, float]]]) -> None:
    """Print the medians of one kind of work."""
    print(f"\n{what}, {at_once} at once")
    print(
        f"{'':<17}{'per s':>8}{'per CPU s':>11}{'first p50 ms':>14}{'p99 ms':>9}{'MB':>6}{'+ direct ms':>13}"
    )
    for name, results in rounds.items():
        middle = {key: statistics.median(result[key] for result in results) for key in results[0]}
        over = statistics.median(a["p50"] - b["p50"] for a, b in zip(results, rounds["direct"], strict=True))
        print(
            f"{name:<17}{middle['rate']:>8.0f}{middle['per_cpu']:>11.0f}{middle['p50']:>14.2f}"
            f"{middle['p99']:>9.2f}{middle['mb']:>6.0f}{over:>13.2f}{middle['failed']:>8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--what", nargs="*", choices=("whole", "streams"), default=["whole", "streams"])
    parser.add_argument("--longest", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--open", type=int, default=0, metavar="STREAMS")
    parser.add_argument("--litellm", metavar="PATH")
    parser.add_argument("--portkey", metavar="PATH")
    parser.add_argument("--vllm-router", metavar="PATH")
    parser.set_defaults(ve_magics="")
    with upstream() as base:
        asyncio.run(main(parser.parse_args(), base))
