"""What each reader makes of a file of its format, and what it says of one that it can't read."""

from __future__ import annotations

import csv
import importlib
import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.engine.knowledge.readers import archive
from ve_magics.engine.knowledge.readers.blocks import UnreadableError, clean
from ve_magics.engine.knowledge.readers.choice import read, readable
from ve_magics.engine.knowledge.readers.encodings import decoded
from ve_magics.errors import MissingExtraError


def blocks(data: bytes | str, name: str, media_type: str = "") -> list[tuple[Any, ...]]:
    """Return kind, level and text of each block."""
    raw = data.encode() if isinstance(data, str) else data
    return [(block.kind, block.level, block.text) for block in read(raw, name, media_type).blocks]


def test_markdown() -> None:
    """Headings of both kinds, paragraphs, code, tables, links as words, comments and front matter left out."""
    text = (
        "---\ntitle: 'The guide'\n---\n# One\n\nSee [the docs](http://x) here.\nMore.\n\nTwo\n---\n"
        "<!-- hidden\n -->\n```py\n# no heading\n```\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n### Three ###\nEnd\n"
    )
    reading = read(text.encode(), "x.md")
    assert reading.title == "The guide"
    assert [(block.kind, block.level, block.text, block.line) for block in reading.blocks] == [
        ("heading", 1, "One", 4),
        ("paragraph", 0, "See the docs here.\nMore.", 6),
        ("heading", 2, "Two", 9),
        ("code", 0, "```py\n# no heading\n```", 13),
        ("table", 0, "| a | b |\n| 1 | 2 |", 17),
        ("heading", 3, "Three", 21),
        ("paragraph", 0, "End", 22),
    ]
    assert read(b"# First\n\ntext", "x.md").title == "First"
    assert blocks("```\nnever closed", "x.md") == [("code", 0, "```\nnever closed")]


def test_html() -> None:
    """Text in blocks; no scripts, styles, navigation or hidden parts; tables as rows; entities read."""
    page = """<html><head><title>A &amp; B</title><style>p{}</style></head><body><nav>menu</nav>
    <h1>Head<a href="#x">¶</a></h1><p>One <b>two</b><br>three</p><div hidden>no</div><script>alert(1)</script>
    <ul><li>first</li><li>second</li></ul><pre>  a
    b</pre><table><tr><th>n</th><th>v</th></tr><tr><td>1</td><td><p>x</p><table><tr><td>in</td></tr></table></td></tr>
    </table>tail</body></html>"""
    reading = read(page.encode(), "p.html")
    assert reading.title == "A & B"
    assert [(block.kind, block.text) for block in reading.blocks] == [
        ("heading", "Head"),
        ("paragraph", "One two\nthree"),
        ("paragraph", "first"),
        ("paragraph", "second"),
        ("code", "  a\n    b"),
        ("table", "n | v\n1 | x\nin"),
        ("paragraph", "tail"),
    ]
    assert blocks("<script><script></script>x</script><p>y", "p.html")[-1][2].endswith("y")
    assert blocks("<td>loose</td><table><td>cell</table>", "p.html") == [
        ("paragraph", 0, "loose"),
        ("table", 0, "cell"),
    ]


def test_html_in_another_encoding() -> None:
    """The page's own word for its encoding counts, and the server's before it."""
    page = "<meta charset=gb2312><p>中文网页的内容</p>"
    reading = read(page.encode("gb18030"), "p.html")
    assert reading.blocks[0].text == "中文网页的内容"
    assert reading.note == "read as gb2312"
    assert blocks("<p>naïve</p>".encode("latin-1"), "p", "text/html; charset=ISO-8859-1")[0][2] == "naïve"
    assert blocks("<meta charset=nonsense><p>ok</p>", "p.html")[0][2] == "ok"


