"""Word and PowerPoint files: paragraphs, headings, tables, slides with their notes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ve_magics.engine.knowledge.readers.archive import Archive, Tag
from ve_magics.engine.knowledge.readers.blocks import Block, Reading, UnreadableError, clean

_HEADING = re.compile(r"(?:heading|标题|titre|überschrift)\s*([1-9])", re.IGNORECASE)
_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml")
_TITLES = ("title", "ctrTitle")


def read_docx(data: bytes) -> Reading:
    """Return the blocks of a Word file.

    Raises:
        UnreadableError: It is encrypted, broken, or no such file.
    """
    archive = Archive(data)
    if "word/document.xml" not in archive.names:
        raise UnreadableError("it is no Word document")
    styles = _heading_styles(archive)
    body = _Word(styles)
    for tag in archive.tags("word/document.xml"):
        body.take(tag)
    blocks = body.blocks
    for part in ("word/footnotes.xml", "word/endnotes.xml"):
        notes = _Word({})
        for tag in archive.tags(part):
            notes.take(tag)
        blocks += notes.blocks
    return Reading(blocks, body.title or _title(archive))


def _heading_styles(archive: Archive) -> dict[str, int]:
    """Return the level of each style that is one of headings: by its outline level, or by its name."""
    levels: dict[str, int] = {}
    style = ""
    for tag in archive.tags("word/styles.xml"):
        if tag.name == "style" and tag.opens:
            style = tag.attributes.get("styleId", "")
        elif tag.name == "name" and tag.opens and (found := _HEADING.match(tag.attributes.get("val", ""))):
            levels[style] = int(found[1])
        elif tag.name == "name" and tag.opens and tag.attributes.get("val", "").lower() == "title":
            levels[style] = 0
        elif tag.name == "outlineLvl" and tag.opens and tag.attributes.get("val", "").isdigit():
            levels.setdefault(style, min(9, int(tag.attributes["val"]) + 1))
    return levels


def _title(archive: Archive) -> str:
    """Return what the file's properties call it."""
    inside = False
    for tag in archive.tags("docProps/core.xml"):
        if tag.name == "title":
            inside = tag.opens
        elif inside and tag.text:
            return clean(tag.text).strip()
    return ""


class _Word:
    """Paragraphs and tables of a Word part, from its elements."""

    def __init__(self, styles: dict[str, int]) -> None:
        self.blocks: list[Block] = []
        self.title = ""
        self._styles = styles
        self._text: list[str] = []
        self._style = ""
        self._outline: int | None = None
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._tables = 0

    def take(self, tag: Tag) -> None:
        """Take the next element."""
        if tag.opens:
            self._begin(tag)
        elif tag.name:
            self._end(tag.name)
        elif (
            self._open and self._open[-1] == "t" and "Fallback" not in self._open and "del" not in self._open
        ):
            self._text.append(tag.text)

    def _begin(self, tag: Tag) -> None:
        self._open.append(tag.name)
        match tag.name:
            case "p" if not self._tables:
                self._text, self._style, self._outline = [], "", None
            case "pStyle":
                self._style = tag.attributes.get("val", "")
            case "outlineLvl" if tag.attributes.get("val", "").isdigit():
                self._outline = int(tag.attributes["val"]) + 1
            case "tab":
                self._text.append("\t")
            case "br" | "cr":
                self._text.append("\n")
            case "tbl":
                self._tables += 1
            case "tr" if self._tables == 1:
                self._rows.append([])
            case "tc" if self._tables == 1:
                self._text = []
            case _:
                pass

    def _end(self, name: str) -> None:
        self._open.pop()
        match name:
            case "p" if self._tables:
                self._text.append(" ")
            case "p":
                self._paragraph()
            case "tc" if self._tables == 1 and self._rows:
                self._rows[-1].append(" ".join(clean("".join(self._text)).split()))
            case "tbl":
                self._tables -= 1
                if not self._tables:
                    rows = [" | ".join(row) for row in self._rows if any(row)]
                    if rows:
                        self.blocks.append(Block("\n".join(rows), "table"))
                    self._rows, self._text = [], []
            case _:
                pass

    def _paragraph(self) -> None:
        text = clean("".join(self._text)).strip()
        self._text = []
        if not text:
            return
        level = self._styles.get(self._style) if self._outline is None else self._outline
        if level == 0 and not self.title:
            self.title = text
        if level is None or level > 9:
            self.blocks.append(Block(text))
        else:
            self.blocks.append(Block(text, "heading", max(1, level)))


