"""How an operation is read: its samples stand in other places at Vertex AI than in the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects import google_faults as faults
from ve_magics.dialects.failures import is_html, page_reply
from ve_magics.dialects.videos.google_files import INSIDE
from ve_magics.dialects.videos.reading import job_failure, number, objects, text
from ve_magics.errors import DecodeError
from ve_magics.jobs import JobFailure, JobReply

_CODES = {
    1: "cancelled",
    3: "invalid_argument",
    4: "deadline_exceeded",
    5: "not_found",
    7: "permission_denied",
    8: "resource_exhausted",
    9: "failed_precondition",
    13: "internal",
    14: "unavailable",
    16: "unauthenticated",
}
"""The numbers of gRPC's status codes, in words."""

_POLICY = ("usage guidelines", "responsible ai", "sensitive words", "safety filter", "violates", "prohibited")
_FILTERED = "rai_media_filtered"


def decode_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        StatusError: The provider refused.
        DecodeError: The bytes are no JSON object.
    """
    if status >= 300:
        raise faults.decode_error(status, headers, body)
    if is_html(body):
        raise page_reply(body)
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError("The provider's answer is no JSON object.") from error


def decode_operation(value: Mapping[str, Any]) -> JobReply:
    """Return what an operation says."""
    name = text(value.get("name"))
    if value.get("done") is not True:
        return JobReply(provider_job_id=name, state="running", raw_status="running")
    error = value.get("error")
    if isinstance(error, dict):
        code = number(error.get("code"))
        if code == 1:
            return JobReply(provider_job_id=name, state="cancelled", raw_status="done")
        return _failed(name, _failure(error, code))
    response = value.get("response")
    response = response if isinstance(response, dict) else {}
    found = _samples(response)
    urls = tuple(url for url in map(_address, found) if url)
    inside = any(_bytes(video) for video in found)
    if not urls and not inside:
        return _failed(name, _filtered(response))
    handle = {INSIDE: True} if inside else {}
    return JobReply(provider_job_id=name, state="succeeded", raw_status="done", urls=urls, handle=handle)


def find_film(value: object) -> str:
    """Return the first film in base64 of a finished operation, or nothing."""
    response = value.get("response") if isinstance(value, dict) else None
    found = _samples(response) if isinstance(response, dict) else []
    return next((data for data in map(_bytes, found) if data), "")


def _samples(response: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that name or hold a film."""
    inner = response.get("generateVideoResponse")
    said = {**response, **inner} if isinstance(inner, dict) else response
    rows = [*objects(said.get("generatedSamples")), *objects(said.get("generatedVideos"))]
    return [*objects(said.get("videos")), *objects([row.get("video") for row in rows])]


def _address(video: Mapping[str, Any]) -> str:
    url = text(video.get("uri") or video.get("gcsUri"))
    return url if url.startswith(("https://", "http://", "gs://", "files/")) else ""


def _bytes(video: Mapping[str, Any]) -> str:
    return text(video.get("bytesBase64Encoded") or video.get("encodedVideo"))


def _failed(name: str, failure: JobFailure) -> JobReply:
    return JobReply(provider_job_id=name, state="failed", raw_status="done", failure=failure)


def _failure(error: Mapping[str, Any], code: float | None) -> JobFailure:
    message = text(error.get("message"))
    refused = any(words in message.lower() for words in _POLICY)
    word = _CODES.get(int(code), "") if code is not None else ""
    return job_failure(message, text(error.get("code")), kind="content_filter" if refused else "", word=word)


def _filtered(response: Mapping[str, Any]) -> JobFailure:
    """Return why there is no sample: the filter's reasons where it took them."""
    inner = response.get("generateVideoResponse")
    said = {**response, **inner} if isinstance(inner, dict) else response
    reasons = said.get("raiMediaFilteredReasons")
    told = " ".join(map(text, reasons)).strip() if isinstance(reasons, list) else ""
    if told or number(said.get("raiMediaFilteredCount")):
        return job_failure(
            told or "The provider's filter took the video away.", _FILTERED, kind="content_filter"
        )
    return job_failure("The provider says that it is done, and has no video.", kind="job")
