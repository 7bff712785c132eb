"""Translates between English and Chinese, as far as a small dictionary goes."""

from __future__ import annotations

import re

from ve_magics.sim.answers.question import Question, is_chinese


def _dictionary(text: str) -> dict[str, str]:
    """Return the pairs of a text that lists them, as in `cat=猫; dog=狗`."""
    pairs = (pair.partition("=") for pair in text.split("; "))
    return {word: meaning for word, _, meaning in pairs}


PHRASES = _dictionary(
    "hello=你好; hello world=你好，世界; good morning=早上好; good night=晚安; thank you=谢谢; "
    "thank you very much=非常感谢; goodbye=再见; how are you=你好吗; what is your name=你叫什么名字; "
    "i love you=我爱你; i love programming=我热爱编程; nice to meet you=很高兴认识你; welcome=欢迎; "
    "happy birthday=生日快乐; happy new year=新年快乐; the weather is nice today=今天天气很好; "
    "the cat sits on the mat=猫坐在垫子上; i am a student=我是学生; see you tomorrow=明天见; "
    "machine learning=机器学习; artificial intelligence=人工智能; data science=数据科学; "
    "where is the library=图书馆在哪里; how much does it cost=多少钱; good luck=祝你好运; cat=猫; dog=狗; "
    "book=书; water=水; computer=电脑; apple=苹果; friend=朋友; teacher=老师; student=学生; today=今天; "
    "tomorrow=明天; notebook=笔记本; sun=太阳; moon=月亮; rain=雨; love=爱; i=我; you=你; he=他; she=她; "
    "we=我们; they=他们; like=喜欢; eat=吃; drink=喝; and=和; is=是; am=是; are=是; very=很; big=大; "
    "small=小; beautiful=美丽; new=新; read=读; write=写; learn=学习; go=去; house=房子; school=学校; "
    "world=世界; day=天"
)
"""English, and the same in Chinese."""

OTHERS = {
    "french": _dictionary(
        "hello=bonjour; good morning=bonjour; thank you=merci; goodbye=au revoir; cat=chat; "
        "i love you=je t'aime; good night=bonne nuit; how are you=comment allez-vous; "
        "hello world=bonjour le monde"
    ),
    "spanish": _dictionary(
        "hello=hola; good morning=buenos días; thank you=gracias; goodbye=adiós; cat=gato; "
        "i love you=te quiero; good night=buenas noches; how are you=¿cómo estás?; hello world=hola mundo"
    ),
    "german": _dictionary(
        "hello=hallo; good morning=guten Morgen; thank you=danke; goodbye=auf Wiedersehen; cat=Katze; "
        "i love you=ich liebe dich; good night=gute Nacht; how are you=wie geht es dir?; "
        "hello world=hallo Welt"
    ),
    "japanese": _dictionary(
        "hello=こんにちは; good morning=おはようございます; thank you=ありがとうございます; cat=猫; "
        "goodbye=さようなら; good night=おやすみなさい; how are you=お元気ですか; hello world=こんにちは世界"
    ),
}
"""By language: English, and the same in that language."""

_NAMES_ZH = _dictionary(
    "法语=french; 西班牙语=spanish; 德语=german; 日语=japanese; 英语=english; 英文=english; 中文=chinese; "
    "汉语=chinese"
)
_ASKED = re.compile(r"\btranslat(?:e|ion)\b|\bhow do (?:you|i) say\b|翻译|译成|译为|怎么说", re.IGNORECASE)
_TARGET = re.compile(
    r"\b(?:to|into|in) (?:simplified )?(chinese|mandarin|english|french|spanish|german|japanese)\b"
    r"|(法语|西班牙语|德语|日语|英语|英文|中文|汉语)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“'‘「『]([^\"”’」』]+)[\"”'’」』]")
_TAKEN = re.compile(r"把[：:]?\s*([^\n]{1,200}?)\s*(?:翻译|译)(?:成|为)")
_LEAD = re.compile(
    r"^.*?(?:translat(?:e|ion)(?: of)?(?: (?:this|the following|it|the) ?(?:sentence|text|phrase"
    r"|word)?s?)?|say|翻译(?:成|为|一下)?|译(?:成|为))"
    r"(?:\s*(?:to|into|in)\s+\w+|\s*(?:法语|西班牙语|德语|日语|英语|英文|中文|汉语))?\s*[:：,，]?\s*",
    re.IGNORECASE | re.DOTALL,
)


def answer(question: Question) -> str | None:
    """Return a translation; None where none is asked for."""
    text = question.text
    if not _ASKED.search(text) and not re.search(r"\btranslat|翻译", question.system, re.IGNORECASE):
        return None
    body = _body(text)
    if not body:
        return None
    found = _TARGET.search(text) or _TARGET.search(question.system)
    named = (found[1] or found[2]).lower() if found else ""
    target = _NAMES_ZH.get(named, named).replace("mandarin", "chinese")
    if not target:
        target = "english" if is_chinese(body) else "chinese"
    return translated(body, target) or question.say(
        f"“{body}” is beyond the small dictionary of a simulated model; a real one would put it into "
        f"{target.capitalize()} here.",
        f"“{body}”超出了模拟模型的小词典，真实的模型会在这里给出译文。",
    )


def _body(text: str) -> str:
    if quoted := _QUOTED.search(text):
        return quoted[1].strip()
    if taken := _TAKEN.search(text):
        return taken[1].strip()
    body = _LEAD.sub("", text, count=1) if _ASKED.search(text) else text
    body = re.sub(
        r"\s*\b(?:to|into|in) (?:simplified )?(?:chinese|mandarin|english|french|spanish|german"
        r"|japanese)\b[.?!]*\s*$",
        "",
        body,
        flags=re.IGNORECASE,
    )
    body = re.sub(
        r"(?:翻译|译)?(?:成|为)?(?:法语|西班牙语|德语|日语|英语|英文|中文|汉语)(?:怎么说)?[。？?]?$|^把"
        r"|用$",
        "",
        body,
    )
    return body.strip(" \n:：,，")


def translated(text: str, target: str) -> str:
    """Return a text in another language; empty where the dictionary doesn't reach."""
    plain = text.strip(" .!?。！？").lower().replace("’", "'")
    end = text.strip()[-1:] if text.strip()[-1:] in ".!?。！？" else ""
    if target in OTHERS:
        word = OTHERS[target].get(plain, "")
        return f"{word[:1].upper()}{word[1:]}{end}" if word and text[:1].isupper() else word
    if target == "english":
        back = {chinese: english for english, chinese in reversed(PHRASES.items())}
        english = back.get(plain.replace("，", ",").replace(",", "，"), "") or _segmented(plain, back)
        end = end.translate(str.maketrans("。！？", ".!?"))
        return f"{english[:1].upper()}{english[1:]}{end}" if english else ""
    if plain in PHRASES:
        return PHRASES[plain] + end.translate(str.maketrans(".!?", "。！？"))
    words = [
        PHRASES.get(word, "") for word in re.findall(r"[a-z']+", plain) if word not in ("a", "an", "the")
    ]
    return "".join(words) + end.translate(str.maketrans(".!?", "。！？")) if words and all(words) else ""


def _segmented(text: str, words: dict[str, str]) -> str:
    """Return a Chinese text word for word, longest words first; empty where one isn't known."""
    said, at = [], 0
    while at < len(text):
        word = next((text[at : at + size] for size in range(8, 0, -1) if text[at : at + size] in words), "")
        if not word:
            return ""
        said.append(words[word])
        at += len(word)
    return " ".join(said)
