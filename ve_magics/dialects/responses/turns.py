"""Reads the input items of a user's request."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from ve_magics.dialects.data_urls import decode_data_url
from ve_magics.dialects.fields import Fields, bad
from ve_magics.dialects.responses.history import MESSAGE
from ve_magics.dialects.responses.naming import NAME, is_made
from ve_magics.dialects.responses.sealed import restore, unseal_content
from ve_magics.errors import UnsupportedError
from ve_magics.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

_ROLES = ("user", "assistant", "system", "developer")


def decode_turns(value: Any, path: str) -> tuple[Message, ...]:
    """Return the messages of an input: items of the assistant that follow each other are one message.

    Raises:
        BadRequestError: It is no input; `param` names the field.
        UnsupportedError: It refers to something that would have to be kept here.
    """
    if isinstance(value, str):
        return (Message("user", (Text(value),) if value else ()),)
    if not isinstance(value, list):
        raise bad(f"{path} must be a string or a list of items.", path, "invalid_type")
    if not value:
        raise bad(f"{path} must hold at least one item.", path)
    reader = _TurnReader()
    for number, item in enumerate(value):
        reader.read(Fields(item, f"{path}[{number}]"))
    return reader.done()


class _TurnReader:
    """Reads items in order."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._answer: list[Part] = []
        self._readers: dict[str, Callable[[Fields], None]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._call,
            "custom_tool_call": self._custom_call,
            "function_call_output": self._result,
            "custom_tool_call_output": self._custom_result,
            "image_generation_call": self._picture,
        }

    def done(self) -> tuple[Message, ...]:
        """Return the messages."""
        self._close()
        return tuple(self._messages)

    def _close(self) -> None:
        if self._answer:
            self._messages.append(Message("assistant", tuple(self._answer)))
            self._answer = []

    def read(self, fields: Fields) -> None:
        """Take one item."""
        whole = dict(fields.rest)
        kind = fields.text("type") or ("message" if "role" in fields.rest else "")
        if not kind:
            raise fields.missing("type")
        if kind == "item_reference":
            raise UnsupportedError(
                "input.item_reference",
                NAME,
                message=f"{fields.path} refers to an item that would have to be kept here; nothing is.",
                hint="Send the item itself.",
            )
        reader = self._readers.get(kind)
        if reader is None:
            self._answer.append(Opaque(NAME, whole))
        else:
            reader(fields)

    def _message(self, fields: Fields) -> None:
        role = fields.one_of("role", _ROLES)
        if role is None:
            raise fields.missing("role")
        if fields.rest.get("content") is None:
            raise fields.missing("content")
        if role == "assistant":
            self._said(fields)
            return
        self._close()
        parts = _content(fields, "content", _PARTS)
        self._messages.append(Message(role, parts, extra=fields.rest))

    def _said(self, fields: Fields) -> None:
        parts = _content(fields, "content", _ANSWER_PARTS)
        shared = _own(fields)
        extra = {MESSAGE: shared} if shared else {}
        for part in parts or (Text(""),):
            if isinstance(part, Opaque):
                item = {"type": "message", "role": "assistant", **shared, "content": [part.data]}
                self._answer.append(Opaque(NAME, item))
            else:
                self._answer.append(msgspec.structs.replace(part, extra={**part.extra, **extra}))

    def _reasoning(self, fields: Fields) -> None:
        texts = [
            "".join(
                Fields(item, f"{fields.at(name)}[{number}]").text("text") or ""
                for number, item in enumerate(Fields(fields.rest, fields.path).items(name) or [])
            )
            for name in ("summary", "content")
        ]
        text = texts[0] or texts[1]
        sealed = unseal_content(fields.rest.get("encrypted_content"))
        if isinstance(sealed, list):
            self._answer = restore(self._answer, sealed)
            self._close()
        elif sealed is not None:
            self._answer.append(Reasoning(text, sealed))
        else:
            made = is_made(fields.rest.get("id"))
            self._answer.append(Reasoning(text, extra={} if made else fields.rest))

    def _call(self, fields: Fields) -> None:
        fields.take("parsed_arguments")  # the official SDK adds them to a call
        id_, name = fields.need_text("call_id"), fields.need_text("name")
        arguments = fields.text("arguments") or ""
        self._answer.append(ToolCall(id_, name, arguments, extra=_own(fields)))

    def _custom_call(self, fields: Fields) -> None:
        id_, name = fields.need_text("call_id"), fields.need_text("name")
        self._answer.append(ToolCall(id_, name, fields.text("input") or "", custom=True, extra=_own(fields)))

    def _result(self, fields: Fields, *, custom: bool = False) -> None:
        self._close()
        id_ = fields.need_text("call_id")
        if fields.rest.get("output") is None:
            raise fields.missing("output")
        parts: list[Text | Image | File] = []
        for part in _content(fields, "output", _PARTS):
            if not isinstance(part, (Text, Image, File)):
                raise bad("A tool's result may hold text, pictures and files.", fields.at("output"))
            parts.append(part)
        result = ToolResult(id_, tuple(parts), custom=custom, extra=fields.rest)
        self._messages.append(Message("tool", (result,)))

    def _custom_result(self, fields: Fields) -> None:
        self._result(fields, custom=True)

    def _picture(self, fields: Fields) -> None:
        whole = {"type": "image_generation_call", **fields.rest}
        result = fields.text("result")
        if not result:
            self._answer.append(Opaque(NAME, whole))
            return
        format_ = Fields(fields.rest, fields.path).text("output_format") or "png"
        data = _base64(result, fields.at("result"))
        self._answer.append(Image(data, f"image/{format_}", extra=_own(fields, "output_format")))


