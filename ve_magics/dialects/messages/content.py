"""Writes the parts of an answer as content blocks."""

from __future__ import annotations

from collections.abc import Sequence

from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.messages.history import decode_arguments
from ve_magics.dialects.messages.sealed import Places, encode_thought
from ve_magics.dialects.messages.sources import Wire
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.errors import UnsupportedError
from ve_magics.messages import Opaque, Part, Reasoning, Refusal, State, Text, ToolCall


def encode_content(parts: Sequence[Part], *, same: bool) -> list[Wire]:
    """Return the blocks of a whole answer.

    Args:
        parts: What the model said.
        same: Whether the answer was read from this dialect, so that what only it knows goes through.

    Raises:
        UnsupportedError: A part can't be said.
    """
    blocks: list[Wire] = []
    places = Places()
    for part in parts:
        state = part.state
        own: Wire = {}
        match part:
            case Reasoning():
                if part.text or state is not None:
                    blocks.append(encode_thought(part.text, state))
                continue
            case Text() | Refusal() if part.text:
                cited = part.annotations if isinstance(part, Text) and same else ()
                block: Wire = {"type": "text", "text": part.text} | (
                    {"citations": list(cited)} if cited else {}
                )
            case ToolCall():
                block = encode_call(part, decode_arguments(part.arguments))
                own = own_fields(state, same=same)
            case Opaque() if part.dialect == NAME and isinstance(part.data, dict):
                block = part.data
            case Text() | Refusal() | Opaque():
                if state is not None or isinstance(part, Opaque):
                    places.add_part(len(blocks), part)
                continue
            case _:
                raise unsayable(part)
        if own:
            blocks.append(with_extra(block, own))
            continue
        if state is not None:
            places.add_state(len(blocks), type(part), state)
        blocks.append(block)
    sealed = places.block()
    return [*blocks, sealed] if sealed else blocks


def own_fields(state: State | None, *, same: bool) -> Wire:
    """Return the fields of the wire that a call's state is made of and that go out as they came, if it is."""
    if same and state is not None and state.dialect == NAME and isinstance(state.data, dict):
        return state.data
    return {}


def encode_call(call: ToolCall, input_: Wire) -> Wire:
    """Return the block of a tool call."""
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": input_}


def unsayable(part: Part) -> UnsupportedError:
    """Return the error for a part of an answer that the wire has no block for."""
    return UnsupportedError(f"assistant.{part.__struct_config__.tag}", NAME)
