"""A tokenizer of the simulator's own: about as many tokens as real ones make, in Chinese too."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"  # one wide character
    r"| ?[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]{1,8}"  # a word, or a piece of a long one
    r"| ?\d{1,3}"
    r"|\s+(?= \S)|\n+|\s+"
    r"| ?[^\w\s\u2e80-\U0003ffff]{1,3}"
    r"|.",
    re.DOTALL,
)


def split(text: str) -> list[str]:
    """Return the tokens of a text; joined, they are the text again."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Return how many tokens a text has."""
    return len(split(text))
