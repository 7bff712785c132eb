"""PDF, through pdfium: the text of each page, its lines joined to paragraphs."""

from __future__ import annotations

import importlib
import re
import threading
from typing import Any

from ve_magics.engine.knowledge.readers.blocks import Block, Reading, UnreadableError, clean
from ve_magics.errors import MissingExtraError

MOST_PAGES = 10_000
_one_at_a_time = threading.Lock()
"""pdfium keeps state of the whole process."""
_PASSWORD = 4
_BLANK = re.compile(r"\n[ \t]*\n+")
_HYPHEN = re.compile(r"(?<=[a-z])-$")
_BULLET = re.compile(r"[ \t]*(?:[•▪◦‣·*–-]|\(?\d{1,3}[.)、]|[（(]?[一二三四五六七八九十]{1,3}[)）、])[ \t]*")
_WIDE_END = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60，。、；：？！]$")
_WIDE_START = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60，。、；：？！]")
_ENDS = re.compile(r"[.!?。！？:：;；]$")


def read(data: bytes) -> Reading:
    """Return the paragraphs of a PDF, each with its page.

    Raises:
        MissingExtraError: pdfium isn't installed.
        UnreadableError: It is encrypted, broken, or holds no text.
    """
    try:
        pdfium: Any = importlib.import_module("pypdfium2")
    except ImportError:
        raise MissingExtraError("Reading PDF", "knowledge") from None
    with _one_at_a_time:
        try:
            document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            encrypted = getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower()
            raise UnreadableError(
                "it is encrypted: save it without a password"
                if encrypted
                else "it is a broken PDF: save it anew"
            ) from None
        try:
            title = str(document.get_metadata_dict().get("Title") or "")
            pages = [_page(document[number], pdfium) for number in range(min(len(document), MOST_PAGES))]
            cut = len(document) - len(pages)
        except (pdfium.PdfiumError, ValueError) as error:
            raise UnreadableError(f"it is a broken PDF ({error})") from None
        finally:
            document.close()
    blocks = [block for number, text in enumerate(pages, 1) for block in _paragraphs(clean(text), number)]
    if not blocks:
        raise UnreadableError(
            "it holds pictures of text and no text: recognise it first, with ocrmypdf for instance"
        )
    return Reading(blocks, clean(title).strip(), f"its last {cut:,} pages were left out" if cut else "")


def _page(page: Any, pdfium: Any) -> str:
    try:
        text = page.get_textpage()
        try:
            return str(text.get_text_range()).replace("\r\n", "\n").replace("\ufffe", "")
        finally:
            text.close()
    except pdfium.PdfiumError:
        return ""
    finally:
        page.close()


def _paragraphs(text: str, page: int) -> list[Block]:
    """Return a page's paragraphs: lines are joined but where one ends early or another begins a list."""
    found = []
    for part in _BLANK.split(text):
        lines = [line.strip() for line in part.split("\n") if line.strip()]
        widest = max(map(len, lines), default=0)
        joined = ""
        before = ""
        for line in lines:
            if not joined:
                joined = line
            elif _BULLET.match(line) or (_ENDS.search(before) and len(before) < 0.8 * widest):
                found.append(Block(joined, page=page))
                joined = line
            else:
                joined = _joined(joined, line)
            before = line
        if joined:
            found.append(Block(joined, page=page))
    return found


def _joined(text: str, line: str) -> str:
    if _HYPHEN.search(text[-2:]) and line[0].islower():
        return text[:-1] + line
    if _WIDE_END.search(text[-1:]) and _WIDE_START.match(line):
        return text + line
    return f"{text} {line}"
