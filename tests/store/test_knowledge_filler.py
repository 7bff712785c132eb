"""Words of a question that tell nothing are not looked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.store.knowledge_filler import is_filler, telling
from ve_magics.store.knowledge_words import asked


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How do I reset the pump?", ["reset", "pump"]),
        ("Why doesn't it start?", ["start"]),
        ("What's the pump’s weight, and how do I use re?", ["pump", "weight", "use", "re"]),
        ("缓存怎么清理？", ["缓存", "清理"]),
        ("为什么我的 cache 会失效呢", ["cache", "会失", "失效"]),
        ("请问泵的电压是多少", ["问泵", "泵的", "电压", "压是"]),
    ],
)
def test_a_question_is_asked_by_what_it_is_about(question: str, words: list[str]) -> None:
    """English and Chinese; what a manual would not say is left out."""
    assert sorted(asked(question)) == sorted(words)


@pytest.mark.parametrize("question", ["How do I?", "为什么", "what is it", "怎么办呢"])
def test_a_question_of_nothing_else_keeps_its_words(question: str) -> None:
    """So that something is found at all."""
    assert asked(question)


def test_capitals_are_names() -> None:
    """US and IT are more than us and it; I is not."""
    assert asked("the US plan for IT that I want") == ["us", "plan", "it", "want"]
    assert is_filler("I")


@pytest.mark.parametrize(
    ("run", "pair"), [("目的地", "目的"), ("的确如此", "的确"), ("为了性能", "为了"), ("了解内核", "了解")]
)
def test_words_that_only_look_like_it_stay(run: str, pair: str) -> None:
    """的 and 了 are parts of words, too."""
    assert pair in telling(run)


def test_a_character_between_them_keeps_its_pairs() -> None:
    """改 alone would be any word that begins with it; 怎么改 keeps what stands around it."""
    assert telling("怎么改") == ["么改"]
    assert telling("我的思想") == ["思想"]


@given(st.text(alphabet="怎么改的我缓存了吗为什能不可以", min_size=2, max_size=12))
def test_pairs_are_those_of_the_run_in_order(run: str) -> None:
    """Nothing is made up, nothing comes twice at one place."""
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    rest = iter(pairs)
    assert all(pair in rest for pair in telling(run))
