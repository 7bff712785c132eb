"""The little of HTTP that an ASGI app needs: read a body within limits, write a reply, notice that the client left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from ve_magics.server.refusals import ClientLeftError, too_large, too_slow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[str, str]]

JSON = "application/json"


class Reply:
    """One reply on its way to the client.

    Args:
        send: The server's.

    Attributes:
        begun: Whether status and headers are out, so that nothing but the body can be said any more.
        ended: Whether its last piece is on its way, so that a client that leaves misses nothing.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.ended = False

    async def begin(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        self.begun = True
        wire = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": wire})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Send a piece of the body; waits while the client doesn't read."""
        self.ended = not more
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, data: bytes, *, media_type: str = JSON, headers: Headers = ()) -> None:
        """Send a reply in one go."""
        length = () if status == 204 else (("content-type", media_type), ("content-length", str(len(data))))
        await self.begin(status, (*length, *headers))
        await self.write(data, more=False)

    def abort(self) -> None:
        """Drop the connection with all that it still holds back, where the server lets us."""
        transport: Any = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()


def request_headers(scope: Scope) -> dict[str, str]:
    """Return the request's headers, names in lower case; of a repeated one the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, headers: Mapping[str, str], *, limit: int, seconds: float) -> bytes:
    """Return the request's body.

    Args:
        receive: The server's.
        headers: The request's.
        limit: Most bytes; one that says that it is longer is not read at all.
        seconds: How long it may take.

    Raises:
        BadRequestError: It is longer, or takes longer.
        ClientLeftError: The client left before it was whole.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeftError
                piece = message.get("body", b"")
                size += len(piece)
                if size > limit:
                    raise too_large(limit)
                if piece:
                    pieces.append(piece)
                if not message.get("more_body", False):
                    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except TimeoutError:
        raise too_slow(seconds) from None


async def unless_left(receive: Receive, reply: Reply, work: Awaitable[None]) -> None:
    """Do the work of a reply, and drop it as soon as the client leaves before the reply's end.

    Dropping means cancelling: a stream from a provider is closed at once, so that nothing more is paid.

    Raises:
        ClientLeftError: It left.
    """
    working = asyncio.current_task()
    assert working is not None
    left = False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        if not reply.ended:
            left = True
            working.cancel()

    watching = asyncio.create_task(watch())
    try:
        await work
    except asyncio.CancelledError:
        if not left or working.uncancel():  # somebody else wants it to end as well
            raise
        raise ClientLeftError from None
    finally:
        watching.cancel()
