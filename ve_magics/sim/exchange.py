"""One HTTP request and its answer, over raw ASGI."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ve_magics.errors import BadRequestError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST = 64 * 1024 * 1024
"""Most bytes of a request's body."""

JSON = "application/json"


class Request:
    """A request, read whole.

    Attributes:
        method: In capitals.
        path: Without the query.
        query: The last value of each parameter.
        headers: Names in lower case.
        body: As it came.
    """

    def __init__(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body

    @classmethod
    async def read(cls, scope: Message, receive: Receive) -> Request:
        """Read a request.

        Raises:
            BadRequestError: It is too large.
            ConnectionAbortedError: Its sender has gone.
        """
        pieces, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError("the client has gone")
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > LARGEST:
                raise BadRequestError(f"The request is larger than {LARGEST} bytes.", status=413)
            if not message.get("more_body", False):
                break
        headers = {
            bytes(k).decode("latin-1").lower(): bytes(v).decode("latin-1") for k, v in scope["headers"]
        }
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
        return cls(scope["method"].upper(), scope["path"], query, headers, b"".join(pieces))

    @property
    def digest(self) -> str:
        """Hexadecimal name of the request: the same for the same method, path and body."""
        head = f"{self.method} {self.path}\n".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(head + self.body, digest_size=12).hexdigest()

    def json(self) -> dict[str, Any]:
        """Return the body, a JSON object.

        Raises:
            BadRequestError: It is none.
        """
        try:
            value = msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise BadRequestError(f"The body is not JSON: {error}", status=400) from error
        if not isinstance(value, dict):
            raise BadRequestError("The body is not a JSON object.", status=400)
        return value


class Answer:
    """Writes the answer to one request.

    Args:
        send: The server's.
        request_id: Goes into the header `x-request-id`.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.begun = False

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers."""
        self.begun = True
        fields = {"x-request-id": self._request_id, **headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last piece of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(
        self, status: int, body: bytes, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send an answer in one go."""
        fields = {"content-type": media_type, "content-length": str(len(body)), **(headers or {})}
        await self.begin(status, fields)
        await self.end(body)

    async def value(self, value: object, *, headers: Mapping[str, str] | None = None) -> None:
        """Send a value as JSON."""
        await self.whole(200, msgspec.json.encode(value), headers=headers)
