"""A backend made safe: requests checked, deadlines kept, bodies decoded, every foreign error translated here."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Self
from urllib.parse import urlsplit

from ve_magics.engine.transport import body, failures
from ve_magics.engine.transport.deadlines import Alarm, Watch
from ve_magics.engine.transport.wire import Backend, Deadlines, Headers, RawReply, Reply, Stage, WireCall
from ve_magics.errors import ConfigError, TransportError, VeError

DEFAULT_DEADLINES = Deadlines()

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?").fullmatch
_URL = re.compile(r"[!-~]+").fullmatch
_METHOD = re.compile(r"[A-Z]+").fullmatch
_REMEMBERED = 64
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "host"})


class GuardedReply:
    """A `Reply` over a backend's raw answer."""

    def __init__(self, raw: RawReply, backend: Backend, watch: Watch, host: str) -> None:
        self.status: int = raw.status
        self.headers: Mapping[str, str] = raw.fields
        self._raw = raw
        self._backend = backend
        self._watch = watch
        self._host = host
        self._closed = False
        self._begun = False
        self._iterator: AsyncGenerator[bytes, None] | None = None

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the decoded body in pieces as they come; see `Reply.chunks`."""
        if "content-encoding" not in self.headers:
            return self
        if self._iterator is None:
            self._iterator = self._decoded()
        return self._iterator

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of the body as it came over the wire."""
        if self._closed:
            raise StopAsyncIteration
        watch = self._watch
        if self._begun:
            watch.expect("silence")
        self._begun = True
        try:
            with watch:
                piece = await self._raw.receive()
        except BaseException as error:
            await self._let_go()
            if isinstance(error, VeError) or not isinstance(error, Exception):
                raise
            raise self._backend.explain(error, self._host, "body") from None
        if not piece:
            await self._let_go()
            raise StopAsyncIteration
        return piece

    async def read(self, limit: int, *, truncate: bool = False) -> bytes:
        """Return the rest of the body and close; see `Reply.read`."""
        taken = bytearray()
        try:
            async for piece in self.chunks():
                taken += piece
                if len(taken) > limit:
                    if not truncate:
                        raise failures.too_long(self._host, limit)
                    del taken[limit:]
                    break
        finally:
            await self.aclose()
        return bytes(taken)

    async def aclose(self) -> None:
        """Let the connection go; see `Reply.aclose`."""
        await self._let_go()
        iterator, self._iterator = self._iterator, None
        if iterator is not None:
            with suppress(RuntimeError):  # someone is just reading, and learns it from the connection
                await iterator.aclose()

    async def _let_go(self) -> None:
        if not self._closed:
            self._closed = True
            await self._raw.aclose()

    async def _decoded(self) -> AsyncGenerator[bytes, None]:
        names = body.encodings(self.headers["content-encoding"])
        unknown = next((name for name in names if name not in body.KNOWN), None)
        decoder = None if unknown else body.decoder(names)
        try:
            async for piece in self:
                if unknown:
                    raise failures.undecodable(self._host, "gzip, deflate or plain bytes")
                if decoder is None:
                    yield piece
                else:
                    for part in decoder.feed(piece):
                        yield part
            if decoder is not None:
                decoder.end()
        except zlib.error:
            raise failures.undecodable(self._host, ", ".join(names)) from None
        finally:
            await self._let_go()


class GuardedTransport:
    """A `Transport` over a backend.

    Args:
        backend: Who speaks HTTP.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._alarm = Alarm()
        self._closed = False
        self._good: dict[Headers, Headers] = {}

    async def send(self, call: WireCall, deadlines: Deadlines = DEFAULT_DEADLINES) -> Reply:
        """Send a request and return its answer as soon as the headers are here; see `Transport.send`."""
        host = host_of(call.url)
        if self._closed:
            raise TransportError("The transport is closed.", retryable=False)
        outgoing = self._checked(call)
        watch = Watch(deadlines, host, self._alarm)
        stage: Stage = "opening"

        def connected() -> None:
            nonlocal stage
            stage = "answer"
            watch.expect("first_token")

        watch.expect("connect")
        try:
            with watch:
                raw = await self._backend.open(outgoing, connected)
        except BaseException as error:
            if isinstance(error, VeError) or not isinstance(error, Exception):
                raise
            raise self._backend.explain(error, host, stage) from None
        return GuardedReply(raw, self._backend, watch, host)

    def _checked(self, call: WireCall) -> WireCall:
        """Return the request as it goes out. Headers that were found good a moment ago aren't looked at again."""
        if not _METHOD(call.method):
            raise ConfigError(f"{call.method!r} is not an HTTP method.")
        headers = self._good.get(call.headers)
        if headers is None:
            headers = _outgoing(call.headers)
            if len(self._good) >= _REMEMBERED:
                self._good.clear()
            self._good[call.headers] = headers
        return WireCall(call.method, call.url, headers, call.body, call.addresses)

    async def aclose(self) -> None:
        """Close every connection, those in use included."""
        self._closed = True
        self._good.clear()
        await self._backend.aclose()
        self._alarm.stop()


@lru_cache(maxsize=1024)
def host_of(url: str) -> str:
    """Return host and port of an absolute http(s) address, without a port that goes without saying.

    Raises:
        ConfigError: It isn't one, or it carries a user name or password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(
            "A base_url is not a valid address.", hint="Write it like https://HOST/v1."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not _URL(url):
        raise ConfigError("A base_url is not a valid address.", hint="Write it like https://HOST/v1.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"The base_url of {parts.hostname} holds a user name or password.",
            hint="Put the key where keys belong: in the provider's `key`.",
        )
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return name if port in (None, 443 if parts.scheme == "https" else 80) else f"{name}:{port}"


def _outgoing(headers: Headers) -> Headers:
    """Return the headers as they go out; refuse what HTTP can't carry, without ever showing a value."""
    outgoing = []
    names = set()
    for name, value in headers:
        if not _NAME(name):
            raise ConfigError(f"{name!r} can't be the name of a header.")
        if not _VALUE(value):
            raise ConfigError(
                f"The header {name} holds a character that HTTP doesn't allow.",
                hint="If it carries a key, look for a line break, a space at an end or a letter that isn't ASCII.",
            )
        lower = name.lower()
        if lower not in _FRAMING:
            outgoing.append((name, value))
            names.add(lower)
    if "user-agent" not in names:
        outgoing.append(("User-Agent", "ve_magics"))
    if "accept-encoding" not in names:
        outgoing.append(("Accept-Encoding", "identity"))
    return tuple(outgoing)
