"""What all dialects share about failures: the words that real servers use, and the one place that reads them.

Order of evidence: the provider's own code, then its message, then the HTTP status. A 429 may mean that waiting
helps (rate limit) or that it doesn't (quota); a 400 may be a bad key; a 404 may be the wrong wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from ve_magics.dialects.nesting import too_deep
from ve_magics.errors import ERRORS, DecodeError, ErrorKind, StatusError
from ve_magics.messages import State

CODES: dict[str, ErrorKind] = {
    "invalid_api_key": "authentication",
    "authentication_error": "authentication",
    "authentication": "authentication",
    "unauthenticated": "authentication",
    "api_key_invalid": "authentication",
    "invalidapikey": "authentication",
    "unauthorized": "authentication",
    "permission_error": "permission",
    "permission_denied": "permission",
    "unsupported_country_region_territory": "permission",
    "forbidden": "permission",
    "failed_precondition": "permission",
    "model_not_found": "model_not_found",
    "not_found_error": "model_not_found",
    "not_found": "model_not_found",
    "resource_not_found": "model_not_found",
    "task_not_exist": "model_not_found",
    "context_length_exceeded": "context_length",
    "token_limit_exceeded": "context_length",
    "string_too_long": "context_length",
    "content_policy_violation": "content_filter",
    "content_filter": "content_filter",
    "moderation_blocked": "content_filter",
    "invalid_prompt": "content_filter",
    "bio_policy": "content_filter",
    "cyber_policy": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "image_content_policy_violation": "content_filter",
    "datainspectionfailed": "content_filter",
    "refusal": "content_filter",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "rate_limited": "rate_limit",
    "slow_down": "rate_limit",
    "too_many_requests": "rate_limit",
    "resource_exhausted": "rate_limit",
    "insufficient_quota": "quota",
    "credit_balance_exhausted": "quota",
    "organization_spend_limit_exceeded": "quota",
    "project_spend_limit_exceeded": "quota",
    "organization_usage_limit_exceeded": "quota",
    "usage_limit_exceeded": "quota",
    "contract_spend_limit_reached": "quota",
    "enforced_spend_limit_reached": "quota",
    "session_budget_exceeded": "quota",
    "billing_not_active": "quota",
    "billing_error": "quota",
    "payment_required": "quota",
    "arrearage": "quota",
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
    "server_overloaded": "overloaded",
    "service_unavailable_error": "overloaded",
    "provider_overloaded": "overloaded",
    "provider_unavailable": "overloaded",
    "flex_unavailable": "overloaded",
    "unavailable": "overloaded",
    "server_error": "server",
    "api_error": "server",
    "internal_error": "server",
    "internal": "server",
    "server": "server",
    "connection_failed": "server",
    "unmapped": "server",
    "timeout_error": "timeout",
    "timeout": "timeout",
    "request_timeout": "timeout",
    "deadline_exceeded": "timeout",
    "cancelled": "timeout",
    "unsupported_parameter": "bad_request",
    "unsupported_value": "bad_request",
    "invalid_value": "bad_request",
    "missing_required_parameter": "bad_request",
    "invalid_argument": "bad_request",
    "invalid_request": "bad_request",
    "unprocessable": "bad_request",
    "payload_too_large": "bad_request",
    "request_too_large": "bad_request",
}
"""Error codes and types as providers write them, in lower case. `invalid_request_error` says nothing by itself."""

_WORDS: tuple[tuple[ErrorKind, re.Pattern[str]], ...] = (
    (
        "authentication",
        re.compile(
            r"api key not valid|(incorrect|invalid|wrong) api[ -_]?key|invalid x-api-key", re.IGNORECASE
        ),
    ),
    (
        "quota",
        re.compile(
            r"insufficient.{0,20}(quota|balance|credit)|billing|arrears|spend(ing)? limit|exceeded your current quota"
            r"|credit balance|perday|余额不足|欠费|额度不足",
            re.IGNORECASE,
        ),
    ),
    (
        "context_length",
        re.compile(
            r"context.length|maximum context|context window|too many tokens|prompt is too long|input token count"
            r"|exceed(s|ed)? (the )?(context|max(imum)? (token|input|number of tokens))",
            re.IGNORECASE,
        ),
    ),
    (
        "content_filter",
        re.compile(r"content (policy|management|filter)|flagged|safety system|敏感", re.IGNORECASE),
    ),
    (
        "model_not_found",
        re.compile(
            r"not a valid model|no such model|unknown model|server is pinned to"
            r"|no available channel|无可用渠道|模型不存在"
            r"|model.{0,80}(not (be )?found|does ?n.t exist|not exist|no longer available|deprecated|retired"
            r"|decommissioned)",
            re.IGNORECASE,
        ),
    ),
    ("overloaded", re.compile(r"overloaded|at capacity|server is busy|负载", re.IGNORECASE)),
    ("rate_limit", re.compile(r"rate.?limit|too many requests|请求过于频繁", re.IGNORECASE)),
)

_STATUSES: dict[int, ErrorKind] = {
    400: "bad_request",
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "model_not_found",
    408: "timeout",
    409: "overloaded",
    413: "bad_request",
    422: "bad_request",
    429: "rate_limit",
    499: "timeout",
    500: "server",
    502: "server",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

LONGEST = 86_400.0
"""Seconds; a provider that asks to wait longer, or for ever, is asked again after these."""

_VALIDATION = re.compile(r"\d+ validation errors?\b")
"""How servers built on pydantic begin to say what is wrong with a request, some of them with status 500."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_KEYLIKE = re.compile(r"\b(?:sk|pk|rk|key|AIza|gsk|xai|hf)[-_A-Za-z0-9*.…]{10,}|(?i:bearer)\s+\S{8,}")


