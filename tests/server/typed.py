"""What Anthropic and Google describe, held by the types of their official SDKs: strictly, and by every field's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from google.genai.types import GenerateContentResponse
from pydantic import BaseModel, TypeAdapter

from tests.server.describing import Sent

BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use")
DELTAS = {
    "text_delta": {"text"},
    "citations_delta": {"text"},
    "thinking_delta": {"thinking"},
    "signature_delta": {"thinking"},
    "input_json_delta": {"tool_use", "server_tool_use"},
}
"""The types of block that each delta may grow."""

GOOGLE_STATUSES = {
    400: {"INVALID_ARGUMENT", "FAILED_PRECONDITION"},
    401: {"UNAUTHENTICATED"},
    402: {"RESOURCE_EXHAUSTED"},
    403: {"PERMISSION_DENIED"},
    404: {"NOT_FOUND"},
    405: {"INVALID_ARGUMENT", "UNIMPLEMENTED"},
    429: {"RESOURCE_EXHAUSTED"},
    500: {"INTERNAL"},
    502: {"INTERNAL", "UNAVAILABLE", "UNKNOWN"},
    503: {"UNAVAILABLE"},
    504: {"DEADLINE_EXCEEDED"},
}
"""HTTP statuses and the names of google.rpc.Code that go with them."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def unknown_fields(value: Any, path: str = "$") -> Iterator[str]:
    """Yield the places of fields for which an SDK's types have no name."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from unknown_fields(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from unknown_fields(item, f"{path}[]")


def check_typed(kind: Any, value: Any, *, narrow: bool = True) -> None:
    """Hold a value to an SDK's type, strictly; `narrow` also refuses fields that it doesn't name."""
    model = _adapter(kind).validate_json(json.dumps(value), strict=True)
    if narrow:
        assert sorted(set(unknown_fields(model))) == []


def check_message(value: Any, *, narrow: bool = True) -> None:
    """Hold a whole answer to Anthropic's `Message`, strictly; `narrow` also refuses fields and blocks that it doesn't name."""
    content = [block for block in value["content"] if narrow or block["type"] in BLOCKS]
    check_typed(Message, {**value, "content": content}, narrow=narrow)
    assert value["stop_reason"] is not None


def check_message_error(value: Any) -> None:
    """Hold a refusal to Anthropic's `ErrorResponse`."""
    check_typed(ErrorResponse, value, narrow=True)


def check_message_events(events: list[Sent], *, narrow: bool = True, ended: bool = True) -> None:
    """Hold a stream to Anthropic's events, one by one and in their order.

    Args:
        events: All of it.
        narrow: As for `check_message`.
        ended: Whether it ended well; otherwise an error is its last event.
    """
    known = events if ended else events[:-1]
    if not narrow:  # what is unknown to the SDK, the SDK passes over
        known = [sent for sent in known if sent.name.split("_")[0] in ("message", "content")]
    opened: dict[int, str] = {}
    closed: list[int] = []
    for name, value in known:
        assert name == value["type"]
        if narrow:
            check_typed(RawMessageStreamEvent, value, narrow=True)
        if name == "content_block_start":
            assert value["index"] == len(opened) == len(closed)
            opened[value["index"]] = value["content_block"]["type"]
        elif name == "content_block_delta":
            assert value["index"] == len(opened) - 1 == len(closed)
            assert not narrow or opened[value["index"]] in DELTAS[value["delta"]["type"]]
        elif name == "content_block_stop":
            closed.append(value["index"])
            assert closed == sorted(opened)
    steps = [name for name, _ in known if not name.startswith("content_block")]
    if ended:
        assert closed == sorted(opened)
        assert steps == ["message_start", "message_delta", "message_stop"]
        assert known[0].value["message"]["content"] == []
        assert known[-2].value["delta"]["stop_reason"] is not None
    else:
        assert steps in (["message_start"], [])
        assert events[-1].name == "error"
        check_message_error(events[-1].value)


def _snake(value: Any, path: str = "$") -> Iterator[str]:
    """Yield the places of fields that are not written as Google's JSON writes them."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if "_" in name:
                yield f"{path}.{name}"
            if name != "args":  # names of the user's own
                yield from _snake(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _snake(item, f"{path}[]")


def check_gemini(value: Any, *, narrow: bool = True) -> None:
    """Hold an answer, or a piece of a streamed one, to Google's `GenerateContentResponse`.

    The type refuses unknown names by itself; so `narrow` decides whether it is asked at all.
    """
    if not narrow:
        return
    assert sorted(set(_snake(value))) == []
    value = dict(value)
    if created := value.pop("createTime", None):  # the SDK reads it outside of its strict mode
        assert datetime.fromisoformat(created).tzinfo is not None
    check_typed(GenerateContentResponse, value, narrow=True)


def check_gemini_error(status: int, value: Any) -> None:
    """Hold a refusal to Google's error object, whose code is the HTTP status."""
    error = value["error"]
    assert error.keys() <= {"code", "message", "status", "details"}
    assert error["code"] == status
    assert error["status"] in GOOGLE_STATUSES[status]
    assert isinstance(error["message"], str)
