"""Failures, read in every shape that servers with OpenAI's wire formats write, and told in OpenAI's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.failures import LONGEST, duration, failure, is_html, page_failure
from ve_magics.dialects.nesting import too_deep
from ve_magics.errors import StatusError, UserError, VeError

_RESPONSES_ONLY = re.compile(r"\bv1/responses\b|not a chat model", re.IGNORECASE)

_TYPES: dict[str, tuple[str, str | None]] = {
    "authentication": ("authentication_error", "invalid_api_key"),
    "permission": ("permission_error", "permission_denied"),
    "model_not_found": ("invalid_request_error", "model_not_found"),
    "bad_request": ("invalid_request_error", None),
    "context_length": ("invalid_request_error", "context_length_exceeded"),
    "content_filter": ("invalid_request_error", "content_filter"),
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "overloaded": ("service_unavailable_error", "server_is_overloaded"),
    "server": ("server_error", "server_error"),
    "timeout": ("server_error", "timeout"),
    "network": ("server_error", "connection_failed"),
    "decode": ("server_error", "bad_upstream_answer"),
}
"""Type and code that tell each kind of failure."""

_STATUS_TYPES = {
    401: ("authentication_error", "invalid_api_key"),
    402: ("insufficient_quota", "budget_exceeded"),
    404: ("invalid_request_error", "model_not_found"),
}


class _Told:
    """What a body says about a failure."""

    def __init__(self, message: Any, *sources: Any, param: Any = None) -> None:
        self.message = message if isinstance(message, str) else _text(message)
        self.codes: list[str] = []
        self.status = 0
        self.wait: float | None = None
        self.param = param if isinstance(param, str) else None
        for source in sources:
            self.add(source)

    def add(self, source: Any) -> None:
        """Read the codes of one object."""
        if not isinstance(source, Mapping):
            return
        for name in ("code", "error_type", "provider_code", "type", "status"):
            value = source.get(name)
            if isinstance(value, str) and value.isdecimal():
                value = int(value)
            if isinstance(value, str) and value:
                self.codes.append(value)
            elif isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
                self.status = self.status or value
        for name in ("retry_after", "retry_after_seconds"):
            value = source.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
                self.wait = float(min(value, LONGEST))


def _text(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


def _validation(items: list[Any]) -> _Told:
    """Read the list that FastAPI writes for a request that does not fit."""
    said: list[str] = []
    param = ""
    for item in items:
        if isinstance(item, Mapping):
            loc = item.get("loc")
            where = ".".join(str(step) for step in loc if step != "body") if isinstance(loc, list) else ""
            param = param or where
            words = str(item.get("msg") or _text(item))
            said.append(f"{where}: {words}" if where else words)
        else:
            said.append(item if isinstance(item, str) else _text(item))
    return _Told("; ".join(said), param=param or None)


def _error_object(error: Mapping[str, Any], body: Mapping[str, Any]) -> _Told:
    message = error.get("message") or error.get("detail") or error.get("msg") or dict(error)
    metadata = error.get("metadata")
    told = _Told(message, error, metadata, body, param=error.get("param"))
    if isinstance(metadata, Mapping):
        upstream = _upstream(metadata.get("raw"))
        name = metadata.get("provider_name")
        if upstream and upstream not in told.message:
            told.message = f"{told.message} ({name or 'upstream'}: {upstream})"
    return told


def _upstream(raw: Any) -> str:
    """Return the sentence of the provider behind an aggregator, which hides it as text or JSON text."""
    value = raw
    if isinstance(raw, str):
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return raw
    inner = value.get("error") or value if isinstance(value, Mapping) else value
    message = inner.get("message") if isinstance(inner, Mapping) else inner
    return message if isinstance(message, str) else ""


def _read(value: Any) -> _Told | None:
    """Return what a JSON value says about a failure, or None where it tells none."""
    if isinstance(value, list):
        return next((told for item in value if isinstance(item, Mapping) and (told := _read(item))), None)
    if not isinstance(value, Mapping):
        return None
    error = value.get("error")
    if isinstance(error, Mapping):
        return _error_object(error, value)
    if error:
        details = value.get("message")
        return _Told(details if isinstance(details, str) and error is True else error, value)
    detail = value.get("detail")
    if isinstance(detail, list):
        return _validation(detail)
    if isinstance(detail, Mapping):
        return _error_object(detail, value)
    if isinstance(detail, str):
        return _Told(detail, value)
    base = value.get("base_resp")
    if isinstance(base, Mapping) and base.get("status_code"):
        return _Told(base.get("status_msg") or "", {"code": str(base["status_code"])})
    message = value.get("message") or value.get("msg")
    if isinstance(message, str) and (
        value.get("object") == "error" or value.keys() & {"code", "type", "status"}
    ):
        return _Told(message, value, param=value.get("param"))
    return None


def decode_fault(value: Any, *, named: bool = False) -> StatusError | None:
    """Return the failure that a JSON value inside a good answer tells, or None where it is none.

    Args:
        value: The chunk or body.
        named: True where the stream itself calls it an error, whatever it looks like.
    """
    told = _read(value)
    if told is None:
        if not named:
            return None
        told = _Told(value)
    return _failure(told.status or 200, told, {})


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the failure that a reply with a bad HTTP status tells; header names are in lower case."""
    if is_html(body):
        return page_failure(status, headers, body)
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        told = _Told(text)
    else:
        told = _Told(text) if too_deep(value) else _read(value) or _Told(value)
    return _failure(status, told, headers)


def _failure(status: int, told: _Told, headers: Mapping[str, str]) -> StatusError:
    codes = tuple(told.codes)
    if status in (200, 400, 404) and _RESPONSES_ONLY.search(told.message):
        codes = ("use_responses", *codes)
    wait = told.wait
    if wait is None and status == 429:
        wait = _reset(headers)
    return failure(status, told.message, codes=codes, param=told.param, headers=headers, wait=wait)


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the used-up rate limit is full again, or None where no header tells."""
    waits = [
        duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"
    ]
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def encode_fault(error: VeError) -> dict[str, Any]:
    """Return the `{"error": …}` object that tells a failure in OpenAI's form."""
    kind = getattr(error, "kind", None)
    if kind in _TYPES:
        type_, code = _TYPES[kind]
    elif error.http_status in _STATUS_TYPES:
        type_, code = _STATUS_TYPES[error.http_status]
    elif isinstance(error, UserError) and error.http_status < 500:
        type_, code = "invalid_request_error", None
    else:
        type_, code = "server_error", None
    own = getattr(error, "code", None)
    if own == "unknown_url" or (kind == "bad_request" and isinstance(own, str)):
        code = own
    param = getattr(error, "param", None) or getattr(error, "field", None)
    return {"error": {"message": str(error), "type": type_, "param": param, "code": code}}


def encode_error(error: VeError) -> tuple[int, bytes]:
    """Return HTTP status and JSON body that tell a failure before the reply has begun."""
    return error.http_status, msgspec.json.encode(encode_fault(error))
