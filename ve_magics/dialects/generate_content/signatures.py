"""Carries what providers remember of an answer through a client that only knows generateContent.

The one field for such things is `thoughtSignature`, which must be base64. States are sealed into it with the name of
the provider that made them, so that they find their way back; a signature that isn't sealed is the client's own
business and goes through as it came.

A streamed part is signed when its words are gone already. Its signature then comes on an empty piece and says which
of the words are meant: so many characters of the thoughts, or of the text, from such a place on. Clients may join the
pieces of a stream or keep them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ve_magics.dialects.failures import seal, unseal
from ve_magics.dialects.generate_content.wire import NAME, decode_bytes, encode_bytes
from ve_magics.messages import Part, Reasoning, Refusal, State, Text

_PLACED = f"{NAME}.place"
_PART = f"{NAME}.part"


class Placed(msgspec.Struct, frozen=True):
    """A state of words that have gone before it.

    Attributes:
        start: Characters of the same kind in the message that come before the words.
        length: Characters of the words.
    """

    start: int
    length: int
    state: State

    @property
    def end(self) -> int:
        """Characters up to the end of the words."""
        return self.start + self.length


def encode_signature(state: State) -> str:
    """Return a state as a signature."""
    return encode_bytes(seal(state).encode())


def encode_placed(state: State, start: int, length: int) -> str:
    """Return a state of words that have gone before it as a signature."""
    return encode_signature(State("", _PLACED, msgspec.to_builtins(Placed(start, length, state))))


def encode_whole(part: Part) -> str:
    """Return a part that this dialect has no words for as a signature."""
    return encode_signature(State("", _PART, msgspec.to_builtins(part)))


def decode_signature(signature: Any) -> State | Placed | Part | None:
    """Return what was sealed into a signature, or None where it is somebody else's."""
    try:
        state = unseal(decode_bytes(signature).decode()) if isinstance(signature, str) else None
        if state is not None and state.dialect == _PLACED:
            return msgspec.convert(state.data, Placed)
        if state is not None and state.dialect == _PART:
            part: Part = msgspec.convert(state.data, Part)
            return part
    except (ValueError, msgspec.ValidationError):
        return None
    return state


class Mark(msgspec.Struct, frozen=True):
    """Where an empty piece stood whose signature is that of words before it.

    Attributes:
        kind: Whether the words are text or thoughts.
        placed: Which words, and their state.
    """

    kind: type[Text | Reasoning]
    placed: Placed


class _Joined:
    """Words that become one part again."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.pieces: list[str] = []

    def part(self) -> Part:
        return self.mark.kind("".join(self.pieces), state=self.mark.placed.state)


def restore(parts: Sequence[Part | Mark]) -> list[Part]:
    """Give words their states: what a mark means becomes one part, at the place of its first character."""
    spans: dict[type[Any], list[Mark]] = {kind: _spans(parts, kind) for kind in (Text, Reasoning)}
    at: dict[type[Any], int] = {Text: 0, Reasoning: 0}
    joined: dict[int, _Joined] = {}
    found: list[Part | _Joined] = []
    for part in parts:
        match part:
            case Mark():
                if id(part) not in joined:
                    found.append(part.kind("", state=part.placed.state))
            case Text() | Reasoning() | Refusal():
                kind = Reasoning if isinstance(part, Reasoning) else Text
                start, at[kind] = at[kind], at[kind] + len(part.text)
                if part.state is not None or part.extra or isinstance(part, Refusal):
                    found.append(part)
                    continue
                for words, mark in _cuts(part.text, start, spans[kind]):
                    if mark is None:
                        found.append(kind(words))
                        continue
                    if id(mark) not in joined:
                        joined[id(mark)] = _Joined(mark)
                        found.append(joined[id(mark)])
                    joined[id(mark)].pieces.append(words)
            case _:
                found.append(part)
    return [part.part() if isinstance(part, _Joined) else part for part in found]


def _spans(parts: Sequence[Part | Mark], kind: type[Any]) -> list[Mark]:
    """Return the marks of one kind that don't overlap, the last one first."""
    marks = [part for part in parts if isinstance(part, Mark) and part.kind is kind]
    spans: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: mark.placed.start):
        if not spans or spans[-1].placed.end <= mark.placed.start:
            spans.append(mark)
    return spans[::-1]


def _cuts(text: str, start: int, spans: list[Mark]) -> Iterator[tuple[str, Mark | None]]:
    """Yield the stretches of a text that begins at `start`, each with the mark that it belongs to."""
    at = 0
    while at < len(text):
        while spans and spans[-1].placed.end <= start + at:
            spans.pop()
        mark = spans[-1] if spans else None
        if mark is not None and mark.placed.start > start + at:
            end, mark = mark.placed.start - start, None
        else:
            end = len(text) if mark is None else mark.placed.end - start
        yield text[at:end], mark
        at = end
