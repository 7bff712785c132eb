"""Whether a text sounds pleased or not, by its words."""

from __future__ import annotations

import re
from collections.abc import Container

from ve_magics.sim.answers.prose import listed, sentences, words
from ve_magics.sim.answers.question import Question

_GOOD = frozenset(
    listed(
        "good great excellent amazing love loved loves wonderful "
        "fantastic happy awesome best perfect delicious friendly "
        "helpful beautiful nice brilliant enjoy enjoyed enjoyable recommend delightful superb pleased fast reliable"
    )
)
_BAD = frozenset(
    listed(
        "bad terrible awful horrible hate hated worst disappointing "
        "disappointed poor broken slow rude ugly sad angry "
        "boring useless waste dirty late cold refund problem problems disaster annoying fails failed crash crashes"
    )
)
_GOOD_ZH = ("喜欢", "很好", "太棒", "优秀", "满意", "推荐", "开心", "好吃", "完美", "不错", "漂亮", "赞")
_BAD_ZH = ("讨厌", "糟糕", "很差", "失望", "难吃", "太慢", "垃圾", "生气", "不好", "难用", "坏了", "后悔")
_NOT = frozenset(("not", "no", "never", "isn't", "wasn't", "don't", "didn't", "doesn't", "hardly"))
_ASKED = re.compile(
    r"\bsentiment\b|\b(?:positive|negative)\b.{0,20}\b(?:or|,|/)\b|情感|情绪|正面还是负面|积极还是消极",
    re.IGNORECASE,
)
_LABELS = {"positive": ("positive", "pos", "good", "正面", "积极", "happy"),
           "negative": ("negative", "neg", "bad", "负面", "消极", "angry", "sad"),
           "neutral": ("neutral", "mixed", "中性", "中立")}  # fmt: skip


def score(text: str) -> int:
    """Return how pleased a text sounds: above 0 pleased, below 0 displeased."""
    total, said = 0, words(text.replace("’", "'"))
    for at, word in enumerate(said):
        worth = (word in _GOOD) - (word in _BAD)
        total += -worth if worth and _NOT & set(said[max(0, at - 3) : at]) else worth
    for signs, worth in ((_GOOD_ZH, 1), (_BAD_ZH, -1)):
        total += sum(worth * (-1 if f"不{sign}" in text else 1) for sign in signs if sign in text)
    return total


def feeling(text: str) -> str:
    """Return positive, negative or neutral."""
    found = score(text)
    return "positive" if found > 0 else "negative" if found < 0 else "neutral"


def telling(text: str) -> str:
    """Return the sentence that says most about a text's feeling; empty where none does."""
    said = sentences(text)
    best = max(said, key=lambda sentence: abs(score(sentence)), default="")
    return best if score(best) else ""


def among(text: str, options: Container[str]) -> str:
    """Return which of the options names the text's feeling; empty where they aren't feelings."""
    if not any(label in options for label in _LABELS["positive"]) or not any(
        label in options for label in _LABELS["negative"]
    ):
        return ""
    return next((label for label in _LABELS[feeling(text)] if label in options), "")


def answer(question: Question) -> str | None:
    """Return the feeling of a text whose feeling is asked for."""
    if not _ASKED.search(question.text) and not _ASKED.search(question.system):
        return None
    found = _ASKED.search(question.text)
    body = question.text if found is None else question.text[: found.start()] + question.text[found.end() :]
    label = feeling(re.sub(r"\b(positive|negative|neutral)\b", "", body, flags=re.IGNORECASE))
    shown = label if not question.chinese else _LABELS[label][3 if label != "neutral" else 2]
    if question.shape.bare:
        return shown
    return question.say(f"The sentiment is **{shown}**.", f"情感倾向：**{shown}**。")
