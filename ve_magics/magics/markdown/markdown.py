"""A model's Markdown made safe to display: nothing in it becomes HTML, nothing is loaded, code stays as it was written.

JupyterLab runs raw HTML that stands in `text/markdown` of a cell that was just run, so what a model says must
not hold any. Code keeps its characters, for Markdown escapes them itself; around it this module takes care that no
reader of Markdown can disagree about where code begins and ends: indented code becomes fenced, fences stand where
their container begins and end where it does, definitions of links are resolved. What a paragraph holds is the
business of `inline`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .inline import Rules, safe_inline
from .links import Link, label_of, safe_url
from .mathtext import match_formula_block, reaches_out

_MAX_DEPTH = 8
_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*)$")
_INFO = re.compile(r"[\w+#.\-]{1,40}(?: [\w+#.\-=]{1,40}){0,4}")
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3})([*+\-]|\d{1,9}[.)])(?:( +)(?=\S)|[ ]*$)")
_RULE = re.compile(r" {0,3}(?:(?:- *){3,}|(?:_ *){3,}|(?:\* *){3,})$")
_HEADING = re.compile(r" {0,3}#{1,6}(?=[ \t]|$)")
_DEFINITION = re.compile(
    r" {0,3}\[((?:\\.|[^\[\]\\]){1,999})\]:[ \t]*(?:<([^<>]*)>|([^\s<]\S*))"
    r"(?:[ \t]+(?:\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|\(((?:\\.|[^()\\])*)\)))?[ \t]*$"
)
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_TABLE_LINE = frozenset("|:- \t>*+0123456789.)")
"""Characters of a line that, in whatever container, may be a table's second one."""
_PICTURED = re.compile(
    r"<|%%|://|click|@import|url\(|^---|\bimg\b|\bicon\b|href", re.IGNORECASE | re.MULTILINE
)
_MAX_MARKS = 60_000
"""An answer with more marks and lines than this is no text to be read; it is shown as it came, as one block of code."""
_MARKS = re.compile(r"[\\`<\[\]!$~|*\n]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def neutralise(text: str, *, remote_images: bool = False) -> str:
    """Return Markdown that looks like the given one and can do nothing but be read.

    Raw HTML is shown as the characters that were written; links with dangerous targets likewise; pictures from
    elsewhere become links. Code, formulas, tables and every other construct stay; a block of code that isn't closed
    is closed at the end. The time it takes grows with the length of the text.

    Args:
        text: What a model wrote.
        remote_images: Whether pictures may be loaded from where the model says.
    """
    text = _CONTROL.sub("\ufffd", _LINE_END.sub("\n", text))
    lines = text.split("\n")
    if len(_MARKS.findall(text)) > _MAX_MARKS:
        return "\n".join(_verbatim(lines))
    tables = any(
        "-" in line and ("|" in line or ":" in line) and _TABLE_LINE.issuperset(line) for line in lines
    )
    rules = Rules(_definitions(lines), remote_images, tables, [max(len(text), 10_000)])
    return "\n".join(_Blocks(lines, rules, 0).rewritten())


def _verbatim(lines: list[str]) -> list[str]:
    blocks = _Blocks([], Rules({}, remote_images=False, tables=False, allowance=[0]), 0)
    blocks.code("```", "text", lines)
    return blocks.out


def _definitions(lines: list[str]) -> dict[str, Link]:
    found: dict[str, Link] = {}
    for line in lines:
        if "]:" in line and (match := _DEFINITION.match(line)):
            label, inside, plain, *titles = match.groups()
            if label.startswith("^"):
                continue
            found.setdefault(
                label_of(label), Link(plain if inside is None else inside, next(filter(None, titles), ""))
            )
    return found


class _Blocks:
    """The blocks of one container: the text itself, a quote, an item of a list."""

    def __init__(self, lines: list[str], rules: Rules, depth: int) -> None:
        self.lines = lines
        self.rules = rules
        self.depth = depth
        self.out: list[str] = []
        self.paragraph: list[str] = []
        self.open_paragraph = False
        self.ends: dict[str, int] = {}

    def rewritten(self) -> list[str]:
        """Return the container's lines, rewritten."""
        at = 0
        while at < len(self.lines):
            at = self._block(at)
        self._end_paragraph()
        return self.out

    def _block(self, at: int) -> int:
        line = self.lines[at]
        if not line.strip():
            self._end_paragraph()
            self.out.append("")
            self.open_paragraph = False
            return at + 1
        line = _spaced(line)
        indent = len(line) - len(line.lstrip(" "))
        if indent >= 4:
            if self.paragraph or self.open_paragraph:
                self.paragraph.append(line)
                return at + 1
            return self._indented(at)
        fence = _FENCE.match(line)
        if fence:
            return self._fence(at, fence)
        formula = match_formula_block(self.lines, at, self.ends)
        if formula:
            self._end_paragraph()
            self.out += formula[0]
            self.open_paragraph = True
            return formula[1]
        if self.depth < _MAX_DEPTH and _QUOTE.match(line):
            return self._quote(at)
        if self.depth < _MAX_DEPTH and not _RULE.match(line):
            item = _ITEM.match(line)
            busy = self.paragraph or self.open_paragraph
            if item and (not busy or (item.group(3) and item.group(2) in ("*", "+", "-", "1.", "1)"))):
                return self._item(at, line, item)
        if _HEADING.match(line):
            self._end_paragraph()
            self.out.append(safe_inline(line, self.rules))
            self.open_paragraph = False
            return at + 1
        if not self.paragraph and not self.open_paragraph and self._defines(line):
            self.out.append("")
            return at + 1
        self.paragraph.append(line)
        return at + 1

    def _defines(self, line: str) -> bool:
        match = _DEFINITION.match(line)
        if not match or match.group(1).startswith("^"):
            return False
        url = match.group(3) if match.group(2) is None else match.group(2)
        return safe_url(url) is not None

    def _fence(self, at: int, opener: re.Match[str]) -> int:
        self._end_paragraph()
        indent, mark = len(opener.group(1)), opener.group(2)
        end = re.compile(rf" {{0,3}}{mark[0]}{{{len(mark)},}}[ \t]*$")
        body: list[str] = []
        after = at + 1
        while after < len(self.lines) and not end.match(self.lines[after]):
            body.append(_dedented(self.lines[after], indent))
            after += 1
        self.code(mark, opener.group(3), body)
        self._gap(body, after + 1, dollars=self.depth > 0)
        return after + 1

    def _indented(self, at: int) -> int:
        after = at
        while after < len(self.lines) and (
            not self.lines[after].strip() or _spaced(self.lines[after]).startswith("    ")
        ):
            after += 1
        while not self.lines[after - 1].strip():
            after -= 1
        body = [_dedented(_spaced(line), 4) for line in self.lines[at:after]]
        self.code("```", "", body)
        self._gap(body, after, dollars=self.depth > 0)
        return after

    def code(self, mark: str, info: str, body: list[str]) -> None:
        """Write a block of code between fences that no line of it can be taken for."""
        char, length = mark[0], len(mark)
        for line in body:
            start = line.lstrip(" \t")
            run = len(start) - len(start.lstrip(char))
            length = max(length, run + 1 if run >= length else length)
        info = info.strip()
        if not _INFO.fullmatch(info):
            info = first.group() if (first := _INFO.match(info.split(" ")[0])) else ""
        if info.lower().startswith("mermaid") and any(_PICTURED.search(line) for line in body):
            info = "text"
        self.out += [char * length + info, *body, char * length]
        self.open_paragraph = False

    def _gap(self, body: list[str], after: int, *, dollars: bool) -> None:
        """Set a blank line behind code in which JupyterLab would see a formula begin."""
        if (
            after < len(self.lines)
            and self.lines[after].strip()
            and reaches_out("\n".join(body), dollars=dollars)
        ):
            self.out.append("")

    def _quote(self, at: int) -> int:
        self._end_paragraph()
        inner: list[str] = []
        while at < len(self.lines):
            mark = _QUOTE.match(self.lines[at])
            if not mark and not self._goes_on(inner, at):
                break
            inner.append(self.lines[at][mark.end() if mark else 0 :])
            at += 1
        self.out += [
            f"> {line}" if line else ">" for line in _Blocks(inner, self.rules, self.depth + 1).rewritten()
        ]
        self._leave(at, gap=reaches_out("\n".join(inner), dollars=True))
        return at

    def _goes_on(self, inner: list[str], at: int) -> bool:
        """Tell whether a line goes on with the paragraph at the end of a container, though it lacks its mark."""
        line = self.lines[at]
        return (
            bool(inner and inner[-1].strip() and line.strip())
            and not line.startswith(("    ", "\t"))
            and not _interrupts(line)
            and not _interrupts(inner[-1])
            and not line.lstrip().startswith(("=", "|", "$$", "\\"))
            and sum(bool(_FENCE.match(below)) for below in inner) % 2 == 0
        )

    def _leave(self, at: int, *, gap: bool = False) -> None:
        """End a container so that nobody takes the next line for a part of it."""
        self.open_paragraph = False
        following = self.lines[at] if at < len(self.lines) else ""
        if following.strip() and (gap or not _interrupts(following) or _QUOTE.match(following)):
            self.out.append("")

    def _item(self, at: int, line: str, item: re.Match[str]) -> int:
        self._end_paragraph()
        gap = len(item.group(3) or " ")
        lead = len(item.group(1)) + len(item.group(2))
        width = lead + (gap if gap <= 4 else 1)
        inner = [line[width:]]
        at += 1
        while at < len(self.lines):
            following = _spaced(self.lines[at])
            blank = not following.strip()
            if blank and not inner[0].strip():
                break
            if blank or following.startswith(" " * width):
                inner.append("" if blank else following[width:])
            elif self._goes_on(inner, at):
                inner.append(following.lstrip())
            else:
                break
            at += 1
        while len(inner) > 1 and not inner[-1].strip():
            inner.pop()
            at -= 1
        first, *rest = _Blocks(inner, self.rules, self.depth + 1).rewritten()
        self.out.append(
            (line[:lead] + " " * (width - lead) + first).rstrip()
            if not first
            else line[:lead] + " " * (width - lead) + first
        )
        self.out += [" " * width + below if below else "" for below in rest]
        self._leave(at)
        return at

    def _end_paragraph(self) -> None:
        lines, self.paragraph = self.paragraph, []
        if not lines:
            return
        self.open_paragraph = False
        head = next((i for i in range(1, len(lines)) if _is_table(lines, i)), 0)
        if head:
            if head > 1:
                self.out += [*safe_inline("\n".join(lines[: head - 1]), self.rules).split("\n"), ""]
            self.out += [self._row(line) for line in lines[head - 1 :]]
        else:
            self.out += safe_inline("\n".join(lines), self.rules).split("\n")

    def _row(self, line: str) -> str:
        cells = enumerate(_cells(line))
        return "|".join(safe_inline(cell, self.rules, cell=True, breaks=column > 0) for column, cell in cells)


def _interrupts(line: str) -> bool:
    """Tell whether a line ends every paragraph before it."""
    return any(form.match(line) for form in (_FENCE, _QUOTE, _ITEM, _RULE, _HEADING))


def _is_table(lines: list[str], at: int) -> bool:
    """Tell whether a line is a table's second one: as many cells as the line before has, on which all readers agree."""
    rule = lines[at]
    if (
        ("|" not in rule and ":" not in rule)
        or not _TABLE_RULE.match(rule)
        or lines[at - 1].startswith("    ")
    ):
        return False
    return _width(rule) == _width(lines[at - 1])


def _width(line: str) -> int:
    cells = [cell.strip() for cell in _cells(line)]
    return len(cells) - (not cells[0]) - (len(cells) > 1 and not cells[-1])


def _cells(line: str) -> Iterator[str]:
    start = 0
    for found in re.finditer(r"\\.|\|", line):
        if found.group() == "|":
            yield line[start : found.start()]
            start = found.end()
    yield line[start:]


def _spaced(line: str) -> str:
    """Return the line with spaces for the tabs before its first word and after its list mark."""
    if "\t" not in line:
        return line
    lead = re.match(r"[ \t]*(?:(?:[*+\-]|\d{1,9}[.)])[ \t]+)*", line)
    stop = lead.end() if lead else 0
    return line[:stop].expandtabs(4) + line[stop:]


def _dedented(line: str, columns: int) -> str:
    """Return the line without up to so many leading spaces."""
    lead = len(line) - len(line.lstrip(" "))
    return line[min(lead, columns) :]
