"""Sets text in bitmap glyphs: breaks it into lines and draws it as rows of pixels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ve_magics.sim.film import glyphs

_CLOSING = ",.!?;:%)]}…’”，。！？、；：％）］｝》」』】〉〕ー々"
_OPENING = "([{‘“（［｛《「『【〈〔"
_PIECE = re.compile(
    rf"[{re.escape(_OPENING)}]*(?:[^\s\u2e80-\uffff{re.escape(_OPENING)}]+|\S)[{re.escape(_CLOSING)}]*"
)


def clean(text: str) -> str:
    """Return text as it can be drawn: composed, on one line, without control and format characters."""
    composed = unicodedata.normalize("NFC", text)
    spaced = "".join(" " if character.isspace() else character for character in composed)
    shown = (c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Mn", "Me"})
    return " ".join("".join(shown).split())


def measure(text: str) -> int:
    """Return how many pixels wide the text is."""
    return sum(glyphs.width(character) for character in text)


def wrap(text: str, width: int, lines: int) -> list[str]:
    """Break text into lines.

    A line breaks at a space or beside a wide character, never before a closing mark; a word that is longer than a
    line is cut. Where the lines don't suffice the last one ends in an ellipsis.

    Args:
        text: Text that `clean` has returned.
        width: Pixels in a line; at least 32.
        lines: Most lines.

    Returns:
        The lines, none of them empty.
    """
    text = text[: lines * (width // 8 + 2)]  # more than that never fits
    done = [""]
    for piece in _pieces(text, width):
        line = done[-1]
        if measure(line) + measure(piece.rstrip()) <= width:
            done[-1] = line + piece
        else:
            done[-1] = line.rstrip()
            done.append(piece)
        if len(done) > lines:
            last = done[lines - 1]
            while last and measure(last + "…") > width:
                last = last[:-1]
            return [*done[: lines - 1], last.rstrip() + "…"]
    return [line.rstrip() for line in done if line.strip()]


def balance(text: str, width: int, lines: int) -> list[str]:
    """Break text as `wrap` does, then make its lines as equally long as they can be."""
    best = wrap(text, width, lines)
    fewest, narrow = len(best), 32
    while fewest > 1 and not best[-1].endswith("…") and narrow < width:
        middle = (narrow + width) // 2
        tried = wrap(text, middle, lines + 1)
        if len(tried) <= fewest:
            best, width = tried, middle
        else:
            narrow = middle + 1
    return best


def _pieces(text: str, width: int) -> list[str]:
    pieces: list[str] = []
    for found in re.findall(r"\S+\s*", text):
        word = found.rstrip()
        parts: list[str] = _PIECE.findall(word)
        parts[-1] += found[len(word) :]
        for part in parts:
            cut = part
            while measure(cut.rstrip()) > width:
                size = 1
                while measure(cut[: size + 1]) <= width:
                    size += 1
                pieces.append(cut[:size])
                cut = cut[size:]
            pieces.append(cut)
    return pieces


def draw(lines: Sequence[str], scale: int, *, gap: int = 0) -> list[bytes]:
    """Draw lines of text below each other, flush left.

    Args:
        lines: The lines; an empty one leaves a blank.
        scale: Pixels for each pixel of the font.
        gap: Rows of pixels between two lines.

    Returns:
        The rows, equally long; a byte is 1 where there is ink and 0 elsewhere.
    """
    width = max(measure(line) for line in lines)
    rows: list[bytes] = []
    for number, line in enumerate(lines):
        if number:
            rows += [bytes(width * scale)] * gap
        rows += _draw_line(line, width, scale)
    return rows


def _draw_line(line: str, width: int, scale: int) -> list[bytes]:
    drawn = [glyphs.glyph(character) for character in line]
    rows = []
    for row in range(glyphs.HEIGHT):
        bits = "".join(f"{shape[row]:0{wide}b}" for wide, shape in drawn).ljust(width, "0")
        ink = bits.encode().translate(_INK)
        rows += [_widen(ink, scale)] * scale
    return rows


def _widen(row: bytes, scale: int) -> bytes:
    wide = bytearray(len(row) * scale)
    for offset in range(scale):
        wide[offset::scale] = row
    return bytes(wide)


_INK = bytes(1 if value == ord("1") else 0 for value in range(256))
