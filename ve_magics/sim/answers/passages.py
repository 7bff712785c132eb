"""Answers from passages that the prompt brings along, and cites them; says so where they don't hold the answer."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ve_magics.sim.answers.prose import joined, keywords, sentences, stem, within
from ve_magics.sim.answers.question import Question

_MARK = re.compile(
    r"^[ \t>]*(?:\[(\d{1,3})\]|【(\d{1,3})】|\((\d{1,3})\)(?=\s)"
    r"|(?:passage|document|doc|source|context|excerpt|资料|文档|段落|来源|片段)\s*\[?#?(\d{1,3})\]?\s*[:：.\])\n(（-]"
    r"|<(?:doc|document|passage|source)[^>]*?(\d{1,3})[^>]*>)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_PAIRED = re.compile(
    r"^<(?P<tag>passage|document|source) (?P<number>\d{1,3}) key=\"(?P<key>[^\"\n]+)\">\n(?P<body>.*?)"
    r"\n</(?P=tag) (?P=number) key=\"(?P=key)\">$",
    re.MULTILINE | re.DOTALL,
)
_PLACE = re.compile(r"\([^\n]*\)\n\n?")
_QUOTING = re.compile(r"(?:nothing but|只有|only) (={2,} ?\w+ ?={2,})")
_ASKING = re.compile(
    r"(?i:\bwhat do(?:es)? (?:(?:our|the|my|your) )?(?:\w+ ){0,2}\w+ say about\b)"
    r"|(?:我们的?|公司的?)?(?:员工)?(?:手册|文档|制度|资料)(?:里|中|上)?(?:对|关于)?|是?怎[么样](?:说|规定)的?|有什么规定"
    r"|多少|几(?=[天年月个次种人楼层岁])|哪[些个里位种]?|谁|何[时处]|如何|怎[么样]|什么|为什么|是否|[吗呢]"
)
_ASKED = re.compile(
    r"^[ \t#*]*(?:question|query|user question|问题|提问|用户问题)\W{0,3}[:：][ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(r"\n\s*\n(?=[^\n]*[?？]\s*$)|</(?:doc|document|passage|source)[^>]*>")
ENOUGH = 0.45
"""Share of what a question is about that a sentence must hold to count as an answer."""

MOST = 3


class Passage(NamedTuple):
    """One numbered piece of text."""

    number: int
    text: str


def passages_of(text: str) -> tuple[list[Passage], str]:
    """Return the numbered passages in a text, and what is left of it."""
    paired = [*_PAIRED.finditer(text)]
    if paired:  # whoever marks both ends with a key means all between them, and nothing else
        told = [
            Passage(int(one["number"]), _PLACE.sub("", one["body"], count=1).strip())
            for one in paired
            if one["key"] == paired[0]["key"]
        ]
        return told, _PAIRED.sub("", text)
    marks = list(_MARK.finditer(text))
    numbers = [int(next(group for group in mark.groups() if group)) for mark in marks]
    if not marks or (len(marks) == 1 and numbers != [1]):
        return [], text
    found, rest = [], text[: marks[0].start()]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, number, end in zip(marks, numbers, ends, strict=True):
        body = text[mark.end() : end]
        asked = _ASKED.search(body) or (_END.search(body) if end == len(text) else None)
        if asked:
            rest += "\n" + body[asked.end() :]
            body = body[: asked.start()]
        body = re.sub(r"</?(?:doc|document|passage|source)[^>]*>", "", body).strip()
        if body:
            found.append(Passage(number, body))
    return found, rest


def answer(question: Question) -> str | None:
    """Return what the prompt's passages say to the question; None where it brings none."""
    found, rest = passages_of(question.text)
    asked = _after_label(rest)
    if not found:
        found, _ = passages_of(question.system)
        asked = question.text
    marker = _QUOTING.search(question.system)
    if not found or not (keywords(asked) or marker):
        return None
    best = ranked(found, asked)
    if not best:
        said = silence(question)
        return f"{said}\n\n{marker[1]}\nnone" if marker else said
    cited = [_cited(sentence, number, chinese=question.chinese) for sentence, number in best]
    if question.shape.bulleted:
        told = "\n".join(f"- {one}" for one in cited)
    else:
        cited = within(question, cited) or cited
        told = joined(cited, chinese=question.chinese)
    if not marker:
        return told
    quotes = [f'[{number}] "{sentence}"' for sentence, number in best[: len(cited)]]
    return "\n".join([told, "", marker[1], *quotes])


def silence(question: Question) -> str:
    """Return what is said where passages don't hold the answer."""
    return question.say(
        "The passages that I was given don't answer this question.", "给出的资料没有回答这个问题。"
    )


def _after_label(text: str) -> str:
    found = _ASKED.search(text)
    asked = text[found.end() :] if found else text
    lines = [line for line in asked.strip().splitlines() if line.strip()]
    questions = [line for line in lines if line.rstrip().endswith(("?", "？"))]
    return questions[-1] if questions else (lines[-1] if lines else "")


def _cited(sentence: str, number: int, *, chinese: bool) -> str:
    end = sentence[-1] if sentence[-1] in ".!?。！？" else ""
    return f"{sentence[: len(sentence) - len(end)]}{'' if chinese else ' '}[{number}]{end}"


def ranked(found: list[Passage], asked: str) -> list[tuple[str, int]]:
    """Return the sentences that answer a question, with their passages' numbers, best first; none where none does."""
    wanted = {stem(word) for word in keywords(_ASKING.sub(" ", asked)) or keywords(asked)}
    pool = [
        (
            sentence,
            passage.number,
            {stem(word) for word in keywords(sentence)},
            {stem(w) for w in keywords(passage.text)},
        )
        for passage in found
        for sentence in sentences(passage.text)
    ]
    weights = {
        word: math.log(1 + len(pool) / (1 + sum(word in held for _, _, held, _ in pool))) for word in wanted
    }
    whole = sum(weights.values()) or 1.0
    scored = []
    for sentence, number, held, around in pool:
        own = sum(weights[word] for word in wanted & held) / whole
        near = sum(weights[word] for word in wanted & around) / whole
        whole_name = (
            len(wanted) != 2 or not "".join(wanted).isascii() or wanted <= held
        )  # of two words, one alone is about something else
        if own and whole_name and own * 0.75 + near * 0.25 >= ENOUGH:
            scored.append((own * 0.75 + near * 0.25, sentence, number))
    scored.sort(key=lambda entry: -entry[0])
    top = scored[0][0] if scored else 0.0
    return [(sentence, number) for score, sentence, number in scored[:MOST] if score >= top * 0.8]
