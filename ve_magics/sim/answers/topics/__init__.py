"""About forty topics that tutorials like to ask about, each in English and Chinese."""

from __future__ import annotations

import re
from functools import cache

from ve_magics.sim.answers.prose import shaped
from ve_magics.sim.answers.question import Question
from ve_magics.sim.answers.topics.article import Article
from ve_magics.sim.answers.topics.chinese import CHINESE
from ve_magics.sim.answers.topics.english import ENGLISH
from ve_magics.sim.answers.topics.examples import EXAMPLES

_FOLLOW_UP = re.compile(
    r"\b(it|that|this|again|simpler|more|example|examples|shorter|rephrase|continue|go on|elaborate|in detail)\b"
    r"|它|这个|上面|再|更|举例|例子|继续|详细|换句话",
    re.IGNORECASE,
)
_MORE = re.compile(r"\bmore\b|\bcontinue\b|\bgo on\b|\belaborate\b|再|更|继续|详细", re.IGNORECASE)
_EVERYDAY = frozenset(
    {
        "class",
        "classes",
        "join",
        "joins",
        "dict",
        "rest",
        "rain",
        "notebook",
        "container",
        "containers",
        "gradient",
    }
)
"""Keys that are everyday words too: they name their topic only where something is to be explained."""

_EXPLAIN = re.compile(
    r"\b(what(?:'s| is| are)|explain|define|describe|how do(?:es)?|mean|tell me about|difference)\b"
    r"|什么|解释|介绍|说明|怎么|如何|讲",
    re.IGNORECASE,
)
LONGEST_FOLLOW_UP = 80
"""Most characters of a question that leaves its topic to the one before."""


@cache
def _keys() -> list[tuple[str, str, re.Pattern[str]]]:
    """Return each key, its topic and its pattern, the longest first."""
    pairs = []
    for table in (ENGLISH, CHINESE):
        for name, article in table.items():
            pairs += [(key.lower(), name) for key in (article.title, *article.keys)]
    patterns: list[tuple[str, str, re.Pattern[str]]] = []
    for key, name in sorted(set(pairs), key=lambda pair: (-len(pair[0]), pair)):
        if len(key) == 1:
            continue
        left = r"(?<![a-z0-9])" if key[0].isascii() else ""
        right = r"(?![a-z0-9])" if key[-1].isascii() else ""
        patterns.append((key, name, re.compile(left + re.escape(key) + right)))
    return patterns


def topic_of(text: str) -> str:
    """Return the name of the topic that a text is about; empty where it is about none of them."""
    lowered = text.lower()
    explain = _EXPLAIN.search(text) is not None
    for key, name, pattern in _keys():
        if pattern.search(lowered) and (explain or key not in _EVERYDAY):
            return name
    return ""


def article_of(name: str, *, chinese: bool) -> Article:
    """Return what is known about a topic."""
    return (CHINESE if chinese else ENGLISH)[name]


def answer(question: Question) -> str | None:
    """Return what is known about the question's topic, or about the last one where the question leaves it open."""
    name = topic_of(question.text)
    going_on = not name
    if not name and len(question.text) <= LONGEST_FOLLOW_UP and _FOLLOW_UP.search(question.text):
        name = next((found for text in reversed(question.before) if (found := topic_of(text))), "")
    if not name:
        return None
    article = article_of(name, chinese=question.chinese)
    if going_on and _MORE.search(question.text):
        return shaped(question, (*article.points, article.gist))
    points = "\n".join(f"- {point}" for point in article.points)
    full = f"### {article.title}\n\n{article.gist}\n\n{points}"
    if name in EXAMPLES:
        language, code = EXAMPLES[name]
        shown = question.say("For example:", "例如：")
        full = f"{full}\n\n{shown}\n\n```{language}\n{code}\n```"
    return shaped(question, (article.gist, *article.points), full=full)
