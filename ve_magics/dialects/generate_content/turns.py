"""Reads the contents of a user's request; neighbours of the same role are one message."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.fields import bad
from ve_magics.dialects.generate_content.media import Media, media_of
from ve_magics.dialects.generate_content.names import ProtoFields
from ve_magics.dialects.generate_content.signatures import Mark, Placed, decode_signature, restore
from ve_magics.dialects.generate_content.wire import NAME, SIGNATURE, decode_bytes, made_id
from ve_magics.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    State,
    Text,
    ToolCall,
    ToolResult,
)

_ROLES = ("user", "model", "function")
_SAID = ("output", "result")


class _Turn:
    """A message while its neighbours may still join it."""

    def __init__(self, role: Role, parts: list[Part | Mark], extra: dict[str, Any]) -> None:
        self.role = role
        self.parts = parts
        self.extra = extra
        self._seams: set[int] = set()

    def goes_on(self, other: _Turn) -> bool:
        """Whether another one is part of this one."""
        return self.role == other.role and not self.extra and not other.extra

    def join(self, other: _Turn) -> None:
        """Add a neighbour."""
        self._seams.add(len(self.parts))
        self.parts += other.parts

    def message(self) -> Message:
        """Return the message; words of a model that a stream had cut are joined."""
        mended: list[Part | Mark] = []
        pieces: list[str] = []
        for position, part in enumerate(self.parts):
            last = mended[-1] if mended else None
            if (
                self.role == "assistant"
                and position in self._seams
                and isinstance(part, (Text, Reasoning))
                and type(last) is type(part)
                and _bare(last)
                and _bare(part)
            ):
                pieces.append(part.text)
                continue
            _mend(mended, pieces)
            pieces = [part.text] if isinstance(part, (Text, Reasoning)) else []
            mended.append(part)
        _mend(mended, pieces)
        return Message(self.role, tuple(restore(mended)), "", self.extra)


def _bare(part: Any) -> bool:
    return part.state is None and not part.extra


def _mend(parts: list[Part | Mark], pieces: list[str]) -> None:
    """Give the last part all of its words."""
    if len(pieces) > 1:
        parts[-1] = msgspec.structs.replace(parts[-1], text="".join(pieces))


class TurnReader:
    """Reads contents in order: a function's response without an id needs the calls that came before it."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._open: list[tuple[str, str]] = []

    def read(self, contents: list[Any]) -> tuple[Message, ...]:
        """Return the messages.

        Raises:
            BadRequestError: There is something among them that is no content.
        """
        turns: list[_Turn] = []
        for number, value in enumerate(contents):
            turn = self._turn(ProtoFields(value, f"contents[{number}]"))
            if turns and turns[-1].goes_on(turn):
                turns[-1].join(turn)
            else:
                turns.append(turn)
        return tuple(turn.message() for turn in turns)

    def instruction(self, fields: ProtoFields) -> Message:
        """Return the system instruction."""
        parts = [part for part in self._parts(fields) if not isinstance(part, Mark)]
        return Message("system", tuple(parts), "", fields.left())

    def _turn(self, fields: ProtoFields) -> _Turn:
        role = fields.one_of("role", _ROLES) or "user"
        parts = self._parts(fields)
        if role == "model":
            return _Turn("assistant", [part for part in parts if part != Text("")], fields.left())
        results = bool(parts) and all(isinstance(part, ToolResult) for part in parts)
        return _Turn("tool" if results else "user", parts, fields.left())

    def _parts(self, fields: ProtoFields) -> list[Part | Mark]:
        path = fields.at("parts")
        return [
            self._part(item, f"{path}[{number}]") for number, item in enumerate(fields.items("parts") or [])
        ]

    def _part(self, value: Any, path: str) -> Part | Mark:
        fields = ProtoFields(value, path)
        if not any(item is not None for item in fields.rest.values()):
            raise bad(f"{path} is empty.", path)
        sealed = decode_signature(fields.rest.get(SIGNATURE))
        if sealed is not None:
            del fields.rest[SIGNATURE]
        elif fields.rest.get(SIGNATURE) is not None:
            fields.rest[SIGNATURE] = fields.need_text(SIGNATURE)
        if isinstance(sealed, Placed):
            return Mark(Reasoning if fields.flag("thought") else Text, sealed)
        if sealed is not None and not isinstance(sealed, State):
            return sealed
        part = self._body(fields)
        return part if sealed is None else msgspec.structs.replace(part, state=sealed)

    def _body(self, fields: ProtoFields) -> Part:
        """Read what a part holds."""
        rest = dict(fields.rest)
        thought = fields.flag("thought")
        if rest.get("text") is not None:
            text = fields.text("text") or ""
            return Reasoning(text, extra=fields.left()) if thought else Text(text, extra=fields.left())
        if rest.get("functionCall") is not None:
            return self._call(fields)
        if rest.get("functionResponse") is not None:
            return self._response(fields)
        media = None if thought else _media(fields)
        return Opaque(NAME, rest) if media is None else media

    def _call(self, fields: ProtoFields) -> ToolCall:
        inner = fields.maybe("functionCall")
        name = inner.need_text("name")
        id_ = inner.text("id") or made_id(self._ids, "", 0, len(self._ids))
        self._ids.add(id_)
        self._open.append((id_, name))
        arguments = msgspec.json.encode(inner.object("args") or {}).decode()
        return ToolCall(id_, name, arguments, extra=fields.left(("functionCall", inner)))

    def _answered(self, id_: str | None, name: str) -> str:
        """Return the id of the call that a response answers: its own, or that of the first open call by its name."""
        call = next((call for call in self._open if (call[0] == id_ if id_ else call[1] == name)), None)
        if call is not None:
            self._open.remove(call)
        return id_ or (call[0] if call is not None else f"call_{name}")

    def _response(self, fields: ProtoFields) -> ToolResult:
        inner = fields.maybe("functionResponse")
        name = inner.need_text("name")
        call_id = self._answered(inner.text("id"), name)
        response = inner.object("response") or {}
        text, plain = _said(response)
        parts: list[Text | Image | File] = [Text(text)] if text else []
        for number, item in enumerate(inner.items("parts") or []):
            path = f"{inner.at('parts')}[{number}]"
            media = _media(ProtoFields(item, path))
            if media is None or isinstance(media, Audio):
                raise bad(f"{path} must hold a picture or a file.", path)
            parts.append(media)
        extra = fields.left(("functionResponse", inner))
        if not plain:
            extra["response"] = response
        return ToolResult(call_id, tuple(parts), name, "error" in response, extra=extra)