def _own(fields: Fields, *more: str) -> dict[str, Any]:
    """Return the fields that nobody took, without those that the item was given here."""
    if not is_made(fields.rest.get("id")):
        return fields.rest
    return {name: value for name, value in fields.rest.items() if name not in ("id", "status", *more)}


def _base64(text: str, path: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        raise bad(f"{path} is no base64.", path) from None


def _content(fields: Fields, name: str, readers: dict[str, Callable[[Fields], Part]]) -> tuple[Part, ...]:
    """Take a string or a list of content parts; a part that is not known is kept as it came."""
    content = fields.take(name)
    path = fields.at(name)
    if isinstance(content, str):
        return (Text(content),) if content else ()
    if not isinstance(content, list):
        raise bad(f"{path} must be a string or a list of parts.", path, "invalid_type")
    parts: list[Part] = []
    for number, item in enumerate(content):
        part = Fields(item, f"{path}[{number}]")
        kind = part.text("type")
        if not kind:
            raise part.missing("type")
        if kind in _CHAT_PARTS:
            known = ", ".join(f"'{known}'" for known in readers)
            raise bad(f"Invalid value: '{kind}'. Supported values are: {known}.", part.at("type"))
        read = readers.get(kind)
        parts.append(read(part) if read is not None else Opaque(NAME, dict(item)))
    return tuple(parts)


_CHAT_PARTS = ("text", "image_url", "file")
"""Names that the same parts have in chat completions; nobody can mean them here."""


def _text(fields: Fields) -> Part:
    text = fields.text("text")
    if text is None:
        raise fields.missing("text")
    annotations = tuple(fields.items("annotations") or ())
    fields.take("logprobs")  # clients send the answer back with them; they say nothing to a model
    fields.take("parsed")  # the official SDK adds it to an answer
    return Text(text, annotations, extra=fields.rest)


def _refusal(fields: Fields) -> Part:
    return Refusal(fields.need_text("refusal"), extra=fields.rest)


def _image(fields: Fields) -> Part:
    url, file_id = fields.text("image_url") or "", fields.text("file_id") or ""
    detail = fields.text("detail") or ""
    detail = "" if detail == "auto" else detail
    if file_id and not url:
        return Image(file_id=file_id, detail=detail, extra=fields.rest)
    if not url:
        raise fields.missing("image_url")
    if url[:5].lower() != "data:":
        return Image(url=url, detail=detail, extra=fields.rest)
    media_type, data = decode_data_url(url)
    if not data:
        raise bad(f"{fields.at('image_url')} is no base64 data URL.", fields.at("image_url"))
    return Image(data, media_type, detail=detail, extra=fields.rest)


def _file(fields: Fields) -> Part:
    file_id, url = fields.text("file_id") or "", fields.text("file_url") or ""
    name, raw = fields.text("filename") or "", fields.text("file_data")
    media_type, data = decode_data_url(raw) if raw else ("", b"")
    if not (data or file_id or url):
        raise bad(
            f"{fields.path} needs file_id, file_url, or file_data as a base64 data URL.",
            fields.at("file_data"),
        )
    return File(data, media_type, name, url, file_id, extra=fields.rest)


def _audio(fields: Fields) -> Part:
    inner = fields.inner("input_audio")
    data = _base64(inner.need_text("data"), inner.at("data"))
    format_ = inner.need_text("format")
    return Audio(data, format_, extra=fields.rest | ({"input_audio": inner.rest} if inner.rest else {}))


_PARTS: dict[str, Callable[[Fields], Part]] = {
    "input_text": _text,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
_ANSWER_PARTS: dict[str, Callable[[Fields], Part]] = {
    "output_text": _text,
    "refusal": _refusal,
    "input_text": _text,
}
