"""Cited answers as a cell shows them."""

from __future__ import annotations

import re

import pytest

from ve_magics.engine.knowledge.citing import Citation, Cited, read
from ve_magics.engine.library import link_of
from ve_magics.magics.knowledge.citations import bundle, listed
from ve_magics.store.knowledge import Passage

GUIDE = Passage(
    text="Turn the key.\nThen wait.",
    source="docs/my guide.pdf",
    name="my guide.pdf",
    heading=("Start",),
    page=3,
)


def shown(text: str, *passages: Passage) -> str:
    """Return the Markdown of an answer."""
    return bundle(read(text, passages))["text/markdown"]


def test_numbers_lead_to_source_and_page() -> None:
    """In the text, in the list of sources, and above the passage that can be unfolded."""
    data = bundle(read('Turn it [1].\n=== QUOTES ===\n[1] "Turn the key."', [GUIDE]), ["A note."])
    assert data["text/markdown"] == (
        "Turn it [&#91;1&#93;](docs/my%20guide.pdf#page=3).\n\n"
        "**Sources**\n\n"
        "- &#91;1&#93; [my guide.pdf › Start&#44; page 3](docs/my%20guide.pdf#page=3): “Turn the key.”\n\n"
        "<details><summary>The passages</summary>\n\n"
        "**&#91;1&#93; [my guide.pdf › Start&#44; page 3](docs/my%20guide.pdf#page=3)**\n\n"
        "> Turn the key.  \n> Then wait.  \n\n"
        "</details>\n\n"
        "*A note.*"
    )
    assert data["text/plain"] == (
        "Turn it [1].\n\nSources\n[1] my guide.pdf › Start, page 3: “Turn the key.”\n\n! A note."
    )


def test_numbers_in_code_stay_code() -> None:
    """An index is no citation, also beside one."""
    text = shown("Use `a[1]` as [1] says.", GUIDE)
    assert "`a[1]` as [&#91;1&#93;](docs" in text


def test_a_model_cannot_lead_a_number_elsewhere() -> None:
    """A definition of a link, or private characters, change nothing about where a number leads."""
    text = shown("See [1].\n\n[1]: https://evil.example/x\n\n\ue0009\ue001", GUIDE)
    assert "](https://evil" not in text
    assert text.startswith("See [&#91;1&#93;](docs/")


HOSTILE = (
    "<script>alert(1)</script>",
    "</details><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "# Heading\n===\n---\n- item\n1. one\n+ two\n> quote",
    "```\ncode\n```\n</details>\n<script>alert(1)</script>\n````",
    "  indented <b>code</b>\n~~~\nmore",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_document_stays_inside_its_quotation(text: str) -> None:
    """What a document holds is shown as it is written: no tag, link, picture, heading or end of the unfolding."""
    first = text.partition("\n")[0]
    evil = Passage(text=text, name=first, source="docs/x.md", heading=(first,))
    cited = Cited("It says [1].", (Citation(1, evil, (text,), False),))
    markdown = bundle(cited)["text/markdown"]
    inside = markdown.partition("<summary>The passages</summary>")[2]
    unfenced = re.sub(r"^(`{3,})text\n.*?\n\1$", "", inside, flags=re.MULTILINE | re.DOTALL)
    for line in unfenced.split("\n"):
        if line not in ("</details>", ""):
            assert line.startswith((">", "**&#91;", "*")), line
            assert "<" not in line
            assert "![" not in line
    assert unfenced.count("</details>") == 1
    head = markdown.partition("<details>")[0]
    assert "<" not in head
    assert "](javascript" not in markdown
    assert "evil.example" not in head or "](https://evil" not in head


def test_doubts_are_told() -> None:
    """A quote that isn't there, a citation without one, a number without a passage, and no citation at all."""
    text = shown('A [1]. B [2]. C [9].\n=== QUOTES ===\n[1] "not in there at all"', GUIDE, GUIDE)
    assert "[&#91;1&#93;](docs/my%20guide.pdf#page=3)⚠" in text
    assert "**⚠ unverified: these words are not in the passage**" in text
    assert "**⚠ unverified: the model has not said which words it rests on**" in text
    assert "- &#91;9&#93; ⚠ unverified: there is no passage of this number" in text
    assert "Nothing is cited" in shown("No idea.", GUIDE)
    assert "<details>" not in shown("Only [9].", GUIDE)


def test_long_quotes_are_cut_where_they_are_shown() -> None:
    """The whole passage can be unfolded anyway."""
    long = Passage(text="word " * 200, name="x")
    markdown = bundle(Cited("A [1].", (Citation(1, long, ("word " * 200,), True),)))["text/markdown"]
    assert "…”" in markdown
    assert "&#91;1&#93; x: “word word" in markdown


def test_what_a_search_found() -> None:
    """Each passage with its place; notes at the end."""
    data = listed([GUIDE], ["By words alone."])
    assert (
        data["text/plain"]
        == "[1] my guide.pdf › Start, page 3\nTurn the key.\nThen wait.\n\n! By words alone."
    )
    assert data["text/markdown"].endswith("> Turn the key.  \n> Then wait.  \n\n*By words alone.*")


@pytest.mark.parametrize(
    ("passage", "link"),
    [
        (GUIDE, "docs/my%20guide.pdf#page=3"),
        (Passage(text="x", source="https://x.example/a?b=1", name="a"), "https://x.example/a?b=1"),
        (Passage(text="x", source="slides.pptx", name="a", page=2), "slides.pptx"),
        (Passage(text="x", name="a"), ""),
    ],
)
def test_where_a_source_can_be_opened(passage: Passage, link: str) -> None:
    """A path from the notebook's folder, an address, or nowhere."""
    assert link_of(passage) == link
