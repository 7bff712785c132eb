"""A question to passages: two orders joined, the best put in order, and words alone where nothing else can be had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.knowledge.rewriting import LONGEST, read, request_of
from ve_magics.engine.knowledge.searching import Ways, fused, search
from ve_magics.errors import ServerError
from ve_magics.messages import assistant, user
from ve_magics.store.knowledge import Document, Hit, Passage, Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

pytestmark = pytest.mark.anyio
MEANING = {"car": [1.0, 0.0, 0.1], "auto": [1.0, 0.1, 0.0], "fish": [0.0, 1.0, 0.0]}


async def embed(texts: Sequence[str]) -> list[list[float]]:
    """Return vectors by what texts are about."""
    return [
        next((vector for word, vector in MEANING.items() if word in text), [0.0, 0.0, 1.0]) for text in texts
    ]


async def broken(*_: object) -> Any:
    """Fail."""
    raise ServerError("It is down.", status=503, hint="Wait.")


@pytest.fixture
async def store(tmp_path: Path) -> SqliteKnowledge:
    """Return a store of three passages and a copy of one."""
    store = SqliteKnowledge(tmp_path / "x.sqlite")
    with store.building() as writer:
        for name, text in {
            "a": "an auto on the road",
            "b": "a fish in the sea",
            "c": "road works",
            "d": "road  works",
        }.items():
            writer.put(Document(source=name, name=name), [Passage(text=text)])
        rows = writer.unembedded("m", 10)
        vectors = await embed([text for _, text in rows])
        writer.put_vectors("m", [(digest, vector) for (digest, _), vector in zip(rows, vectors, strict=True)])
        writer.finish(Setting(model="m"))
    return store


async def test_meaning_is_found_where_words_differ(store: SqliteKnowledge) -> None:
    """Vectors bring what shares no word with the question; words alone don't."""
    assert [one.name for one in (await search(store, "car", 5)).passages] == []
    found = await search(store, "car", 5, Ways(embed))
    assert found.passages[0].name == "a"
    assert found.notes == ()


async def test_the_same_text_comes_once(store: SqliteKnowledge) -> None:
    """A copy of a passage takes no place."""
    assert [one.text for one in (await search(store, "works", 5)).passages] == ["road works"]


async def test_without_vectors_words_decide_and_that_is_told(store: SqliteKnowledge) -> None:
    """A provider that fails doesn't end the search."""
    found = await search(store, "road", 5, Ways(broken, broken))
    assert {one.name for one in found.passages} == {"a", "c"}
    assert found.notes[0] == "Found by words alone, without vectors: It is down. Wait."
    assert found.notes[1] == "Not put in order by a model: It is down. Wait."


async def test_a_ranking_model_has_the_last_word(store: SqliteKnowledge) -> None:
    """Its order is the order, with its scores; a place that isn't there is passed over."""

    async def rerank(query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        assert query == "road"
        return [(9, 1.0), *((at, 0.5 - at) for at in reversed(range(len(texts))))]

    plain = await search(store, "road", 5)
    found = await search(store, "road", 5, Ways(rerank=rerank))
    assert [one.name for one in found.passages] == [one.name for one in reversed(plain.passages)]
    assert found.passages[0].score == -0.5
    assert len((await search(store, "road", 1, Ways(rerank=rerank))).passages) == 1


def test_high_in_both_orders_is_best() -> None:
    """Reciprocal rank fusion: second in two orders beats first in one."""
    scores = fused([[Hit(1, 9.0), Hit(2, 8.0)], [Hit(3, 0.9), Hit(2, 0.8)]])
    assert [*scores] == [2, 1, 3]


def test_a_follow_up_question_is_asked_with_the_conversation() -> None:
    """The model sees what was said, cut where it is long, and the last question."""
    history = [user("How does the pump start?"), assistant("Open the valve. " * 200)]
    rules, asked = request_of(history, "And stop?")
    assert "stands alone" in rules.text
    assert "Question: How does the pump start?" in asked.text
    assert asked.text.endswith("The last question: And stop?")
    assert len(asked.text) < 2_000


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('"How does the pump stop?"', "How does the pump stop?"),
        ("The last question: How does the pump stop?", "How does the pump stop?"),
        ("水泵如何停止？\n", "水泵如何停止？"),
        ("Well.\nIt stops.", "And stop?"),
        ("x" * (LONGEST + 1), "And stop?"),
        ("", "And stop?"),
    ],
)
def test_what_is_no_question_is_not_looked_for(answer: str, expected: str) -> None:
    """Where the model answers or chats instead, the question itself is looked for."""
    assert read(answer, "And stop?") == expected