def test_notebooks() -> None:
    """Markdown, code and what it gave out; wide quotes in a string don't break the JSON."""
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Said ＂so＂."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [{"text": ["1\n"]}, {"data": {"text/plain": "2"}}, {"data": 3}, "odd"],
        },
        {"cell_type": "raw", "source": "x"},
        "odd",
    ]
    reading = read(json.dumps({"cells": cells}, ensure_ascii=False).encode(), "n.ipynb")
    assert reading.title == "Title"
    assert [(block.kind, block.text) for block in reading.blocks] == [
        ("heading", "Title"),
        ("paragraph", "Said ＂so＂."),
        ("code", "print(1)"),
        ("code", "1"),
        ("code", "2"),
    ]
    for broken in ("{}", "[]", "not json", '{"cells": 3}', "[" * 100_000):
        with pytest.raises(UnreadableError, match="no notebook"):
            read(broken.encode(), "n.ipynb")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables(delimiter: str) -> None:
    """One block, a line a row, whatever parts the cells."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["name", "note"], ["泵，大", "a\nb"], [], ["x", "y"]])
    assert blocks(out.getvalue(), "t.csv") == [("table", 0, "name | note\n泵，大 | a b\nx | y")]
    assert blocks("a\tb\n1\t2", "t.tsv") == [("table", 0, "a | b\n1 | 2")]


def test_code() -> None:
    """Each definition under its own name, with its decorators and comments; what stands before has none."""
    text = "import os\n\nX = 1\n\n# Says hello.\n@cached\ndef hello():\n    pass\n\n\nclass Big:\n    def inner(self):\n        ...\n"
    assert blocks(text, "m.py") == [
        ("code", 0, "import os\n\nX = 1"),
        ("heading", 1, "hello"),
        ("code", 0, "# Says hello.\n@cached\ndef hello():\n    pass"),
        ("heading", 1, "Big"),
        ("code", 0, "class Big:\n    def inner(self):\n        ..."),
    ]
    go = "package x\n\nfunc (s *Server) Serve() {\n}\n\ntype T struct{}\n"
    assert [text for kind, _, text in blocks(go, "m.go") if kind == "heading"] == ["Serve", ""]
    assert blocks('{"a": 1}', "m.json") == [("code", 0, '{"a": 1}')]


def pdf(*pages: str) -> bytes:
    """Return a PDF with a line of text on each page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for at, text in enumerate(pages):
        lines = " 0 -14 Td ".join(f"({line}) Tj" for line in text.split("\n"))
        stream = f"BT /F1 12 Tf 72 720 Td {lines} ET".encode()
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * at} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF"
        % (size, table, size, len(out))
    )


def test_pdf() -> None:
    """Lines become paragraphs, each with its page; a hyphen at a line's end goes."""
    reading = read(pdf("The exam-\nple goes on\nhere.", "- second page\n- list"), "x.pdf")
    assert [(block.text, block.page) for block in reading.blocks] == [
        ("The example goes on here.", 1),
        ("- second page", 2),
        ("- list", 2),
    ]
    assert [block.page for block in read(pdf("named otherwise"), "x.bin").blocks] == [1]


def test_pdf_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken, encrypted, and one without text are told apart; without pdfium the extra is named."""
    with pytest.raises(UnreadableError, match="broken PDF"):
        read(b"%PDF-1.4 nothing", "x.pdf")
    with pytest.raises(UnreadableError, match="pictures of text"):
        read(pdf(""), "x.pdf")
    locked = pdf("secret").replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R /ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <"
        + b"11" * 32
        + b"> /U <"
        + b"22" * 32
        + b"> >>",
    )
    with pytest.raises(UnreadableError, match="encrypted"):
        read(locked, "x.pdf")

    def missing(name: str, *_: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError) as caught:
        read(pdf("x"), "x.pdf")
    assert "ve_magics[knowledge]" in caught.value.hint


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
A = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)


def zipped(**parts: str | bytes) -> bytes:
    """Return an archive; `__` in a name is a slash, and `_x` its end."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


def docx(body: str, **more: str | bytes) -> bytes:
    """Return a Word file."""
    return zipped(word__document=f"<w:document {W}><w:body>{body}</w:body></w:document>", **more)


def paragraph(text: str, style: str = "") -> str:
    """Return a paragraph of a Word file."""
    looks = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{looks}<w:r><w:t>{text}</w:t></w:r></w:p>"


