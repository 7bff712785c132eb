"""Words of a question that tell nothing about what is asked: how, what, please, the same in Chinese.

A manual seldom says `how do I`, so a search that weighs words by how rare they are takes it for the heart of the
question. Only questions are freed of it: the index holds every word.
"""

from __future__ import annotations

import re

_ENGLISH = """
    a am an and any are aren as at be been being but by can cannot could couldn did didn do does doesn doing don
    each for from had has have haven having he her hers him his how i if in into is isn it its itself me might my
    myself of on or our ours please shall she should shouldn so some such than that the their them then there
    these they this those to too us very was wasn we were weren what when where which who whom whose why will with
    would wouldn you your yours
"""
FILLER = frozenset(_ENGLISH.split())
"""English words, folded, without what stands behind an apostrophe."""

_ENDS = re.compile(r"(?<=\w)['’](?:s|t|re|ve|ll|d|m)\b", re.IGNORECASE)
_WIDE_FILLER = re.compile(
    "请问|为什么|为何|怎么样|怎么办|怎么|怎样|如何|什么样|什么|哪一个|哪个|哪些|哪里|哪儿|哪种|多少|多久|谁"
    "|能不能|可不可以|是不是|有没有|会不会|要不要|是否|可以|能够|应该|应当|需要|我想|想要|想知道|我们|你们|我|你"
    "|这个|那个|这种|一个|的时候|老是|一下|(?<!目)的(?!确)|(?<![为除])了(?!解)|[吗呢吧啊呀]+$"
)


def without_ends(text: str) -> str:
    """Return text without what stands behind an apostrophe in English: `don't`, `we're`, `the pump's`."""
    return _ENDS.sub("", text)


def is_filler(word: str) -> bool:
    """Tell whether an English word tells nothing. One in capitals, as US and IT are, does."""
    return word.casefold() in FILLER and not (len(word) > 1 and word.isupper())


def telling(run: str) -> list[str]:
    """Return the pairs of characters of a run of Chinese or Japanese that tell something, in order.

    A character that stands alone between words that tell nothing keeps its pairs with them.
    """
    pairs: dict[int, None] = {}
    at = 0
    for piece in (*_WIDE_FILLER.finditer(run), None):
        end = piece.start() if piece else len(run)
        if end - at == 1:
            pairs |= dict.fromkeys(start for start in (at - 1, at) if 0 <= start < len(run) - 1)
        else:
            pairs |= dict.fromkeys(range(at, end - 1))
        at = piece.end() if piece else end
    return [run[start : start + 2] for start in pairs]
