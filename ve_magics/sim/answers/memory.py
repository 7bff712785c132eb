"""What the user has told in this conversation, and questions about it."""

from __future__ import annotations

import re

from ve_magics.sim.answers.prose import listed
from ve_magics.sim.answers.question import Question

_NAMED = re.compile(
    r"\b(?i:my name is|i am called|i'm called|call me|my name's)\s+([A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*|\w+)"
    r"|\b(?:I am|I'm) ([A-Z][a-z]+)\b(?! (?:time|year))"
    r"|我(?:的名字)?(?:叫|是叫|名叫)\s*([\w\u4e00-\u9fff]{1,12}?)(?=[，。！,.!；;\s]|$)"
)
_TOLD = re.compile(r"\b(?:my|the) ([a-z][a-z -]{1,40}?) (?:is|are|was|=) ([^.!?\n;]{1,100})", re.IGNORECASE)
_TOLD_ZH = re.compile(r"我(?:的|最)([\u4e00-\u9fff]{1,10}?)(?:是|为)([^，。！？,.!?\n；;]{1,40})")
_REMEMBER = re.compile(
    r"\b(?:remember|note)(?: that| this|:)?\s+([^\n]{2,200})|(?:请)?记住[：:，, ]?([^\n。]{2,100})",
    re.IGNORECASE,
)
_WHO_AM_I = re.compile(
    r"\bwhat(?:'s| is| was) my name\b|\bwho am i\b|\bdo you (?:know|remember) my name\b|我叫什么"
    r"|我的名字是什么|我是谁",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\bwhat(?:'s| is| are| was| were) (?:my|the) ([a-z][a-z -]{1,40}?)(?: again| that i told you)?\s*\?",
    re.IGNORECASE,
)
_ASKED_ZH = re.compile(r"我(?:的|最)([\u4e00-\u9fff]{1,10}?)是(?:什么|谁|哪|多少)")
_LAST = re.compile(
    r"\bwhat did i (?:just |first )?(?:ask|say|tell)|\bmy (?:last|previous|first) (?:question"
    r"|message)\b|我(?:刚才|刚刚|上次|第一次)(?:问|说)",
    re.IGNORECASE,
)
_RECALL = re.compile(
    r"\bwhat (?:did|should) (?:i ask you to|you) remember|\bwhat do you (?:know|remember) about me"
    r"|你记住了什么|你知道我什么",
    re.IGNORECASE,
)
_STATEMENT = re.compile(r"^[^?？]{1,160}$")
_NOT_A_NAME = frozenset(
    listed("a an the not so very here now sure sorry trying using looking new from in on happy tired")
)


def name_in(text: str) -> str:
    """Return the name by which a text's writer presents themselves; empty where they don't."""
    for found in _NAMED.finditer(text):
        name = next(group for group in found.groups() if group)
        if name.lower() not in _NOT_A_NAME:
            return name
    return ""


def told_in(text: str) -> dict[str, str]:
    """Return what a text tells about its writer: `favourite colour`, `green`."""
    found = {match[1].lower().strip(): match[2].strip() for match in _TOLD.finditer(text)}
    return found | {match[1]: match[2].strip() for match in _TOLD_ZH.finditer(text)}


def answer(question: Question) -> str | None:
    """Return the answer to a question about what was said before, or to being told something."""
    text, say = question.text, question.say
    if _WHO_AM_I.search(text):
        name = next((found for said in reversed(question.before) if (found := name_in(said))), "")
        if name:
            return say(f"Your name is {name}.", f"你叫{name}。")
        return say("You haven't told me your name yet.", "你还没有告诉我你的名字。")
    if _LAST.search(text):
        return _earlier(question)
    if _RECALL.search(text):
        notes = [
            next(g for g in m.groups() if g) for said in question.before for m in _REMEMBER.finditer(said)
        ]
        notes += [
            say(f"your {key} is {value}", f"你的{key}是{value}")
            for said in question.before
            for key, value in told_in(said).items()
        ]
        if notes:
            return "\n".join(f"- {note.strip()}" for note in notes)
        return say("Nothing yet: you haven't told me anything.", "还没有，你还没告诉我什么。")
    if asked := _ASKED.search(text) or _ASKED_ZH.search(text):
        return _recalled(question, asked[1].lower().strip())
    return _acknowledged(question)


def _earlier(question: Question) -> str:
    if not question.before:
        return question.say("This is your first message.", "这是你的第一条消息。")
    first = re.search(r"\bfirst\b|第一", question.text, re.IGNORECASE) is not None
    said = " ".join((question.before[0] if first else question.before[-1]).split())
    return question.say(f"You said: “{said}”", f"你说的是：“{said}”")


def _recalled(question: Question, key: str) -> str | None:
    for said in reversed(question.before):
        told = told_in(said)
        for known, value in told.items():
            if known == key or known.endswith(key) or key.endswith(known):
                return question.say(f"Your {known} is {value}.", f"你的{known}是{value}。")
    return None


def _acknowledged(question: Question) -> str | None:
    text = question.text
    if not _STATEMENT.match(text):
        return None
    if name := name_in(text):
        return question.say(
            f"Nice to meet you, {name}! What would you like to talk about?",
            f"很高兴认识你，{name}！想聊点什么？",
        )
    if _REMEMBER.match(text):
        return question.say("I'll remember that for this conversation.", "好的，在这次对话里我会记住。")
    told = told_in(text)
    if told and re.match(r"\s*(?:my|我)", text, re.IGNORECASE):
        key, value = next(iter(told.items()))
        return question.say(f"Noted: your {key} is {value}.", f"记下了：你的{key}是{value}。")
    return None
