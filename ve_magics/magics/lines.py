"""`%chat` lines that end in a question mark: IPython takes it for its own help, so they are read before it looks."""

from __future__ import annotations

from collections.abc import Sequence
from tokenize import TokenInfo
from typing import Any

from IPython.core.inputtransformer2 import EscapedCommand, MagicAssign


class Question(EscapedCommand):
    """`%chat What is that?` as a statement."""

    priority = 1
    """IPython's own help has 5; the lower number is taken first."""

    @classmethod
    def find(cls, tokens_by_line: Sequence[Sequence[TokenInfo]]) -> Any:
        """Return the first such line, or None."""
        for line in tokens_by_line:
            words = [token for token in line if token.string.strip()]
            if _asks(words):
                return cls(words[0].start)
        return None


class AssignedQuestion(MagicAssign):
    """`answer = %chat What is that?`."""

    priority = 1
    """As for `Question`."""

    def __init__(self, start: tuple[int, int]) -> None:
        super().__init__(start)
        self._mark = start[1]
        self.start_col = 0  # where IPython's help begins, so that the priority decides

    def transform(self, lines: list[str]) -> list[str]:
        """Return the cell's lines with this one as Python."""
        self.start_col = self._mark
        changed: list[str] = super().transform(lines)
        return changed

    @classmethod
    def find(cls, tokens_by_line: Sequence[Sequence[TokenInfo]]) -> Any:
        """Return the first such line, or None."""
        for line in tokens_by_line:
            found = MagicAssign.find([line])
            if found is not None:
                words = [token for token in line if token.string.strip()]
                marks = [index for index, token in enumerate(words) if token.string == "%"]
                if any(_asks(words[index:]) for index in marks[:1]):
                    return cls(words[marks[0]].start)
        return None


def _asks(words: Sequence[TokenInfo]) -> bool:
    """Whether these tokens are `%chat` and a question; `%chat?` alone asks for help."""
    return (
        [word.string for word in words[:2]] == ["%", "chat"]
        and words[0].end == words[1].start
        and len(words) > 2
        and words[2].start > words[1].end
    )
