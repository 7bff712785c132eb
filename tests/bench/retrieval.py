"""How good is retrieval: recall, nDCG@10 and MRR@10 on judged collections, beside plain BM25 in the same run.

    python tests/bench/retrieval.py FOLDER... [--embed MODEL] [--rerank MODEL] [--queries N] [--json]

A collection is a folder of three files, each line of the first two a JSON object:

- `corpus.jsonl`: `{"_id": "d1", "title": "…", "text": "…"}`. The title may be empty. The text may be Markdown: its
  headings then count as headings, as they do in a user's file.
- `queries.jsonl`: `{"_id": "q1", "text": "…"}`. Other fields are passed over.
- `qrels.tsv`: a head line, then `query-id<TAB>corpus-id<TAB>score`. A score of 0 is a judgement, too: not relevant.
  Queries without a relevant document are passed over.

Each document is cut into passages and indexed as `%ve kb add` does it; a document's place is that of its best passage.
Plain BM25 (k1 1.2, b 0.75) sees each document whole, title and text, as lower-case words, and characters of Chinese and
Japanese in pairs. `--embed` and `--rerank` ask the models that the configuration knows, `sim/embed` for example.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import sys
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from ve_magics.engine.knowledge.chunking import passages
from ve_magics.engine.knowledge.readers.choice import read
from ve_magics.engine.knowledge.searching import Ways, search
from ve_magics.engine.library import SessionMeans
from ve_magics.engine.session import Session
from ve_magics.store.knowledge import Document, Setting
from ve_magics.store.knowledge_sqlite import SqliteKnowledge

DEPTH = 10
Search = Callable[[str], Awaitable[list[str]]]
"""Returns the ids of the documents that fit a question, best first."""


class Collection(NamedTuple):
    """A judged collection: documents and questions by id, and the grade of each document for each question."""

    name: str
    corpus: dict[str, tuple[str, str]]
    queries: dict[str, str]
    grades: dict[str, dict[str, int]]


def load(folder: Path, most: int) -> Collection:
    """Read a collection, with `most` evenly chosen questions where that is not 0."""
    corpus = {row["_id"]: (row.get("title", ""), row["text"]) for row in _rows(folder / "corpus.jsonl")}
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if int(score) > 0 and document in corpus:
            grades[query][document] = int(score)
    queries = {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl") if row["_id"] in grades}
    if most and len(queries) > most:
        step = len(queries) / most
        chosen = [*queries.items()]
        queries = dict(chosen[int(at * step)] for at in range(most))
    return Collection(folder.name, corpus, queries, dict(grades))


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


_WIDE = r"\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"([{_WIDE}]+)|((?:(?![{_WIDE}])[^\W_])+)")


def terms(text: str) -> list[str]:
    """Return words and pairs of characters, for the plain BM25."""
    found: list[str] = []
    for wide, narrow in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        found += [wide[at : at + 2] for at in range(len(wide) - 1)] or [wide] if wide else [narrow]
    return found


def plain_bm25(collection: Collection) -> Search:
    """Return plain BM25 over whole documents."""
    counts = {one: Counter(terms(f"{title}\n{text}")) for one, (title, text) in collection.corpus.items()}
    lengths = {one: sum(count.values()) for one, count in counts.items()}
    mean = sum(lengths.values()) / len(lengths)
    postings: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one, count in counts.items():
        for term, times in count.items():
            postings[term].append((one, times))

    async def found(query: str) -> list[str]:
        scores: dict[str, float] = defaultdict(float)
        for term in dict.fromkeys(terms(query)):
            held = postings.get(term, [])
            weight = math.log(1 + (len(counts) - len(held) + 0.5) / (len(held) + 0.5))
            for one, times in held:
                scores[one] += weight * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * lengths[one] / mean))
        return sorted(scores, key=lambda one: -scores[one])[:DEPTH]

    return found


async def ours(
    collection: Collection, folder: Path, session: Session, embed: str, rerank: str
) -> tuple[Search, float]:
    """Return the search of a knowledge base made from a collection, and the seconds that building it took."""
    began = time.perf_counter()
    store = SqliteKnowledge(folder / f"{collection.name}.sqlite")
    means = SessionMeans(session)
    with store.building() as writer:
        for one, (title, text) in collection.corpus.items():
            reading = read(text.encode("utf-8", "replace"), "x.md") if text.strip() else None
            cut = passages(reading.blocks) if reading else []
            cut = [
                msgspec.structs.replace(part, heading=(title, *part.heading) if title else part.heading)
                for part in cut
            ]
            writer.put(Document(source=one, name=""), cut)
        while embed and (rows := writer.unembedded(embed, 256)):
            vectors = await means.embed(embed)([text for _, text in rows])
            writer.put_vectors(
                embed, [(digest, vector) for (digest, _), vector in zip(rows, vectors, strict=True)]
            )
        writer.finish(Setting(model=embed))
    took = time.perf_counter() - began
    ways = Ways(
        means.embed(embed, question=True) if embed else None, means.rerank(rerank) if rerank else None
    )

    async def found(query: str) -> list[str]:
        hits = await search(store, query, 3 * DEPTH, ways)
        return [*dict.fromkeys(passage.source for passage in hits.passages)][:DEPTH]

    return found, took


async def measured(collection: Collection, found: Search) -> dict[str, float]:
    """Return recall@1, 5 and 10, nDCG@10, MRR@10, and the milliseconds of a question in the middle."""
    sums: dict[str, float] = defaultdict(float)
    times: list[float] = []
    for query, text in collection.queries.items():
        grades = collection.grades[query]
        began = time.perf_counter()
        order = await found(text)
        times.append(time.perf_counter() - began)
        for depth in (1, 5, 10):
            sums[f"recall@{depth}"] += len(grades.keys() & set(order[:depth])) / len(grades)
        gain = sum((2 ** grades.get(one, 0) - 1) / math.log2(at + 2) for at, one in enumerate(order[:DEPTH]))
        best = sorted(grades.values(), reverse=True)[:DEPTH]
        sums["nDCG@10"] += gain / sum((2**grade - 1) / math.log2(at + 2) for at, grade in enumerate(best))
        sums["MRR@10"] += next((1 / at for at, one in enumerate(order[:DEPTH], 1) if one in grades), 0.0)
    count = len(collection.queries)
    scores = {name: round(total / count, 4) for name, total in sums.items()}
    return {**scores, "ms": round(1000 * sorted(times)[count // 2], 2)}


async def run(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Measure every collection and return the figures by collection and system."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for folder in options.folders:
        collection = load(folder, options.queries)
        rows = figures[collection.name] = {"plain BM25": await measured(collection, plain_bm25(collection))}
        with tempfile.TemporaryDirectory() as place:
            session = Session(data=Path(place))
            ways = [("words", "", "")]
            ways += [("words + vectors", options.embed, "")] if options.embed else []
            ways += [("+ rerank", options.embed, options.rerank)] if options.rerank else []
            for number, (name, embed, rerank) in enumerate(ways):
                room = Path(place) / str(number)
                room.mkdir()
                found, took = await ours(collection, room, session, embed, rerank)
                rows[name] = {**await measured(collection, found), "build s": round(took, 1)}
            await session.aclose()
        if not options.json:
            show(collection, rows)
    return figures


def show(collection: Collection, rows: dict[str, dict[str, float]]) -> None:
    """Print one collection's figures."""
    print(f"{collection.name}: {len(collection.corpus):,} documents, {len(collection.queries):,} questions")
    names = ("recall@1", "recall@5", "recall@10", "nDCG@10", "MRR@10", "ms", "build s")
    print(f"{'':<18}" + "".join(f"{name:>11}" for name in names))
    for system, figures in rows.items():
        print(f"{system:<18}" + "".join(f"{figures.get(name, ''):>11}" for name in names))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Measure retrieval on judged collections.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--embed", default="", metavar="MODEL")
    parser.add_argument("--rerank", default="", metavar="MODEL")
    parser.add_argument(
        "--queries", type=int, default=0, metavar="N", help="so many questions; all where left out"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asyncio.run(run(options))
    if options.json:
        json.dump(figures, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
