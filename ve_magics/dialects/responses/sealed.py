"""Carries what other providers remember of an answer through a client that only knows Responses.

A client sends the items of an answer back as they came, and `encrypted_content` of a reasoning item is the one field
that it never looks into. A state of reasoning is sealed into the item of that reasoning. Everything else (a state of
a text or of a call, a state that came late, a part that has no item here) is sealed into one more reasoning item at
the very end, with the place that it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ve_magics.dialects.failures import seal, unseal
from ve_magics.messages import Image, Part, Reasoning, Refusal, State, Text, ToolCall

_NOTES = "responses.notes"

Place = Literal["reasoning", "text", "refusal", "image", "call", "part"]

_PLACES: dict[type[Part], Place] = {
    Reasoning: "reasoning",
    Text: "text",
    Refusal: "refusal",
    Image: "image",
}
"""Parts that are told apart by their number among those of their kind; calls are by their id."""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What is to be put back.

    Attributes:
        place: Kind of the part; `part` for a part that is sealed as a whole.
        key: Which one: a call's id, else a number; for a whole part its number in the message.
        value: The state, or the whole part.
    """

    place: Place
    key: str | int
    value: Any


def seal_notes(notes: Sequence[Note]) -> str:
    """Return the notes as the content of a reasoning item."""
    return seal(State("", _NOTES, msgspec.to_builtins(list(notes))))


def unseal_content(content: Any) -> State | list[Note] | None:
    """Return what is sealed in the content of a reasoning item: a state, or notes; None where it isn't ours."""
    state = unseal(content) if isinstance(content, str) else None
    if state is None or state.dialect != _NOTES:
        return state
    try:
        return msgspec.convert(state.data, list[Note])
    except msgspec.ValidationError:
        return None


def restore(parts: Sequence[Part], notes: Sequence[Note]) -> list[Part]:
    """Return the parts with everything put back; a note whose part is gone is dropped with it."""
    states: dict[tuple[Place, str | int], State] = {}
    whole: list[tuple[int, Part]] = []
    for note in notes:
        try:
            if note.place == "part" and isinstance(note.key, int):
                whole.append((note.key, msgspec.convert(note.value, Part)))
            else:
                states[note.place, note.key] = msgspec.convert(note.value, State)
        except msgspec.ValidationError:
            continue
    restored: list[Part] = []
    counts: dict[Place, int] = {}
    for part in parts:
        key: tuple[Place, str | int] | None = None
        if isinstance(part, ToolCall):
            key = ("call", part.id)
        elif type(part) in _PLACES:
            place = _PLACES[type(part)]
            key = (place, counts.get(place, 0))
            counts[place] = counts.get(place, 0) + 1
        state = states.get(key) if key is not None else None
        restored.append(part if state is None else msgspec.structs.replace(part, state=state))
    for rank, part in sorted(whole, key=lambda pair: pair[0]):
        restored.insert(rank, part)
    return restored
