"""What a reader makes of a file: a title, and the blocks that it is made of, in order."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

Kind = Literal["heading", "paragraph", "code", "table"]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff\u00ad]")
_FORMS = re.compile(
    r"[\u00a0\u2e80-\u2fdf\uf900-\ufaff\ufb00-\ufdfb\ufe70-\ufefc\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff65-\uffdc"
    r"\U0002f800-\U0002fa1f]+"
)
_MARK = (
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff"
    r"\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]"
)
_STACKED = re.compile(rf"({_MARK}{{30}}){_MARK}+")
"""More marks on one letter than any script sets (Unicode's stream-safe text); sorting them takes time without end."""
_LINE_END = re.compile(r"\r\n?|[\x0c\x85\u2028\u2029]")


class UnreadableError(Exception):
    """A file that can't be read; the message says why, in a few words that go on after its name."""


class Block(NamedTuple):
    """One piece of a document that should stay together where it can.

    Attributes:
        text: The words. A table's first line is its head.
        kind: What it is.
        level: Of a heading, from 1.
        page: Page or slide, from 1; 0 where there are none.
        line: Its first line in the file, from 1; 0 where lines mean nothing.
    """

    text: str
    kind: Kind = "paragraph"
    level: int = 0
    page: int = 0
    line: int = 0


class Reading(NamedTuple):
    """What was read.

    Attributes:
        blocks: In order.
        title: What the document calls itself; empty where it doesn't.
        note: What is worth telling about how it was read: an encoding that was guessed, say.
    """

    blocks: list[Block]
    title: str = ""
    note: str = ""


def lined(text: str) -> str:
    """Return text with its lines ended by a line feed, and without characters that nobody sees."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def clean(text: str) -> str:
    """Return text as it is kept: ligatures, radicals and letters of odd width as the plain characters they stand for.

    Marks that carry meaning or belong to a script stay, though search takes them for plain ones: `x²`, `①`, `，`.
    """
    plain = _STACKED.sub(r"\1", lined(text))
    plain = _FORMS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), plain)
    return unicodedata.normalize("NFC", plain)


def paragraphs(text: str, *, page: int = 0, line: int = 1) -> list[Block]:
    """Return the paragraphs of plain text, which empty lines part.

    Args:
        text: Clean text.
        page: The page that it stands on.
        line: The line that it begins at; 0 where lines mean nothing.
    """
    found: list[Block] = []
    gathered: list[str] = []
    begun = line
    for at, one in enumerate([*text.split("\n"), ""]):
        if one.strip():
            if not gathered:
                begun = line + at if line else 0
            gathered.append(one.rstrip())
        elif gathered:
            found.append(Block("\n".join(gathered), page=page, line=begun))
            gathered = []
    return found
