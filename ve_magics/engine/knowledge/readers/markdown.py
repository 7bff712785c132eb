"""Markdown: headings, paragraphs, fenced code and tables, with the line of each."""

from __future__ import annotations

import re

from ve_magics.engine.knowledge.readers.blocks import Block, Reading

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"[ \t]*(?:[>*+-] ?)*(`{3,}|~{3,})")
_RULE = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:[ \t]+\"[^\"\n]*\")?\)")
_FRONT = re.compile(r"---\n(.*?)\n(?:---|\.\.\.)(?:\n|$)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE)


def read(text: str, *, page: int = 0, line: int = 1) -> Reading:
    """Return the blocks of clean Markdown.

    Args:
        text: The text.
        page: The page that all of it stands on; 0 where there are none.
        line: The line that it begins at; 0 where lines mean nothing.
    """
    title = ""
    first = 0
    if front := _FRONT.match(text):
        named = _FRONT_TITLE.search(front[1])
        title = named[1] if named else ""
        first = front[0].count("\n")
    end = (
        text.rfind("-->") + 3
    )  # behind the last end no comment is looked for: each begin would look to the very end
    text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text[:end]) + text[end:]
    blocks = _Blocks(text.split("\n"), first, page, line).read()
    headings = [block for block in blocks if block.kind == "heading"]
    return Reading(blocks, title or (headings[0].text if headings else ""))


class _Blocks:
    def __init__(self, lines: list[str], first: int, page: int, line: int) -> None:
        self._lines = lines
        self._at = first
        self._page = page
        self._line = line
        self._found: list[Block] = []
        self._open: list[str] = []
        self._begun = first

    def read(self) -> list[Block]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if fence := _FENCE.match(line):
                self._code(fence[1])
            elif heading := _HEADING.match(line):
                self._end()
                self._put(plain(heading[2] or ""), "heading", self._at, level=len(heading[1]))
                self._at += 1
            elif len(self._open) == 1 and line.strip() and (under := _UNDERLINE.match(line)):
                self._put(
                    plain(self._open.pop()), "heading", self._begun, level=1 if under[1][0] == "=" else 2
                )
                self._at += 1
            elif (
                self._open
                and "|" in self._open[-1]
                and "|" in line + "|"
                and _RULE.match(line.strip())
                and "-" in line
            ):
                self._table()
            elif not line.strip():
                self._end()
                self._at += 1
            else:
                if not self._open:
                    self._begun = self._at
                self._open.append(line)
                self._at += 1
        self._end()
        return self._found

    def _code(self, fence: str) -> None:
        self._end()
        begun, body = self._at, [self._lines[self._at]]
        self._at += 1
        while self._at < len(self._lines):
            line = self._lines[self._at]
            body.append(line)
            self._at += 1
            if line.strip(" \t>").startswith(fence) and not line.strip(" \t>").strip(fence[0]):
                break
        self._put("\n".join(body), "code", begun)

    def _table(self) -> None:
        head = self._open.pop()
        begun = self._at - 1
        self._end()
        self._at += 1
        rows = [plain(head)]
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            rows.append(plain(self._lines[self._at]))
            self._at += 1
        self._put("\n".join(rows), "table", begun)

    def _end(self) -> None:
        if self._open:
            self._put(plain("\n".join(self._open)), "paragraph", self._begun)
            self._open = []

    def _put(self, text: str, kind: str, at: int, *, level: int = 0) -> None:
        if text.strip():
            line = self._line + at if self._line else 0
            self._found.append(Block(text.strip("\n"), kind, level, self._page, line))  # type: ignore[arg-type]  # one of ours


def plain(text: str) -> str:
    """Return Markdown with links shown as their words, which are what is searched for."""
    return _LINK.sub(lambda found: found[1], text)