def test_docx() -> None:
    """Headings by style or outline, tables, tabs and breaks, footnotes; deleted text is left out."""
    styles = (
        f'<w:styles {W}><w:style w:styleId="T"><w:name w:val="Title"/></w:style>'
        '<w:style w:styleId="1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="X"><w:name w:val="own"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>'
    )
    cell = "<w:tc>{}</w:tc>"
    body = (
        paragraph("The Book", "T")
        + paragraph("Chapter", "1")
        + paragraph("Section", "X")
        + "<w:p><w:r><w:t>One</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three</w:t></w:r>"
        + "<w:del><w:r><w:t>gone</w:t></w:r></w:del></w:p>"
        + f"<w:tbl><w:tr>{cell.format(paragraph('a') + paragraph('b'))}{cell.format(paragraph('c'))}</w:tr>"
        + f"<w:tr>{cell.format('')}{cell.format('')}</w:tr></w:tbl>"
        + '<w:p><w:pPr><w:outlineLvl w:val="2"/></w:pPr><w:r><w:t>Deep</w:t></w:r></w:p>'
        + paragraph("表格之后")
    )
    notes = f"<w:footnotes {W}><w:footnote>{paragraph('A note.')}</w:footnote></w:footnotes>"
    data = docx(body, word__styles=styles, word__footnotes=notes)
    assert read(data, "x.docx").title == "The Book"
    assert blocks(data, "x.docx") == [
        ("heading", 1, "The Book"),
        ("heading", 1, "Chapter"),
        ("heading", 2, "Section"),
        ("paragraph", 0, "One\ttwo\nthree"),
        ("table", 0, "a b | c"),
        ("heading", 3, "Deep"),
        ("paragraph", 0, "表格之后"),
        ("paragraph", 0, "A note."),
    ]
    core = "<c><title>From the properties</title></c>"
    assert read(docx(paragraph("x"), docProps__core=core), "x.docx").title == "From the properties"


def slide(title: str, text: str) -> str:
    """Return a slide."""
    shape = '<p:sp><p:nvPr><p:ph type="{}"/></p:nvPr><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:sp>'
    table = "<a:tbl><a:tr><a:tc><a:p><a:r><a:t>k</a:t></a:r></a:p></a:tc><a:tc><a:p/></a:tc></a:tr></a:tbl>"
    return (
        f"<p:sld {A}>{shape.format('body', text)}{shape.format('sldNum', '7')}{shape.format('title', title)}"
        f"{table}</p:sld>"
    )


def test_pptx() -> None:
    """Slides in the order in which they are shown, the title first, tables, and the notes at the end."""
    relation = '<Relationship Id="{}" Type="http://x/{}" Target="{}"/>'
    data = zipped(
        ppt__presentation=f'<p:presentation {A}><p:sldId r:id="b"/><p:sldId r:id="a"/></p:presentation>',
        **{
            "ppt/_rels/presentation.xml.rels": "",
            "ppt__slides__slide1": slide("First", "one"),
            "ppt__slides__slide2": slide("Second", "two"),
            "ppt__notesSlides__notesSlide1": f"<p:notes {A}><p:sp><a:p><a:r><a:t>Say it.</a:t></a:r></a:p></p:sp></p:notes>",
        },
    )
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as file:
        rows = relation.format("a", "slide", "slides/slide1.xml") + relation.format(
            "b", "slide", "/ppt/slides/slide2.xml"
        )
        file.writestr("ppt/_rels/presentation.xml.rels", f"<R>{rows}</R>")
        notes = relation.format("n", "notesSlide", "../notesSlides/notesSlide1.xml")
        file.writestr("ppt/slides/_rels/slide1.xml.rels", f"<R>{notes}</R>")
    assert [(block.kind, block.text, block.page) for block in read(out.getvalue(), "x.pptx").blocks] == [
        ("heading", "Second", 1),
        ("paragraph", "two", 1),
        ("table", "k | ", 1),
        ("heading", "First", 2),
        ("paragraph", "one", 2),
        ("table", "k | ", 2),
        ("paragraph", "Say it.", 2),
    ]
    lone = zipped(ppt__slides__slide2=slide("B", "x"), ppt__slides__slide1=slide("A", "y"))
    assert [text for kind, _, text in blocks(lone, "x.pptx") if kind == "heading"] == ["A", "B"]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><w:document><w:t>&b;</w:t></w:document>'


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "x.docx", "encrypted or in an old format"),
        (b"PK nonsense", "x.docx", "broken"),
        (zipped(other="<a/>"), "x.docx", "no Word document"),
        (zipped(other="<a/>"), "x.pptx", "no presentation"),
        (zipped(word__document="<a><b></a>"), "x.docx", "its XML is broken"),
        (zipped(word__document=BOMB), "x.docx", "declares a document type"),
        (zipped(word__document="<a>" * 500 + "</a>" * 500), "x.docx", "nested too deep"),
        (docx(""), "x.docx", "holds no text"),
        (zipped(word__document="<a/>")[:60], "x.docx", "broken"),
        (b"", "x.txt", "is empty"),
        (b"\x7fELF" + b"\0\1" * 5000, "x.txt", "binary"),
        (b"\xff\xfe\x00", "x.txt", "marked as utf-16"),
        (bytes(range(128, 256)) * 4, "x.txt", "no text in UTF-8"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, name: str, why: str) -> None:
    """Encrypted, broken, exploding, empty, binary: each is named, none is read."""
    with pytest.raises(UnreadableError, match=why):
        read(data, name)


