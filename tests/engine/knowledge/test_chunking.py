"""Passages: nothing is lost, the order stays, none is too large, each knows its headings, page and line."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ve_magics.engine.knowledge.chunking import LONGEST_HEADING, MOST, passages, tokens
from ve_magics.engine.knowledge.readers.blocks import Block

WORDS = st.integers(0, 10**6).map(lambda number: f"w{number}x")
SENTENCES = st.lists(WORDS, min_size=1, max_size=30).map(lambda words: " ".join(words).capitalize() + ".")
CHINESE = st.integers(1, 400).map(
    lambda size: "".join(chr(0x4E00 + at * 7 % 5000) for at in range(size)) + "。"
)
TEXTS = st.lists(SENTENCES | CHINESE, min_size=1, max_size=40).map(" ".join)
BLOCKS = st.builds(
    lambda text, kind, level, page: Block(
        text if kind != "table" else text.replace(". ", ".\n"),
        kind,
        level if kind == "heading" else 0,
        page,
        1,
    ),
    TEXTS,
    st.sampled_from(["heading", "paragraph", "paragraph", "code", "table"]),
    st.integers(1, 4),
    st.integers(0, 3),
)


def said(text: str) -> list[str]:
    """Return the words of a text, and its Chinese characters."""
    return re.findall(r"[A-Za-z0-9]+|[\u4e00-\u9fff]", text)


@settings(max_examples=80)
@given(st.lists(BLOCKS, max_size=12))
def test_nothing_is_lost_and_the_order_stays(blocks: list[Block]) -> None:
    """Every word of every block stands in the passages, with their headings, in the order of the document."""
    out: list[str] = []
    before: tuple[str, ...] = ()
    for passage in passages(blocks):
        same = next((at for at, (a, b) in enumerate(zip(before, passage.heading)) if a != b), None)  # noqa: B905
        fresh = passage.heading[same if same is not None else min(len(before), len(passage.heading)) :]
        out += [word for text in fresh for word in said(text)] + said(passage.text)
        before = passage.heading
    given_words = [word for block in blocks for word in said(block.text)]
    assert set(given_words) == set(out)
    counts = Counter(given_words)
    places = [out.index(word) for word in given_words if counts[word] == 1]
    assert places == sorted(places)


@settings(max_examples=80)
@given(st.lists(BLOCKS, max_size=12))
def test_no_passage_is_larger_than_the_bound(blocks: list[Block]) -> None:
    """Whatever the blocks are like."""
    for passage in passages(blocks):
        assert passage.text.strip()
        assert tokens(passage.text) <= MOST
        assert all(len(heading) <= LONGEST_HEADING for heading in passage.heading)


@settings(max_examples=60)
@given(st.lists(BLOCKS, max_size=8))
def test_a_passage_lies_on_one_page(blocks: list[Block]) -> None:
    """The words of a passage come from blocks of its page."""
    held: dict[int, set[str]] = {}
    for block in blocks:
        held.setdefault(block.page, set()).update(said(block.text))
    for passage in passages(blocks):
        assert set(said(passage.text)) <= held[passage.page]


def one(text: str, kind: Any = "paragraph", level: int = 0, page: int = 0, line: int = 0) -> Block:
    """Return a block."""
    return Block(text, kind, level, page, line)


def test_headings_make_a_path() -> None:
    """A deeper heading goes below, an equal one replaces, and one without anything under it is a passage itself."""
    cut = passages(
        [
            one("Guide", "heading", 1, line=1),
            one("Intro.", line=2),
            one("Install", "heading", 2, line=3),
            one("Linux", "heading", 3, line=4),
            one("apt.", line=5),
            one("Empty", "heading", 3, line=6),
            one("Use", "heading", 2, line=7),
            one("Run.", line=8),
            one("End", "heading", 1, line=9),
        ]
    )
    assert [(passage.heading, passage.text, passage.line) for passage in cut] == [
        (("Guide",), "Intro.", 2),
        (("Guide", "Install", "Linux"), "apt.", 5),
        (("Guide", "Install"), "Empty", 6),
        (("Guide", "Use"), "Run.", 8),
        ((), "End", 9),
    ]


def test_small_blocks_share_a_passage() -> None:
    """Paragraphs under one heading stand together up to the bound."""
    cut = passages([one("One.", line=1), one("Two.", line=3), one("x" * 1590, line=5), one("Last.", line=7)])
    assert [(passage.text[:4], passage.line) for passage in cut] == [("One.", 1), ("xxxx", 5), ("Last", 7)]


def test_a_long_paragraph_is_cut_between_sentences_and_repeats_one() -> None:
    """The last sentence is said again, so that what spans the cut is found."""
    sentences = [f"Sentence {number} says what it says." for number in range(80)]
    cut = passages([one(" ".join(sentences), line=4)])
    assert len(cut) > 1
    assert all(passage.text.rstrip().endswith(".") for passage in cut)
    last = cut[0].text.rstrip().rpartition("Sentence")[2]
    assert cut[1].text.startswith(f"Sentence{last}")


def test_a_long_table_repeats_its_head() -> None:
    """Each part of a table begins with its head, and lines are counted on."""
    rows = "\n".join(f"row {number} | {number * number}" for number in range(300))
    cut = passages([one(f"name | square\n{rows}", "table", line=10)])
    assert len(cut) > 2
    assert all(passage.text.startswith("name | square\nrow") for passage in cut)
    assert [passage.line for passage in cut] == [
        11 + int(passage.text.split("\n")[1].split()[1]) for passage in cut
    ]
    wide = passages([one("h" * 900 + "\n" + rows, "table")])
    assert sum(passage.text.count("h" * 100) for passage in wide) == 9


def test_code_is_cut_between_lines() -> None:
    """A line of code stays whole, and its number is known."""
    code = "\n".join(f"value_{number} = compute({number})" for number in range(200))
    cut = passages([one(code, "code", line=1)])
    assert "\n".join(passage.text for passage in cut) == code
    assert [passage.line for passage in cut][1] == 1 + cut[0].text.count("\n") + 1


def test_one_endless_word_is_cut_all_the_same() -> None:
    """Text without any place to cut is cut where it must be."""
    cut = passages([one("永" * 3000)])
    assert "".join(passage.text for passage in cut) == "永" * 3000
