"""Writes the messages of a request as user and assistant turns, and the system text apart."""

from __future__ import annotations

import re
from typing import Any

from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.loose import decode_json
from ve_magics.dialects.messages.sources import Wire, encode_file, encode_image
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.errors import UnsupportedError
from ve_magics.messages import (
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

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_SYSTEM = ("system", "developer")

System = str | list[Wire]


class HistoryWriter:
    """Writes messages for one provider.

    Args:
        provider: Who will read them.
        same: True where the request was read from this dialect, so that its `extra` fields go out again.
    """

    def __init__(self, provider: Provider, *, same: bool) -> None:
        self._provider = provider
        self._same = same

    def write(self, messages: tuple[Message, ...]) -> tuple[System, list[Wire]]:
        """Return the system text and the turns.

        Results of tools that stand in a row are one user message, with what the user says next after them. What
        says nothing (blank text, thoughts of another provider) is left out, since a provider would refuse it.

        Raises:
            UnsupportedError: A part can't be said.
        """
        leading = 0
        most = 1 if self._same else len(messages)
        for message in messages[:most]:
            if message.role not in _SYSTEM or (self._same and message.extra):
                break
            leading += 1
        return self._system(messages[:leading]), self._turns(messages[leading:])

    def _system(self, messages: tuple[Message, ...]) -> System:
        if len(messages) > 1:
            for message in messages:
                self._blocks(message)
            return "\n\n".join(message.text for message in messages if message.text.strip())
        return _content([block for message in messages for block in self._blocks(message)])

    def _turns(self, messages: tuple[Message, ...]) -> list[Wire]:
        turns: list[Wire] = []
        results: list[Wire] | None = None
        for message in messages:
            if message.name:
                raise UnsupportedError("message.name", NAME)
            blocks = self._blocks(message)
            role = self._role(message)
            if role == "user":
                blocks.sort(key=lambda block: block.get("type") != "tool_result")
            if role == "user" and results is not None:
                results += blocks
            elif blocks:
                turns.append({"role": role, "content": blocks})
            else:
                continue
            if self._same:
                with_extra(turns[-1], message.extra)
            only_results = all(block.get("type") == "tool_result" for block in blocks)
            results = turns[-1]["content"] if role == "user" and only_results else None
        for wire in turns:
            wire["content"] = _content(wire["content"])
        return turns

    def _role(self, message: Message) -> str:
        """Return the turn's role; a system message in mid-conversation is told by the user to be safe."""
        if message.role in _SYSTEM:
            return "system" if self._same else "user"
        return "assistant" if message.role == "assistant" else "user"

    def _blocks(self, message: Message) -> list[Wire]:
        write = self._said if message.role == "assistant" else self._asked
        found = (write(part, message.role) for part in message.parts)
        return [block for block in found if block is not None]

    def _asked(self, part: Part, role: str) -> Wire | None:
        """Return the block of one part of a system, user or tool message."""
        wire: Wire
        match part:
            case Text() if role != "tool":
                return self._text(part)
            case Image() if role == "user":
                wire = encode_image(part, self._provider)
            case File() if role == "user":
                wire = encode_file(part, self._provider)
            case ToolResult() if role in ("user", "tool"):
                return self._result(part)
            case Opaque() if part.dialect == NAME and isinstance(part.data, dict) and role != "tool":
                return dict(part.data)
            case _:
                raise _unsupported(role, part)
        return with_extra(wire, part.extra) if self._same else wire

    def _said(self, part: Part, role: str) -> Wire | None:
        """Return the block of one part of an assistant message."""
        match part:
            case Text():
                return self._text(part)
            case Refusal():
                return {"type": "text", "text": part.text} if part.text.strip() else None
            case ToolCall():
                return self._call(part)
            case Reasoning():
                return _thinking(part) if self._own(part.state) else None
            case Opaque():
                return self._opaque(part)
            case Image() | File() if self._same:
                encode: Any = encode_image if isinstance(part, Image) else encode_file
                return with_extra(encode(part, self._provider), part.extra)
            case _:
                raise _unsupported(role, part)

    def _own(self, state: State | None) -> bool:
        """Whether this provider made the state, or a user brought it who speaks to it in its own dialect."""
        if state is None or state.dialect != NAME:
            return False
        return state.origin == self._provider.name or (self._same and not state.origin)

    def _text(self, part: Text) -> Wire | None:
        if not part.text.strip():
            return None
        wire: Wire = {"type": "text", "text": part.text}
        if part.annotations and (self._own(part.state) or (self._same and part.state is None)):
            wire["citations"] = list(part.annotations)
        return with_extra(wire, part.extra) if self._same else wire

    def _call(self, call: ToolCall) -> Wire:
        if call.custom:
            raise UnsupportedError("tool_call.custom", NAME)
        input_ = decode_arguments(call.arguments)
        wire: Wire = {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": input_}
        if call.state is not None and self._own(call.state) and isinstance(call.state.data, dict):
            wire = with_extra(wire, call.state.data)
        return with_extra(wire, call.extra) if self._same else wire

    def _opaque(self, part: Opaque) -> Wire | None:
        mine = self._own(part.state) or (self._same and part.state is None)
        if part.dialect == NAME and mine and isinstance(part.data, dict):
            return dict(part.data)
        return None

    def _result(self, result: ToolResult) -> Wire:
        wire: Wire = {"type": "tool_result", "tool_use_id": _id(result.call_id)}
        blocks = [block for part in result.parts if (block := self._asked(part, "user")) is not None]
        if blocks:
            wire["content"] = _content(blocks)
        if result.is_error:
            wire["is_error"] = True
        if self._same and "content" in result.extra:
            wire["content"] = result.extra["content"]
        return with_extra(wire, result.extra) if self._same else wire


def decode_arguments(text: str) -> dict[str, Any]:
    """Return a call's arguments as the object that `input` must be.

    What is no JSON object goes under `INVALID_JSON`, as Anthropic's guide to tool streaming has it, so that the
    model sees its own mistake.
    """
    if not text.strip():
        return {}
    try:
        value = decode_json(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"INVALID_JSON": text}


def _thinking(part: Reasoning) -> Wire | None:
    """Return the block of a thought in the form in which its provider gave it."""
    data = part.state.data if part.state is not None else None
    if not isinstance(data, dict):
        return None
    return {**data, "thinking": part.text} if data.get("type") == "thinking" else dict(data)


def _id(id_: str) -> str:
    """Return a call's id in the letters that the wire allows; the same id gives the same result."""
    return id_ if _ID.fullmatch(id_) else f"ve_{id_.encode('utf-8', 'replace').hex()}"


def _content(blocks: list[Wire]) -> System:
    """Return the blocks, or the text alone where that says it all."""
    if not blocks:
        return ""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks


def _unsupported(role: str, part: Part) -> UnsupportedError:
    return UnsupportedError(f"{role}.{part.__struct_config__.tag}", NAME)
