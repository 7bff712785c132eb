"""The inside of a paragraph of a model's Markdown, rewritten so that no reader of it can find HTML there.

Readers of Markdown disagree in corners (what a tilde, a bare address or a backslash before a backtick does), and in
such a corner code may turn into markup. So nothing is left to them: what is recognised as code, formula or link is
written in the one form on which all agree, and every other character that could begin one becomes an entity.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import quote

from .emphasis import SPACE_ENTITY, mend_emphasis
from .links import SCHEME, Link, label_of, literal, safe_url, title_of
from .mathtext import match_formula

ZWSP = "\u200b"

_SPECIAL = re.compile(r"[\\`<\[\]!$~|]|(?:https?|ftp)://|www\.", re.IGNORECASE)
_AUTOLINK = re.compile(r"<((?:https?|ftp|mailto):[^\s<>`]{1,2000})>", re.IGNORECASE)
_BREAK_TAG = re.compile(r"<br ?/?>", re.IGNORECASE)
_BARE_URL = re.compile(r"(?:(?:https?|ftp)://|www\.)[A-Za-z0-9\-._~:/?#@!&'()*+,;=%]+", re.IGNORECASE)
_DESTINATION = re.compile(
    r"\(\s*(?:<([^<>\n]*)>|((?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\])*\))*))"
    r"(?:\s+(?:\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|\(((?:\\.|[^()\\])*)\)))?\s*\)"
)
_PICTURE_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*", re.IGNORECASE)
_LOCAL_PICTURE = re.compile(r"(?:attachment:)?(?!/)[^:?#\\<>\"'|\x00-\x20]+")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_TAGLIKE = re.compile(r"<(?=[A-Za-z/!?])")
_LINKLIKE = re.compile(r"\](?=[(\[:])")
_OPENERS = {"*": re.compile(r"\*"), "_": re.compile(r"(?<![^\W_])_"), "~": re.compile("~")}
"""What could begin emphasis: where code in the same paragraph holds the mark too, some reader may end it in there."""
_TASK = re.compile(r"\[[ xX]\] ")


class Rules(NamedTuple):
    """What holds for a whole text.

    Attributes:
        references: The text's link definitions by label.
        remote_images: Whether pictures may be loaded from elsewhere.
        tables: Whether a line of the text looks like a table's second one.
        allowance: One number: characters that references may still add, so that no text grows out of proportion.
    """

    references: Mapping[str, Link]
    remote_images: bool
    tables: bool
    allowance: list[int]


class _Piece(NamedTuple):
    kind: Literal["text", "code", "math", "raw"]
    text: str


def safe_inline(text: str, rules: Rules, *, cell: bool = False, breaks: bool = False) -> str:
    """Rewrite the text of one paragraph, heading or table cell.

    Args:
        text: Lines without a blank one among them.
        rules: What holds for the whole text.
        cell: Whether it is a table's cell.
        breaks: Whether `<br>` may stay, as the only way to break a line in a cell.
    """
    return _join(_Scanner(text, rules, cell=cell, breaks=breaks, links=True).pieces(), rules, cell=cell)


class _Scanner:
    """One pass over a paragraph, left to right; what was passed is never looked at again."""

    def __init__(self, text: str, rules: Rules, *, cell: bool, breaks: bool, links: bool) -> None:
        self.text = text
        self.rules = rules
        self.cell = cell
        self.breaks = breaks
        self.links = links
        self.out: list[_Piece] = []
        self.ticks = _backtick_runs(text)
        self.code_ends = _code_ends(text, self.ticks)
        self.loose = not re.search(r"\]\s*[(\[:]|://|www\.", text, re.IGNORECASE)
        self.brackets = _matching_brackets(text, self.code_ends)

    def pieces(self) -> list[_Piece]:
        """Return the paragraph in pieces."""
        text, at = self.text, 0
        while at < len(text):
            found = _SPECIAL.search(text, at)
            if found is None:
                self._add("text", text[at:])
                break
            start = found.start()
            if start > at:
                self._add("text", text[at:start])
            at = self._special(start)
        return self.out

    def _add(self, kind: Literal["text", "code", "math", "raw"], text: str) -> None:
        self.out.append(_Piece(kind, text))

    def _special(self, at: int) -> int:
        char = self.text[at]
        if char == "`":
            return self._code(at)
        if char == "\\":
            return self._backslash(at)
        if char == "<":
            return self._angle(at)
        if char == "$":
            return self._formula(at) or self._entity(at)
        if char == "~":
            return self._tildes(at)
        if char == "|":
            self._add("text", "|")
            return at + 1
        if char in "[!]":
            return self._bracket(at)
        return self._bare_url(at)

    def _entity(self, at: int) -> int:
        self._add("raw", f"&#{ord(self.text[at])};")
        return at + 1

    def _code(self, at: int) -> int:
        length = self.ticks[at]
        end = self.code_ends.get(at)
        if end is None:
            self._add("raw", "&#96;" * length)
            return at + length
        body = re.sub(r"[ \t]*\n[ \t]*", " ", self.text[at + length : end - length])
        if "`" not in body:
            length = 1
        if self.out and self.out[-1].kind == "math":
            self._add("raw", SPACE_ENTITY)
        self._add("code", f"{'`' * length}{body}{'`' * length}")
        return end

    def _backslash(self, at: int) -> int:
        formula = self._formula(at)
        if formula:
            return formula
        after = self.text[at + 1 : at + 2]
        if after == "\n" and self.text[:at].rpartition("\n")[2].strip():
            self._add("text", "  \n")
        elif after and after in _PUNCTUATION:
            return self._entity(at + 1)
        else:
            return self._entity(at)
        return at + 2

    def _formula(self, at: int) -> int:
        found = match_formula(self.text, at)
        if found is None:
            return 0
        if self.cell and "|" in found[0]:
            return 0
        self._add("math", found[0])
        return found[1]

    def _tildes(self, at: int) -> int:
        end = at
        while self.text[end : end + 1] == "~":
            end += 1
        if end - at != 2:
            self._add("raw", "&#126;" * (end - at))
        else:
            self._add("text", "~~" + (SPACE_ENTITY if self.text[end : end + 1] == "`" else ""))
        return end

    def _angle(self, at: int) -> int:
        link = _AUTOLINK.match(self.text, at)
        if link and self.links:
            self._address(link.group(1), link.group(1))
            return link.end()
        tag = _BREAK_TAG.match(self.text, at) if self.breaks else None
        if tag:
            self._add("raw", "<br>")
            return tag.end()
        self._add("raw", "&lt;")
        return at + 1

    def _bare_url(self, at: int) -> int:
        found = _BARE_URL.match(self.text, at)
        end = found.end() if found else at
        while end > at and (self.text[end - 1] in "?!.,:;*_~'&" or _unbalanced(self.text, at, end)):
            end -= 1
        url = self.text[at:end]
        if not self.links or url.lower() in ("http", "https", "ftp", "www") or end <= at:
            mark = 4 if self.text[at] in "wW" else self.text.index(":", at) - at
            self._add(
                "raw",
                self.text[at : at + mark].replace(".", "&#46;")
                + ("" if mark == 4 and "." in self.text[at : at + 4] else "&#58;"),
            )
            return at + mark + (0 if self.text[at] in "wW" else 1)
        self._address(url, f"http://{url}" if url[0] in "wW" else url)
        return end

    def _address(self, shown: str, url: str) -> None:
        target = safe_url(url)
        if target is None:
            self._add("raw", literal(shown))
        elif target == shown and "&" not in target:
            self._add("raw", f"<{target}>")
        else:
            self._add("raw", f"[{literal(shown)}]({target.replace('&', '&amp;')})")

    def _bracket(self, at: int) -> int:
        text = self.text
        if text[at] == "]":
            self._add("raw", "]" if self.loose or (at == 2 and _TASK.match(text)) else "&#93;")
            return at + 1
        picture = text[at] == "!"
        opening = at + 1 if picture else at
        if picture and text[opening : opening + 1] != "[":
            self._add("text", "!") if text[opening : opening + 1] in ("", " ", "\n") else self._entity(at)
            return at + 1
        closing = self.brackets.get(opening)
        found = self._target(opening, closing) if closing is not None else None
        if closing is None or found is None:
            stays = self.loose or (at == 0 and _TASK.match(text))
            self._add("raw", text[at : opening + 1] if stays else "&#33;&#91;" if picture else "&#91;")
            return opening + 1
        link, end = found
        label = text[opening + 1 : closing]
        done = self._picture(label, link) if picture else self._link(label, link)
        if done:
            return end
        self._add("raw", "&#33;&#91;" if picture else "&#91;")
        return opening + 1

    def _target(self, opening: int, closing: int) -> tuple[Link, int] | None:
        text = self.text
        destination = _DESTINATION.match(text, closing + 1, closing + 100_000)
        if destination:
            url = destination.group(1) if destination.group(1) is not None else destination.group(2)
            return Link(
                url, destination.group(3) or destination.group(4) or destination.group(5) or ""
            ), destination.end()
        name, end = text[opening + 1 : closing], closing + 1
        if text[end : end + 1] == "[" and end in self.brackets:
            name, end = text[end + 1 : self.brackets[end]] or name, self.brackets[end] + 1
        link = self.rules.references.get(label_of(name)) if len(name) < 1000 else None
        if link is None or self.rules.allowance[0] < 0:
            return None
        self.rules.allowance[0] -= len(link.url) + len(link.title)
        return link, end

    def _link(self, label: str, link: Link) -> bool:
        if not self.links:
            return False
        url = safe_url(link.url) if link.url else "#"
        if url is None or "\n\n" in label:
            return False
        inner = _Scanner(label, self.rules, cell=self.cell, breaks=False, links=False).pieces()
        risky = _is_risky(inner)
        shown = _join([_unlinked(piece, risky=risky) for piece in inner], self.rules, cell=self.cell)
        self._add("raw", f"[{shown}]({url.replace('&', '&amp;')}{title_of(link.title)})")
        return True

    def _picture(self, label: str, link: Link) -> bool:
        alt = re.sub(r"\s+", " ", re.sub(r"[*_`]+|\\(?=[!-/:-@\[-`{-~])", "", label)).strip()
        here = link.url.strip()
        if _PICTURE_DATA.fullmatch(here):
            self._add("raw", f"![{literal(alt)}]({here})")
            return True
        if here.startswith("attachment:") and _LOCAL_PICTURE.fullmatch(here):
            self._add("raw", f"![{literal(alt)}](attachment:{quote(here.removeprefix('attachment:'))})")
            return True
        url = safe_url(link.url)
        if url is None:
            return False
        local = not SCHEME.match(url) and _LOCAL_PICTURE.fullmatch(html.unescape(here))
        if local or (self.rules.remote_images and url.startswith("http")):
            self._add("raw", f"![{literal(alt)}]({url.replace('&', '&amp;')}{title_of(link.title)})")
        elif self.links:
            name = alt or url.partition("?")[0].rstrip("/").rpartition("/")[2]
            self._add("raw", f"[picture: {literal(name)}]({url.replace('&', '&amp;')})")
        else:
            self._add("raw", f"picture: {literal(alt)}")
        return True


def _backtick_runs(text: str) -> dict[int, int]:
    """Return the runs of backticks, start to length; one behind a lone backslash begins one later."""
    return {found.start(): len(found.group()) for found in re.finditer("`+", text)}


def _code_ends(text: str, runs: dict[int, int]) -> dict[int, int]:
    """Return where each code span ends, by the backtick at which it begins."""
    ends: dict[int, int] = {}
    later: dict[int, list[int]] = {}
    for start in sorted(runs, reverse=True):
        later.setdefault(runs[start], []).append(start)
    at = 0
    for start in sorted(runs):
        length = runs[start]
        if start < at:
            continue
        if _escaped(text, start):
            if length == 1:
                continue
            runs[start + 1] = length - 1
            runs[start] = 1
            continue
        candidates = later[length]
        while candidates and candidates[-1] <= start:
            candidates.pop()
        if candidates and _one_flow(text[start : candidates[-1]]):
            at = candidates[-1] + length
            ends[start] = at
    return ends


def _escaped(text: str, at: int) -> bool:
    slashes = 0
    while at - slashes > 0 and text[at - slashes - 1] == "\\":
        slashes += 1
    return slashes % 2 == 1


def _one_flow(text: str) -> bool:
    """Tell whether no line after the first could begin a block of its own."""
    return "\n" not in text or not re.search(r"\n(?: {4}|\t|[ ]*(?:[#>|=~*+\-:`]|\d+[.)]))", text)


def _matching_brackets(text: str, code_ends: dict[int, int]) -> dict[int, int]:
    """Return the closing bracket of each opening one on the same line, code left out."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    at = 0
    for found in re.finditer(r"\\.|`+|[\[\]\n]", text):
        if found.start() < at:
            continue
        mark = found.group()
        if mark[0] == "`":
            at = code_ends.get(found.start(), found.end())
        elif mark == "\n":
            opened.clear()
        elif mark == "[":
            opened.append(found.start())
        elif mark == "]" and opened:
            pairs[opened.pop()] = found.start()
    return pairs


