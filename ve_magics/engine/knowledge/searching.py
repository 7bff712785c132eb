"""From a question to the passages that may answer it: by words and by vectors, the two orders joined."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from ve_magics.engine.knowledge.indexing import Embed
from ve_magics.errors import VeError
from ve_magics.store.knowledge import Hit, KnowledgeStore, Passage

DEEP = 60
"""Passages that each way of searching brings at least."""
RERANKED = 30
"""Passages that are put in order by a model that ranks, where there is one."""
_FUSION = 60
"""Reciprocal rank fusion's constant: how little the very first places count for more than the next ones."""

Rerank = Callable[[str, Sequence[str]], Awaitable[Sequence[tuple[int, float]]]]
"""Returns the places of texts in the order in which they fit a question, with their scores."""


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a search has found.

    Attributes:
        passages: Best first.
        notes: What went less well than it could have.
    """

    passages: tuple[Passage, ...] = ()
    notes: tuple[str, ...] = ()


class Ways(NamedTuple):
    """By what is searched besides words.

    Attributes:
        embed: Makes the question's vector with the base's own model; None searches words alone.
        rerank: Puts the best in order; None leaves the joined order.
    """

    embed: Embed | None = None
    rerank: Rerank | None = None


async def search(store: KnowledgeStore, query: str, k: int, ways: Ways = Ways()) -> Found:  # noqa: B008 - frozen
    """Return the passages that fit a question best.

    What needs a model and can't have it is told in the notes, and words alone decide.

    Args:
        store: The knowledge base.
        query: The question.
        k: How many passages at most.
        ways: By what is searched besides words.

    Raises:
        StoreError: The store can't be read.
    """
    notes: list[str] = []
    depth = max(DEEP, 4 * k)
    orders = [await asyncio.to_thread(store.by_words, query, depth)]
    model = store.setting.model
    if ways.embed is not None and model and query.strip():
        try:
            (vector,) = await ways.embed([query])
            orders.append(await asyncio.to_thread(store.by_vector, model, vector, depth))
        except VeError as error:
            notes.append(f"Found by words alone, without vectors: {error.message} {error.hint}".rstrip())
    scores = fused(orders)
    found = await asyncio.to_thread(store.passages, [*scores])
    found = different(msgspec.structs.replace(one, score=round(scores[one.id], 6)) for one in found)
    if ways.rerank is not None and len(found) > 1:
        first = found[: max(RERANKED, k)]
        try:
            order = await ways.rerank(query, [passage.embedded for passage in first])
            found = [
                msgspec.structs.replace(first[at], score=score) for at, score in order if at < len(first)
            ]
        except VeError as error:
            notes.append(f"Not put in order by a model: {error.message} {error.hint}".rstrip())
    return Found(tuple(found[:k]), tuple(notes))


def fused(orders: Sequence[Sequence[Hit]]) -> dict[int, float]:
    """Return the passages of several orders by one joined score, best first: high in many is best."""
    scores: dict[int, float] = {}
    for order in orders:
        for place, hit in enumerate(order, 1):
            scores[hit.id] = scores.get(hit.id, 0.0) + 1 / (_FUSION + place)
    return dict(sorted(scores.items(), key=lambda entry: -entry[1]))


def different(passages: Iterable[Passage]) -> list[Passage]:
    """Return passages without those that say the same as one before them, from copies of a file say."""
    seen: set[str] = set()
    kept = []
    for passage in passages:
        if (text := " ".join(passage.text.split())) not in seen:
            seen.add(text)
            kept.append(passage)
    return kept
