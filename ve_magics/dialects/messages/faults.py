"""Failures, read in Anthropic's shape and in those of its imitators, and told in Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from ve_magics.dialects.failures import failure, is_html, page_failure
from ve_magics.dialects.loose import decode_json
from ve_magics.errors import StatusError, VeError

_TYPES: dict[str, tuple[int, str]] = {
    "authentication": (401, "authentication_error"),
    "permission": (403, "permission_error"),
    "model_not_found": (404, "not_found_error"),
    "bad_request": (400, "invalid_request_error"),
    "context_length": (400, "invalid_request_error"),
    "content_filter": (400, "invalid_request_error"),
    "rate_limit": (429, "rate_limit_error"),
    "quota": (402, "billing_error"),
    "overloaded": (529, "overloaded_error"),
    "server": (500, "api_error"),
    "timeout": (504, "timeout_error"),
    "network": (502, "api_error"),
    "decode": (502, "api_error"),
}
"""Status and type that tell each kind of failure."""

_STATUS_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


def decode_fault(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> StatusError | None:
    """Return the failure that a JSON value tells, or None where it tells none.

    Args:
        value: The body, or the data of an event.
        status: HTTP status; 200 for an error inside a good answer.
        headers: The reply's headers, names in lower case.
    """
    if not isinstance(value, Mapping):
        return None
    error = value.get("error")
    if error is None and value.get("type") != "error":
        return None
    inner: Mapping[str, Any] = error if isinstance(error, Mapping) else value
    message = error if isinstance(error, str) else inner.get("message") or error or value
    return _failure(status, message, inner, value, headers or {})


def decode_event_fault(value: Mapping[str, Any]) -> StatusError:
    """Return the failure that an event tells which the stream calls an error, whatever it looks like."""
    return decode_fault(value) or _failure(200, value.get("message") or value, value, value, {})


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the failure that a reply with a bad HTTP status tells; header names are in lower case."""
    if is_html(body):
        return page_failure(status, headers, body)
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    try:
        value = decode_json(text)
    except ValueError:
        return failure(status, text, headers=headers)
    fault = decode_fault(value, status, headers)
    if fault is not None:
        return fault
    inner: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    message = inner.get("message") or inner.get("detail") or inner.get("msg") or value
    return _failure(status, message, inner, inner, headers)


def _failure(
    status: int, message: Any, inner: Mapping[str, Any], body: Mapping[str, Any], headers: Mapping[str, str]
) -> StatusError:
    details = inner.get("details")
    sources = (details.get("error_code") if isinstance(details, Mapping) else None, inner.get("code"))
    codes = tuple(code for code in (*sources, inner.get("type")) if isinstance(code, str) and code)
    own_id = body.get("request_id")
    if isinstance(own_id, str):
        headers = {"request-id": own_id, **headers}
    words = message if isinstance(message, str) else msgspec.json.encode(message).decode()
    param = inner.get("param")
    return failure(
        status,
        words,
        codes=codes,
        param=param if isinstance(param, str) else None,
        headers=headers,
        wait=_reset(headers) if status == 429 else None,
    )


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the used-up rate limit is full again, or None where no header tells."""
    waits: list[float] = []
    for what in ("requests", "tokens", "input-tokens", "output-tokens"):
        if headers.get(f"anthropic-ratelimit-{what}-remaining", "").strip() == "0":
            try:
                then = datetime.fromisoformat(headers[f"anthropic-ratelimit-{what}-reset"])
                waits.append((then - parsedate_to_datetime(headers["date"])).total_seconds())
            except (KeyError, ValueError, TypeError):
                continue
    return max(0.0, *waits) if waits else None


def _told(error: VeError) -> tuple[int, str]:
    """Return status and type of an error."""
    kind = getattr(error, "kind", None)
    status = error.http_status
    if kind in _TYPES and not (kind == "bad_request" and status != 400):
        return _TYPES[kind]
    if status in _STATUS_TYPES:
        return status, _STATUS_TYPES[status]
    return status, "invalid_request_error" if status < 500 else "api_error"


def encode_fault(error: VeError) -> dict[str, Any]:
    """Return the object that tells a failure in Anthropic's form."""
    wire: dict[str, Any] = {"type": "error", "error": {"type": _told(error)[1], "message": str(error)}}
    request_id = getattr(error, "request_id", None)
    return wire | ({"request_id": request_id} if request_id else {})


def encode_error(error: VeError) -> tuple[int, bytes]:
    """Return HTTP status and JSON body that tell a failure before the reply has begun."""
    return _told(error)[0], msgspec.json.encode(encode_fault(error))
