"""Writes the parts of an answer whole."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.generate_content.media import encode_media
from ve_magics.dialects.generate_content.signatures import encode_signature, encode_whole
from ve_magics.dialects.generate_content.wire import NAME, SIGNATURE
from ve_magics.messages import Audio, File, Image, Opaque, Part, Reasoning, Refusal, Text, ToolCall

Wire = dict[str, Any]


def encode_part(part: Part, *, same: bool) -> Wire:
    """Return a part of an answer.

    A refusal is told as text. What the wire has no words for (a call whose arguments are no JSON object, a server
    tool of another dialect) is sealed into the signature of an empty thought, so that it comes back.

    Args:
        part: The part.
        same: Whether the answer was read from this dialect, whose opaque parts go out as they came.
    """
    if isinstance(part, Refusal):
        return {"text": part.text, SIGNATURE: encode_whole(part)}
    wire = _body(part, same=same)
    if wire is None:
        return {"text": "", "thought": True, SIGNATURE: encode_whole(part)}
    return wire if part.state is None else wire | {SIGNATURE: encode_signature(part.state)}


def _body(part: Part, *, same: bool) -> Wire | None:
    match part:
        case Text():
            return {"text": part.text}
        case Reasoning():
            return {"text": part.text, "thought": True}
        case ToolCall():
            return _call(part)
        case Image() | Audio() | File():
            return encode_media(part)
        case Opaque() if same and part.dialect == NAME and isinstance(part.data, dict):
            return dict(part.data)
        case _:
            return None


def _call(call: ToolCall) -> Wire | None:
    try:
        args = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        args = None
    if call.custom or not isinstance(args, dict):
        return None
    return {"functionCall": {"id": call.id, "name": call.name, "args": args}}
