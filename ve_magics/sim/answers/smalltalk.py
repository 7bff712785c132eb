"""Greetings, thanks, what was said before, and what to say when nothing else fits."""

from __future__ import annotations

import re

from ve_magics.sim.answers.prose import keywords, sentences, shaped
from ve_magics.sim.answers.question import Question

_GREETING = re.compile(
    r"\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings|你好|您好|嗨|哈喽|早上好|下午好|晚上好)"
    r"(?: there| tutor| everyone| world|呀|啊|，?世界)?[\s!,.?~，。！？～]*$",
    re.IGNORECASE,
)
_HELLO_REQUEST = re.compile(
    r"^\s*(?:please )?(?:say|reply with|respond with|answer with)(?: exactly)?(?: the| a)?(?: single"
    r"| one)?(?: words?| text| phrase)?:? [\"'“]?(?P<words>[^\"'”\n]{1,80}?)[\"'”]?"
    r"(?: and nothing else| only)?[.!]?\s*$"
    r"|^\s*(?:请)?(?:只)?(?:说(?!出)|回复)[：: ]?[“\"「]?(?P<words_zh>[^”\"」\n]{1,40}?)[”\"」]?[。！]?\s*$",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"^[^\n]{0,12}?\b(thanks|thank you|thx)\b[^\n?]{0,30}$|^[^\n]{0,4}(谢谢|多谢|感谢)[^\n？]{0,12}$",
    re.IGNORECASE,
)
_BYE = re.compile(
    r"^\s*(bye|goodbye|see you|good night)\b[^\n]{0,20}$|^\s*(再见|拜拜|晚安)[^\n]{0,8}$", re.IGNORECASE
)
_WHO = re.compile(
    r"\bwho are you\b|\bwhat are you\b|\bwhat(?:'s| is) your name\b|\bare you (?:real|an ai|a (?:real|simulated))"
    r"|\bwhich model\b|\bwhat model\b|你是谁|你叫什么|你是什么模型|哪个模型|介绍一下你自己",
    re.IGNORECASE,
)
_CAN = re.compile(
    r"\bwhat can you do\b|\bhelp me\??$|^\s*help\W*$|你能做什么|你会什么|有什么功能", re.IGNORECASE
)
_WELL = re.compile(r"\bhow are you\b|\bhow(?:'s| is) it going\b|你好吗|最近怎么样", re.IGNORECASE)


def answer(question: Question) -> str | None:
    """Return what people say to each other; None where something real was asked."""
    text, say = question.text, question.say
    if not text:
        return None
    if _GREETING.match(text):
        return say(
            "Hello! I'm the simulated tutor of ve_magics. What would you like to talk about?",
            "你好！我是 ve_magics 的模拟导师。想聊点什么？",
        )
    if found := _HELLO_REQUEST.match(text):
        return found["words"] or found["words_zh"]
    if _WHO.search(text):
        return say(
            "I'm `sim/tutor`, a simulated model that is built into ve_magics. My answers are made by rules and tables "
            "on this machine, so they cost nothing, need no key and are the same every time.",
            "我是 `sim/tutor`，ve_magics 内置的模拟模型。我的回答由本机上的规则和数据表生成，不收费，不需要密钥，"
            "每次都一样。",
        )
    if _CAN.search(text):
        return _abilities(question)
    if _WELL.search(text):
        return say("Very well, thank you! What shall we look at today?", "我很好，谢谢！今天想看些什么？")
    if _COURTESY.search(text):
        return say("You're welcome! Ask away if there is anything else.", "不客气！还有问题请随时问我。")
    if _BYE.search(text):
        return say("Goodbye, and have a good day!", "再见，祝你今天愉快！")
    return None


def _abilities(question: Question) -> str:
    return question.say(
        "I'm simulated, but quite handy for trying things out:\n\n"
        "- explain about forty topics of programming, data science and school\n"
        "- write code, lists and tables, and do sums\n"
        "- summarise a text, answer from passages and cite them\n"
        "- fill a JSON Schema, call the tools that you offer, describe a picture\n"
        "- do all of it in English and Chinese",
        "我是模拟的，但很适合用来试验：\n\n"
        "- 讲解编程、数据科学和学校课程里的约四十个主题\n"
        "- 写代码、列表和表格，做算术\n"
        "- 概括文章，根据给出的段落回答并注明出处\n"
        "- 按 JSON Schema 填写，调用你提供的工具，描述图片\n"
        "- 以上都可以用中文或英文",
    )


def otherwise(question: Question) -> str:
    """Return a sensible answer to whatever nobody has anything to say about."""
    text = " ".join(question.text.split())
    if not text:
        return question.say(
            "Your message is empty. What would you like to know?", "你的消息是空的。想知道什么？"
        )
    first = (sentences(text) or [text])[0].rstrip("?.!。？！ ")
    asked = first if len(first) <= 120 else f"{first[:117]}…"
    subject = subject_of(question.text, chinese=question.chinese)
    if question.chinese:
        said = [
            f"你问的是“{asked}”。",
            f"我是模拟的导师，对“{subject}”没有真正的知识，所以只能给出一般的思路。",
            f"先弄清楚“{subject}”要解决什么问题，再找一个最小的例子动手试一试。",
            "把结果与预期相比，每次只改变一处，并记下看到的现象。",
            "要得到真正的答案，可以用 `%ve use` 换成真实的模型，提问方式不变。",
        ]
    else:
        said = [
            f"You asked: “{asked}”.",
            f"I'm a simulated tutor and know nothing real about “{subject}”, so here is only how to go about it.",
            f"First settle what “{subject}” has to do with your goal, then try the smallest example that shows it.",
            "Compare the result with what you expected, change one thing at a time, and note what you see.",
            "For a real answer, point `%ve use` at a real model; the question stays the same.",
        ]
    lead, points = said[:2], said[2:]
    full = ("" if question.chinese else " ").join(lead) + "\n\n" + "\n".join(f"- {point}" for point in points)
    return shaped(question, said, full=full)


def subject_of(text: str, *, chinese: bool) -> str:
    """Return what a question is about, in a few words of its own."""
    first = (sentences(text) or [text])[0]
    if chinese:
        run = re.sub(
            r"请问|请|帮我|给我|能否|可以|怎么样|怎样|怎么|如何|为什么|什么是|是什么|什么|解释一下|解释"
            r"|介绍一下|介绍|说明|"
            r"写一篇|写一个|写|关于|一下|吗|呢|[？?。！!，,：:“”\"]",
            "",
            first,
        )
        return run.strip()[:20] or "这个问题"
    kept = list(dict.fromkeys(keywords(first)))[:4]
    return " ".join(kept) or "this"
