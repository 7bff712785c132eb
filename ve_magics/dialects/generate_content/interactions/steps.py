"""Writes a conversation as steps."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.generate_content.media import check_address, media_type
from ve_magics.dialects.generate_content.wire import NAME, STEPS, encode_bytes
from ve_magics.errors import UnsupportedError
from ve_magics.messages import (
    Audio,
    ChatRequest,
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


class StepWriter:
    """Writes the messages of one request for one provider."""

    def __init__(self, request: ChatRequest, provider: Provider) -> None:
        self._request = request
        self._provider = provider
        self._names: dict[str, str] = {}
        self._system: list[str] = []
        self._steps: list[Wire] = []

    def write(self) -> tuple[str, list[Wire]]:
        """Return the system instruction, empty where there is none, and the steps.

        Raises:
            UnsupportedError: A part can't be said.
        """
        for message in self._request.messages:
            if message.name:
                raise _unsupported("message.name")
            for part in message.parts:
                if message.role in ("system", "developer"):
                    self._instruct(part, message)
                elif message.role == "assistant":
                    self._said(part)
                else:
                    self._heard(part, message)
        return "\n\n".join(self._system), self._steps

    def _instruct(self, part: Part, message: Message) -> None:
        if isinstance(part, Text):
            self._system.append(part.text)
        elif not isinstance(part, Opaque):
            raise _unsupported(f"{message.role}.{_kind(part)}")

    def _heard(self, part: Part, message: Message) -> None:
        match part:
            case ToolResult():
                self._steps.append(self._result(part))
            case Opaque():
                pass
            case Text() | Image() | Audio() | File() if message.role == "user":
                self._content("user_input", self._item(part, "user"))
            case _:
                raise _unsupported(f"{message.role}.{_kind(part)}")

    def _said(self, part: Part) -> None:
        match part:
            case Text() | Refusal() | Image() | Audio() | File():
                self._content("model_output", self._item(part, "assistant"))
            case Reasoning():
                if self._own(part.state):
                    summary = [{"type": "text", "text": part.text}] if part.text else []
                    self._steps.append({"type": "thought", "summary": summary} | _data(part.state))
            case ToolCall():
                self._steps.append(self._call(part))
            case Opaque():
                if part.dialect == STEPS and isinstance(part.data, dict) and part.data.get("type") != "text":
                    self._steps.append(dict(part.data))
            case _:
                raise _unsupported(f"assistant.{_kind(part)}")

    def _content(self, kind: str, item: Wire) -> None:
        """Add to the last step where it is of the same kind."""
        if self._steps and self._steps[-1]["type"] == kind:
            self._steps[-1]["content"].append(item)
        else:
            self._steps.append({"type": kind, "content": [item]})

    def _own(self, state: State | None) -> bool:
        return state is not None and state.origin == self._provider.name and state.dialect == STEPS

    def _item(self, part: Text | Refusal | Image | Audio | File, role: str) -> Wire:
        """Return one piece of content."""
        if isinstance(part, (Text, Refusal)):
            return {"type": "text", "text": part.text}
        return self._media(part, role)

    def _media(self, part: Image | Audio | File, role: str) -> Wire:
        check_address(part, self._provider, _kind(part), same=self._request.dialect == NAME)
        kind = media_type(part)
        wire: Wire = {"type": _content_type(part, kind)}
        uri = "" if isinstance(part, Audio) else part.file_id or part.url
        if part.data:
            wire["data"] = encode_bytes(part.data)
        elif uri:
            wire["uri"] = uri
        else:
            raise _unsupported(f"{role}.{_kind(part)}")
        return wire | ({"mime_type": kind} if kind else {})

    def _call(self, call: ToolCall) -> Wire:
        if call.custom:
            raise _unsupported("tool_call.custom")
        try:
            arguments = msgspec.json.decode(call.arguments or "{}")
        except (msgspec.DecodeError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            raise _unsupported("tool_call.arguments", "Here a call's arguments must be a JSON object.")
        self._names[call.id] = call.name
        wire: Wire = {"type": "function_call", "id": call.id, "name": call.name, "arguments": arguments}
        return wire | (_data(call.state) if self._own(call.state) else {})

    def _result(self, result: ToolResult) -> Wire:
        alone = all(isinstance(part, Text) for part in result.parts)
        said: Any = result.text if alone else [self._item(part, "tool_result") for part in result.parts]
        wire: Wire = {"type": "function_result", "call_id": result.call_id, "result": said}
        name = self._names.get(result.call_id) or result.name
        return wire | ({"name": name} if name else {}) | ({"is_error": True} if result.is_error else {})


def _data(state: State | None) -> Wire:
    return dict(state.data) if state is not None and isinstance(state.data, dict) else {}


def _content_type(part: Image | Audio | File, media: str) -> str:
    if isinstance(part, Image):
        return "image"
    family = media.partition("/")[0]
    return family if family in ("audio", "video", "image") else "document"


def _kind(part: Part) -> str:
    return str(part.__struct_config__.tag)


def _unsupported(field: str, hint: str = "") -> UnsupportedError:
    return UnsupportedError(field, STEPS, hint=hint)
