"""How a video object is read: as the API reference has it, and as gateways and self-hosted servers vary it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ve_magics.dialects.videos import reading
from ve_magics.dialects.videos.reading import (
    epoch,
    inner,
    job_failure,
    number,
    refusal,
    sentence,
    text,
    web_urls,
)
from ve_magics.dialects.videos.refusals import refused
from ve_magics.dialects.videos.statuses import remote_state
from ve_magics.errors import DecodeError
from ve_magics.jobs import JobFailure, JobReply

_URLS: tuple[tuple[str | int, ...], ...] = (
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
    ("content", "result_url"),
    ("metadata", "url"),
)
"""Where servers put the file's address, the most telling place first."""


def decode_object(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the JSON object of a good answer, out of its envelope where it has one.

    Raises:
        StatusError: The provider refused, also where it did so inside a good answer.
        DecodeError: The bytes are no JSON object; a web page, say.
    """
    value = reading.decode_object(status, headers, body)
    if not _id_of(value):
        enclosed = inner(value, "data")
        if _id_of(enclosed):
            return enclosed
        if value.get("error") or value.get("code") not in (None, 0, 200, "success"):
            told = refusal(status, headers, value)
            raise refused(status, headers, told.message, told.code or "", told.kind)
    return value


def decode_reply(
    value: Mapping[str, Any], headers: Mapping[str, str], *, ids: tuple[str, ...] = ("id", "task_id")
) -> JobReply:
    """Return what a video object says.

    Args:
        value: The object.
        headers: The answer's headers, names in lower case.
        ids: Fields that may hold its id, the most telling first.

    Raises:
        DecodeError: It holds no id.
    """
    job_id = _id_of(value, ids)
    if not job_id:
        raise DecodeError("The provider's answer holds no id of a video.")
    word = text(value.get("status"))
    state = remote_state(word) if word else "queued"
    urls = _urls(value)
    if urls and state == "running" and word.lower().endswith("_completed"):
        state = "succeeded"  # a step that is the last one, for the file is there
    if not urls and state == "succeeded":
        urls = web_urls(value.get("fail_reason"))  # older gateways keep the address there
    error = value.get("error") or value.get("fail_reason")
    metadata = inner(value, "metadata")
    revised = value.get("revised_prompt") or value.get("enhanced_prompt")
    if state == "succeeded" and not revised:  # earlier it is a text about the state, with some gateways
        revised = _at(value, ("data", 0, "revised_prompt"))
    return JobReply(
        provider_job_id=job_id,
        state=state,
        raw_status=word,
        progress=decode_progress(value.get("progress")),
        failure=_failure(error) if state == "failed" else None,
        urls=urls,
        created=epoch(value.get("created_at", value.get("created"))),
        expires_at=epoch(value.get("expires_at")),
        cost=number(inner(value, "usage").get("cost")),
        seconds=number(value.get("seconds", value.get("duration", metadata.get("duration")))),
        size=text(value.get("size")),
        poll_after=_poll_after(headers),
        prompt=text(value.get("prompt")),
        revised_prompt=text(revised),
        model=text(value.get("model")),
    )


def decode_progress(value: object) -> float | None:
    """Return progress as 0 to 1: from a whole number of per cent, a fraction, or text such as `42%`."""
    found = number(value.strip().removesuffix("%")) if isinstance(value, str) else number(value)
    if found is None:
        return None
    fraction = isinstance(value, float) and found <= 1
    return min(1.0, max(0.0, found if fraction else found / 100))


def _id_of(value: Mapping[str, Any], ids: tuple[str, ...] = ("id", "task_id")) -> str:
    return next((found for name in ids if (found := text(value.get(name)))), "")


def _failure(error: object) -> JobFailure:
    if isinstance(error, dict):
        return job_failure(text(error.get("message")), text(error.get("code")))
    return job_failure(sentence(error) if error else "")


def _urls(value: Mapping[str, Any]) -> tuple[str, ...]:
    unsigned = value.get("unsigned_urls")
    return web_urls(*(_at(value, path) for path in _URLS), *(unsigned if isinstance(unsigned, list) else ()))


def _at(value: object, path: tuple[str | int, ...]) -> object:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _poll_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = number(headers.get("openai-poll-after-ms"))
    return max(0.0, milliseconds / 1000) if milliseconds is not None else None
