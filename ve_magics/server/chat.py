"""Chat over HTTP: a question in any dialect, its answer in the same dialect, whoever answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from ve_magics.dialects.contract import Dialect, Encoder
from ve_magics.engine.config_file import Midstream
from ve_magics.engine.gateway import Trace
from ve_magics.engine.session import Session
from ve_magics.engine.transport.deadlines import Alarm
from ve_magics.errors import BadRequestError
from ve_magics.events import Accumulator, Event, Restarted
from ve_magics.messages import ChatRequest, Usage
from ve_magics.server.access import Grant
from ve_magics.server.accounts import Accounts, Booked, total
from ve_magics.server.estimates import estimated_usage
from ve_magics.server.http import JSON, Reply
from ve_magics.server.metrics import Metrics
from ve_magics.server.refusals import ClientLeftError, told
from ve_magics.server.stream import HEARTBEAT, PATIENCE, STALL, StreamReply
from ve_magics.server.trail import dollars, trail

SSE = "text/event-stream; charset=utf-8"
STREAM_HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))


@dataclass(slots=True)
class Asked:
    """One request as it came.

    Attributes:
        dialect: Spoken by the client.
        grant: What its token allows.
        headers: Names in lower case.
        body: The bytes.
        model: The model, where the path names it.
        stream: Whether a stream is wanted, where the path says so.
        alt: The query parameter of the same name.
        trace: What happens on the way to the answer.
    """

    dialect: Dialect
    grant: Grant
    headers: Mapping[str, str]
    body: bytes
    model: str = ""
    stream: bool | None = None
    alt: str = ""
    trace: Trace = field(default_factory=Trace)

    def question(self) -> ChatRequest:
        """Return the question, if its holder may ask that model.

        Raises:
            BadRequestError: It is none.
            UnsupportedError: It can't be carried.
            PermissionDeniedError: The token doesn't allow the model.
        """
        request = self.dialect.decode_request(
            self.body, model=self.model, stream=self.stream, headers=self.headers
        )
        self.grant.check_model(request.model)
        return request

    def midstream(self) -> Midstream:
        """Return what happens to a stream that breaks after its first token, as the client wants it.

        Raises:
            BadRequestError: It wants something else.
        """
        match self.headers.get("x-ve-midstream", "fail").strip().lower():
            case "fail" | "continue" as policy:
                return policy
        raise BadRequestError(
            "x-ve-midstream is fail or continue.", status=400, code="invalid_value", param="x-ve-midstream"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a streamed reply waits, in seconds; see `StreamReply`."""

    heartbeat: float = HEARTBEAT
    patience: float = PATIENCE
    stall: float = STALL


class ChatEndpoint:
    """Answers chat requests.

    Args:
        session: Configuration and gateway.
        accounts: Who has spent what.
        metrics: What is counted.
        pace: How long streams wait.
    """

    def __init__(self, session: Session, accounts: Accounts, metrics: Metrics, pace: Pace) -> None:
        self._session = session
        self._accounts = accounts
        self._metrics = metrics
        self._pace = pace
        self._alarm = Alarm()

    async def answer(self, asked: Asked, reply: Reply) -> None:
        """Answer one request; what fails before the reply has begun is raised.

        Raises:
            VeError: Nobody answered, or the request may not be sent.
            ClientLeftError: The client reads nothing any more.
        """
        request = asked.question()
        midstream = asked.midstream() if request.stream else "restart"
        with self._accounts.reserved_chat(asked.grant, request):
            answer = _Answer(asked, request, self._accounts)
            begun = time.monotonic()
            events = self._session.gateway.stream(
                request, deadlines=self._session.deadlines, trace=asked.trace, midstream=midstream
            )
            try:
                async with aclosing(events):
                    await (self._stream if request.stream else self._whole)(answer, events, reply)
            finally:
                lines = answer.settled()
                if asked.trace.served is None:
                    asked.trace.cost = total(lines)
                self._metrics.answered(asked.dialect.name, asked.trace, lines, time.monotonic() - begun)

    async def _whole(self, answer: _Answer, events: AsyncGenerator[Event, None], reply: Reply) -> None:
        kept: list[Event] = []
        async for event in events:
            answer.content.add(event)
            if isinstance(event, Restarted):
                kept.clear()
            else:
                kept.append(event)
        encoder = answer.encoder()
        body = b"".join(map(encoder.encode, kept)) + encoder.flush()
        headers = (*trail(answer.asked.trace), ("x-ve-cost-usd", dollars(total(answer.settled()))))
        await reply.whole(200, body, headers=headers)

    async def _stream(self, answer: _Answer, events: AsyncGenerator[Event, None], reply: Reply) -> None:
        asked, encoder = answer.asked, answer.encoder()
        comments = asked.dialect.name != "generate_content"  # Google's own SDK takes a comment for JSON
        media_type = SSE if comments or asked.alt == "sse" else JSON
        writing = StreamReply(
            reply,
            lambda: (("content-type", media_type), *STREAM_HEADERS, *trail(asked.trace)),
            beat=b": keep-alive\n\n" if comments else b"\n",
            heartbeat=self._pace.heartbeat,
            patience=self._pace.patience,
            stall=self._pace.stall,
            alarm=self._alarm,
        )
        async with writing:
            try:
                async for event in events:
                    answer.content.add(event)
                    if data := encoder.encode(event):
                        await writing.write(data)
                cost = dollars(total(answer.settled())).encode()
                ending = (b": x-ve-cost-usd %s\n\n" % cost if comments else b"") + encoder.flush()
            except ClientLeftError:
                raise
            except Exception as error:
                if not reply.begun:
                    raise
                failure = told(error)
                self._metrics.broken(failure)
                answer.settled()
                ending = encoder.encode_failure(failure)
            await writing.write(ending, more=False)


class _Answer:
    """One answer while it comes, and what it costs: booked once, however it ends."""

    def __init__(self, asked: Asked, request: ChatRequest, accounts: Accounts) -> None:
        self.asked = asked
        self.content = Accumulator()
        self._request = request
        self._accounts = accounts
        self._lines: list[Booked] | None = None

    def encoder(self) -> Encoder:
        """Return a fresh encoder for it."""
        identity = {"id": uuid.uuid4().hex, "created": int(time.time()), "alt": self.asked.alt or "json"}
        return self.asked.dialect.encoder(self._request, options=identity)

    def settled(self) -> list[Booked]:
        """Write what it and all its tries used into the books, where that isn't done, and return the lines.

        Where nobody gave counts, because the answer broke off or its reader left, they are estimated: it is paid for
        all the same.
        """
        if self._lines is None:
            trace = self.asked.trace
            usage = self.content.usage
            if usage is None and trace.served is not None:
                usage = self._estimate()
            self._lines = self._accounts.settle(self.asked.grant, trace, usage, estimate=self._estimate)
        return self._lines

    def _estimate(self) -> Usage:
        return estimated_usage(self._request, self.content)
