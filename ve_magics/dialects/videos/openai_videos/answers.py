"""How a video object is read: as the API reference has it, and as gateways and self-hosted servers vary it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.failures import classify, failure, is_html, mask, page_failure, page_reply
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import DecodeError
from ve_magics.jobs import JobFailure, JobReply

_URLS = (
    ("video_url",),
    ("url",),
    ("data", 0, "url"),
    ("data", "url"),
    ("data", 0, "video_url"),
    ("video", "url"),
    ("videos", 0, "url"),
    ("output", 0, "url"),
    ("output", "video_url"),
    ("output", 0),
    ("output",),
    ("result", "url"),
    ("result_url",),
    ("content", "video_url"),
    ("metadata", "url"),
)
"""Where servers put the file's address, the most telling place first."""


def decode_object(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        StatusError: The provider refused, also where it did so inside a good answer.
        DecodeError: The bytes are no JSON object; a web page, say.
    """
    if is_html(body):
        raise page_failure(status, headers, body) if status >= 300 else page_reply(body)
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        if status >= 300:
            raise failure(status, body[:2000].decode("utf-8", "replace"), headers=headers) from error
        raise DecodeError("The provider's answer is no JSON.") from error
    if status >= 300:
        raise _refusal(status, headers, value if isinstance(value, dict) else {"message": value})
    if not isinstance(value, dict):
        raise DecodeError("The provider's answer is no JSON object.")
    if not _text(value.get("id") or value.get("task_id")):
        inner = value.get("data")
        if isinstance(inner, dict) and _text(inner.get("id") or inner.get("task_id")):
            return inner
        if value.get("error") or value.get("code") not in (None, 0, 200, "success"):
            raise _refusal(status, headers, value)
    return value


def decode_reply(value: Mapping[str, Any], headers: Mapping[str, str]) -> JobReply:
    """Return what a video object says.

    Raises:
        DecodeError: It holds no id.
    """
    job_id = _text(value.get("id") or value.get("task_id"))
    if not job_id:
        raise DecodeError("The provider's answer holds no id of a video.")
    word = _text(value.get("status"))
    state = remote_state(word) if word else "queued"
    error = value.get("error") or value.get("fail_reason")
    return JobReply(
        provider_job_id=job_id,
        state=state,
        raw_status=word,
        progress=decode_progress(value.get("progress")),
        failure=_failure(error) if state == "failed" else None,
        urls=_urls(value),
        created=_epoch(value.get("created_at", value.get("created"))),
        expires_at=_epoch(value.get("expires_at")),
        cost=_number(_at(value, ("usage", "cost"))),
        seconds=_number(value.get("seconds", value.get("duration"))),
        size=_text(value.get("size")),
        poll_after=_poll_after(headers),
        prompt=_text(value.get("prompt")),
        revised_prompt=_text(value.get("revised_prompt") or value.get("enhanced_prompt")),
        model=_text(value.get("model")),
    )


def decode_progress(value: object) -> float | None:
    """Return progress as 0 to 1: from a whole number of per cent, a fraction, or text such as `42%`."""
    number = _number(value.strip().removesuffix("%")) if isinstance(value, str) else _number(value)
    if number is None:
        return None
    fraction = isinstance(value, float) and number <= 1
    return min(1.0, max(0.0, number if fraction else number / 100))


def _refusal(status: int, headers: Mapping[str, str], value: Mapping[str, Any]) -> Exception:
    error = value.get("error") or value.get("detail") or value
    if not isinstance(error, dict):
        return failure(status, _sentence(error), headers=headers)
    codes = tuple(_text(error.get(name)) for name in ("code", "type", "status"))
    param = _text(error.get("param")) or None
    message = _text(error.get("message") or error.get("msg"))
    return failure(status, message, codes=codes, param=param, headers=headers)


def _failure(error: object) -> JobFailure:
    if isinstance(error, dict):
        code, message = _text(error.get("code")), _text(error.get("message"))
    else:
        code, message = "", _sentence(error) if error else ""
    kind = classify(200, (code,), message) if code or message else "job"
    sentence = mask(message) or (f"The provider gave only the code {mask(code)}." if code else "")
    return JobFailure(
        sentence or "The provider could not make the video and didn't say why.",
        "job" if kind == "server" else kind,
        mask(code),
        "Change the prompt: the provider's policy refused it." if kind == "content_filter" else "",
    )


def _urls(value: Mapping[str, Any]) -> tuple[str, ...]:
    found = [_text(_at(value, path)) for path in _URLS]
    unsigned = value.get("unsigned_urls")
    found += [_text(url) for url in unsigned] if isinstance(unsigned, list) else []
    return tuple(dict.fromkeys(url for url in found if url.lower().startswith(("https://", "http://"))))


def _at(value: object, path: tuple[str | int, ...]) -> object:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _poll_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = _number(headers.get("openai-poll-after-ms"))
    return max(0.0, milliseconds / 1000) if milliseconds is not None else None


def _epoch(value: object) -> float | None:
    number = _number(value)
    if not number:
        return None
    return number / 1000 if number > 1e11 else number


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e18 else None


def _text(value: object) -> str:
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _sentence(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