def _unbalanced(text: str, start: int, end: int) -> bool:
    return text[end - 1] == ")" and text.count(")", start, end) > text.count("(", start, end)


def _unlinked(piece: _Piece, *, risky: bool) -> _Piece:
    """Keep a link's words from ending the link: risky code becomes words, brackets become entities."""
    if piece.kind == "code" and (risky or re.search(r"[\[\]]", piece.text) or piece.text.startswith("``")):
        return _Piece("raw", literal(piece.text))
    if piece.kind == "math" and re.search(r"[\[\]]", piece.text):
        return _Piece("raw", literal(piece.text))
    if piece.kind == "raw" and not piece.text.startswith("!["):
        return _Piece("raw", piece.text.replace("[", "&#91;").replace("]", "&#93;"))
    return piece


def _is_risky(pieces: list[_Piece]) -> bool:
    """Tell whether some reader could end emphasis or a link within these pieces' code."""
    words = "".join(piece.text for piece in pieces if piece.kind != "code")
    codes = [piece.text for piece in pieces if piece.kind == "code"]
    marks = [mark for mark, opener in _OPENERS.items() if opener.search(words)]
    return any(
        "`" in code[1:-1] or code.endswith("\\`") or any(mark in code for mark in marks) for code in codes
    )


def _join(pieces: list[_Piece], rules: Rules, *, cell: bool) -> str:
    """Put the pieces together: emphasis mended, dollars that are no formula hidden, risky code made harmless."""
    risky = _is_risky(pieces)
    dollars = sum(piece.text == "&#36;" for piece in pieces) + sum(piece.kind == "math" for piece in pieces)
    out: list[str] = []
    mask: list[str] = []
    for piece in pieces:
        text = piece.text
        if piece.kind == "code":
            text = _disarm(text, always=risky or (not cell and rules.tables and "|" in text))
            mask.append("`" * len(text))
        elif piece.kind == "text":
            mask.append(text)
        else:
            if text == "&#36;" and dollars > 1:
                text = "&#92;&#36;"
            elif piece.kind == "raw" and cell:
                text = text.replace("|", "&#124;")
            mask.append(_mask(text))
        out.append(text)
    return mend_emphasis("".join(out), "".join(mask))


def _disarm(code: str, *, always: bool) -> str:
    """Put an invisible space where a misread span of code would become markup."""
    if always:
        code = _LINKLIKE.sub("]" + ZWSP, _TAGLIKE.sub("<" + ZWSP, code))
    return (
        re.sub(r"\\(?=begin\{|\\[(\[])", "\\\\" + ZWSP, code)
        if re.search(r"\\begin\{|\\\\[(\[]", code)
        else code
    )


def _mask(text: str) -> str:
    """Return as many characters as the text has, with the punctuation at its ends but no marks of emphasis."""
    return re.sub(r"[*~]", "x", text)
