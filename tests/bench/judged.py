"""Make judged collections for `retrieval.py` from documentation packages of Debian.

    python tests/bench/judged.py FOLDER [NAME...] [--half 1|2] [--packages FOLDER]

Each collection is made of some packages, downloaded by name with `apt-get download` (run `apt-get update` first) or
taken from `--packages`, where they were put before. Every section of their pages becomes one document: its own text,
without that of the sections below it, under the headings above it. The questions, and which sections answer each,
were written by hand and lie in `questions/NAME.jsonl`; a section that a newer package has moved stops the script. What
is written is what `retrieval.py` reads: `FOLDER/NAME/corpus.jsonl`, `queries.jsonl` and `qrels.tsv`.

`--half 1` keeps every second question, `--half 2` the others: what the search is tuned on, and what then judges it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple


class Book(NamedTuple):
    """One package.

    Attributes:
        package: Its name.
        name: What the ids of its sections begin with.
        pages: Where its pages lie, as a pattern below the unpacked package.
    """

    package: str
    name: str
    pages: str


BOOKS = {
    "debian-en": (
        Book("debian-handbook", "handbook", "usr/share/doc/debian-handbook/html/en-US/*.html"),
        Book("developers-reference", "devref", "usr/share/developers-reference/*.html"),
    ),
    "debian-zh": (
        Book("debian-reference-zh-cn", "reference", "usr/share/debian-reference/*.zh-cn.html"),
        Book("maint-guide-zh-cn", "maint", "usr/share/doc/maint-guide-zh-cn/html/*.html"),
    ),
}
QUESTIONS = Path(__file__).parent / "questions"
SHORTEST = 40
"""Characters of a section's own text; a heading with less below it answers nothing."""

_NUMBER = re.compile(r"^(?:(?:Chapter|Appendix)\s+\w+\.|第\s*\d+\s*章|附录\s*\w+\.|(?:[A-Z0-9]+\.)+)\s*")
_HEADING = re.compile(r"h[1-6]")
_SKIPPED = re.compile(
    r"\b(?:toc|list-of-\w+|navheader|navfooter|docnav|related|sphinxsidebar\w*|headerlink|footer|clearer|banner)\b"
)
_BLOCKS = frozenset(
    ("p", "div", "li", "dt", "dd", "tr", "section", "blockquote", "ul", "ol", "dl", "table", "br")
)
_VOID = frozenset(("br", "hr", "img", "link", "meta", "input", "col"))


class Section(NamedTuple):
    """A section: its id, the headings from the outermost to its own, and its own text."""

    id: str
    path: tuple[str, ...]
    text: str