def _said(response: dict[str, Any]) -> tuple[str, bool]:
    """Return a response as text, and whether the text says it all."""
    if len(response) == 1:
        name, value = next(iter(response.items()))
        if name in ("output", "error") and isinstance(value, str):
            return value, True
        if name in (*_SAID, "error"):
            return value if isinstance(value, str) else msgspec.json.encode(value).decode(), False
    return (msgspec.json.encode(response).decode(), False) if response else ("", False)


def _media(fields: ProtoFields) -> Media | None:
    if fields.rest.get("inlineData") is not None:
        inner = fields.maybe("inlineData")
        kind, text = inner.need_text("mimeType"), inner.need_text("data")
        try:
            part = media_of(kind, decode_bytes("".join(text.split())))
        except ValueError:
            raise bad(f"{inner.at('data')} is no base64.", inner.at("data")) from None
        return _named(part, fields, "inlineData", inner)
    if fields.rest.get("fileData") is not None:
        inner = fields.maybe("fileData")
        part = media_of(inner.text("mimeType") or "", uri=inner.need_text("fileUri"))
        return _named(part, fields, "fileData", inner)
    return None


def _named(part: Media, fields: ProtoFields, name: str, inner: ProtoFields) -> Media:
    """Add a file's name and the fields that are not known here."""
    if isinstance(part, File):
        part = msgspec.structs.replace(part, name=inner.text("displayName") or "")
    return msgspec.structs.replace(part, extra=fields.left((name, inner)))
