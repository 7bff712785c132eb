"""Failures, read in every shape that Google and its imitators write and told in Google's."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.google_faults import decode_error, decode_fault
from ve_magics.errors import VeError

__all__ = ["decode_error", "decode_fault", "encode_error", "encode_fault"]

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's word for each HTTP status; what is missing is INVALID_ARGUMENT below 500 and INTERNAL from there on."""

_REASONS = {
    "authentication": "API_KEY_INVALID",
    "context_length": "CONTEXT_LENGTH_EXCEEDED",
    "content_filter": "CONTENT_FILTER",
    "quota": "INSUFFICIENT_QUOTA",
    "network": "CONNECTION_FAILED",
    "decode": "UNMAPPED",
}
"""Reasons that tell the kind of a failure where the status alone doesn't."""

_TYPE = "type.googleapis.com/google.rpc."


def encode_fault(error: VeError) -> dict[str, Any]:
    """Return the `{"error": …}` object that tells a failure in Google's form."""
    status = error.http_status
    details: list[dict[str, Any]] = []
    reason = _REASONS.get(getattr(error, "kind", ""))
    if reason is not None:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "ve_magics"})
    field = getattr(error, "param", None) or getattr(error, "field", None)
    if field:
        blamed = [{"field": field, "description": error.message}]
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": blamed})
    wait = getattr(error, "retry_after", None)
    if wait is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{round(wait, 3):.10g}s"})
    word = _STATUSES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    wire: dict[str, Any] = {"code": status, "message": str(error), "status": word}
    return {"error": wire | ({"details": details} if details else {})}


def encode_error(error: VeError) -> tuple[int, bytes]:
    """Return HTTP status and JSON body that tell a failure before the reply has begun."""
    return error.http_status, msgspec.json.encode(encode_fault(error))
