"""Splits `<think>…</think>` off the start of an answer.

Local servers that know nothing of reasoning leave a model's thoughts inside its text. Only a mark at the very
start counts: anywhere else it is what the model says.
"""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkSplitter:
    """Takes text in any split and gives back pieces, each with whether it is a thought.

    Attributes:
        open: False once nothing but text can come: the caller may then go round this object.
    """

    __slots__ = ("_held", "_state", "open")

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""
        self.open = True

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Return the pieces that are certain by now: (True, thought) or (False, text), never empty."""
        if not self.open:
            return [(False, text)]
        first = "" if self._held else text[:1]
        if first and first != "<" and self._state == "start" and not first.isspace():
            self.open = False
            return [(False, text)]
        self._held += text
        pieces: list[tuple[bool, str]] = []
        if self._state == "start":
            head = self._held.lstrip()
            if head.startswith(_OPEN):
                self._state, self._held = "begin", head[len(_OPEN) :]
            elif not _OPEN.startswith(head):
                return self.flush()
        if self._state == "begin":
            self._held = self._held.lstrip()
            if self._held:
                self._state = "thought"
        if self._state == "thought":
            self._think(pieces)
        if self._state == "end":
            self._held = self._held.lstrip()
            if self._held:
                pieces += self.flush()
        return pieces

    def _think(self, pieces: list[tuple[bool, str]]) -> None:
        thought, mark, rest = self._held.partition(_CLOSE)
        if mark:
            self._state, self._held = "end", rest
            thought = thought.rstrip()
        else:
            certain = self._held
            for length in range(min(len(_CLOSE) - 1, len(certain)), 0, -1):
                if _CLOSE.startswith(certain[-length:]):
                    certain = certain[:-length]
                    break
            thought = certain.rstrip()
            self._held = self._held[len(thought) :]
        if thought:
            pieces.append((True, thought))

    def flush(self) -> list[tuple[bool, str]]:
        """Say that the text has ended, or is no thought from here on, and return what was held back."""
        held, self._held = self._held, ""
        inside = self._state in ("begin", "thought")
        if inside:
            held = held.rstrip()
        self.open = False
        return [(inside, held)] if held else []
