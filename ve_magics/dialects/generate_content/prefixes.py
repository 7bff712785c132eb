"""Explicit caches: the beginning of a request, kept by Google under a name, and requests that go on from there.

An explicit cache holds the system instruction, the tools and the first contents. A request that names one must leave
them out, and say something after them (Gemini API reference, `cachedContents`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from ve_magics.catalog import estimate_tokens
from ve_magics.dialects.contract import Cut, KeptPrefix, WireRequest
from ve_magics.dialects.generate_content.models import bare
from ve_magics.dialects.generate_content.wire import NAME
from ve_magics.errors import DecodeError
from ve_magics.messages import ChatRequest

LIFETIMES = {"5m": 300, "30m": 1800, "1h": 3600, "12h": 43200, "24h": 86400}
"""Seconds of each `cache_ttl`."""

_HEAD = ("systemInstruction", "tools", "toolConfig")
"""What stands before the contents, and in the cache only."""

_MEDIA = 258
"""Tokens of a picture, and of anything else that isn't text, at least."""

_NAME = re.compile(r"cachedContents/[-_.A-Za-z0-9]+")


def least(model: str) -> int:
    """Return how many tokens a prefix of this model must have to be kept."""
    return 1024 if "flash" in bare(model) else 4096


class Prefixes:
    """Explicit caches of this dialect. See `contract.PrefixKeeper`."""

    def lifetime(self, request: ChatRequest) -> int | None:
        """Return for how many seconds the user wants the prefix kept, None where that wasn't said.

        A user of another dialect never says so: elsewhere a long life costs nothing, and here it is paid by the hour.
        """
        return LIFETIMES.get(request.cache_ttl or "") if request.dialect in ("", NAME) else None

    def cuts(self, wire: WireRequest, model: str) -> list[Cut]:
        """Return the places before a user's turn at which the request may be cut, the shortest prefix first."""
        enough = least(model)
        if len(wire.body) < 2 * enough:
            return []
        body: dict[str, Any] = msgspec.json.decode(wire.body)
        if "cachedContent" in body:
            return []
        head = [body.get(name) for name in _HEAD]
        digest = hashlib.blake2b(msgspec.json.encode([model, *head]), digest_size=16)
        tokens, found = _weight(head), []
        for number, content in enumerate(body["contents"]):
            if tokens >= enough and _asks(content):
                found.append(Cut(digest.hexdigest(), number, tokens))
            digest.update(msgspec.json.encode(content))
            tokens += _weight(content)
        return found

    def create(self, wire: WireRequest, cut: Cut, model: str, seconds: int) -> WireRequest:
        """Return the request that keeps what stands before a cut for so many seconds."""
        body: dict[str, Any] = msgspec.json.decode(wire.body)
        kept: dict[str, Any] = {"model": model if "/" in model else f"models/{model}"}
        kept |= {name: body[name] for name in _HEAD if name in body}
        if cut.size:
            kept["contents"] = body["contents"][: cut.size]
        return WireRequest("/cachedContents", msgspec.json.encode(kept | {"ttl": f"{seconds}s"}))

    def decode_created(self, body: bytes) -> KeptPrefix:
        """Return what a reply to `create` says.

        Raises:
            DecodeError: It says nothing of the kind.
        """
        try:
            reply = msgspec.json.decode(body, type=_Created)
        except (msgspec.DecodeError, RecursionError):
            reply = _Created("")
        if not _NAME.fullmatch(reply.name):
            raise DecodeError("The reply names no cached content.", retryable=False)
        return KeptPrefix(reply.name, max(0, reply.usage_metadata.total_token_count))

    def going_on(self, wire: WireRequest, cut: Cut, name: str) -> WireRequest:
        """Return the request that says only what stands after a cut; what stands before it is kept by that name."""
        body: dict[str, Any] = msgspec.json.decode(wire.body)
        rest = {field: value for field, value in body.items() if field not in _HEAD}
        rest["contents"] = rest["contents"][cut.size :]
        return msgspec.structs.replace(wire, body=msgspec.json.encode(rest | {"cachedContent": name}))

    def extend(self, name: str, seconds: int) -> WireRequest:
        """Return the request that keeps a prefix for so many seconds from now on."""
        body = msgspec.json.encode({"ttl": f"{seconds}s"})
        return WireRequest(f"/{name}", body, method="PATCH", query=(("updateMask", "ttl"),))

    def delete(self, name: str) -> WireRequest:
        """Return the request that lets a prefix go."""
        return WireRequest(f"/{name}", method="DELETE", headers=())


class _Counts(msgspec.Struct, rename="camel"):
    total_token_count: int = 0


class _Created(msgspec.Struct, rename="camel"):
    name: str
    usage_metadata: _Counts = msgspec.field(default_factory=_Counts)


def _asks(content: dict[str, Any]) -> bool:
    """Whether a content is a user's turn, and not a tool's answer that belongs to the call before it."""
    return content["role"] == "user" and not any("functionResponse" in part for part in content["parts"])


def _weight(value: Any) -> int:
    """Return about how many tokens a part of the request has."""
    match value:
        case str():
            return estimate_tokens(value)
        case {"inlineData": _} | {"fileData": _}:
            return _MEDIA
        case dict():
            return sum(map(_weight, value.values()))
        case list():
            return sum(map(_weight, value))
        case _:
            return 0
