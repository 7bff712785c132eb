"""Follow-up questions said so that they stand alone, where a prompt asks for that."""

from __future__ import annotations

import re

from ve_magics.sim.answers.prose import keywords, stem
from ve_magics.sim.answers.question import Question

_WANTED = re.compile(
    r"rewrite the (?:last|follow-up) question so that it stands alone|改写.{0,12}问题.{0,20}独立",
    re.IGNORECASE,
)
_LAST = re.compile(r"^(?:The last question|Last question|最后的问题)[:：]\s*(.+)\Z", re.MULTILINE | re.DOTALL)
_BEFORE = re.compile(r"^(?:Question|User|问题|用户)[:：]\s*(.+)$", re.MULTILINE)
_LEANING = re.compile(
    r"^(?:and|but|so|also|then|what about|how about)\b|\b(?:it|its|they|them|their|that|this|these|those|he|she|his|her"
    r"|there|then|one|ones|same)\b|^(?:那|那么|还有|另外|然后|而)|它|他|她|这|那|其|此|上述|前者|后者",
    re.IGNORECASE,
)
_MOST = 6


def answer(question: Question) -> str | None:
    """Return the last question with what it leans on from the one before; None where nothing of the kind is asked."""
    if not _WANTED.search(question.system) or not (found := _LAST.search(question.text)):
        return None
    last = " ".join(found[1].split())
    before = _BEFORE.findall(question.text[: found.start()])
    held = {stem(word) for word in keywords(last)}
    missing = [
        word for word in dict.fromkeys(keywords(before[-1] if before else "")) if stem(word) not in held
    ]
    if not missing or (len(held) > 2 and not _LEANING.search(last)):
        return last
    if question.chinese:
        topic = re.sub(r"[?？。]+$", "", " ".join(before[-1].split()))
        return f"{last}（关于：{topic}）"
    return f"{last} (about: {' '.join(missing[:_MOST])})"
