"""Which reader reads what: by the end of a file's name, by a page's media type, and by a look at the bytes."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import PurePath

from ve_magics.engine.knowledge.readers import code, html, markdown, notebook, office, pdf, table
from ve_magics.engine.knowledge.readers.blocks import Reading, UnreadableError, clean, lined, paragraphs
from ve_magics.engine.knowledge.readers.encodings import decoded

VERSION = 1
"""Goes up whenever the same bytes give other blocks, so that every document is read anew."""

SMALL = 32 * 1024
"""Bytes of a text that takes no longer than a moment, however it is made."""
SMALL_PAGE = 4 * 1024
"""The same of a web page: the standard library's parser can be led to look through all of it again and again."""

MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd", ".qmd", ".rmd"})
PLAIN = frozenset({".txt", ".text", ".rst", ".adoc", ".org", ".log", ".tex", ".srt", ".vtt", ""})
CODE = frozenset(
    [
        ".py",
        ".pyi",
        ".js",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".jsx",
        ".java",
        ".kt",
        ".kts",
        ".scala",
        ".go",
        ".rs",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".hpp",
        ".cxx",
        ".cs",
        ".swift",
        ".rb",
        ".php",
        ".pl",
        ".pm",
        ".lua",
        ".r",
        ".jl",
        ".sh",
        ".bash",
        ".zsh",
        ".fish",
        ".ps1",
        ".sql",
        ".hs",
        ".ml",
        ".ex",
        ".exs",
        ".erl",
        ".clj",
        ".dart",
        ".m",
        ".mm",
        ".vue",
        ".svelte",
        ".css",
        ".scss",
        ".toml",
        ".yaml",
        ".yml",
        ".ini",
        ".cfg",
        ".conf",
        ".json",
        ".jsonl",
        ".xml",
        ".proto",
        ".graphql",
        ".tf",
        ".cmake",
        ".mk",
        ".dockerfile",
        ".gradle",
    ]
)
HTML = frozenset({".html", ".htm", ".xhtml"})
OTHERS = {
    **dict.fromkeys(
        (".xlsx", ".xlsm", ".xls", ".ods"), "no reader knows spreadsheets: save its sheets as CSV"
    ),
    **dict.fromkeys(
        (".epub", ".mobi"), "no reader knows e-books: convert it to HTML, with pandoc for instance"
    ),
    **dict.fromkeys((".doc", ".odt", ".rtf", ".pages"), "no reader knows this format: save it as .docx"),
    **dict.fromkeys((".ppt", ".odp", ".key"), "no reader knows this format: save it as .pptx"),
}
"""Documents that people take for readable, each with what to do about it."""
WHOLE = frozenset(
    {
        *MARKDOWN,
        *PLAIN,
        *CODE,
        *HTML,
        *OTHERS,
        ".pdf",
        ".docx",
        ".docm",
        ".pptx",
        ".pptm",
        ".ipynb",
        ".csv",
        ".tsv",
    }
) - {"", ".key"}
"""What a folder is searched for; a `.key` there is a secret more often than a presentation."""
NAMES = frozenset(
    {"makefile", "dockerfile", "readme", "license", "changelog", "authors", "notice", "copying"}
)
"""Files without an end of their name that a folder is searched for."""
_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}


def readable(name: str) -> bool:
    """Whether a file in a folder is one that a reader knows, by its name."""
    path = PurePath(name.lower())
    return path.suffix in WHOLE or (not path.suffix and path.name in NAMES)


def read(data: bytes, name: str, media_type: str = "") -> Reading:
    """Return the blocks of a document.

    Args:
        data: Its bytes.
        name: Its file name.
        media_type: What the server said that it is, for a page; it counts more than the name.

    Raises:
        UnreadableError: It is encrypted, broken, a binary file, or holds no text.
        MissingExtraError: Its format needs a package that isn't installed.
    """
    if not data:
        raise UnreadableError("it is empty")
    suffix, parameters = _suffix(data, name, media_type)
    if suffix in OTHERS:
        raise UnreadableError(OTHERS[suffix])
    if suffix in _BINARY:
        reading = _BINARY[suffix](data)
    else:
        text, note = _text(data, suffix, parameters)
        reading = _of_text(lined(text), suffix)
        if note:
            reading = reading._replace(note=f"read as {note}")
    blocks = [block._replace(text=clean(block.text)) for block in reading.blocks]
    reading = reading._replace(blocks=blocks, title=" ".join(clean(reading.title).split()))
    if not any(block.text.strip() and block.kind != "heading" for block in reading.blocks):
        if not any(block.text.strip() for block in reading.blocks):
            raise UnreadableError("it holds no text")
        reading = reading._replace(
            blocks=[block._replace(kind="paragraph", level=0) for block in reading.blocks]
        )
    return reading


def at_once(data: bytes, name: str, media_type: str = "") -> bool:
    """Whether a document is read in a moment, however it is made; the arguments are those of `read`."""
    suffix, _ = _suffix(data, name, media_type)
    most = 0 if suffix in _BINARY else SMALL_PAGE if suffix in HTML else SMALL
    return len(data) <= most


def _suffix(data: bytes, name: str, media_type: str) -> tuple[str, str]:
    """Return the end of a name that says how a document is read, and the parameters of its media type."""
    kind, _, parameters = media_type.partition(";")
    suffix = _TYPES.get(kind.strip().lower()) or PurePath(name.lower()).suffix
    return ".pdf" if data.startswith(b"%PDF-") else suffix, parameters


def _text(data: bytes, suffix: str, parameters: str) -> tuple[str, str]:
    """Return a text file's words: in the encoding that it or its server names, where that is true."""
    named = (
        parameters.lower().rpartition("charset=")[2].strip("\"' ;")
        if "charset=" in parameters.lower()
        else ""
    )
    if not named and suffix in HTML:
        named = html.charset(data)
    if named and named not in ("utf-8", "utf8"):
        try:
            return data.decode(codecs.lookup("gb18030" if named in ("gb2312", "gbk") else named).name), named
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return decoded(data)


def _of_text(text: str, suffix: str) -> Reading:
    if suffix in MARKDOWN:
        return markdown.read(text)
    if suffix in HTML:
        return html.read(text)
    if suffix == ".ipynb":
        return notebook.read(text)
    if suffix in (".csv", ".tsv"):
        return table.read(text, delimiter="\t" if suffix == ".tsv" else "")
    if suffix in CODE:
        return code.read(text)
    return Reading(paragraphs(text))


_BINARY: dict[str, Callable[[bytes], Reading]] = {
    ".pdf": pdf.read,
    **dict.fromkeys((".docx", ".docm"), office.read_docx),
    **dict.fromkeys((".pptx", ".pptm"), office.read_pptx),
}