def test_a_zip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that unpacks to more than the bound is refused before it is whole in memory."""
    monkeypatch.setattr(archive, "MOST_PART", 1 << 20)
    bomb = docx("<w:p>" + " " * (8 << 20) + "</w:p>")
    assert len(bomb) < 100_000
    with pytest.raises(UnreadableError, match="unpacks to more than 1 MiB"):
        read(bomb, "x.docx")


def test_a_damaged_part_is_told() -> None:
    """An archive whose list is whole and whose part is not."""
    data = bytearray(docx(paragraph("some words " * 200)))
    at = data.index(b"word/document.xml") + 40
    data[at : at + 20] = b"\xff" * 20
    with pytest.raises(UnreadableError, match="broken"):
        read(bytes(data), "x.docx")


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("plain", "utf-8", ""),
        ("中文", "utf-8", ""),
        ("marked 中文", "utf-8-sig", ""),
        ("marked 中文", "utf-16", "utf-16"),
        ("marked 中文", "utf-32", "utf-32"),
        ("plain text", "utf-16-le", "utf-16-le"),
        ("plain text", "utf-16-be", "utf-16-be"),
        ("这是一个用国标编码保存的文件，里面有中文。", "gb18030", "gb18030"),
        ("這是一個用大五碼保存的檔案，裡面有中文。", "big5", "big5"),
        ("これは日本語のテキストファイルです。", "shift_jis", "shift_jis"),
        ("これは日本語のテキストファイルです。", "euc_jp", "euc_jp"),
        ("用国标编码保存的文件，里面有中文。", "gb18030", "gb18030"),
        ("이것은 한국어로 된 문서입니다.", "euc_kr", "euc_kr"),
        ("Le café était fermé, “déjà vu”.", "cp1252", "cp1252"),
    ],
)
def test_encodings(text: str, encoding: str, named: str) -> None:
    """Text in an older encoding is read, and the encoding is told."""
    assert decoded(text.encode(encoding)) == (text, named)


def test_a_file_that_ends_within_a_character_is_read() -> None:
    """The half character is left out, and that is told."""
    text, note = decoded(("中文" * 400).encode()[:-1])
    assert text == ("中文" * 400)[:-1]
    assert "cut off" in note


def test_text_is_kept_in_plain_characters() -> None:
    """Ligatures, radicals and wide letters become plain; powers and Chinese punctuation stay; nothing invisible."""
    assert clean("ﬁx ⽹关 Ｆ１ x² ①，。\u00ad\ufeff\r\nend\u2028\x0c.") == "fix 网关 F1 x² ①，。\nend\n\n."


def test_a_file_of_headings_alone_is_text() -> None:
    """Nothing is lost where there is nothing below."""
    assert blocks("# Only\n## Headings", "x.md") == [("paragraph", 0, "Only"), ("paragraph", 0, "Headings")]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a.md", True),
        ("A.PDF", True),
        ("b.png", False),
        ("Makefile", True),
        ("odd", False),
        (".hidden", False),
    ],
)
def test_what_a_folder_is_searched_for(name: str, known: bool) -> None:
    """By the end of the name, or a name that everybody knows."""
    assert readable(name) is known


@given(
    st.binary(max_size=400),
    st.sampled_from([".md", ".html", ".docx", ".pptx", ".pdf", ".ipynb", ".csv", ".py", ".txt"]),
)
def test_no_bytes_break_a_reader(data: bytes, suffix: str) -> None:
    """Whatever a file holds, it is read or refused in words."""
    with suppress(UnreadableError):
        assert read(data, f"x{suffix}").blocks


def test_readers_look_at_the_repository(request: pytest.FixtureRequest) -> None:
    """This project's own documents and code are read."""
    root = Path(request.config.rootpath)
    for path in (
        root / "docs" / "chat.md",
        root / "docs" / "video.md",
        root / "README.zh-CN.md",
        root / "notebooks" / "quickstart.ipynb",
    ):
        assert read(path.read_bytes(), path.name).title
