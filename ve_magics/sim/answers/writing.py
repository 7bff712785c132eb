"""Short pieces: haiku, poems, jokes, stories and mails, each about what was asked."""

from __future__ import annotations

import re

from ve_magics.sim.answers.prose import listed
from ve_magics.sim.answers.question import Question
from ve_magics.sim.answers.smalltalk import subject_of

_HAIKU = re.compile(r"\bhaikus?\b|俳句", re.IGNORECASE)
_POEM = re.compile(r"\b(?:poem|limerick|rhyme|verse|song|lyrics)\b|诗|歌词", re.IGNORECASE)
_JOKE = re.compile(r"\bjokes?\b|\bmake me laugh\b|笑话|段子", re.IGNORECASE)
_STORY = re.compile(r"\b(?:story|tale|fable)\b|故事|童话", re.IGNORECASE)
_MAIL = re.compile(
    r"\b(?:write|draft|compose)\b[^.\n]{0,30}\b(?:e-?mail|letter|message|note)\b"
    r"|写[^。\n]{0,10}(?:邮件|信)",
    re.IGNORECASE,
)
_TAGLINE = re.compile(r"\b(?:slogan|tagline|motto)\b|口号|广告语|标语", re.IGNORECASE)
_WISH = re.compile(
    r"\b(?:haikus?|poem|limerick|joke|story|tale|fable|e-?mail|letter|note|short|funny|tiny|little"
    r"|bedtime|write|tell|slogan|tagline"
    r"|compose|draft|verse|song|about|polite|message)\b|俳句|诗|笑话|故事|邮件|一封|一首|一个|写|讲"
    r"|关于|短|口号|广告语",
    re.IGNORECASE,
)
_LITTLE = frozenset(listed("me of on for to in us please can you"))


def answer(question: Question) -> str | None:
    """Return a short piece of writing; None where none is asked for."""
    text = question.text
    if len(text) > 400:
        return None
    subject = _subject(question)
    for pattern, write in (
        (_HAIKU, _haiku),
        (_JOKE, _joke),
        (_MAIL, _mail),
        (_TAGLINE, _tagline),
        (_STORY, _story),
        (_POEM, _poem),
    ):
        if pattern.search(text):
            return write(question, subject)
    return None


def _subject(question: Question) -> str:
    about = re.search(r"\b(?:about|on|for)\s+([^.!?\n,]{2,60})", question.text, re.IGNORECASE)
    if about and not question.chinese:
        said = [word for word in about[1].split() if word.lower() not in _LITTLE]
        if said:
            return " ".join(said[:4])
    rest = _WISH.sub(" ", question.text)
    return (
        subject_of(rest.strip(), chinese=question.chinese)
        if rest.strip(" .。!?？")
        else question.say("rain", "春雨")
    )


def _haiku(question: Question, subject: str) -> str:
    lines = question.pick(
        f"{subject} at first light\nthe quiet page fills with words\none cell, then the next",
        f"soft rain on the roof\n{subject} waits without a sound\nthe night learns its name",
        f"{subject}, small and bright\na thought runs along the line\nand comes home again",
    )
    chinese = question.pick(
        f"晨光照{subject}\n一行一行慢慢写\n纸上有回声", f"夜雨落窗前\n{subject}静静在身边\n灯火又一年"
    )
    return "  \n".join(question.say(lines, chinese).split("\n"))


def _poem(question: Question, subject: str) -> str:
    english = (
        f"I asked the page for {subject} today,\nit answered in its simple way:\na line, a pause, a line once more,\n"
        "as waves come in along the shore."
    )
    chinese = f"我向白纸问{subject}，\n它用短句慢慢答。\n一行停顿又一行，\n好像海浪到天涯。"
    return "  \n".join(question.say(english, chinese).split("\n"))


def _joke(question: Question, subject: str) -> str:
    return question.say(
        question.pick(
            "Why do programmers prefer dark mode? Because light attracts bugs.",
            "There are 10 kinds of people: those who understand binary and those who don't.",
            "A SQL query walks into a bar, goes up to two tables and asks: “May I join you?”",
            f"I told my notebook a joke about {subject}. It ran it twice and cached the laugh.",
        ),
        question.pick(
            "程序员为什么喜欢深色模式？因为亮光会招来虫子（bug）。",
            "世界上有 10 种人：懂二进制的和不懂二进制的。",
            "一条 SQL 查询走进酒吧，对两张桌子说：“我可以连接你们吗？”",
        ),
    )


def _story(question: Question, subject: str) -> str:
    return question.say(
        f"Once there was {subject}, of which everybody said that nothing ever happened there. One evening a "
        "light went on where no light had been. A child who couldn't sleep went to look, and found an old notebook "
        f"whose cells were still warm. She typed a question, and {subject} answered. From then on nobody said "
        "that nothing happened.",
        f"从前，人人都说“{subject}”从来没有什么新鲜事。一天晚上，从未亮过的地方亮起了一盏灯。一个睡不着的孩子跑去看，"
        f"发现一本旧笔记本，单元格还是温热的。她写下一个问题，“{subject}”就回答了她。从那以后，再没有人说没有新鲜事了。",
    )


def _mail(question: Question, subject: str) -> str:
    return question.say(
        f"**Subject:** {subject[:1].upper()}{subject[1:]}\n\nHello,\n\nI'm writing about {subject}. Could you tell me "
        "by Friday whether this suits you? If another time is better, please suggest one.\n\nMany thanks and "
        "best wishes,\n[Your name]",
        f"**主题：** {subject}\n\n您好！\n\n来信是想和您谈谈“{subject}”。请在周五之前告诉我是否方便；"
        "如果需要换个时间，也请告诉我。\n\n"
        "谢谢，祝好！\n[您的姓名]",
    )


def _tagline(question: Question, subject: str) -> str:
    return question.say(
        question.pick(
            f"{subject}: small steps, big days.",
            f"{subject}. Made for the curious.",
            f"Wake up to {subject}.",
        ),
        question.pick(f"{subject}，让每一天都不一样。", f"因为好奇，所以{subject}。"),
    )
