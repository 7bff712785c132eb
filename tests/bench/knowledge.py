"""How long it takes to index passages and to find one, and how both grow.

    python tests/bench/knowledge.py [SIZES...] [--dimensions N] [--json]

The passages are made up, half of them in English, half in Chinese, their words as unevenly spread as words are (Zipf's
law), ten to a document. The vectors are made up too: clusters, and questions near one of their members; `recall` says
how many of the ten nearest, found by comparing all whole vectors, the index finds. Nobody is asked over a network.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from ve_magics.store.knowledge import Document, Passage, Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

A_DOCUMENT = 10
QUESTIONS = 60
MODEL = "made/up"


class Words:
    """Makes text.

    Args:
        seed: The same seed gives the same text.
    """

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        parts = [a + b for a in "bcdfgklmnprstv" for b in ("a", "e", "i", "o", "u", "an", "er", "ing")]
        self._english = [
            "".join(self._random.choices(parts, k=self._random.randint(1, 4))) for _ in range(30_000)
        ]
        self._chinese = [
            "".join(
                chr(self._random.randint(0x4E00, 0x5FFF)) for _ in range(self._random.choice((1, 2, 2, 2, 3)))
            )
            for _ in range(30_000)
        ]
        self._weights = [*accumulate(1 / (rank + 2.7) for rank in range(30_000))]

    def passage(self, *, chinese: bool) -> str:
        """Return a passage of some 300 tokens."""
        if chinese:
            words = self._random.choices(self._chinese, cum_weights=self._weights, k=190)
            return "".join(word + ("，" if at % 9 == 8 else "") for at, word in enumerate(words)) + "。"
        words = self._random.choices(self._english, cum_weights=self._weights, k=190)
        return " ".join(words) + "."

    def question(self, text: str, *, chinese: bool) -> str:
        """Return a question about a passage: some of its words in their order."""
        if chinese:
            at = self._random.randrange(max(1, len(text) - 24))
            return text[at : at + 8] + "的" + text[at + 12 : at + 20]
        words = text.rstrip(".").split()
        at = self._random.randrange(len(words) - 12)
        return " ".join(words[at : at + 10])


def documents(words: Words, size: int) -> Iterator[tuple[Document, list[Passage]]]:
    """Yield documents of ten passages each."""
    for number in range(size // A_DOCUMENT):
        chinese = bool(number % 2)
        cut = [
            Passage(text=words.passage(chinese=chinese), heading=(f"Part {at}",), line=1 + at)
            for at in range(A_DOCUMENT)
        ]
        yield Document(source=f"/made/up/{number}", name=f"{number}.md", digest=str(number)), cut


def vectors(size: int, dimensions: int) -> Any:
    """Return made-up vectors in clusters."""
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(max(8, size // 200), dimensions)).astype("<f4")
    made = centres[chance.integers(0, len(centres), size)] + 0.7 * chance.normal(
        size=(size, dimensions)
    ).astype("<f4")
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def timed(ask: Callable[[int], object]) -> tuple[float, float]:
    """Return the milliseconds of a question in the middle, and of the slowest in twenty."""
    times = []
    for number in range(QUESTIONS):
        began = time.perf_counter()
        ask(number)
        times.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(times), 2), round(sorted(times)[int(0.95 * QUESTIONS)], 2)


def measure(size: int, dimensions: int, folder: Path) -> dict[str, float]:
    """Return the figures for one size."""
    words = Words()
    store = SqliteKnowledge(folder / f"{size}.sqlite")
    texts: list[tuple[str, bool]] = []
    ready = []
    for number, (document, cut) in enumerate(documents(words, size)):
        ready.append((document, cut))
        texts += [(passage.text, bool(number % 2)) for passage in cut]
    began = time.perf_counter()
    with store.building() as writer:
        for document, cut in ready:
            writer.put(document, cut)
        writer.finish(Setting())
    built = time.perf_counter() - began
    lexical = folder / f"{size}.sqlite"
    mib = lexical.stat().st_size / 2**20
    asked = [
        words.question(_chosen(texts, number)[0], chinese=_chosen(texts, number)[1])
        for number in range(QUESTIONS)
    ]
    by_words = timed(lambda number: store.by_words(asked[number], 60))
    hits = sum(
        store.passages([store.by_words(question, 10)[0].id])[0].text == _chosen(texts, number)[0]
        for number, question in enumerate(asked)
    )

    began = time.perf_counter()
    with store.building() as writer:
        changed, cut = ready[len(ready) // 2]
        writer.put(changed, [*cut[:-1], Passage(text="A new end.")])
        writer.finish(Setting(model=MODEL))
    update = 1000 * (time.perf_counter() - began)

    made = vectors(size, dimensions)
    began = time.perf_counter()
    digests: list[bytes] = []
    with store.building() as writer:
        while rows := writer.unembedded(MODEL, 1000):
            at = len(digests)
            digests += [digest for digest, _ in rows]
            writer.put_vectors(MODEL, [(digest, made[at + n]) for n, (digest, _) in enumerate(rows)])
        writer.finish(Setting(model=MODEL))
    embedded = time.perf_counter() - began
    chance = np.random.default_rng(11)
    asked_vectors = made[chance.integers(0, len(digests), QUESTIONS)]
    asked_vectors = asked_vectors + 0.02 * chance.normal(size=asked_vectors.shape).astype("<f4")
    began = time.perf_counter()
    store.by_vector(MODEL, asked_vectors[0], 10)
    load = 1000 * (time.perf_counter() - began)
    by_vector = timed(lambda number: store.by_vector(MODEL, asked_vectors[number], 60))
    kept = 0
    place = {digest: at for at, digest in enumerate(digests)}
    for vector in asked_vectors:
        best = {int(at) for at in np.argsort(-(made[: len(digests)] @ vector))[:10]}
        found = store.passages([hit.id for hit in store.by_vector(MODEL, vector, 10)])
        kept += len(best & {place[passage.digest] for passage in found})
    store.close()
    return {
        "passages": size,
        "build s": round(built, 1),
        "MiB": round(mib, 1),
        "words ms": by_words[0],
        "words p95": by_words[1],
        "first": round(hits / QUESTIONS, 2),
        "change 1 ms": round(update, 1),
        "vectors s": round(embedded, 1),
        "load ms": round(load),
        "vector ms": by_vector[0],
        "vector p95": by_vector[1],
        "recall": round(kept / (10 * QUESTIONS), 3),
    }


def _chosen(texts: list[tuple[str, bool]], number: int) -> tuple[str, bool]:
    return texts[number * (len(texts) // QUESTIONS)]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Measure how indexing and searching grow.")
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(size, options.dimensions, Path(folder)))
        if not options.json:
            if len(rows) == 1:
                print("".join(f"{name:>12}" for name in rows[0]))
            print("".join(f"{value:>12}" for value in rows[-1].values()), flush=True)
    if options.json:
        json.dump(rows, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
