"""Web pages: headings, paragraphs, code and tables; no scripts, no navigation."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from ve_magics.engine.knowledge.readers.blocks import Block, Kind, Reading

_SKIPPED = frozenset(
    {"script", "style", "noscript", "template", "svg", "nav", "iframe", "object", "canvas", "form", "math"}
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "section",
        "summary",
        "ul",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_PERMALINK = frozenset({"¶", "#", "§", "\U0001f517"})


def charset(data: bytes) -> str:
    """Return the encoding that a page names near its beginning; empty where it names none."""
    found = _CHARSET.search(data[:4096])
    return found[1].decode("ascii", "replace") if found else ""


def read(text: str) -> Reading:
    """Return the blocks of a page."""
    parser = _Page()
    parser.feed(text)
    parser.close()
    parser.flush()
    return Reading(parser.blocks, " ".join(parser.title.split()))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.title = ""
        self._text: list[str] = []
        self._kind: Kind = "paragraph"
        self._level = 0
        self._line = 1
        self._skipped: list[str] = []
        self._in_title = False
        self._in_pre = 0
        self._rows: list[list[str]] | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped:
            if tag == self._skipped[-1]:
                self._skipped.append(tag)
            return
        if tag in _SKIPPED or (tag not in _VOID and any(name == "hidden" for name, _ in attrs)):
            self.flush()
            self._skipped.append(tag)
        elif tag == "title":
            self._in_title = not self.title
        elif tag == "table":
            if self._rows is None:
                self.flush()
                self._rows = []
            self._depth += 1
        elif self._rows is not None:
            self._in_table(tag)
        elif tag in _HEADINGS:
            self.flush()
            self._kind, self._level = "heading", _HEADINGS[tag]
        elif tag == "pre":
            self.flush()
            self._in_pre += 1
            self._kind = "code"
        elif tag == "br":
            self._text.append("\n")
        elif tag in _BLOCKS and not self._in_pre:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            if tag == self._skipped[-1]:
                self._skipped.pop()
        elif tag == "title":
            self._in_title = False
        elif self._rows is not None:
            if tag == "table":
                self._depth -= 1
                if not self._depth:
                    self._end_table()
        elif tag == "pre":
            self.flush()
            self._in_pre = max(0, self._in_pre - 1)
        elif tag in _HEADINGS or (tag in _BLOCKS and not self._in_pre):
            self.flush()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._skipped and data.strip() not in _PERMALINK:
            if self._rows is not None:
                if self._rows and self._rows[-1]:
                    self._rows[-1][-1] += data
                return
            if not self._text:
                self._line = self.getpos()[0]
            self._text.append(data)

    def _in_table(self, tag: str) -> None:
        assert self._rows is not None, "only asked inside a table"
        if tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append("")
        elif self._rows and self._rows[-1]:
            self._rows[-1][-1] += " "

    def _end_table(self) -> None:
        rows = [
            " | ".join(" ".join(cell.split()) for cell in row)
            for row in self._rows or ()
            if any(map(str.strip, row))
        ]
        self._rows = None
        if rows:
            self.blocks.append(Block("\n".join(rows), "table", line=self.getpos()[0]))

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Pass over `<![…`: what is no marked section is a comment, as browsers take it."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:  # what the standard library makes of it
            end = self.rawdata.find(">", i)
            return len(self.rawdata) if end < 0 else end + 1

    def flush(self) -> None:
        """End the block that is open."""
        if self._rows is not None and self._depth:
            return
        text = "".join(self._text)
        if self._kind == "code":
            text = text.strip("\n").rstrip()
        else:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if text.strip():
            self.blocks.append(Block(text, self._kind, self._level, line=self._line))
        self._text, self._kind, self._level = [], "paragraph", 0
