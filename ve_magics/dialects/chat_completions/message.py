"""Writes the assistant's message of a whole reply."""

from __future__ import annotations

import base64
from typing import Any

from ve_magics.dialects.chat_completions.sealed import seal_states
from ve_magics.dialects.data_urls import encode_data_url
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.openai_evidence import Spans, nested_citation
from ve_magics.messages import Audio, Extra, Image, Message, Text, ToolCall


def image_item(image: Image) -> dict[str, Any]:
    """Return a picture as an item of `images`, as OpenRouter writes them."""
    url = encode_data_url(image.media_type, image.data) if image.data else image.url
    return {"type": "image_url", "image_url": {"url": url}}


def sound(audio: Audio) -> dict[str, Any]:
    """Return the `audio` object of an answer."""
    wire = {"id": audio.id, "data": base64.b64encode(audio.data).decode(), "transcript": audio.transcript}
    return wire | ({"format": audio.format} if audio.format else {})


def call_item(call: ToolCall) -> dict[str, Any]:
    """Return an item of `tool_calls`."""
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _citations(texts: list[Text], *, same: bool) -> list[Any]:
    """Return what the parts cite: as it came from this dialect, otherwise as it is written here."""
    if same:
        return [note for part in texts for note in part.annotations]
    told, spans = [], Spans()
    for at, part in enumerate(texts):
        spans.add(at, part.text)
        told += [nested_citation(note, spans.of(at)) for note in part.annotations]
    return [note for note in told if note is not None]


def encode_message(message: Message, extra: Extra, *, legacy: bool, same: bool) -> dict[str, Any]:
    """Return the message.

    Args:
        message: The answer.
        extra: Fields of the wire message that are not known here.
        legacy: True where the user speaks of functions, not of tools: the first call is told as one.
        same: True where the answer was read from this dialect, so that what it cites goes through.
    """
    texts = [part for part in message.parts if isinstance(part, Text)]
    wire: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(part.text for part in texts) if texts else None,
        "refusal": message.refusal or None,
    }
    if annotations := _citations(texts, same=same):
        wire["annotations"] = annotations
    if message.reasoning:
        wire["reasoning_content"] = message.reasoning
    calls = [call_item(call) for call in message.tool_calls]
    if calls and legacy:
        wire["function_call"] = calls[0].get("function")
    elif calls:
        wire["tool_calls"] = calls
    for part in message.parts:
        if isinstance(part, Audio):
            wire["audio"] = sound(part)
        elif isinstance(part, Image):
            wire.setdefault("images", []).append(image_item(part))
    details = seal_states(message.parts)
    if details:
        wire["reasoning_details"] = details
    return with_extra(wire, extra)
