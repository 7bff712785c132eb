"""Carries what other providers remember of an answer through a client that only knows chat completions.

A thinking signature or an encrypted reasoning item has no field here. It goes out as an item of
`reasoning_details`, which clients send back with the assistant's message: sealed, with the place of the part that it
belongs to. The rank in `index` restores the order of the parts, which some providers insist on.

Places: `reasoning:START:LENGTH` and `text:START:LENGTH` (characters of the joined words), `refusal`, `call:ID`,
`image:NUMBER`, `audio`, and `part` for a part that is sealed as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ve_magics.dialects.failures import seal, unseal
from ve_magics.messages import Audio, Image, Part, Reasoning, Refusal, State, Text, ToolCall

_FORMAT = "ve_magics"
_PART = "ve_magics.part"


def sayable(part: Part) -> bool:
    """Whether chat completions has a field for this part of an answer."""
    return isinstance(part, (Text, Reasoning, Refusal, ToolCall, Image, Audio))


def seal_states(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the items of `reasoning_details` that carry all states, and all parts that have no field here."""
    items: list[dict[str, Any]] = []
    at = {Reasoning: 0, Text: 0, Image: 0}
    for rank, part in enumerate(parts):
        place = "part"
        match part:
            case Reasoning() | Text():
                kind = "text" if isinstance(part, Text) else "reasoning"
                place = f"{kind}:{at[type(part)]}:{len(part.text)}"
                at[type(part)] += len(part.text)
            case Refusal():
                place = "refusal"
            case ToolCall():
                place = f"call:{part.id}"
            case Image():
                place = f"image:{at[Image]}"
                at[Image] += 1
            case Audio():
                place = "audio"
        state = part.state if sayable(part) else State("", _PART, msgspec.to_builtins(part))
        if state is not None:
            items.append(
                {
                    "type": "reasoning.encrypted",
                    "id": place,
                    "index": rank,
                    "format": _FORMAT,
                    "data": seal(state),
                }
            )
    return items


def unseal_states(details: Any, parts: list[Part]) -> tuple[list[Part], list[Any]]:
    """Put sealed states back.

    Args:
        details: The `reasoning_details` of an assistant message.
        parts: The parts of that message as far as its other fields tell.

    Returns:
        The parts with their states, in their old order, and the details that are somebody else's.
    """
    foreign: list[Any] = []
    placed: list[tuple[int, str, State]] = []
    for item in details if isinstance(details, list) else []:
        state = _state(item)
        if state is None:
            foreign.append(item)
        else:
            index = item.get("index")
            placed.append(
                (index if isinstance(index, int) else len(placed), str(item.get("id") or ""), state)
            )
    if not placed:
        return parts, foreign
    return _restore(placed, parts), foreign


def _state(item: Any) -> State | None:
    data = item.get("data") if isinstance(item, dict) and item.get("type") == "reasoning.encrypted" else None
    return unseal(data) if isinstance(data, str) else None


def _restore(placed: list[tuple[int, str, State]], parts: list[Part]) -> list[Part]:
    ranked: list[tuple[int, Part]] = []
    loose: list[Part] = []
    for name, kind in (("reasoning", Reasoning), ("text", Text)):
        words = [part for part in parts if isinstance(part, kind)]
        cuts = [(*_span(place), rank, state) for rank, place, state in placed if place.startswith(f"{name}:")]
        if cuts:
            _cut(kind, "".join(part.text for part in words), cuts, ranked, loose)
        else:
            loose += words
    others = _others(parts)
    for rank, place, state in placed:
        if place in others:
            ranked.append((rank, msgspec.structs.replace(others.pop(place), state=state)))
        elif place == "part" and state.dialect == _PART:
            whole = _whole(state)
            if whole is not None:
                ranked.append((rank, whole))
        elif not place.startswith(("reasoning:", "text:")):
            ranked.append((rank, Reasoning("", state)))
    return _merge(sorted(ranked, key=lambda pair: pair[0]), [*loose, *others.values()])


def _others(parts: list[Part]) -> dict[str, Part]:
    """Return the parts that aren't words, by place."""
    found: dict[str, Part] = {}
    images = 0
    for number, part in enumerate(parts):
        match part:
            case Reasoning() | Text():
                continue
            case ToolCall():
                place = f"call:{part.id}"
            case Image():
                place = f"image:{images}"
                images += 1
            case Audio() | Refusal():
                place = "audio" if isinstance(part, Audio) else "refusal"
            case _:
                place = f"other:{number}"
        found[f"again:{number}" if place in found else place] = part
    return found


def _cut(
    kind: type[Text | Reasoning],
    text: str,
    cuts: list[tuple[int, int, int, State]],
    ranked: list[tuple[int, Part]],
    loose: list[Part],
) -> None:
    """Cut joined words into the parts that they were; what no state claims is loose."""
    position = 0
    for start, length, rank, state in sorted(cuts, key=lambda cut: cut[:3]):
        if text[position:start]:
            loose.append(kind(text[position:start]))
        ranked.append((rank, kind(text[start : start + length], state=state)))
        position = max(position, start + length)
    if text[position:]:
        loose.append(kind(text[position:]))


def _span(place: str) -> tuple[int, int]:
    start, _, length = place.partition(":")[2].partition(":")
    return (int(start), int(length)) if start.isdecimal() and length.isdecimal() else (0, 0)


def _whole(state: State) -> Part | None:
    try:
        part: Part = msgspec.convert(state.data, Part)
    except msgspec.ValidationError:
        return None
    return part


def _merge(ranked: list[tuple[int, Part]], loose: list[Part]) -> list[Part]:
    """Give every ranked part its old position and fill the positions between with the others, in order."""
    merged: list[Part] = []
    rest = iter(loose)
    for rank, part in ranked:
        while len(merged) < rank:
            filler = next(rest, None)
            if filler is None:
                break
            merged.append(filler)
        merged.append(part)
    return [*merged, *rest]
