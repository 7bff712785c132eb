"""Chat over HTTP: a question in any dialect, its answer in the same dialect, whoever answers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ve_magics.catalog import cost
from ve_magics.dialects.contract import Dialect, Encoder
from ve_magics.engine.gateway import Gateway, Trace
from ve_magics.engine.transport import Deadlines
from ve_magics.errors import RequestError, VeError
from ve_magics.events import Accumulator, Event, Restarted
from ve_magics.messages import ChatRequest
from ve_magics.server import http
from ve_magics.server.access import Access, Grant
from ve_magics.server.http import Send
from ve_magics.server.metrics import Metrics

HEARTBEAT = 15.0
"""Seconds of silence after which a stream gets a comment, so that no proxy takes it for dead."""

SSE_HEADERS = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)


class ChatEndpoint:
    """Answers chat requests.

    Args:
        gateway: Who asks the providers.
        access: Who may ask, and what they spent.
        metrics: What is counted.
        deadlines: Limits of one request.
    """

    def __init__(self, gateway: Gateway, access: Access, metrics: Metrics, deadlines: Deadlines) -> None:
        self._gateway = gateway
        self._access = access
        self._metrics = metrics
        self._deadlines = deadlines

    async def answer(self, send: Send, dialect: Dialect, request: ChatRequest, grant: Grant) -> None:
        """Answer one request; what fails before the reply has begun is raised.

        Args:
            send: Where the reply goes.
            dialect: The dialect that the client speaks.
            request: What it asks.
            grant: What its token allows.

        Raises:
            VeError: Nobody answered, or the request may not be sent.
        """
        grant.check_model(request.model)
        self._access.check_budget(grant)
        trace = Trace()
        begun = time.monotonic()
        identity = {"id": uuid.uuid4().hex, "created": int(time.time())}
        encoder = dialect.encoder(request, options=identity)
        accumulator = Accumulator()
        events = self._gateway.stream(request, deadlines=self._deadlines, trace=trace, midstream="fail")
        try:
            async with aclosing(events):
                first = await anext(events, None)
                if first is not None:
                    accumulator.add(first)
                if request.stream:
                    await self._stream(send, encoder, events, first, accumulator, trace)
                else:
                    await self._whole(send, encoder, events, first, accumulator, trace)
        finally:
            usage = accumulator.usage
            price = self._gateway.config.price(trace.served) if trace.served else None
            spent = cost(usage, price) if usage else None
            self._access.book(grant, spent.amount if spent else None)
            self._metrics.answered(dialect.name, trace, usage, spent, time.monotonic() - begun)

    async def _whole(
        self,
        send: Send,
        encoder: Encoder,
        events: AsyncGenerator[Event, None],
        first: Event | None,
        accumulator: Accumulator,
        trace: Trace,
    ) -> None:
        pieces = [encoder.encode(first)] if first is not None else []
        async for event in events:
            accumulator.add(event)
            pieces.append(encoder.encode(event))
        pieces.append(encoder.flush())
        usage = accumulator.usage
        price = self._gateway.config.price(trace.served) if trace.served else None
        spent = cost(usage, price) if usage else None
        amount = "unknown" if spent is None or spent.amount is None else f"{spent.amount:.9f}"
        await http.reply(send, 200, b"".join(pieces), headers=(*told(trace), ("x-ve-cost-usd", amount)))

    async def _stream(
        self,
        send: Send,
        encoder: Encoder,
        events: AsyncGenerator[Event, None],
        first: Event | None,
        accumulator: Accumulator,
        trace: Trace,
    ) -> None:
        await http.start(send, 200, (*SSE_HEADERS, *told(trace)))
        beat = _Heartbeat(send)
        try:
            if first is not None and (data := encoder.encode(first)):
                await beat.write(data)
            try:
                async for event in events:
                    accumulator.add(event)
                    if isinstance(event, Restarted):
                        continue
                    if data := encoder.encode(event):
                        await beat.write(data)
                ending = encoder.flush()
            except VeError as error:
                ending = encoder.encode_failure(error)
        finally:
            await beat.stop()
        await http.body(send, ending)


class _Heartbeat:
    """Writes pieces of a stream, and a comment whenever it was silent for long."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = asyncio.Lock()
        self._last = time.monotonic()
        self._task = asyncio.create_task(self._beat())

    async def write(self, data: bytes) -> None:
        async with self._lock:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
            self._last = time.monotonic()

    async def _beat(self) -> None:
        while True:
            silent = time.monotonic() - self._last
            if silent >= HEARTBEAT:
                await self.write(b": keep-alive\n\n")
            await asyncio.sleep(max(0.05, HEARTBEAT - silent))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def told(trace: Trace) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell who answers and who was tried."""
    tried = ", ".join(f"{attempt.target};{attempt.failure or 'ok'}" for attempt in trace.attempts)
    served = str(trace.served or "")
    attempts = len(trace.failures) + 1
    return (
        ("x-ve-target", served.encode("ascii", "replace").decode()),
        ("x-ve-attempts", str(attempts)),
        *((("x-ve-tried", tried.encode("ascii", "replace").decode()),) if trace.failures else ()),
    )


def retry_headers(error: VeError) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell a client when to come again."""
    wait = getattr(error, "retry_after", None)
    told_id = error.request_id if isinstance(error, RequestError) else None
    return (
        *((("retry-after", str(max(1, round(wait)))),) if wait else ()),
        *((("x-request-id", told_id),) if told_id else ()),
    )
