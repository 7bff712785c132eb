"""The little of HTTP that an ASGI app needs: read a body with a limit, write a reply, notice that the client left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class TooLargeError(Exception):
    """The body is larger than the limit."""


class ClientLeftError(Exception):
    """The client closed the connection before its request was whole."""


def request_headers(scope: Scope) -> dict[str, str]:
    """Return the request's headers, names in lower case; of a repeated one the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """Return the request's body.

    Raises:
        TooLargeError: It is, or says that it is, longer than the limit in bytes.
        ClientLeftError: The client left before it was whole.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise TooLargeError
        if piece:
            pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def start(send: Send, status: int, headers: Iterable[tuple[str, str]]) -> None:
    """Begin a reply."""
    wire = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": wire})


async def body(send: Send, data: bytes, *, more: bool = False) -> None:
    """Write a piece of a reply's body; `more` is False for the last one."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def reply(
    send: Send,
    status: int,
    data: bytes,
    *,
    content_type: str = "application/json",
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    """Write a whole reply."""
    await start(send, status, (("content-type", content_type), ("content-length", str(len(data))), *headers))
    await body(send, data)


async def client_left(receive: Receive) -> None:
    """Wait until the client closes the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_left(receive: Receive, work: Awaitable[None]) -> bool:
    """Do some work and drop it as soon as the client leaves; returns whether it was done.

    Dropping means cancelling: a stream from a provider is closed at once, so that nothing more is paid.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(client_left(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
