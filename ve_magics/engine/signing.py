"""The headers that carry a key: the key itself, or a token that is signed with it for one call."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

from ve_magics.engine.keys import Secret
from ve_magics.providers import Provider, auth_headers

LIFETIME = 1800
"""Seconds for which a signed token is good."""

LEEWAY = 5
"""Seconds by which a token's beginning lies in the past, for clocks that differ."""


def key_headers(
    provider: Provider, key: Secret, *, clock: Callable[[], float] = time.time
) -> tuple[tuple[str, str], ...]:
    """Return the headers that carry a provider's key; none where there is none.

    Args:
        provider: Who is called.
        key: Its key; the pair `ACCESS:SECRET` where a token is to be signed.
        clock: Seconds since 1970.
    """
    if provider.auth == "jwt" and ":" in key.reveal():
        return (("authorization", f"Bearer {_token(key, int(clock()))}"),)
    return auth_headers(provider, key.reveal())


def _token(key: Secret, now: int) -> str:
    """Return a JSON Web Token (RFC 7519), signed with HS256, that says who calls and for how long it is good."""
    claims = {"iss": key.reveal().partition(":")[0], "exp": now + LIFETIME, "nbf": now - LEEWAY}
    said = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(claims)}"
    signature = hmac.digest(key.reveal().partition(":")[2].encode(), said.encode(), hashlib.sha256)
    return f"{said}.{_coded(signature)}"


def _packed(value: object) -> str:
    return _coded(json.dumps(value, separators=(",", ":")).encode())


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