def classify(status: int, codes: tuple[str, ...], message: str) -> ErrorKind:
    """Return the class of a failure.

    Args:
        status: HTTP status; 200 for an error inside a good answer.
        codes: The provider's code, type and status words, most telling first; unknown ones are passed over.
        message: The provider's sentence.
    """
    known = [CODES[code.lower()] for code in codes if code.lower() in CODES]
    if known and known[0] not in ("rate_limit", "bad_request", "server", "permission"):
        return known[0]
    if status < 500:
        for kind, words in _WORDS:
            if known and known[0] == "rate_limit" and kind != "quota":
                continue
            if words.search(message) and not (
                kind == "model_not_found" and status not in (200, 400, 403, 404, 422)
            ):
                return kind
    if known:
        return known[0]
    if status == 500 and _VALIDATION.match(message):
        return "bad_request"
    if status in _STATUSES:
        return _STATUSES[status]
    return "bad_request" if 400 <= status < 500 else "server"


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return the seconds that the provider asks to wait, at most `LONGEST`, or None.

    Args:
        headers: The reply's headers, names in lower case.
        now: Seconds since 1970, for a date in `retry-after`; the reply's own `date` header stands in for it.
    """
    milliseconds = headers.get("retry-after-ms", "")
    try:
        return believed(float(milliseconds) / 1000)
    except ValueError:
        pass
    value = headers.get("retry-after", "")
    try:
        return believed(float(value))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(value).timestamp()
        if now is None:
            now = parsedate_to_datetime(headers["date"]).timestamp()
    except (TypeError, ValueError, KeyError, IndexError):
        return None
    return believed(then - now)


def believed(seconds: float) -> float | None:
    """Return for how long to wait at most, whatever somebody else says; None where that is no number."""
    return None if seconds != seconds else min(max(0.0, seconds), LONGEST)


def duration(text: str) -> float | None:
    """Return the seconds of a duration such as `17s`, `6m0s` or `120ms`, or None where it is none."""
    pieces = _DURATION.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text.strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in pieces)


def mask(text: str, *, limit: int = 300) -> str:
    """Return a provider's sentence fit to be shown: one line, cut at the limit, nothing in it that looks like a key."""
    line = _KEYLIKE.sub("[key]", " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def is_html(body: bytes) -> bool:
    """Whether the body is a web page."""
    return _HTML.match(body[:2000]) is not None


def html_title(body: bytes) -> str:
    """Return the title of a web page, or nothing."""
    found = _TITLE.search(body[:20_000].decode("utf-8", "replace"))
    return " ".join(found[1].split()) if found else ""


def failure(
    status: int,
    message: str,
    *,
    codes: tuple[str, ...] = (),
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    wait: float | None = None,
) -> StatusError:
    """Return the error that a provider's failure is raised as.

    Args:
        status: HTTP status; 200 for an error inside a good answer.
        message: The provider's sentence; masked before it is kept.
        codes: As for `classify`.
        param: The field that the provider blames.
        headers: The reply's headers, names in lower case.
        wait: Seconds to wait that the body names; the headers win.
    """
    headers = headers or {}
    kind = classify(status, codes, message)
    said = {"true": True, "false": False}.get(headers.get("x-should-retry", ""))
    header_wait = retry_after(headers)
    common: dict[str, Any] = {
        "status": status,
        "code": next((code for code in codes if code), None),
        "param": param,
        "retry_after": header_wait if header_wait is not None or wait is None else believed(wait),
        "request_id": headers.get("x-request-id") or headers.get("request-id"),
    }
    text = mask(message) or f"The provider answered {status} without a word."
    error = ERRORS.get(kind, ERRORS["server"])(text, **common)
    if said is not None and kind not in ("quota", "authentication"):
        error.retryable = said
    return error


def page_failure(status: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the error for a web page that came with a bad status where the dialect's JSON was due."""
    return failure(status, f"The provider answered {status} with {_page(body)}.", headers=headers)


def page_reply(body: bytes) -> DecodeError:
    """Return the error for a web page that came with a good status where an answer was due."""
    return DecodeError(
        f"The address answered with {_page(body)} instead of JSON.",
        hint="Check base_url: it usually ends in /v1.",
        retryable=False,
    )


def _page(body: bytes) -> str:
    title = html_title(body)
    return f"a web page titled “{mask(title, limit=80)}”" if title else "a web page"


def seal(state: State) -> str:
    """Return an opaque state as one line of text, to travel through a field of another dialect."""
    return "ve1." + msgspec.json.encode(state).hex()


def unseal(text: str) -> State | None:
    """Return the state that `seal` wrote, or None where the text is somebody else's."""
    if not text.startswith("ve1."):
        return None
    try:
        state = msgspec.json.decode(bytes.fromhex(text[4:]), type=State)
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
    return None if too_deep(state.data) else state
