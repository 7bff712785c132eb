"""Reads the messages of a user's request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ve_magics.dialects.fields import Fields, bad
from ve_magics.dialects.messages.sealed import decode_thought, places_in, restore
from ve_magics.dialects.messages.sources import Wire, decode_file, decode_image
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.messages import File, Image, Message, Opaque, Part, Text, ToolCall, ToolResult


def decode_system(fields: Fields) -> tuple[Message, ...]:
    """Take the system text and return the message that it is, if there is one.

    Raises:
        BadRequestError: It is neither a string nor a list of text blocks.
    """
    parts = _content(fields, "system")
    for number, part in enumerate(parts):
        if not isinstance(part, Text):
            raise bad(f"system[{number}] must be a text block.", f"system[{number}]")
    return (Message("system", tuple(parts)),) if parts else ()


def decode_turn(value: Any, path: str) -> Message:
    """Return one message. One that holds nothing but results of tools is a tool's message.

    Raises:
        BadRequestError: It is none.
    """
    fields = Fields(value, path)
    role = fields.one_of("role", ("user", "assistant", "system"))
    if role is None:
        raise fields.missing("role")
    if fields.rest.get("content") is None:
        raise fields.missing("content")
    parts = _content(fields, "content")
    if role == "user" and parts and all(isinstance(part, ToolResult) for part in parts):
        role = "tool"
    return Message(role, tuple(parts), extra=fields.rest)


def _content(fields: Fields, name: str) -> list[Part]:
    content = fields.take(name)
    path = fields.at(name)
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise bad(f"{path} must be a string or a list of blocks.", path, "invalid_type")
    parts: list[Part] = []
    placed: list[Any] = []
    for number, item in enumerate(content):
        items = places_in(item)
        if items is None:
            parts.append(_block(item, f"{path}[{number}]"))
        else:
            placed += items
    return restore(parts, placed) if placed else parts


def _block(value: Any, path: str) -> Part:
    fields = Fields(value, path)
    kind = fields.text("type")
    if not kind:
        raise fields.missing("type")
    read = _READERS.get(kind)
    part = read(fields) if read is not None else None
    return Opaque(NAME, dict(value)) if part is None else part


def _text(fields: Fields) -> Part:
    text = fields.text("text")
    if text is None:
        raise fields.missing("text")
    return Text(text, tuple(fields.items("citations") or ()), extra=fields.rest)


def _thinking(fields: Fields) -> Part:
    text = fields.text("thinking")
    if text is None:
        raise fields.missing("thinking")
    signature = fields.text("signature") or ""
    return decode_thought(text, signature, {"type": "thinking", "signature": signature, **fields.rest})


def _redacted(fields: Fields) -> Part:
    data = fields.need_text("data")
    return decode_thought("", data, {"type": "redacted_thinking", "data": data, **fields.rest})


def _call(fields: Fields) -> Part:
    id_, name = fields.need_text("id"), fields.need_text("name")
    input_ = fields.object("input")
    if input_ is None:
        raise fields.missing("input")
    return ToolCall(id_, name, msgspec.json.encode(input_).decode(), extra=fields.rest)


def _result(fields: Fields) -> Part:
    id_ = fields.need_text("tool_use_id")
    failed = fields.flag("is_error") or False
    content = fields.rest.get("content")
    parts: list[Text | Image | File] = []
    unknown = False
    for part in _content(fields, "content"):
        if isinstance(part, (Text, Image, File)):
            parts.append(part)
        else:
            unknown = True
    extra: Wire = fields.rest | ({"content": content} if unknown else {})
    return ToolResult(id_, tuple(parts), is_error=failed, extra=extra)


_READERS: dict[str, Callable[[Fields], Part | None]] = {
    "text": _text,
    "image": decode_image,
    "document": decode_file,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _call,
    "tool_result": _result,
}
