"""Embeddings and reranking."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.sim.vectors import DIMENSIONS, relevance, vector

Make = Callable[..., Any]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@given(st.text(min_size=1), st.integers(1, 64))
def test_every_vector_has_length_one(text: str, size: int) -> None:
    """Whatever the text, its vector can be compared by its cosine, and is the same every time."""
    numbers = vector(text, size)
    assert len(numbers) == size
    assert math.isclose(math.hypot(*numbers), 1.0, rel_tol=1e-4)
    assert numbers == vector(text, size)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("Where do foxes live?", "A fox lives in a den.", "Joins combine the rows of two tables."),
        ("如何训练神经网络", "神经网络用反向传播训练", "今天的天气很好"),
    ],
)
def test_texts_that_share_words_lie_close(query: str, near: str, far: str) -> None:
    """Both measures put the text that fits before the one that doesn't, in both languages."""
    assert cosine(vector(query), vector(near)) > cosine(vector(query), vector(far)) + 0.1
    first, second = relevance(query, [near, far])
    assert first > second


@pytest.mark.anyio
async def test_embeddings_come_as_numbers_or_packed(simulated: Make) -> None:
    """base64 holds the same little-endian floats as the list; the order is that of the inputs."""
    ask = simulated()
    body = {"model": "embed", "input": ["one fish", "two fish"]}
    plain = (await ask("/v1/embeddings", body)).json
    packed = (await ask("/v1/embeddings", {**body, "encoding_format": "base64"})).json
    for row, other in zip(plain["data"], packed["data"], strict=True):
        assert (
            list(struct.unpack(f"<{DIMENSIONS}f", base64.b64decode(other["embedding"]))) == row["embedding"]
        )
    assert [row["index"] for row in plain["data"]] == [0, 1]
    assert plain["model"] == "sim/embed"
    assert plain["usage"]["total_tokens"] == 4
    small = (await ask("/v1/embeddings", {"input": [1, 2, 3], "dimensions": 8})).json
    assert len(small["data"][0]["embedding"]) == 8


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    [
        {"input": ""},
        {"input": []},
        {"input": [""]},
        {"dimensions": 0},
        {"encoding_format": "hex"},
        {"model": 3},
        {"input": 5},
    ],
)
async def test_bad_embedding_requests_are_refused(simulated: Make, change: dict[str, object]) -> None:
    """Each is a 400 that names its field."""
    reply = await simulated()("/v1/embeddings", {"model": "embed", "input": "x", **change})
    assert reply.status == 400
    assert reply.json["error"]["param"] in change


@pytest.mark.anyio
async def test_documents_are_ordered_by_how_they_fit(simulated: Make) -> None:
    """Best first, with the index of the input; `top_n` cuts, documents come back where asked for."""
    ask = simulated()
    body = {
        "model": "rerank",
        "query": "where do foxes live",
        "documents": ["Cats sleep.", {"text": "A fox lives in a den."}, "SQL"],
        "top_n": 2,
        "return_documents": True,
    }
    results = (await ask("/v1/rerank", body)).json["results"]
    assert [row["index"] for row in results] == [1, 0]
    assert results[0]["document"] == {"text": "A fox lives in a den."}
    assert 0 < results[0]["relevance_score"] <= 1
    changes: tuple[dict[str, object], ...] = (
        {"query": ""},
        {"documents": []},
        {"documents": [5]},
        {"top_n": 0},
    )
    for change in changes:
        assert (await ask("/v1/rerank", {**body, **change})).status == 400
