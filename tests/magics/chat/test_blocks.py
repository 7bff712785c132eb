"""Markdown that is still being written, cut into what is finished and what may grow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.magics.chat.blocks import BlockSplitter

LINES = st.lists(
    st.sampled_from(
        [
            "",
            "",
            "a",
            "中文",
            "- a",
            "  b",
            "1. x",
            "> q",
            "| a |",
            "|---|",
            "```",
            "```py",
            "~~~",
            "    c",
            "$$",
            "x$$y",
            "\\[",
            "\\]",
            "<!--",
            "-->",
            "# h",
            "[a]: b",
            "\t- ```",
            " ",
        ]
    ),
    max_size=40,
).map("\n".join)


@given(LINES, st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_nothing_is_lost_however_the_text_is_split(text: str, sizes: list[int]) -> None:
    """The blocks and the tail are the text, exactly; and the same blocks come however it was split."""
    pieces, splitter, blocks, at = iter(sizes * len(text)), BlockSplitter(), [], 0
    while at < len(text):
        size = next(pieces)
        blocks += splitter.feed(text[at : at + size])
        at += size
    assert "".join(blocks) + splitter.tail == text
    whole = BlockSplitter()
    assert whole.feed(text) == blocks
    assert whole.tail == splitter.tail


@pytest.mark.parametrize(
    "block",
    [
        "```py\na\n\nb\n",
        "````\n```\n\n```\n",
        "~~~\n```\n\n",
        "- a\n\n- b\n\n  more\n\n- c\n\n",
        "1. a\n\n   ```\n   x\n\n   y\n   ```\n\n2. b\n\n",
        "> a\n\n> b\n",
        "| a |\n|---|\n| b |\n",
        "$$\na\n\nb\n",
        "\\[\na\n\nb\n",
        "<!-- a\n\nb\n",
        "para\ngoes on\n",
    ],
)
def test_no_cut_inside_of_a_block(block: str) -> None:
    """Fences, lists, quotes, tables, formulas, comments and paragraphs are never cut."""
    splitter = BlockSplitter()
    assert splitter.feed("before\n\n" + block) == ["before\n\n"]
    assert splitter.tail == block


def test_blocks_are_finished_as_soon_as_they_can_be() -> None:
    """A paragraph ends where the next block begins, a fence with its own end."""
    splitter = BlockSplitter()
    assert splitter.feed("a\n\nb\n") == ["a\n\n"]
    assert splitter.feed("\n```\nx\n```\n") == ["b\n\n", "```\nx\n```\n"]
    assert splitter.feed("- a\n\n- b\n\nend\n") == ["- a\n\n- b\n\n"]
    assert splitter.feed("\n> q\n\nx\n") == ["end\n\n", "> q\n\n"]
    assert splitter.feed("\n$$a$$\n\n\\[ b \\]\n\nc\n") == ["x\n\n", "$$a$$\n\n", "\\[ b \\]\n\n"]


def test_a_stray_mark_of_a_formula_holds_nothing_up_for_ever() -> None:
    """After some thousand characters an opened formula counts as a stray mark."""
    splitter = BlockSplitter()
    assert splitter.feed("$$ is a mark\n\n" + "word word\n\n" * 2000)


def test_definitions_are_kept_for_later_blocks() -> None:
    """A link's definition serves the blocks behind it."""
    splitter = BlockSplitter()
    splitter.feed("[a]: https://b.c\n\ntext [a]\n\nmore")
    assert splitter.definitions == ["[a]: https://b.c\n"]


def test_the_work_is_in_proportion_to_the_text() -> None:
    """A million characters of one line, fed in pieces, take no more than a moment."""
    splitter = BlockSplitter()
    began = time.process_time()
    for _ in range(200_000):
        splitter.feed("abcde")
    assert len(splitter.tail) == 1_000_000
    assert time.process_time() - began < 2
