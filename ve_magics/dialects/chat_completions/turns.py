"""Reads the messages of a user's request."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any, get_args

from ve_magics.dialects.chat_completions.choice import NAME
from ve_magics.dialects.chat_completions.sealed import unseal_states
from ve_magics.dialects.data_urls import decode_data_url
from ve_magics.dialects.fields import Fields, bad
from ve_magics.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

_ROLES = (*get_args(Role), "function")


class TurnReader:
    """Reads messages in order: a tool's result needs to know the calls that came before it."""

    def __init__(self) -> None:
        self._custom: set[str] = set()
        self._old_ids: dict[str, str] = {}

    def read(self, value: Any, path: str) -> Message:
        """Return one message.

        Raises:
            BadRequestError: It is none.
        """
        fields = Fields(value, path)
        role = fields.one_of("role", _ROLES)
        if role is None:
            raise fields.missing("role")
        name = fields.text("name") or ""
        if role == "assistant":
            return self._assistant(fields, name)
        if role in ("tool", "function"):
            return self._tool(fields, name, old=role == "function")
        if fields.rest.get("content") is None:
            raise fields.missing("content")
        return Message(role, tuple(_content(fields)), name, fields.rest)

    def _assistant(self, fields: Fields, name: str) -> Message:
        parts: list[Part] = []
        thought = fields.text("reasoning_content") or fields.text("reasoning")
        fields.rest.pop("reasoning", None)
        if thought:
            parts.append(Reasoning(thought))
        parts += _content(fields)
        refusal = fields.text("refusal")
        if refusal:
            parts.append(Refusal(refusal))
        audio = fields.object("audio")
        if audio is not None:
            inner = Fields(audio, fields.at("audio"))
            parts.append(Audio(id=inner.need_text("id")))
        for number, item in enumerate(fields.items("images") or []):
            parts.append(_part(item, f"{fields.at('images')}[{number}]"))
        for number, item in enumerate(fields.items("tool_calls") or []):
            parts.append(self._call(Fields(item, f"{fields.at('tool_calls')}[{number}]")))
        if fields.rest.get("function_call") is not None:
            call = fields.inner("function_call")
            called = call.need_text("name")
            self._old_ids[called] = f"call_function_{len(self._old_ids)}"
            parts.append(ToolCall(self._old_ids[called], called, call.text("arguments") or ""))
        fields.rest.pop("function_call", None)
        if "reasoning_details" in fields.rest:
            parts, foreign = unseal_states(fields.take("reasoning_details"), parts)
            if foreign:
                fields.rest["reasoning_details"] = foreign
        return Message("assistant", tuple(parts), name, fields.rest)

    def _call(self, fields: Fields) -> ToolCall:
        id_ = fields.need_text("id")
        fields.take("index")  # clients that store stream fragments leave it in
        custom = fields.one_of("type", ("function", "custom")) == "custom"
        inner = fields.inner("custom" if custom else "function")
        name = inner.need_text("name")
        text = inner.text("input" if custom else "arguments") or ""
        if custom:
            self._custom.add(id_)
        return ToolCall(id_, name, text, custom, extra=_left(fields, inner))

    def _tool(self, fields: Fields, name: str, *, old: bool) -> Message:
        id_ = self._old_ids.get(name, f"call_function_{name}") if old else fields.need_text("tool_call_id")
        if "content" not in fields.rest:
            raise fields.missing("content")
        parts: list[Text | Image | File] = []
        for part in _content(fields):
            if not isinstance(part, (Text, Image, File)):
                raise bad("A tool's result may hold text, pictures and files.", fields.at("content"))
            parts.append(part)
        result = ToolResult(id_, tuple(parts), name, custom=id_ in self._custom, extra=fields.rest)
        return Message("tool", (result,))


def _left(fields: Fields, inner: Fields) -> dict[str, Any]:
    """Return the fields that nobody took, those of the inner object in their place."""
    return fields.rest | ({inner.path.rpartition(".")[2]: inner.rest} if inner.rest else {})


def _content(fields: Fields) -> list[Part]:
    content = fields.take("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content else []
    path = fields.at("content")
    if not isinstance(content, list):
        raise bad(f"{path} must be a string or a list of parts.", path, "invalid_type")
    return [_part(item, f"{path}[{number}]") for number, item in enumerate(content)]


def _part(value: Any, path: str) -> Part:
    fields = Fields(value, path)
    kind = fields.text("type")
    if not kind:
        raise fields.missing("type")
    read = _READERS.get(kind)
    return read(fields) if read is not None else Opaque(NAME, dict(value))


def _text(fields: Fields) -> Part:
    text = fields.text("text")
    if text is None:
        raise fields.missing("text")
    return Text(text, extra=fields.rest)


def _refusal(fields: Fields) -> Part:
    return Refusal(fields.need_text("refusal"), extra=fields.rest)


def _image(fields: Fields) -> Part:
    inner = fields.inner("image_url")
    url = inner.need_text("url")
    detail = inner.text("detail") or ""
    extra = _left(fields, inner)
    if url[:5].lower() != "data:":
        return Image(url=url, detail=detail, extra=extra)
    media_type, data = decode_data_url(url)
    if not data:
        raise bad(f"{inner.at('url')} is no base64 data URL.", inner.at("url"))
    return Image(data, media_type, detail=detail, extra=extra)


def _audio(fields: Fields) -> Part:
    inner = fields.inner("input_audio")
    data = inner.need_text("data")
    try:
        sound = binascii.a2b_base64("".join(data.split()), strict_mode=True)
    except ValueError:
        raise bad(f"{inner.at('data')} is no base64.", inner.at("data")) from None
    return Audio(sound, inner.need_text("format"), extra=_left(fields, inner))


def _file(fields: Fields) -> Part:
    inner = fields.inner("file")
    file_id = inner.text("file_id") or ""
    name = inner.text("filename") or ""
    url = inner.text("file_data")
    media_type, data = decode_data_url(url) if url else ("", b"")
    if not data and not file_id:
        raise bad(f"{inner.path} needs file_id, or file_data as a base64 data URL.", inner.path)
    return File(data, media_type, name, file_id=file_id, extra=_left(fields, inner))


_READERS: dict[str, Callable[[Fields], Part]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}
