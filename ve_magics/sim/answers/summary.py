"""Summaries: the sentences of a text that hold most of what it is about, in their own order."""

from __future__ import annotations

import re
from collections import Counter

from ve_magics.sim.answers.prose import joined, keywords, sentences, stem
from ve_magics.sim.answers.question import Question

_ASKED = re.compile(
    r"\bsummar(?:y|ies|i[sz]e[sd]?)\b|\btl;?dr\b|\bkey (?:points|takeaways)\b|总结|概括|摘要|归纳|概述",
    re.IGNORECASE,
)
_BODY = re.compile(r"[:：]\s*\n|\n\s*\n|[:：]\s+(?=\S)|：")
SHORTEST = 60
"""Fewest characters of a text that is worth a summary."""


def answer(question: Question) -> str | None:
    """Return the summary of a text that the question brings along; None where it asks for none or brings no text."""
    if not _ASKED.search(question.text) and not _ASKED.search(question.system):
        return None
    body = body_of(question.text)
    if len(body) < (SHORTEST if not question.chinese else SHORTEST // 3):
        return None
    shape = question.shape
    wanted = (
        shape.sentences or shape.bullets or (3 if shape.bulleted else 1 if shape.brief or shape.bare else 2)
    )
    kept = best_of(body, wanted)
    if shape.bulleted:
        return "\n".join(f"- {sentence}" for sentence in kept)
    return joined(kept, chinese=question.chinese)


def body_of(text: str) -> str:
    """Return the text that is to be summarised: what stands after the wish, or before it."""
    asked = _ASKED.search(text)
    if asked is None:
        return text.strip()
    found = _BODY.search(text, asked.start())
    after = text[found.end() :].strip() if found else ""
    before = text[: asked.start()].rpartition("\n")[0].strip()
    return after if len(after) >= len(before) else before


def best_of(text: str, wanted: int) -> list[str]:
    """Return the most telling sentences of a text, in their order."""
    said = sentences(text)
    weights = Counter(stem(word) for sentence in said for word in set(keywords(sentence)))

    def worth(number: int) -> float:
        held = {stem(word) for word in keywords(said[number])}
        first = 1.3 if number == 0 else 1.0
        return first * sum(weights[word] for word in held) / (len(held) + 3) ** 0.4 if held else 0.0

    chosen = sorted(range(len(said)), key=lambda number: (-worth(number), number))[:wanted]
    return [said[number] for number in sorted(chosen)]
