"""The ASGI app: from a request to whoever answers it, and every error in the client's own form."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from ve_magics.dialects.contract import Dialect
from ve_magics.dialects.registry import get_dialect
from ve_magics.engine.gateway import Trace
from ve_magics.engine.session import Session
from ve_magics.errors import VeError
from ve_magics.server import listing
from ve_magics.server.access import Access, Grant
from ve_magics.server.accounts import Accounts
from ve_magics.server.chat import Asked, ChatEndpoint, Pace
from ve_magics.server.counting import counted
from ve_magics.server.http import Receive, Reply, Scope, Send, read_body, request_headers, unless_left
from ve_magics.server.metrics import Metrics
from ve_magics.server.paths import Place, dialect_of, place_of
from ve_magics.server.refusals import ClientLeftError, MethodError, encoded, told, unknown_path
from ve_magics.server.singles import SingleEndpoints
from ve_magics.server.trail import dollars, failure_fields, trail
from ve_magics.server.videos import Teller, VideoEndpoints, teller

BODY_LIMIT = 64 * 1024 * 1024
"""Most bytes of a request's body."""

BODY_SECONDS = 60.0
"""Seconds in which a request's body must have come."""

CANCEL = 2.0
"""Seconds that replies get to end which are cancelled because the server stops."""

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class ServerApp:
    """The gateway as an ASGI app.

    Args:
        session: Configuration and gateway; closed when the server stops.
        access: Who may ask.
        body_limit: Most bytes of a request's body.
        body_seconds: Seconds in which it must have come.
        pace: How long streamed replies wait.

    Attributes:
        metrics: What is counted.
        accounts: What was spent.
    """

    def __init__(
        self,
        session: Session,
        access: Access,
        *,
        body_limit: int = BODY_LIMIT,
        body_seconds: float = BODY_SECONDS,
        pace: Pace | None = None,
    ) -> None:
        self._session = session
        self._access = access
        self._running: set[asyncio.Task[object]] = set()
        self._limit = body_limit
        self._seconds = body_seconds
        self.metrics = Metrics(session.config.names())
        self.accounts = Accounts(session)
        self._chat = ChatEndpoint(session, self.accounts, self.metrics, Pace() if pace is None else pace)
        self._singles = SingleEndpoints(session, self.accounts, self.metrics)
        self._videos = VideoEndpoints(
            session, self.accounts, self.metrics, body_limit=body_limit, body_seconds=body_seconds
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's message or lifespan, as ASGI wants it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            running = asyncio.current_task()
            assert running is not None
            self._running.add(running)
            self.metrics.open += 1
            try:
                await self._serve(scope, receive, Reply(send))
            except ClientLeftError:
                self.metrics.left += 1
            finally:
                self.metrics.open -= 1
                self._running.discard(running)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            self._videos.following.resume()
            await send({"type": "lifespan.startup.complete"})
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=CANCEL)  # each books what it has cost
        await self._videos.following.aclose()
        self.accounts.close()
        await self._session.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        path, method = scope["path"], scope["method"]
        headers = request_headers(scope)
        place = place_of(path)
        dialect = get_dialect(dialect_of(path, place, headers))
        trace = Trace()
        try:
            if place is None:
                self._access.grant(headers, scope["query_string"])
                raise unknown_path(method, path)
            if method == "OPTIONS":
                await reply.whole(204, b"", headers=(("allow", ", ".join((*place.methods, "OPTIONS"))),))
                return
            if method not in place.methods:
                raise MethodError(method, path, (*place.methods, "OPTIONS"))
            if place.what == "health":
                await reply.whole(200, b'{"status":"ok"}')
                return
            grant = self._access.grant(headers, scope["query_string"])
            if place.video is not None:
                await self._videos.answer(place, grant, scope, headers, receive, reply)
                return
            if place.methods != ("POST",):
                await self._look(place, dialect, grant, reply)
                return
            coding = headers.get("content-encoding", "identity").strip().lower()
            if coding not in ("identity", ""):
                raise encoded(coding)
            body = await read_body(receive, headers, limit=self._limit, seconds=self._seconds)
            alt = parse_qs(scope["query_string"].decode("latin-1")).get("alt", [""])[-1]
            asked = Asked(dialect, grant, headers, body, place.model, place.stream, alt, trace)
            await unless_left(receive, reply, self._answer(place, asked, reply))
        except (ClientLeftError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told in its own dialect
            await self._fail(reply, teller(place, dialect), trace, told(error))

    async def _answer(self, place: Place, asked: Asked, reply: Reply) -> None:
        match place.what:
            case "chat":
                await self._chat.answer(asked, reply)
            case "count_tokens":
                await reply.whole(200, counted(asked))
            case "embeddings":
                await self._singles.embed(asked, reply)
            case "images":
                await self._singles.paint(asked, reply)
            case _:
                await self._singles.rank(asked, reply)

    async def _look(self, place: Place, dialect: Dialect, grant: Grant, reply: Reply) -> None:
        config = self._session.config
        match place.what:
            case "models":
                await reply.whole(200, listing.listing(config, grant, dialect.name))
            case "model":
                await reply.whole(200, listing.single(config, grant, place.model, dialect.name))
            case _:
                text = self.metrics.text(self._session.gateway.router).encode()
                await reply.whole(200, text, media_type=_PROMETHEUS)

    async def _fail(self, reply: Reply, dialect: Teller, trace: Trace, error: VeError) -> None:
        self.metrics.refused(error)
        if reply.begun:
            reply.abort()
            return
        status, body = dialect.encode_error(error)
        cost = (("x-ve-cost-usd", dollars(trace.cost)),) if trace.attempts else ()
        await reply.whole(status, body, headers=(*failure_fields(error), *trail(trace), *cost))
