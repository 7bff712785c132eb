"""The seam between the engine and HTTP: a request goes in, a status, headers and a stream of bytes come out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ve_magics.errors import RequestError

Headers = tuple[tuple[str, str], ...]
"""Header fields in the order in which they are sent."""

KEEPALIVE = 15.0
"""Seconds for which an idle connection is kept, unless told otherwise."""

Stage = Literal["opening", "answer", "body"]
"""How far a call had come when it failed: no connection yet, no headers yet, in the middle of the body."""


@dataclass(frozen=True, slots=True)
class WireCall:
    """An HTTP request.

    Args:
        method: `GET`, `POST` and so on, in capitals.
        url: Absolute address, `http` or `https`, percent-encoded, without user information.
        headers: Header fields. Host, length and connection fields are the transport's own business.
        body: The whole body; empty for none.
        addresses: IP addresses to connect to, in order; None looks the host's name up. Names of strangers are looked
            up and checked once, by who sends the call: asked again they could answer otherwise. A proxy, where one
            makes the connection, goes by the name; without one a call that knows no address fails.
    """

    method: str
    url: str
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    addresses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each phase of a call may last, in seconds; None is no limit.

    Args:
        connect: Name lookup, TCP, proxy and TLS together.
        first_token: From the request being sent to the first byte of the body, headers included.
        silence: Between two pieces of the body.
        total: The whole call.
    """

    connect: float | None = 5.0
    first_token: float | None = 120.0
    silence: float | None = 300.0
    total: float | None = 600.0


class Reply(Protocol):
    """An answer whose headers are here and whose body is still to be read."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the header fields by lower-case name, repeated ones joined by a comma."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body in pieces as they come, none of them empty.

        Raises:
            TimedOutError: A deadline ran out.
            TransportError: The connection broke before the end of the body.
            DecodeError: The body's content encoding is broken or unknown.
        """

    async def read(self, limit: int, *, truncate: bool = False) -> bytes:
        """Return the rest of the body and close.

        Args:
            limit: Most bytes that are taken.
            truncate: Cut a longer body instead of refusing it.

        Raises:
            DecodeError: The body is longer than the limit, or its content encoding is broken.
            TimedOutError: A deadline ran out.
            TransportError: The connection broke before the end of the body.
        """

    async def aclose(self) -> None:
        """Let the connection go: back to the pool if the body was read to its end, closed at once if not."""


class Transport(Protocol):
    """Whoever carries calls out. Used from one event loop."""

    async def send(self, call: WireCall, deadlines: Deadlines = ...) -> Reply:
        """Send a request and return its answer as soon as the headers are here.

        Redirects are returned, not followed. Cancelling closes the connection at once.

        Raises:
            ConfigError: The address, a header or a proxy setting can't be used; nothing was sent.
            ConnectFailedError: No connection could be made.
            TimedOutError: A deadline ran out.
            TransportError: The connection broke before the headers were complete.
        """

    async def aclose(self) -> None:
        """Close every connection, those in use included."""


class RawReply(Protocol):
    """An answer as a backend gives it: no deadlines, no decoding, the library's own errors."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Return the header fields by lower-case name."""

    async def receive(self) -> bytes:
        """Return the next piece of the body, empty at its end."""

    async def aclose(self) -> None:
        """Free the connection if `receive` has come to the end, close it at once if not; idempotent."""


class Backend(Protocol):
    """What an HTTP library must offer to be used; the rest is `GuardedTransport`."""

    async def open(self, call: WireCall, connected: Callable[[], None]) -> RawReply:
        """Send a request as it stands and return its answer once the headers are here.

        Args:
            call: The request, checked.
            connected: To be called when the connection stands and the request is about to be sent.
        """

    def explain(self, error: Exception, host: str, stage: Stage) -> RequestError:
        """Return the error of ours that a foreign error amounts to; never shows anything of the request."""

    async def aclose(self) -> None:
        """Close every connection."""
