"""Words as the lexical index knows them: whole words of scripts with spaces, pairs of characters of those without.

Chinese, Japanese and Korean are written without spaces that a computer could rely on, and most Chinese words have two
characters, so every pair of neighbours is a word here. The last character of a run also stands alone, so that a search
for one character finds it wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ve_magics.store.knowledge_filler import is_filler, telling, without_ends

VERSION = 1
"""Goes up whenever the same text gives other words: an index with another number is made anew from its passages."""

_WIDE = (
    r"\u1100-\u11ff\u2e80-\u2fff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u309d-\u309f"
    r"\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"([{_WIDE}]+)|((?:(?![{_WIDE}])\w)+)")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LONGEST = 64
"""Characters of a word that count; longer ones are data, not words."""


def normal(text: str) -> str:
    """Return text in the form in which it is compared: NFKC, so that ligatures and wide letters are plain ones."""
    return unicodedata.normalize("NFKC", text)


def indexed(text: str) -> str:
    """Return the words of a passage as the index takes them, separated by spaces."""
    found: list[str] = []
    for wide, narrow in _RUN.findall(normal(text)):
        if wide:
            found += [wide[at : at + 2] for at in range(len(wide))]
        else:
            found += _parts(narrow)
    return " ".join(found)


def asked(text: str) -> list[str]:
    """Return the words of a question that tell something, or all where none does, each once, in order.

    One character alone is looked for as the begin of a pair.
    """
    found: list[str] = []
    filler: list[str] = []
    for wide, narrow in _RUN.findall(without_ends(normal(text))):
        if not wide:
            (filler if is_filler(narrow) else found).extend(_parts(narrow))
        elif len(wide) == 1:
            found.append(f"{wide}*")
        else:
            found += telling(wide)
            filler += [wide[at : at + 2] for at in range(len(wide) - 1)]
    return list(dict.fromkeys(found or filler))


@lru_cache(maxsize=20_000)
def _parts(word: str) -> tuple[str, ...]:
    """Return a word, and what it is made of where it is a name of several words: `create_video`, `AsyncClient`."""
    pieces = [piece for part in word.split("_") for piece in _HUMP.split(part) if piece]
    whole = word.strip("_").casefold()[:_LONGEST]
    if not whole:
        return ()
    return (whole,) if len(pieces) < 2 else (whole, *(piece.casefold()[:_LONGEST] for piece in pieces))
