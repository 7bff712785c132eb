"""Refusals of providers that have a table of codes: their own table says what happened, not the HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.failures import failure
from ve_magics.dialects.loose import decode_json
from ve_magics.errors import ERRORS, ErrorKind, StatusError

_STANDS_FOR: dict[ErrorKind, int] = {"server": 500, "overloaded": 503, "timeout": 504}
"""HTTP status of a failure that came inside a good answer: after these it is open whether a video is being made."""


def told(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer, whatever its status; an empty one where it is none."""
    try:
        value = decode_json(body.decode("utf-8", "replace"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def refused(
    status: int,
    headers: Mapping[str, str],
    message: str,
    code: str,
    kind: ErrorKind | None,
    *,
    request_id: str = "",
) -> StatusError:
    """Return the error of a call that the provider refused.

    Args:
        status: HTTP status; a good one where the refusal came inside a good answer.
        headers: The answer's headers, names in lower case.
        message: The provider's sentence.
        code: The provider's own code.
        kind: What its code means; None where the table doesn't hold it.
        request_id: The provider's id of the call.
    """
    plain = failure(status, message, codes=(code,), headers=headers)
    found = kind or plain.kind
    return ERRORS[found](
        plain.message,
        status=_STANDS_FOR.get(found, status) if status < 300 else status,
        code=code or None,
        retry_after=plain.retry_after,
        request_id=plain.request_id or request_id or None,
    )
