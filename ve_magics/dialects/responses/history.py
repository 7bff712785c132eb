"""Writes the messages of a request as input items."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ve_magics.dialects.data_urls import encode_data_url
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.responses.naming import NAME
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
    State,
    Text,
    ToolCall,
    ToolResult,
)
from ve_magics.providers import Provider

Wire = dict[str, Any]

INSTRUCTIONS = "instructions"
"""Mark in the `extra` of the system message that a user gave as `instructions`, not as an item."""

MESSAGE = "message"
"""Key in the `extra` of an assistant's text for the fields of the item that it stood in."""


class HistoryWriter:
    """Writes messages for one provider.

    Args:
        provider: Who will read them.
        same: True where the request was read from this dialect, so that its `extra` fields go out again.
    """

    def __init__(self, provider: Provider, *, same: bool) -> None:
        self._provider = provider
        self._same = same

    def instructions(self, messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
        """Return the text of the leading system messages, and the messages after them.

        A user of this dialect has chosen between `instructions` and items, and is taken at their word.
        """
        texts: list[str] = []
        for message in messages:
            leads = INSTRUCTIONS in message.extra if self._same else message.role in ("system", "developer")
            if not leads or message.name or not all(isinstance(part, Text) for part in message.parts):
                break
            texts.append(message.text)
        return "\n\n".join(filter(None, texts)) or None, messages[len(texts) :]

    def write(self, messages: Sequence[Message]) -> list[Wire]:
        """Return the input items; one message may become several.

        Raises:
            UnsupportedError: A part can't be said.
        """
        return [wire for message in messages for wire in self._message(message)]

    def _message(self, message: Message) -> Iterator[Wire]:
        if message.name:
            raise _unsupported("messages.name")
        if message.role == "assistant":
            yield from self._assistant(message)
            return
        said: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                if said:
                    yield self._said(said, message)
                    said = []
                yield self._result(part)
            elif message.role == "tool":
                raise _unsupported(f"tool.{_kind(part)}")
            elif not isinstance(part, Opaque) or part.dialect == NAME:
                said.append(part)
        if said or not message.parts:
            yield self._said(said, message)

    def _said(self, parts: list[Part], message: Message) -> Wire:
        wire = {"role": message.role, "content": self._content(parts, message.role)}
        return with_extra(wire, message.extra) if self._same else wire

    def _content(self, parts: Sequence[Part], role: str) -> str | list[Wire]:
        if not parts:
            return ""
        if len(parts) == 1 and isinstance(parts[0], Text) and not (self._same and parts[0].extra):
            return parts[0].text
        return [self._part(part, role) for part in parts]

    def _part(self, part: Part, role: str) -> Wire:
        wire: Wire
        media = role in ("user", "tool_result")
        match part:
            case Text():
                wire = {"type": "input_text", "text": part.text}
            case Image() if media:
                wire = self._image(part)
            case File() if media:
                wire = _file(part)
            case Audio() if role == "user" and part.data:
                data = base64.b64encode(part.data).decode()
                wire = {"type": "input_audio", "input_audio": {"data": data, "format": part.format or "wav"}}
            case Opaque() if isinstance(part.data, dict):
                return dict(part.data)
            case _:
                raise _unsupported(f"{role}.{_kind(part)}")
        return with_extra(wire, part.extra) if self._same else wire

    def _image(self, image: Image) -> Wire:
        wire: Wire = {"type": "input_image", "detail": image.detail or "auto"}
        if image.data:
            wire["image_url"] = encode_data_url(image.media_type, image.data)
        elif image.file_id:
            wire["file_id"] = image.file_id
        elif self._provider.quirks.image_urls:
            wire["image_url"] = image.url
        else:
            raise UnsupportedError(
                "image.url", self._provider.name, hint="Give the picture's bytes instead of its address."
            )
        return wire

    def _result(self, result: ToolResult) -> Wire:
        wire: Wire = {
            "type": "custom_tool_call_output" if result.custom else "function_call_output",
            "call_id": result.call_id,
            "output": self._content(result.parts, "tool_result"),
        }
        return with_extra(wire, result.extra) if self._same else wire

    def _own(self, state: State | None) -> bool:
        return state is not None and state.origin == self._provider.name and state.dialect == NAME

    def _fields(self, part: Text | Refusal | ToolCall) -> Wire:
        """Return what the item of a part says besides the part, as its origin wrote it."""
        state = part.state
        own = state is not None and self._own(state) and isinstance(state.data, dict)
        return dict(state.data) if own and state is not None else {}

    def _assistant(self, message: Message) -> Iterator[Wire]:
        """Yield the items of an answer in their old order: reasoning stands before what it led to."""
        said: list[Wire] = []
        shared: Wire = {}
        for part in message.parts:
            if isinstance(part, (Text, Refusal)):
                extra = dict(part.extra) if self._same else {}
                fields = self._fields(part) | (extra.pop(MESSAGE, None) or {})
                if said and fields != shared:
                    yield _message_item(said, shared)
                    said = []
                shared = fields
                said.append(with_extra(self._words(part), extra))
                continue
            item = self._item(part)
            if item is not None:
                if said:
                    yield _message_item(said, shared)
                    said = []
                yield item
        if said or not message.parts:
            yield _message_item(said, shared)

    def _words(self, part: Text | Refusal) -> Wire:
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        annotations = list(part.annotations) if self._same else []
        return {"type": "output_text", "text": part.text, "annotations": annotations}

    def _item(self, part: Part) -> Wire | None:
        """Return the item of a part that is no text; None where this provider has no use for it."""
        match part:
            case ToolCall():
                wire: Wire = {"type": "custom_tool_call" if part.custom else "function_call"}
                wire |= {"call_id": part.id, "name": part.name}
                wire |= {"input": part.arguments} if part.custom else {"arguments": part.arguments or "{}"}
                wire = with_extra(wire, self._fields(part))
                return with_extra(wire, part.extra) if self._same else wire
            case Reasoning():
                return self._reasoning(part)
            case Opaque():
                foreign = part.dialect != NAME or (part.state is not None and not self._own(part.state))
                return None if foreign or not isinstance(part.data, dict) else dict(part.data)
            case Image() if part.data:
                return self._picture(part)
            case _:
                raise _unsupported(f"assistant.{_kind(part)}")

    def _reasoning(self, part: Reasoning) -> Wire | None:
        state = part.state
        if state is not None:
            return dict(state.data) if self._own(state) and isinstance(state.data, dict) else None
        return {"type": "reasoning", **part.extra} if self._same and part.extra else None

    def _picture(self, part: Image) -> Wire:
        """Return the call by which the provider itself made a picture."""
        fields: Mapping[str, Any] = part.extra if self._same else {}
        if part.state is not None and self._own(part.state) and isinstance(part.state.data, dict):
            fields = part.state.data
        if not fields:
            raise UnsupportedError("assistant.image", NAME, hint="Give the picture in a user message.")
        result = base64.b64encode(part.data).decode()
        return {"type": "image_generation_call", **fields, "result": result}


def _message_item(parts: list[Wire], fields: Wire) -> Wire:
    """Return an assistant's message; plain words go as a string, which every imitator takes."""
    if not parts:
        return {"role": "assistant", "content": ""}
    bare = len(parts) == 1 and not fields and parts[0] == {**_BARE, "text": parts[0].get("text")}
    if bare:
        return {"role": "assistant", "content": parts[0]["text"]}
    return with_extra({"type": "message", "role": "assistant", "content": parts}, fields)


_BARE: Wire = {"type": "output_text", "annotations": []}


def _file(file: File) -> Wire:
    if file.file_id:
        return {"type": "input_file", "file_id": file.file_id}
    if file.url:
        return {"type": "input_file", "file_url": file.url} | ({"filename": file.name} if file.name else {})
    if not file.data:
        raise _unsupported("file.data")
    data = encode_data_url(file.media_type, file.data)
    return {"type": "input_file", "filename": file.name or "file", "file_data": data}


def _kind(part: Part) -> str:
    return str(part.__struct_config__.tag)


def _unsupported(field: str) -> UnsupportedError:
    return UnsupportedError(field, NAME)
