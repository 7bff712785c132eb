"""The long prefix that requests share: what keeps them to one target, and to one of a provider's caches."""

from __future__ import annotations

import msgspec

from ve_magics.messages import ChatRequest
from ve_magics.providers import Provider
from ve_magics.routing import prefix_key


def affinity(request: ChatRequest) -> str | None:
    """Return the key under which requests with the same long prefix meet; None where the prefix is short."""
    if request.cache_key:
        return request.cache_key
    head = msgspec.json.encode((request.tools, request.output))
    return prefix_key((head, *(msgspec.json.encode(message) for message in request.messages)))


def keyed(request: ChatRequest, provider: Provider) -> ChatRequest:
    """Return the request with a cache key, where the provider knows them and its prefix is long enough to be cached.

    The user's own key stays. One is never added for providers with cache marks, to whom it says that the same
    words come again, and who ask a price for writing them down.
    """
    if request.cache_key or not provider.quirks.cache_key:
        return request
    key = affinity(request)
    return request if key is None else msgspec.structs.replace(request, cache_key=key)
