"""The measures by which retrieval is judged, against figures worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.bench.retrieval import Collection, load, measured, plain_bm25, terms

pytestmark = pytest.mark.anyio


def _collection(grades: dict[str, dict[str, int]], corpus: dict[str, str] | None = None) -> Collection:
    texts = corpus or dict.fromkeys("abcdefghijkl", "text")
    return Collection(
        "made up", {one: ("", text) for one, text in texts.items()}, {q: q for q in grades}, grades
    )


async def test_a_right_answer_counts_by_its_place() -> None:
    """The one relevant document in third place: nothing at 1, all at 5, 1/log2(4) of the ideal gain, 1/3 by place."""

    async def found(query: str) -> list[str]:
        return ["x", "y", "a", "z"]

    figures = await measured(_collection({"q": {"a": 1}}), found)
    assert (figures["recall@1"], figures["recall@5"], figures["recall@10"]) == (0, 1, 1)
    assert (figures["nDCG@10"], figures["MRR@10"]) == (0.5, round(1 / 3, 4))


async def test_what_is_missing_and_what_is_late_lower_the_figures() -> None:
    """Two relevant documents, one found first and one never; and a question whose answer comes eleventh."""

    async def found(query: str) -> list[str]:
        return ["a", "x"] if query == "q" else [*"bcdefghijka"]

    figures = await measured(_collection({"q": {"a": 1, "b": 1}, "r": {"a": 1}}), found)
    assert (figures["recall@1"], figures["recall@10"], figures["MRR@10"]) == (0.25, 0.25, 0.5)
    assert figures["nDCG@10"] == round(1 / (1 + 1 / math.log2(3)) / 2, 4)


async def test_a_higher_grade_is_wanted_first() -> None:
    """Grades 2 and 1 in the wrong order: less than the ideal, more than without the better one."""

    async def found(query: str) -> list[str]:
        return ["b", "a"]

    figures = await measured(_collection({"q": {"a": 2, "b": 1}}), found)
    assert figures["nDCG@10"] == round((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)), 4)


async def test_plain_bm25_weighs_rare_words_and_short_texts() -> None:
    """The document with the rare word comes first, then the shorter of those with the common one."""
    corpus = {"long": "cat " + "dog " * 9, "short": "cat", "rare": "cat 缓存失效"}
    found = plain_bm25(_collection({}, corpus))
    assert await found("缓存 cat") == ["rare", "short", "long"]
    assert await found("nothing of it") == []


def test_words_of_the_control_are_words_and_pairs() -> None:
    """Lower case, and Chinese in pairs; one character alone stays."""
    assert terms("A Cache缓存中，的") == ["a", "cache", "缓存", "存中", "的"]


def test_questions_without_an_answer_are_passed_over(tmp_path: Path) -> None:
    """A grade of 0 and a document that isn't there are no answers."""
    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "text": "x"}\n', "utf-8")
    (tmp_path / "queries.jsonl").write_text(
        "".join(f'{{"_id": "{one}", "text": "{one}"}}\n' for one in ("q", "r", "s")), "utf-8"
    )
    (tmp_path / "qrels.tsv").write_text("query\tdocument\tscore\nq\ta\t1\nr\ta\t0\ns\tgone\t1\n", "utf-8")
    assert [*load(tmp_path, 0).queries] == ["q"]
