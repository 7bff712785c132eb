"""What stands in for a provider in all benchmarks: raw ASGI on uvicorn, in a process of its own.

    python tests/bench/upstream.py

It prints its address. A whole answer comes at once; a stream has 20 chunks over 100 ms. Below `/500` and `/429` it
fails with that status, below `/cut` it breaks the connection before the first token. A stream whose question holds
the words `hold the line` stops after its first chunk until its reader leaves, for a minute at most.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHUNKS = 20
SECONDS = 0.1
"""Time of a whole stream."""


def _whole() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "word " * 20}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**answer, "choices": [choice], "usage": usage}).encode()


def _pieces() -> list[bytes]:
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": "word "}, None)] * CHUNKS + [({}, "stop")]
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return [
        b"data: %s\n\n"
        % json.dumps({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode()
        for delta, finish in deltas
    ] + [b"data: [DONE]\n\n"]


WHOLE, PIECES = _whole(), _pieces()
STREAM = [(b"content-type", b"text/event-stream")]
JSON = [(b"content-type", b"application/json"), (b"content-length", str(len(WHOLE)).encode())]

FAILED = [(b"content-type", b"application/json"), (b"content-length", b"26")]
HOLD = "hold the line"
LONGEST = 60.0
"""Seconds for which a line is held."""

OPENING = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a chat request as fast as can be."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    fault = scope["path"].split("/")[1]
    if fault in ("500", "429"):
        await send({"type": "http.response.start", "status": int(fault), "headers": FAILED})
        await send({"type": "http.response.body", "body": b'{"error":{"message":"no"}}'})
        return
    if fault == "cut":
        await send({"type": "http.response.start", "status": 200, "headers": STREAM})
        await send({"type": "http.response.body", "body": OPENING, "more_body": True})
        return  # without an end: the connection is closed
    if b'"stream":true' not in body.replace(b" ", b""):
        await send({"type": "http.response.start", "status": 200, "headers": JSON})
        await send({"type": "http.response.body", "body": WHOLE})
        return
    await send({"type": "http.response.start", "status": 200, "headers": STREAM})
    if HOLD.encode() in body:
        await send({"type": "http.response.body", "body": PIECES[0], "more_body": True})
        with suppress(TimeoutError):
            await asyncio.wait_for(receive(), LONGEST)
        await send({"type": "http.response.body", "body": b"".join(PIECES[CHUNKS:])})
        return
    for piece in PIECES[:CHUNKS]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(SECONDS / CHUNKS)
    await send({"type": "http.response.body", "body": b"".join(PIECES[CHUNKS:])})


@contextmanager
def upstream() -> Iterator[str]:
    """Run it in a process of its own; gives its base URL."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__))], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Serve until told to stop."""
    import uvicorn

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: no Nagle
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main()
