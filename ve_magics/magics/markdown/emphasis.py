"""Emphasis beside Chinese letters.

Markdown decides by spaces and punctuation where emphasis begins and ends; in a script without spaces it often
finds neither, and the asterisks stay. An invisible space there, written as an entity, lets it see them.
"""

from __future__ import annotations

import re
import unicodedata

SPACE_ENTITY = "&#8203;"
"""Written after emphasis that ends in punctuation before a Chinese letter; the bare character would not help."""
_RUNS = re.compile(r"\*+|~~")


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


def _is_letter(char: str) -> bool:
    return ord(char) > 0x7F and not _is_punctuation(char) and not char.isspace()


def mend_emphasis(text: str, mask: str) -> str:
    """Return the text with emphasis that begins and ends where its writer meant it.

    Args:
        text: Markdown of one paragraph.
        mask: The same number of characters; in it only real marks of emphasis are asterisks and tildes.
    """
    runs = [(found.start(), found.group()) for found in _RUNS.finditer(mask)]
    inserts: list[int] = []
    for kind in dict.fromkeys(run for _, run in runs):
        if len(kind) > 3:
            continue
        opened: int | None = None
        for at, run in runs:
            if run != kind:
                continue
            before = mask[at - 1] if at else " "
            after = mask[at + len(run)] if at + len(run) < len(mask) else " "
            if opened is None:
                opened = at if not after.isspace() else None
                continue
            if before.isspace():
                opened = at if not after.isspace() else None
                continue
            first = mask[opened + len(kind)]
            if _is_punctuation(first) and opened and _is_letter(mask[opened - 1]):
                inserts.append(opened)
            if _is_punctuation(before) and _is_letter(after):
                inserts.append(at + len(run))
            opened = None
    out: list[str] = []
    last = 0
    for at in sorted(inserts):
        out += [text[last:at], SPACE_ENTITY]
        last = at
    return "".join(out) + text[last:]
