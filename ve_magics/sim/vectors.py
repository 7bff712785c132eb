"""Embeddings and reranking without a model: texts that share words, or pairs of characters, lie close together."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections import Counter
from itertools import pairwise
from typing import Any

from ve_magics.errors import BadRequestError
from ve_magics.sim import models, tokens
from ve_magics.sim.answers.prose import keywords, stem, words
from ve_magics.sim.counters import Counters
from ve_magics.sim.exchange import Answer, Request
from ve_magics.sim.faults import Faults, strike
from ve_magics.sim.settings import Settings

DIMENSIONS = 256
MOST_DIMENSIONS = 4096
MOST_INPUTS = 2048
PAIR = 0.3
"""What a pair of characters weighs beside a word."""


class VectorDesk:
    """Answers requests for embeddings and for the order of documents.

    Args:
        settings: How it behaves.
        counters: Counted up.
        faults: Decides who meets which fault.
    """

    def __init__(self, settings: Settings, counters: Counters, faults: Faults) -> None:
        self._settings = settings
        self._counters = counters
        self._faults = faults

    async def _asked(self, request: Request, out: Answer, offered: tuple[str, ...]) -> dict[str, Any] | None:
        asked = request.json()
        name = asked.get("model", "")
        if not isinstance(name, str):
            raise _wrong("model is a string.", "model")
        asked["model"] = models.check(name, offered, default=offered[0])
        fault = self._faults.meet(request, asked["model"])
        self._counters.faults += fault is not None
        return asked if await strike(fault, self._settings, out) else None

    async def embed(self, request: Request, out: Answer) -> None:
        """Send the vectors of texts."""
        if (asked := await self._asked(request, out, models.EMBEDDING)) is None:
            return
        texts = _texts(asked.get("input"))
        size = asked.get("dimensions", DIMENSIONS)
        if not isinstance(size, int) or not 1 <= size <= MOST_DIMENSIONS:
            raise _wrong(f"dimensions is 1 to {MOST_DIMENSIONS}.", "dimensions")
        form = asked.get("encoding_format", "float")
        if form not in ("float", "base64"):
            raise _wrong("encoding_format is float or base64.", "encoding_format")
        rows = []
        for index, text in enumerate(texts):
            numbers = vector(text, size)
            packed = base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode("ascii")
            told = packed if form == "base64" else numbers
            rows.append({"object": "embedding", "index": index, "embedding": told})
        read = sum(map(tokens.count, texts))
        usage = {"prompt_tokens": read, "total_tokens": read}
        await out.value(
            {"object": "list", "data": rows, "model": models.shown(asked["model"]), "usage": usage}
        )

    async def rerank(self, request: Request, out: Answer) -> None:
        """Send documents in the order in which they fit a query."""
        if (asked := await self._asked(request, out, models.RERANK)) is None:
            return
        query, documents = asked.get("query"), asked.get("documents")
        if not isinstance(query, str) or not query.strip():
            raise _wrong("query is missing.", "query")
        if not isinstance(documents, list) or not documents:
            raise _wrong("documents is a list of texts.", "documents")
        said = [item.get("text") if isinstance(item, dict) else item for item in documents]
        texts = [text for text in said if isinstance(text, str)]
        if len(texts) != len(said):
            raise _wrong("documents is a list of texts.", "documents")
        most = asked.get("top_n", len(texts))
        if not isinstance(most, int) or most < 1:
            raise _wrong("top_n is at least 1.", "top_n")
        scores = relevance(query, texts)
        order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))[:most]
        results: list[dict[str, Any]] = []
        for index in order:
            results.append({"index": index, "relevance_score": round(scores[index], 6)})
            if asked.get("return_documents"):
                results[-1]["document"] = {"text": texts[index]}
        read = tokens.count(query) + sum(map(tokens.count, texts))
        usage = {"prompt_tokens": read, "total_tokens": read}
        await out.value({"model": models.shown(asked["model"]), "results": results, "usage": usage})


def _texts(given: object) -> list[str]:
    """Return the texts of an embedding request, which come alone, in a list, or as numbers of tokens."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list) and given and all(isinstance(item, int) for item in given):
        given = [given]
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_INPUTS:
        raise _wrong(f"input is a text, or a list of at most {MOST_INPUTS} of them.", "input")
    texts = [" ".join(map(str, item)) if isinstance(item, list) else item for item in given]
    if not all(isinstance(text, str) and text for text in texts):
        raise _wrong("input holds an empty text, or something that is none.", "input")
    return texts


def _wrong(message: str, param: str) -> BadRequestError:
    return BadRequestError(message, status=400, code="invalid_value", param=param)


def features(text: str) -> Counter[str]:
    """Return what a text is made of: the stems of its words, and its pairs of characters, each with its weight."""
    found: Counter[str] = Counter()
    said = words(text)
    told = {stem(word) for word in keywords(text)}
    for word in said:
        root = stem(word)
        found[root] += 100 if root in told else 15
        padded = f"^{root}$"
        for at in range(len(padded) - 1):
            found[padded[at : at + 2]] += round(100 * PAIR / len(padded))
    for one, other in pairwise(said):
        if len(one) == len(other) == 1:
            found[one + other] += 100
    return found


def vector(text: str, size: int = DIMENSIONS) -> list[float]:
    """Return the embedding of a text: its features, each hashed to two places, as a vector of length 1."""
    numbers = [0.0] * size
    for feature, weight in (features(text) or Counter({text: 1})).items():
        digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=9).digest()
        for start, sign in ((0, digest[8] & 1), (4, digest[8] & 2)):
            place = int.from_bytes(digest[start : start + 4], "big") % size
            numbers[place] += math.sqrt(weight) * (1 if sign else -1)
    length = math.sqrt(sum(number * number for number in numbers))
    if not length:
        numbers[0] = length = 1.0
    return [struct.unpack("<f", struct.pack("<f", number / length))[0] for number in numbers]


def relevance(query: str, texts: list[str]) -> list[float]:
    """Return how well each text fits a query, 0 to 1: the share of the query's words that it holds, rare ones first."""
    wanted = {stem(word) for word in keywords(query)} or {stem(word) for word in words(query)}
    held = [{stem(word) for word in [*keywords(text), *words(text)]} for text in texts]
    weights = {word: math.log(1 + len(texts) / (1 + sum(word in text for text in held))) for word in wanted}
    whole = sum(weights.values()) or 1.0
    scores = []
    for text in held:
        share = sum(weight for word, weight in weights.items() if word in text) / whole
        scores.append(share * (0.9 + 0.1 / (1 + len(text) / 50)))
    return scores
