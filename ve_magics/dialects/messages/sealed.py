"""Carries what other providers remember of an answer through a client that only knows the Messages API.

A thought's signature has a field here, and any state of a thought goes out sealed in it. Other parts have none:
their states, and parts that the wire can't say at all, travel in one `redacted_thinking` block at the end of the
answer, each with the number of the block that it belongs to. Clients send such blocks back as they are.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.failures import seal, unseal
from ve_magics.dialects.messages.sources import Wire
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.messages import Part, Reasoning, State

_PLACES = "ve_magics.places"


def encode_thought(text: str, state: State | None) -> Wire:
    """Return the block of a thought, its state sealed."""
    if state is None:
        return {"type": "thinking", "thinking": text, "signature": ""}
    redacted = isinstance(state.data, dict) and state.data.get("type") == "redacted_thinking"
    if redacted and state.dialect == NAME and not text:
        return {"type": "redacted_thinking", "data": seal(state)}
    return {"type": "thinking", "thinking": text, "signature": seal(state)}


class Places:
    """Collects the states of an answer that have no field on the wire."""

    def __init__(self) -> None:
        self._items: list[Wire] = []

    def add_state(self, at: int, kind: type[Part], state: State) -> None:
        """Take the state of the part that is block number `at`."""
        tag = kind.__struct_config__.tag
        self._items.append({"at": at, "kind": tag, "state": msgspec.to_builtins(state)})

    def add_part(self, at: int, part: Part) -> None:
        """Take a whole part, which stands before block number `at`."""
        self._items.append({"at": at, "part": msgspec.to_builtins(part)})

    def block(self) -> Wire | None:
        """Return the block that carries them all, or None where there are none."""
        if not self._items:
            return None
        return {"type": "redacted_thinking", "data": seal(State("", _PLACES, self._items))}


def decode_thought(text: str, signature: str, data: Wire) -> Reasoning:
    """Return a thought with the state that is sealed in its signature, or with the signature itself.

    Args:
        text: What was shown of it.
        signature: The signature, or the data of a redacted thought.
        data: The block without its text, which is the state where somebody else signed.
    """
    if not signature:
        return Reasoning(text)
    return Reasoning(text, unseal(signature) or State("", NAME, data))


def places_in(block: Any) -> list[Any] | None:
    """Return what a block carries for other blocks, or None where it is a block of its own."""
    if not isinstance(block, dict) or block.get("type") != "redacted_thinking":
        return None
    data = block.get("data")
    state = unseal(data) if isinstance(data, str) else None
    if state is None or state.dialect != _PLACES:
        return None
    return state.data if isinstance(state.data, list) else []


def restore(parts: list[Part], items: list[Any]) -> list[Part]:
    """Put states and whole parts back; what no longer fits to what the client sent is left out."""
    restored = list(parts)
    whole: list[tuple[int, Part]] = []
    for item in items:
        at = item.get("at") if isinstance(item, dict) else None
        if not isinstance(at, int) or not 0 <= at <= len(parts):
            continue
        try:
            if "part" in item:
                whole.append((at, msgspec.convert(item["part"], Part)))
            elif at < len(parts) and parts[at].__struct_config__.tag == item.get("kind"):
                state = msgspec.convert(item.get("state"), State)
                restored[at] = msgspec.structs.replace(restored[at], state=state)
        except msgspec.ValidationError:
            continue
    for at, part in sorted(whole, key=lambda pair: pair[0])[::-1]:
        restored.insert(at, part)
    return restored
