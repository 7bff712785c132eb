"""Writes the messages of a request: system words apart, and turns of user and model in which neighbours are merged."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.generate_content.media import check_address, encode_media
from ve_magics.dialects.generate_content.models import wants_signatures
from ve_magics.dialects.generate_content.wire import NAME, SIGNATURE
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

NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google takes for the signature of a call that another model made (Gemini docs, thought signatures)."""


class _Turn:
    """One content while it is put together; results of tools stand in a content of their own."""

    def __init__(self, role: str, kind: str, extra: Wire) -> None:
        self.role = role
        self.kind = kind
        self.extra = extra
        self.parts: list[Wire] = []

    def goes_on(self, other: _Turn) -> bool:
        """Whether another one can be merged into this one."""
        return (self.role, self.kind) == (other.role, other.kind) and not self.extra and not other.extra


class HistoryWriter:
    """Writes the messages of one request for one provider.

    Args:
        request: The request; its own dialect decides whether `extra` fields go out again.
        provider: Who will read them.
    """

    def __init__(self, request: ChatRequest, provider: Provider) -> None:
        self._request = request
        self._provider = provider
        self._same = request.dialect == NAME
        self._names: dict[str, str] = {}
        self._order: dict[str, int] = {}
        self._system: Wire = {}
        self._turns: list[_Turn] = []

    def write(self) -> tuple[Wire, list[Wire]]:
        """Return the system instruction, empty where there is none, and the contents.

        Raises:
            UnsupportedError: A part can't be said.
        """
        for message in self._request.messages:
            if message.name:
                raise _unsupported("message.name")
            if message.role in ("system", "developer"):
                self._instruct(message)
            elif message.role == "assistant":
                self._add(message, "model", "model", [self._said(part) for part in message.parts])
            else:
                self._heard(message)
        sign = wants_signatures(self._request.model)
        return self._system, [self._content(turn, sign=sign) for turn in self._turns if turn.parts]

    def _content(self, turn: _Turn, *, sign: bool) -> Wire:
        if turn.kind == "results":
            turn.parts.sort(
                key=lambda part: self._order.get(part["functionResponse"]["id"], len(self._order))
            )
        first = next((part for part in turn.parts if "functionCall" in part), None)
        if sign and first is not None:
            first.setdefault(SIGNATURE, NO_SIGNATURE)
        return with_extra({"role": turn.role, "parts": turn.parts}, turn.extra)

    def _add(self, message: Message, role: str, kind: str, parts: list[Wire | None]) -> None:
        turn = _Turn(role, kind, dict(message.extra) if self._same else {})
        said = [part for part in parts if part is not None]
        if not said:
            return
        turn.parts = said
        if self._turns and self._turns[-1].goes_on(turn):
            self._turns[-1].parts += said
        else:
            self._turns.append(turn)

    def _instruct(self, message: Message) -> None:
        parts: list[Wire] = self._system.setdefault("parts", [])
        for part in message.parts:
            if isinstance(part, Text):
                parts.append(self._beside({"text": part.text}, part))
            elif not isinstance(part, Opaque):
                raise _unsupported(f"{message.role}.{_kind(part)}")
        if self._same:
            with_extra(self._system, message.extra)

    def _heard(self, message: Message) -> None:
        """Write a user's or a tool's message: results first where they are not alone."""
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rest = [part for part in message.parts if not isinstance(part, ToolResult)]
        if message.role == "tool" and rest:
            raise _unsupported(f"tool.{_kind(rest[0])}")
        if results and rest and self._same:
            self._add(message, "user", "mixed", [self._given(part) for part in message.parts])
            return
        self._add(message, "user", "results", [self._result(result) for result in results])
        if message.role == "tool":
            return
        parts = [self._given(part) for part in rest]
        empty = not results and not any(parts)
        self._add(message, "user", "user", [{"text": ""}] if empty else parts)

    def _given(self, part: Part) -> Wire | None:
        """Return a part that the user gives."""
        match part:
            case Text():
                return self._words({"text": part.text}, part)
            case Image() | Audio() | File():
                return self._media(part, "user")
            case ToolResult():
                return self._result(part)
            case Opaque():
                return self._opaque(part)
            case _:
                raise _unsupported(f"user.{_kind(part)}")

    def _said(self, part: Part) -> Wire | None:
        """Return a part that the model said, or None where it needs not go back."""
        match part:
            case Text() | Refusal():
                return self._words({"text": part.text}, part)
            case Reasoning():
                wire = self._beside({"text": part.text, "thought": True}, part)
                return wire if self._same or self._own(part.state) else None
            case ToolCall():
                return self._call(part)
            case Image() | Audio() | File():
                return self._media(part, "assistant")
            case Opaque():
                return self._opaque(part)
            case _:
                raise _unsupported(f"assistant.{_kind(part)}")

    def _own(self, state: State | None) -> bool:
        return state is not None and state.origin == self._provider.name and state.dialect == NAME

    def _beside(self, wire: Wire, part: Part) -> Wire:
        """Add what stood beside the part: its state for the provider that made it, its unknown fields."""
        state = part.state
        if state is not None and self._own(state) and isinstance(state.data, dict):
            with_extra(wire, state.data)
        if self._same and not isinstance(part, Opaque):
            with_extra(wire, part.extra)
        return wire

    def _words(self, wire: Wire, part: Text | Refusal) -> Wire | None:
        """Return words; empty ones only where something stands beside them."""
        self._beside(wire, part)
        return wire if wire["text"] or len(wire) > 1 else None

    def _opaque(self, part: Opaque) -> Wire | None:
        if part.dialect != NAME or not isinstance(part.data, dict):
            return None
        return self._beside(dict(part.data), part)

    def _media(self, part: Image | Audio | File, role: str) -> Wire:
        check_address(part, self._provider, _kind(part), same=self._same)
        wire = encode_media(part, name=part.name if self._same and isinstance(part, File) else "")
        if wire is None:
            raise _unsupported(f"{role}.{_kind(part)}")
        return self._beside(wire, part)

    def _call(self, call: ToolCall) -> Wire:
        if call.custom:
            raise _unsupported("tool_call.custom")
        try:
            args = msgspec.json.decode(call.arguments or "{}")
        except (msgspec.DecodeError, RecursionError):
            args = None
        if not isinstance(args, dict):
            raise _unsupported("tool_call.arguments", "Here a call's arguments must be a JSON object.")
        self._names[call.id] = call.name
        self._order[call.id] = len(self._order)
        return self._beside({"functionCall": {"id": call.id, "name": call.name, "args": args}}, call)

    def _result(self, result: ToolResult) -> Wire:
        name = self._names.get(result.call_id) or result.name
        if not name:
            raise _unsupported("tool_result.name", "No call with the result's id came before it.")
        media = [self._media(part, "tool_result") for part in result.parts if not isinstance(part, Text)]
        extra = dict(result.extra) if self._same else {}
        said = {"error" if result.is_error else "output": result.text}
        wire: Wire = {"id": result.call_id, "name": name, "response": extra.pop("response", said)}
        if media:
            wire["parts"] = media
        return with_extra({"functionResponse": wire}, extra)


def _kind(part: Part) -> str:
    return str(part.__struct_config__.tag)


def _unsupported(field: str, hint: str = "") -> UnsupportedError:
    return UnsupportedError(field, NAME, hint=hint)