def read_pptx(data: bytes) -> Reading:
    """Return the slides of a PowerPoint file, the title of each as a heading, its notes at its end.

    Raises:
        UnreadableError: It is encrypted, broken, or no such file.
    """
    archive = Archive(data)
    slides = _slides(archive)
    if not slides:
        raise UnreadableError("it is no presentation with slides")
    blocks: list[Block] = []
    for number, name in enumerate(slides, 1):
        blocks += _slide(archive, name, number)
        notes = _related(archive, name, "notesSlide")
        for note in notes[:1]:
            blocks += [
                block._replace(kind="paragraph", level=0)
                for block in _slide(archive, note, number)
                if not block.text.isdigit()
            ]
    return Reading(blocks, _title(archive))


def _slides(archive: Archive) -> list[str]:
    """Return the parts of the slides in the order in which they are shown."""
    targets = {key: target for key, _, target in _relations(archive, "ppt/presentation.xml")}
    shown = [
        targets.get(tag.attributes.get("id", ""), "")
        for tag in archive.tags("ppt/presentation.xml")
        if tag.opens and tag.name == "sldId"
    ]
    names = set(archive.names)
    ordered = [name for name in shown if name in names]
    if ordered:
        return ordered
    found = sorted((int(match[1]), name) for name in names if (match := _SLIDE.fullmatch(name)))
    return [name for _, name in found]


def _relations(archive: Archive, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield id, kind and target of what a part refers to inside the archive."""
    folder, _, file = name.rpartition("/")
    for tag in archive.tags(f"{folder}/_rels/{file}.rels"):
        if tag.opens and tag.name == "Relationship" and tag.attributes.get("TargetMode") != "External":
            target = tag.attributes.get("Target", "")
            path = (
                target.lstrip("/").split("/")
                if target.startswith("/")
                else [*folder.split("/"), *target.split("/")]
            )
            whole: list[str] = []
            for part in path:
                if part == "..":
                    whole = whole[:-1]
                elif part not in ("", "."):
                    whole.append(part)
            kind = tag.attributes.get("Type", "").rpartition("/")[2]
            yield tag.attributes.get("Id", ""), kind, "/".join(whole)


def _related(archive: Archive, name: str, kind: str) -> list[str]:
    return [target for _, found, target in _relations(archive, name) if found == kind]


def _slide(archive: Archive, name: str, number: int) -> list[Block]:
    """Return the blocks of one slide, its title first."""
    titles: list[Block] = []
    rest: list[Block] = []
    rows: list[list[str]] | None = None
    placeholder = ""
    text: list[str] = []
    inside_text = False
    for tag in archive.tags(name):
        match tag.name:
            case "sp" if tag.opens:
                placeholder = ""
            case "ph" if tag.opens:
                placeholder = tag.attributes.get("type", "body")
            case "t":
                inside_text = tag.opens
            case "br" if tag.opens:
                text.append("\n")
            case "tbl" if tag.opens:
                rows = []
            case "tbl":
                if rows and any(any(row) for row in rows):
                    rest.append(Block("\n".join(" | ".join(row) for row in rows), "table", page=number))
                rows = None
            case "tr" if tag.opens and rows is not None:
                rows.append([])
            case "tc" if not tag.opens and rows:
                rows[-1].append(" ".join(clean("".join(text)).split()))
                text = []
            case "p" if not tag.opens and rows is not None:
                text.append(" ")
            case "p" if not tag.opens:
                said = clean("".join(text)).strip()
                text = []
                if said and placeholder in _TITLES:
                    titles.append(Block(said, "heading", 1, page=number))
                elif said and placeholder not in ("sldNum", "dt", "ftr"):
                    rest.append(Block(said, page=number))
            case "" if inside_text:
                text.append(tag.text)
            case _:
                pass
    return [*titles, *rest]
