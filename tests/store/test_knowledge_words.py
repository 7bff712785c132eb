"""Words as the lexical index knows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.store.knowledge_words import asked, indexed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("缓存命中", "缓存 存命 命中 中"),
        ("东京タワー", "东京 京タ タワ ワー ー"),
        ("2013年于乐", "2013 年于 于乐 乐"),
        ("The Pump's valve", "the pump s valve"),
        ("create_video", "create_video create video"),
        ("AsyncClient HTTPServer", "asyncclient async client httpserver http server"),
        ("ﬁle ⽹关 Ｆｕｌｌ", "file 网关 关 full"),
        ("__init__ ___", "init"),
        ("", ""),
    ],
)
def test_words_of_a_text(text: str, words: str) -> None:
    """Pairs of characters where there are no spaces, words elsewhere, names in their parts, all in plain characters."""
    assert indexed(text) == words


@pytest.mark.parametrize(
    ("question", "words"),
    [("缓存", ["缓存"]), ("缓", ["缓*"]), ("缓存 缓存 hit", ["缓存", "hit"]), ("?!", [])],
)
def test_words_of_a_question(question: str, words: list[str]) -> None:
    """Each word once; one character alone is looked for as the begin of a pair."""
    assert asked(question) == words


@given(st.text(max_size=60))
def test_whatever_is_asked_is_in_the_index_of_the_same_text(text: str) -> None:
    """A text is found by its own words."""
    held = indexed(text).split(" ")
    for word in asked(text):
        assert (
            any(one.startswith(word.removesuffix("*")) for one in held)
            if word.endswith("*")
            else word in held
        )
