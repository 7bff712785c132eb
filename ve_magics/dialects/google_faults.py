"""Failures in the shapes that Google's interfaces and their imitators write.

The reason in `details` says most (a wrong key comes as 400 INVALID_ARGUMENT), then the id of the quota: what is
limited by day won't come back by waiting, what is limited by minute will, although both sentences speak of billing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.failures import duration, failure, is_html, mask, page_failure
from ve_magics.dialects.loose import decode_json
from ve_magics.errors import RateLimitError, StatusError


def _rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _inner(error: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the rows of this name in all details."""
    return [row for detail in _rows(error.get("details")) for row in _rows(detail.get(name))]


def _quota_ids(error: Mapping[str, Any]) -> list[str]:
    return [str(row["quotaId"]) for row in _inner(error, "violations") if row.get("quotaId")]


def _wait(error: Mapping[str, Any]) -> float | None:
    waits = [duration(str(detail.get("retryDelay"))) for detail in _rows(error.get("details"))]
    return next((wait for wait in waits if wait is not None), None)


def _param(error: Mapping[str, Any]) -> str | None:
    fields = [row.get("field") for row in _inner(error, "fieldViolations")]
    return next((field for field in fields if isinstance(field, str) and field), None)


def _failure(error: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> StatusError:
    quotas = _quota_ids(error)
    reasons = [str(detail.get("reason") or "") for detail in _rows(error.get("details"))]
    daily = ["insufficient_quota"] if any("PerDay" in quota for quota in quotas) else []
    said = [error.get("code"), error.get("status"), error.get("type")]
    codes = (*daily, *filter(None, reasons), *(word for word in said if isinstance(word, str) and word))
    message = error.get("message")
    text = message if isinstance(message, str) else msgspec.json.encode(error).decode()
    told = failure(status, text, codes=codes, param=_param(error), headers=headers, wait=_wait(error))
    if quotas and not daily and not isinstance(told, RateLimitError):
        return RateLimitError(
            told.message,
            status=status,
            code=told.code,
            retry_after=told.retry_after,
            request_id=told.request_id,
        )
    return told


def _error(value: Any) -> Mapping[str, Any] | None:
    """Return the error object in a JSON value, wherever servers put it, or None where there is none."""
    if isinstance(value, list):
        return next((error for item in value if (error := _error(item)) is not None), None)
    if not isinstance(value, Mapping) or not value.get("error"):
        return None
    error = value["error"]
    return error if isinstance(error, Mapping) else {"message": str(error)}


def decode_fault(value: Any) -> StatusError | None:
    """Return the failure that a JSON value inside a good answer tells, or None where it is none."""
    error = _error(value)
    if error is None:
        return None
    code = error.get("code")
    return _failure(error, code if isinstance(code, int) and 400 <= code <= 599 else 200, {})


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the failure that a reply with a bad HTTP status tells; header names are in lower case."""
    if is_html(body):
        return page_failure(status, headers, body)
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    try:
        value = decode_json(text)
    except ValueError:
        value = None
    error = _error(value)
    if error is None and isinstance(value, Mapping) and isinstance(value.get("message"), str):
        error = value
    if error is None:
        error = {"message": mask(text)}
    return _failure(error, status, headers)
