"""What a chat dialect can do, in both roles.

As a client of a provider: `encode_request` makes the bytes of a question; a fresh `decoder` per reply turns the
reply's bytes into events; `decode_error` names a failure. As a server of users: `decode_request` reads a question;
a fresh `encoder` per reply turns events into bytes; `encode_error` tells a failure.

A dialect object is stateless and shared; what one reply needs lives in its decoder or encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ve_magics.errors import StatusError, VeError
from ve_magics.events import Event
from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider


class WireRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as it goes to a provider, without the key.

    Attributes:
        path: Appended to the provider's base URL; begins with a slash.
        body: The exact bytes.
        headers: Beyond the provider's own fixed ones; names in lower case.
        query: Beyond the provider's own fixed ones.
        stream: True where the reply is asked for as a stream.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    query: tuple[tuple[str, str], ...] = ()
    stream: bool = False


class Decoder(Protocol):
    """Reads one reply, streamed or whole. Bytes may come in any split."""

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes and return the events that they complete.

        Raises:
            StatusError: The reply holds an error although its HTTP status was good.
            DecodeError: The bytes don't speak the dialect.
        """

    def flush(self) -> list[Event]:
        """Say that the bytes have ended and return the last events.

        Raises:
            StatusError: As for `feed`.
            DecodeError: The bytes don't speak the dialect.
            TransportError: The reply ended before its dialect said that it was finished.
        """


class Encoder(Protocol):
    """Writes one reply to a user of the server."""

    def encode(self, event: Event) -> bytes:
        """Return the bytes that this event adds; empty while it waits for others."""

    def flush(self) -> bytes:
        """Return the bytes that end a finished reply."""

    def encode_failure(self, error: VeError) -> bytes:
        """Return the bytes that tell, inside a reply that has begun, that it broke; nothing may follow them."""


class Cut(msgspec.Struct, frozen=True):
    """A place at which a request may be cut in two: a prefix that others may share, and what is asked after it.

    Attributes:
        digest: The same for equal prefixes of the same model.
        size: Turns before the cut.
        tokens: About how many tokens stand before it.
    """

    digest: str
    size: int
    tokens: int


class KeptPrefix(msgspec.Struct, frozen=True):
    """A prefix that a provider keeps.

    Attributes:
        name: What the provider calls it.
        tokens: What was read to keep it; 0 where nobody said.
    """

    name: str
    tokens: int


class PrefixKeeper(Protocol):
    """Prefixes that a provider keeps under a name, for as long as it is paid for that.

    Only for dialects in which such a thing has to be made by a call of its own.
    """

    def lifetime(self, request: ChatRequest) -> int | None:
        """Return for how many seconds the user wants the prefix kept, None where that wasn't said."""

    def cuts(self, wire: WireRequest, model: str) -> list[Cut]:
        """Return where a request may be cut, the shortest prefix first; only prefixes that are long enough."""

    def create(self, wire: WireRequest, cut: Cut, model: str, seconds: int) -> WireRequest:
        """Return the request that keeps what stands before a cut for so many seconds."""

    def decode_created(self, body: bytes) -> KeptPrefix:
        """Return what a reply to `create` says.

        Raises:
            DecodeError: It says nothing of the kind.
        """

    def going_on(self, wire: WireRequest, cut: Cut, name: str) -> WireRequest:
        """Return the request that says only what stands after a cut; what stands before it is kept by that name."""

    def extend(self, name: str, seconds: int) -> WireRequest:
        """Return the request that keeps a prefix for so many seconds from now on."""

    def delete(self, name: str) -> WireRequest:
        """Return the request that lets a prefix go."""


class Dialect(Protocol):
    """A wire format of chat."""

    name: str

    @property
    def prefixes(self) -> PrefixKeeper | None:
        """How prefixes are kept where that takes calls of their own; None where it doesn't."""

    def encode_request(self, request: ChatRequest, provider: Provider) -> WireRequest:
        """Return the request as this provider wants it.

        Raises:
            UnsupportedError: The request holds something that the dialect or the provider can't say.
        """

    def decoder(self, *, origin: str, stream: bool) -> Decoder:
        """Return a fresh decoder of one reply with a good HTTP status.

        Args:
            origin: Name of the provider that answers; stamped on every opaque state.
            stream: Whether a stream was asked for. A decoder copes where the other form comes.
        """

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
        """Return the failure that a reply with a bad HTTP status tells; header names are in lower case."""

    def decode_request(
        self,
        body: bytes,
        *,
        model: str = "",
        stream: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ChatRequest:
        """Read a user's question.

        Args:
            body: The request's body.
            model: The model where the URL names it.
            stream: Whether the URL asks for a stream, where the URL says so.
            headers: The request's headers, names in lower case.

        Raises:
            BadRequestError: The body is not a request of this dialect; `param` names the field.
            UnsupportedError: It asks for something that can't be carried.
        """

    def encoder(self, request: ChatRequest, *, options: Mapping[str, Any] | None = None) -> Encoder:
        """Return a fresh encoder for the reply to this question, whole or streamed as `request.stream` says.

        Args:
            request: The question as `decode_request` gave it.
            options: Keys that some dialects need: `id` (a fresh reply id), `created` (seconds since 1970).
        """

    def encode_error(self, error: VeError) -> tuple[int, bytes]:
        """Return HTTP status and JSON body that tell a failure before the reply has begun."""
