"""The ASGI app: which path is whose, and every error in the client's own form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from ve_magics.dialects.contract import Dialect
from ve_magics.dialects.registry import DIALECTS, get_dialect
from ve_magics.engine.session import Session
from ve_magics.errors import (
    AuthError,
    BadRequestError,
    NotFoundError,
    ServerError,
    VeError,
)
from ve_magics.server import http
from ve_magics.server.access import Access, Grant
from ve_magics.server.chat import ChatEndpoint, retry_headers
from ve_magics.server.http import Receive, Scope, Send
from ve_magics.server.metrics import Metrics

BODY_LIMIT = 64 * 1024 * 1024
"""Most bytes of a request's body."""

_GEMINI = re.compile(r"/(?:v1|v1beta)/models/(?P<model>.+):(?P<verb>generateContent|streamGenerateContent)")

CHAT_PATHS: Mapping[str, str] = {
    "/v1/chat/completions": "chat_completions",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
}
"""The dialect that is spoken at each path."""


class ServerApp:
    """The gateway as an ASGI app.

    Args:
        session: Configuration and gateway.
        access: Who may ask.
        body_limit: Most bytes of a request's body.
    """

    def __init__(self, session: Session, access: Access, *, body_limit: int = BODY_LIMIT) -> None:
        self._session = session
        self._access = access
        self._limit = body_limit
        self.metrics = Metrics()
        self._chat = ChatEndpoint(session.gateway, access, self.metrics, session.deadlines)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            self.metrics.open += 1
            try:
                await self._request(scope, receive, send)
            finally:
                self.metrics.open -= 1

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._session.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"].rstrip("/") or "/", scope["method"]
        if path == "/healthz":
            await http.reply(send, 200, b'{"status":"ok"}')
            return
        dialect_name, model, stream = route_of(path)
        dialect = get_dialect(dialect_name if dialect_name in DIALECTS else "chat_completions")
        began = _Began(send)
        try:
            headers = http.request_headers(scope)
            grant = self._access.grant(headers, scope.get("query_string", b""))
            if dialect_name and method == "POST":
                body = await http.read_body(receive, headers, self._limit)
                await http.unless_left(
                    receive,
                    self._chat_request(began, dialect, body, headers, grant, model=model, stream=stream),
                )
            else:
                await self._other(path, method, began, grant)
        except http.ClientLeftError:
            return
        except http.TooLargeError:
            await self._fail(began, dialect, too_large(self._limit))
        except VeError as error:
            await self._fail(began, dialect, error)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours must not show its traceback to a client
            await self._fail(
                began, dialect, ServerError("The server failed.", status=500, code="internal_error")
            )

    async def _chat_request(
        self,
        send: Send,
        dialect: Dialect,
        body: bytes,
        headers: Mapping[str, str],
        grant: Grant,
        *,
        model: str,
        stream: bool | None,
    ) -> None:
        request = dialect.decode_request(body, model=model, stream=stream, headers=headers)
        await self._chat.answer(send, dialect, request, grant)

    async def _other(self, path: str, method: str, send: Send, grant: Grant) -> None:
        found: dict[str, Callable[[Send, Grant], Awaitable[None]]] = {
            "/v1/models": self._models,
            "/metrics": self._metrics,
        }
        endpoint = found.get(path)
        if endpoint is None or method not in ("GET", "HEAD"):
            raise NotFoundError(f"Nothing answers {method} {path} here.", status=404, code="not_found")
        await endpoint(send, grant)

    async def _models(self, send: Send, grant: Grant) -> None:
        names = [name for name in self._session.config.names() if _allowed(grant, name)]
        rows = [
            {"id": name, "object": "model", "created": 0, "owned_by": name.partition("/")[0]}
            for name in names
        ]
        await http.reply(send, 200, msgspec.json.encode({"object": "list", "data": rows}))

    async def _metrics(self, send: Send, grant: Grant) -> None:  # noqa: ARG002 - endpoints share one form
        text = self.metrics.text(self._session.gateway.router)
        await http.reply(send, 200, text.encode(), content_type="text/plain; version=0.0.4; charset=utf-8")

    async def _fail(self, send: _Began, dialect: Dialect, error: VeError) -> None:
        self.metrics.refused(type(error).__name__)
        if send.begun:
            return
        status, body = dialect.encode_error(error)
        challenge = (("www-authenticate", "Bearer"),) if isinstance(error, AuthError) else ()
        await http.reply(send, status, body, headers=(*retry_headers(error), *challenge))


class _Began:
    """A `send` that knows whether the reply has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: http.Message) -> None:
        self.begun = True
        await self._send(message)


def too_large(limit: int) -> BadRequestError:
    """Return the error for a body above the limit in bytes."""
    error = BadRequestError(
        f"The body is larger than {limit >> 20} MiB.", status=413, code="request_too_large"
    )
    error.http_status = 413
    return error


def route_of(path: str) -> tuple[str, str, bool | None]:
    """Return the dialect that is spoken at a path, and what the path says of model and streaming."""
    if path in CHAT_PATHS:
        return CHAT_PATHS[path], "", None
    found = _GEMINI.fullmatch(path)
    if found:
        return "generate_content", found["model"], found["verb"] == "streamGenerateContent"
    return "", "", None


def _allowed(grant: Grant, model: str) -> bool:
    try:
        grant.check_model(model)
    except VeError:
        return False
    return True
