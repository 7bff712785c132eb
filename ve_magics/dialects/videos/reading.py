"""What the video dialects share in reading answers: objects, refusals in every common shape, values of loose types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ve_magics.dialects.failures import classify, failure, is_html, mask, page_failure, page_reply
from ve_magics.errors import DecodeError, StatusError
from ve_magics.jobs import JobFailure

SILENT = "The provider could not make the video and didn't say why."
"""What is said where a provider says nothing."""

REFUSED = "Change the prompt: the provider's policy refused it."
"""What to do about a refusal by policy."""


def decode_object(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        StatusError: The provider refused with a bad status.
        DecodeError: The bytes are no JSON object; a web page, say.
    """
    if is_html(body):
        raise page_failure(status, headers, body) if status >= 300 else page_reply(body)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        if status >= 300:
            raise failure(status, body[:2000].decode("utf-8", "replace"), headers=headers) from error
        raise DecodeError("The provider's answer is no JSON.") from error
    if status >= 300:
        raise refusal(status, headers, value if isinstance(value, dict) else {"message": value})
    if not isinstance(value, dict):
        raise DecodeError("The provider's answer is no JSON object.")
    return value


def refusal(status: int, headers: Mapping[str, str], value: Mapping[str, Any]) -> StatusError:
    """Return the error that an object tells: `error` or `detail` as an object or a sentence, or `message` itself."""
    error = value.get("error") or value.get("detail") or value
    if not isinstance(error, dict):
        return failure(status, sentence(error), headers=headers)
    codes = tuple(text(error.get(name)) for name in ("code", "type", "status"))
    message = text(error.get("message") or error.get("msg")) or (sentence(error) if error else "")
    return failure(status, message, codes=codes, param=text(error.get("param")) or None, headers=headers)


def job_failure(message: str, code: str = "", *, kind: str = "", word: str = "") -> JobFailure:
    """Return why there is no video.

    Args:
        message: The provider's sentence; masked before it is kept.
        code: The provider's code, shown.
        kind: The class of the failure where the dialect knows it.
        word: A code as the common table has it, where the provider's own is another one.
    """
    told = mask(message) or (f"The provider gave only the code {mask(code)}." if code else SILENT)
    kind = kind or (classify(200, (word, code), message) if message or code or word else "job")
    return JobFailure(
        told, "job" if kind == "server" else kind, mask(code), REFUSED if kind == "content_filter" else ""
    )


def text(value: object) -> str:
    """Return a string or whole number as text, and nothing for all else."""
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def sentence(value: object) -> str:
    """Return a string as it is, and any other value as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def number(value: object) -> float | None:
    """Return a number, or text that is one, and None for all else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e18 else None


def fraction(value: object) -> float | None:
    """Return progress that is told as a fraction, held between 0 and 1."""
    found = number(value)
    return None if found is None else min(1.0, max(0.0, found))


def epoch(value: object) -> float | None:
    """Return seconds since 1970 of a time in seconds, in milliseconds or in ISO 8601 (UTC where it names no zone)."""
    found = number(value)
    if found is None and isinstance(value, str):
        try:
            then = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    if not found:
        return None
    return found / 1000 if found > 1e11 else found


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list; nothing where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inner(value: object, *names: str) -> dict[str, Any]:
    """Return the object that lies under these names; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def web_urls(*values: object) -> tuple[str, ...]:
    """Return those values that are addresses on the web, each once."""
    found = [text(value) for value in values]
    return tuple(dict.fromkeys(url for url in found if url.lower().startswith(("https://", "http://"))))
