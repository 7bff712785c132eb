"""Sentences: how a text falls into them, and how an answer is brought into the form that was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ve_magics.sim.answers.question import Question

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\"'(\u4e00-\u9fff])|(?<=[。！？；])|\n+")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|Dr|Mr|Mrs|Ms|Prof|St|No|Fig)\.$")
_WORD = re.compile(r"[A-Za-z0-9]+(?:['’-][A-Za-z0-9]+)*|[\u3400-\u9fff]")


def listed(text: str) -> tuple[str, ...]:
    """Return the words of a text that lists them, between spaces."""
    return tuple(text.split())


_SMALL_WORDS = (
    "a about all an and any are as at be been but by can could did do does for from had has have he her him his how i "
    "if in into is it its me more most my no not of on one or our out over please she should so some such than that "
    "the their them then there these they this to up us use was we were what when where which who why will with would "
    "you your tell give show explain write describe using used between get let make"
)
STOPWORDS = frozenset(listed(_SMALL_WORDS))
"""English words that say nothing about what a text is about."""

_STOP_ZH = frozenset(
    "的了是在我有和就不人都一个上也很到说要去你会着没看好自己这那吗呢吧啊什么怎请把被让给与及或为以对"
)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, Chinese or English."""
    found: list[str] = []
    for piece in _END.split(text):
        sentence = piece.strip() if piece else ""
        if not sentence:
            continue
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += f" {sentence}"
        else:
            found.append(sentence)
    return found


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; each Chinese character is one."""
    return [word.lower() for word in _WORD.findall(text)]


def keywords(text: str) -> list[str]:
    """Return what a text is about: its words without those that say nothing, and pairs of Chinese characters."""
    found = [word for word in words(text) if word not in STOPWORDS and not _wide(word)]
    for run in re.findall(r"[\u3400-\u9fff]{2,}", text):
        pairs = [run[at : at + 2] for at in range(len(run) - 1)]
        found += [pair for pair in pairs if not (pair[0] in _STOP_ZH or pair[1] in _STOP_ZH)]
    return found


def stem(word: str) -> str:
    """Return a word without the ending that its plural or tense has."""
    for ending, rest in (
        ("ies", "y"),
        ("sses", "ss"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("ing", ""),
        ("ed", ""),
        ("es", "e"),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + rest
    return word


def _wide(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


def joined(said: Sequence[str], *, chinese: bool) -> str:
    """Return sentences as one paragraph."""
    return ("" if chinese else " ").join(said)


def within(question: Question, said: Sequence[str]) -> list[str] | None:
    """Return as many of the sentences as the asked form allows; None where it asks for no length.

    Args:
        question: Whose form counts.
        said: The sentences, the most important first.
    """
    shape = question.shape
    if shape.sentences:
        return list(said[: shape.sentences])
    if shape.bullets:
        return list(said[: shape.bullets])
    if shape.words:
        kept: list[str] = []
        for sentence in said:
            if kept and len(words(" ".join([*kept, sentence]))) > shape.words:
                break
            kept.append(sentence)
        return kept
    if shape.brief or shape.bare:
        return list(said[:2])
    return None


def shaped(question: Question, said: Sequence[str], *, full: str = "") -> str:
    """Return sentences in the form that was asked for.

    Args:
        question: Whose form counts.
        said: The sentences, the most important first.
        full: What to say where no form was asked for; a paragraph of all sentences where empty.
    """
    kept = within(question, said)
    if question.shape.bulleted:
        return "\n".join(f"- {sentence}" for sentence in (kept or said))
    if kept is not None:
        return joined(kept, chinese=question.chinese)
    return full or joined(said, chinese=question.chinese)