class Page(HTMLParser):
    """Reads the sections of a page made by DocBook or Sphinx.

    Args:
        book: What the ids begin with.
    """

    def __init__(self, book: str) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[Section] = []
        self._book = book
        self._anchor = ""
        self._path: list[tuple[int, str]] = []
        self._id = ""
        self._level = 0
        self._heading: list[str] | None = None
        self._text: list[str] = []
        self._skipped: list[str] = []
        self._pre = 0
        self._body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that opens."""
        fields = dict(attrs)
        skip = tag in ("script", "style") or _SKIPPED.search(fields.get("class") or fields.get("id") or "")
        if tag == "body":
            self._body = True
        elif self._skipped or skip:
            if tag not in _VOID:
                self._skipped.append(tag)
        elif _HEADING.fullmatch(tag):
            self._end()
            self._heading, self._level = [], int(tag[1])
        elif tag == "section" or (tag == "a" and self._heading is not None):
            self._anchor = fields.get("id") or self._anchor
        elif tag == "pre":
            self._pre += 1
            self._text.append("\n\n```\n")
        elif tag in _BLOCKS and not self._pre:
            self._text.append("\n" if tag == "br" else "\n\n")
        elif tag in ("td", "th"):
            self._text.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        """Take a tag that closes."""
        if self._skipped:
            if tag in self._skipped:
                while self._skipped.pop() != tag:
                    pass
        elif _HEADING.fullmatch(tag) and self._heading is not None:
            title = _NUMBER.sub("", " ".join("".join(self._heading).replace("¶", "").split()))
            self._path = [(level, text) for level, text in self._path if level < self._level]
            self._path.append((self._level, title))
            self._id, self._heading = self._anchor, None
        elif tag == "pre":
            self._pre -= 1
            self._text.append("\n```\n\n")

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self._heading is not None:
            self._heading.append(data)
        elif self._body and not self._skipped:
            self._text.append(data if self._pre else re.sub(r"\s+", " ", data))

    def close(self) -> None:
        """End the last section."""
        super().close()
        self._end()

    def _end(self) -> None:
        text = "".join(self._text).replace("```\n\n\n```", "")
        text = re.sub(
            r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", re.sub(r"(?m)^ +(?=[^ ])", "", text))
        ).strip()
        if self._id and len(text) >= SHORTEST:
            path = tuple(title for _, title in self._path)
            self.sections.append(Section(f"{self._book}#{self._id}", path, text))
        self._text = []


def sections(book: Book, root: Path) -> list[Section]:
    """Return the sections of an unpacked package.

    Args:
        book: The package.
        root: Where it was unpacked.
    """
    found: dict[str, Section] = {}
    for file in sorted(root.glob(book.pages)):
        page = Page(book.name)
        page.feed(file.read_text("utf-8"))
        page.close()
        for one in page.sections:
            found.setdefault(one.id, one)
    return [*found.values()]


def unpacked(book: Book, packages: Path, folder: Path) -> str:
    """Unpack a package, after downloading it where it isn't there, and return its version.

    Args:
        book: The package.
        packages: Where downloaded packages lie.
        folder: Where it is unpacked.
    """
    if not [*packages.glob(f"{book.package}_*.deb")]:
        packages.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", book.package]
        if subprocess.run(command, cwd=packages, check=False).returncode:
            sys.exit(f"{book.package} can't be downloaded. Run apt-get update first.")
    file = max(packages.glob(f"{book.package}_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(file), str(folder)], check=True)
    return file.name.split("_")[1]


def questions(name: str, half: int) -> list[dict[str, str | list[str]]]:
    """Return the questions of a collection, or half of them.

    Args:
        name: The collection.
        half: 1 or 2; 0 for all.
    """
    lines = (QUESTIONS / f"{name}.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [row for at, row in enumerate(rows) if not half or at % 2 == half - 1]


def write(name: str, found: list[Section], rows: list[dict[str, str | list[str]]], folder: Path) -> None:
    """Write a collection.

    Args:
        name: Its name.
        found: Its sections.
        rows: Its questions.
        folder: Where its folder is made.
    """
    known = {one.id for one in found}
    gone = sorted({f"{row['_id']}: {one}" for row in rows for one in row["answers"] if one not in known})
    if gone:
        sys.exit(f"{name}: these sections are not in the packages (any more):\n" + "\n".join(gone))
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    corpus = [{"_id": one.id, "title": " › ".join(one.path), "text": one.text} for one in found]
    queries = [{"_id": row["_id"], "text": row["text"], "kind": row["kind"]} for row in rows]
    for file, lines in (("corpus", corpus), ("queries", queries)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (place / f"{file}.jsonl").write_text(text, "utf-8")
    judged = [f"{row['_id']}\t{one}\t1\n" for row in rows for one in row["answers"]]
    (place / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged), "utf-8")


def main() -> None:
    """Read the command line and make the collections."""
    parser = argparse.ArgumentParser(description="Make judged collections from packages of Debian.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *BOOKS], metavar="NAME")
    parser.add_argument("--half", type=int, choices=(1, 2), default=0)
    parser.add_argument("--packages", type=Path, metavar="FOLDER", help="where downloaded packages lie")
    options = parser.parse_args()
    packages = (options.packages or options.folder / "packages").resolve()
    for name in options.names or BOOKS:
        found: list[Section] = []
        versions = []
        for book in BOOKS[name]:
            with tempfile.TemporaryDirectory() as folder:
                versions.append(f"{book.package} {unpacked(book, packages, Path(folder))}")
                found += sections(book, Path(folder))
        rows = questions(name, options.half)
        write(name, found, rows, options.folder)
        print(f"{name}: {len(found)} sections, {len(rows)} questions ({', '.join(versions)})")


if __name__ == "__main__":
    main()
