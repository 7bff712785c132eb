"""Writes the messages of a request."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ve_magics.dialects.chat_completions.choice import NAME
from ve_magics.dialects.data_urls import encode_data_url
from ve_magics.dialects.extras import with_extra
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


class HistoryWriter:
    """Writes messages for one provider.

    Args:
        provider: Who will read them.
        same: True where the request was read from this dialect, so that its `extra` fields go out again.
    """

    def __init__(self, provider: Provider, *, same: bool) -> None:
        self._provider = provider
        self._same = same

    def write(self, messages: tuple[Message, ...]) -> list[Wire]:
        """Return the wire messages; one of ours may become several.

        Raises:
            UnsupportedError: A part can't be said.
        """
        return [wire for message in messages for wire in self._message(message)]

    def _message(self, message: Message) -> Iterator[Wire]:
        if message.role == "assistant":
            yield self._named(self._assistant(message), message)
            return
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield self._result(part, message)
            elif not (isinstance(part, Opaque) and part.dialect != NAME):
                rest.append(part)
        if message.role == "tool":
            if rest:
                raise _unsupported(f"tool.{_kind(rest[0])}")
            return
        if rest or not message.parts:
            yield self._named(
                {"role": self._role(message), "content": self._content(rest, message.role)}, message
            )

    def _role(self, message: Message) -> str:
        """Return the role's name; a server that takes only the old `max_tokens` knows no `developer` either."""
        quirks = self._provider.quirks
        if message.role == "system" and quirks.developer_role:
            return "developer"
        old = quirks.max_tokens_field == "max_tokens" and not quirks.developer_role
        return "system" if message.role == "developer" and old else message.role

    def _named(self, wire: Wire, message: Message) -> Wire:
        if message.name:
            wire["name"] = message.name
        return with_extra(wire, message.extra) if self._same else wire

    def _content(self, parts: list[Part], role: str) -> str | list[Wire]:
        if not parts:
            return ""
        if len(parts) == 1 and isinstance(parts[0], Text) and not (self._same and parts[0].extra):
            return parts[0].text
        return [self._part(part, role) for part in parts]

    def _part(self, part: Part, role: str) -> Wire:
        wire: Wire
        match part:
            case Text():
                wire = {"type": "text", "text": part.text}
            case Refusal() if role == "assistant":
                wire = {"type": "refusal", "refusal": part.text}
            case Image() if role == "user":
                wire = {"type": "image_url", "image_url": self._image(part)}
            case Audio() if role == "user" and part.data:
                data = base64.b64encode(part.data).decode()
                wire = {"type": "input_audio", "input_audio": {"data": data, "format": part.format or "wav"}}
            case File() if role == "user":
                wire = {"type": "file", "file": _file(part)}
            case Opaque() if self._same and isinstance(part.data, dict):
                return dict(part.data)
            case _:
                raise _unsupported(f"{role}.{_kind(part)}")
        return with_extra(wire, part.extra) if self._same else wire

    def _image(self, image: Image) -> Wire:
        if image.data:
            wire: Wire = {"url": encode_data_url(image.media_type, image.data)}
        elif image.url:
            if not self._provider.quirks.image_urls:
                raise UnsupportedError(
                    "image.url", self._provider.name, hint="Give the picture's bytes instead of its address."
                )
            wire = {"url": image.url}
        else:
            raise _unsupported("image.file_id")
        if image.detail:
            wire["detail"] = image.detail
        return wire

    def _result(self, result: ToolResult, message: Message) -> Wire:
        for part in result.parts:
            if not isinstance(part, Text):
                raise UnsupportedError(
                    f"tool_result.{_kind(part)}",
                    NAME,
                    hint="Give it in a user message after the tool's result.",
                )
        wire: Wire = {
            "role": "tool",
            "tool_call_id": result.call_id,
            "content": self._content(list(result.parts), "tool"),
        }
        if not self._same:
            return wire
        if result.name:
            wire["name"] = result.name
        return with_extra(with_extra(wire, result.extra), message.extra if message.role == "tool" else {})

    def _assistant(self, message: Message) -> Wire:
        said: list[Part] = []
        calls: list[Wire] = []
        wire: Wire = {"role": "assistant"}
        for part in message.parts:
            match part:
                case Text() | Refusal():
                    said.append(part)
                case ToolCall():
                    calls.append(self._call(part))
                case Audio() if part.id:
                    wire["audio"] = {"id": part.id}
                case Image() if self._same:
                    wire.setdefault("images", []).append(
                        {"type": "image_url", "image_url": self._image(part)}
                    )
                case Opaque() if part.dialect == NAME:
                    said.append(part)
                case Reasoning() | Opaque():
                    pass
                case _:
                    raise _unsupported(f"assistant.{_kind(part)}")
        content = self._said(said, wire)
        wire["content"] = content if content or not (calls or "audio" in wire or "refusal" in wire) else None
        if calls:
            wire["tool_calls"] = calls
        self._reasoning(message, wire)
        return wire

    def _said(self, parts: list[Part], wire: Wire) -> str | list[Wire]:
        """Return the content: one string where that says it all, because many servers take no list here."""
        bare = all(isinstance(part, (Text, Refusal)) and not (self._same and part.extra) for part in parts)
        if not bare:
            return [self._part(part, "assistant") for part in parts]
        refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
        if refusal:
            wire["refusal"] = refusal
        return "".join(part.text for part in parts if isinstance(part, Text))

    def _own(self, state: State | None) -> bool:
        return state is not None and state.origin == self._provider.name and state.dialect == NAME

    def _call(self, call: ToolCall) -> Wire:
        wire: Wire = {"id": call.id}
        if call.custom:
            wire |= {"type": "custom", "custom": {"name": call.name, "input": call.arguments}}
        else:
            wire |= {"type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
        if call.state is not None and self._own(call.state) and isinstance(call.state.data, dict):
            wire = with_extra(wire, call.state.data)
        return with_extra(wire, call.extra) if self._same else wire

    def _reasoning(self, message: Message, wire: Wire) -> None:
        """Give the provider its own reasoning back: opaque details always, words where it wants them."""
        details: list[Any] = []
        for part in message.parts:
            state = part.state
            if isinstance(part, Reasoning) and state is not None and self._own(state):
                details += state.data if isinstance(state.data, list) else [state.data]
        if details:
            wire["reasoning_details"] = details
        field = self._provider.quirks.reasoning_field
        if field in ("reasoning_content", "reasoning"):
            text = message.reasoning
            if text or (field == "reasoning_content" and "tool_calls" in wire):
                wire[field] = text


def _file(file: File) -> Wire:
    if file.file_id:
        return {"file_id": file.file_id}
    if not file.data:
        raise _unsupported("file.url")
    return {
        "filename": file.name or "file",
        "file_data": encode_data_url(file.media_type, file.data),
    }


def _kind(part: Part) -> str:
    return str(part.__struct_config__.tag)


def _unsupported(field: str) -> UnsupportedError:
    return UnsupportedError(field, NAME)
