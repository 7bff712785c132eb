"""Blocks cut into passages: along headings, paragraphs, rows and lines, none larger than a model reads at a glance.

Nothing is lost and the order stays. A passage lies under one heading and on one page. A paragraph that is too long is
cut between sentences, and the next passage begins with the last sentence again; a table's head stands over each of its
parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ve_magics.engine.knowledge.readers.blocks import Block
from ve_magics.store.knowledge import Passage

MOST = 400
"""Tokens of a passage at most, as `tokens` counts them."""
OVERLAP = 40
"""Tokens of a sentence that is said again at most."""
LONGEST_HEADING = 200
"""Characters of a heading; a longer one is a paragraph."""
DEEPEST = 9

_WIDE = re.compile(r"[\u2e80-\U0010ffff]+")
_SENTENCE = re.compile(
    r"(?<=[。！？；])(?![”」』）】》])|(?<=[”」』])(?<=[。！？].)|(?<=[.!?;])\s+(?=\S)|\n+"
)
_SPACE = re.compile(r"\s+(?=\S)")


def tokens(text: str) -> float:
    """Return roughly how many tokens a text is: a quarter of one per letter, nearly one per Chinese character."""
    if text.isascii():
        return len(text) * 0.25
    narrow = len(_WIDE.sub("", text))
    return narrow * 0.25 + (len(text) - narrow) * 0.8


def passages(blocks: Sequence[Block]) -> list[Passage]:
    """Return the passages of a document, without its name and source."""
    cut = _Cut()
    for block in blocks:
        cut.take(block)
    cut.end()
    return cut.found


class _Cut:
    def __init__(self) -> None:
        self.found: list[Passage] = []
        self._path: list[tuple[int, str]] = []
        self._bare: Block | None = None
        self._open: list[str] = []
        self._size = 0.0
        self._page = 0
        self._line = 0

    def take(self, block: Block) -> None:
        """Take the next block."""
        if block.kind == "heading" and len(block.text) <= LONGEST_HEADING:
            self._head(block)
            return
        self._bare = None
        if block.page != self._page:
            self._close()
            self._page = block.page
        own = tokens(block.text)
        if own > MOST:
            self._close()
            for part, lines in _parts(block):
                self._put(part, block.line + lines if block.line else 0)
            return
        if self._size + own + 1 > MOST:
            self._close()
        if not self._open:
            self._line = block.line
        self._open.append(block.text)
        self._size += own + 1

    def end(self) -> None:
        """Take what is still open."""
        self._close()
        self._bare_heading(0)

    def _head(self, block: Block) -> None:
        self._close()
        level = min(max(1, block.level), DEEPEST)
        self._bare_heading(level)
        self._path = [(depth, text) for depth, text in self._path if depth < level]
        self._page = block.page
        if block.text.strip():
            self._path.append((level, " ".join(block.text.split())))
            self._bare = block

    def _bare_heading(self, level: int) -> None:
        """Keep a heading that nothing stood under, before one that is no part of it takes its place."""
        if self._bare is not None and level <= min(max(1, self._bare.level), DEEPEST):
            self._put(self._path.pop()[1], self._bare.line)
        self._bare = None

    def _close(self) -> None:
        if self._open:
            self._put("\n\n".join(self._open), self._line)
            self._open, self._size = [], 0.0

    def _put(self, text: str, line: int) -> None:
        heading = tuple(text for _, text in self._path)
        self.found.append(Passage(text=text, heading=heading, page=self._page, line=line))


def _parts(block: Block) -> Iterator[tuple[str, int]]:
    """Yield the parts of a block that is too long, each with the number of lines above it in the block."""
    if block.kind == "table":
        head, _, rows = block.text.partition("\n")
        if tokens(head) > MOST / 4:
            yield from _packed(_lines(block.text), "")
        else:
            yield from (
                (f"{head}\n{part}", lines + 1) for part, lines in _packed(_lines(rows), "", tokens(head) + 1)
            )
    elif block.kind == "code":
        yield from _packed(_lines(block.text), "")
    else:
        yield from _packed(_sentences(block.text), "again")


def _packed(pieces: Iterator[tuple[str, int]], repeat: str, room: float = 0.0) -> Iterator[tuple[str, int]]:
    """Yield pieces put together up to the bound.

    Args:
        pieces: Each with the white space that follows it, and its line.
        repeat: Not empty where the last piece of a part is said again at the begin of the next one.
        room: Tokens that are kept free.
    """
    gathered: list[str] = []
    first, size = 0, 0.0
    for piece, line in pieces:
        own = tokens(piece)
        if gathered and size + own > MOST - room:
            yield "".join(gathered).strip("\n"), first
            last = gathered[-1]
            again = (
                repeat and len(gathered) > 1 and tokens(last) <= OVERLAP and tokens(last) + own <= MOST - room
            )
            gathered, size = ([last], tokens(last)) if again else ([], 0.0)
            first = line
        if not gathered:
            first = line
        gathered.append(piece)
        size += own
    if "".join(gathered).strip():
        yield "".join(gathered).strip("\n"), first


def _lines(text: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(text.split("\n")):
        yield from ((piece, number) for piece in _hard(line + "\n"))


def _sentences(text: str) -> Iterator[tuple[str, int]]:
    """Yield the sentences of a text, each with the white space behind it."""
    at, line = 0, 0
    for found in _SENTENCE.finditer(text):
        if found.end() > at:
            piece = text[at : found.end()]
            yield from ((part, line) for part in _hard(piece))
            line += piece.count("\n")
            at = found.end()
    if at < len(text):
        yield from ((part, line) for part in _hard(text[at:]))


def _hard(piece: str) -> Iterator[str]:
    """Yield a piece that is too long by itself in parts, cut at white space where there is some."""
    most, at = MOST // 2, 0
    while len(piece) - at > most * 4 or tokens(piece[at:]) > most:
        end = min(len(piece), at + most * 4)
        while tokens(piece[at:end]) > most:
            end = at + max(1, int((end - at) * 0.8))
        middle = at + (end - at) // 2
        spaces = [found.end() for found in _SPACE.finditer(piece, middle, end + 1) if found.end() <= end]
        end = spaces[-1] if spaces else end
        yield piece[at:end]
        at = end
    if at < len(piece):
        yield piece[at:]
