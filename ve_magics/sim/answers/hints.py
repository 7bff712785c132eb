"""Suggests a value for a field by its name, out of what a text names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from ve_magics.sim.answers import arithmetic, director, feelings
from ve_magics.sim.answers.facts import HOMES, Facts
from ve_magics.sim.answers.prose import keywords, listed, sentences, stem, words
from ve_magics.sim.answers.records import Table, asked_for

T = TypeVar("T")

_SYNONYMS = {
    "name": "name person author customer user owner sender recipient contact who attendee participant speaker "
    "assignee employee student people member guest 姓名 名字 人名 联系人 作者",
    "place": "city place location town destination origin capital address where 城市 地点 地址 目的地",
    "email": "email mail e-mail 邮箱 邮件",
    "target": "to from cc 收件人 发件人",
    "phone": "phone tel telephone mobile 电话 手机",
    "url": "url link uri website homepage 网址 链接",
    "date": "date day birthday deadline due when start end birth 日期 时间 生日 截止",
    "time": "time hour clock 时刻",
    "title": "title headline heading topic subject theme 标题 主题",
    "summary": "summary description abstract overview gist text content 摘要 总结 描述 内容 简介",
    "answer": "answer response reply explanation reason reasoning rationale explain thought thoughts "
    "回答 答案 解释 理由 原因",
    "keyword": "keyword tag label category topic term entity 关键词 标签 类别 item point step highlight 要点 步骤",
    "code": "code snippet program script 代码",
    "language": "language lang 语言",
    "currency": "currency 货币",
    "unit": "unit units 单位",
    "color": "color colour 颜色",
    "country": "country nation 国家",
    "query": "query search question q 查询 问题 搜索",
    "expression": "expression formula calculation 表达式 算式",
}
_MEANING = {word: meaning for meaning, group in _SYNONYMS.items() for word in group.split()}
_COLOURS = listed("red blue green yellow orange purple pink brown black white grey gray gold silver")
_COUNTRIES = listed(
    "France Germany Spain Italy China Japan India Brazil Canada Norway Kenya Egypt Australia Mexico"
)
_LANGUAGES = listed(
    "English Chinese French German Spanish Japanese Korean Italian Russian Python JavaScript Java Rust SQL"
)
_ASKED = re.compile(
    r"\b(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\b|([两二三四五六七八九十])(?=[个条点项种位大座颗])"
)
_COUNTS = {w: n for n, w in enumerate(listed("two three four five six seven eight nine ten"), 2)}
_COUNTS_ZH = dict(zip("两二三四五六七八九十", (2, 2, 3, 4, 5, 6, 7, 8, 9, 10), strict=True))
_PLAIN_NUMBERS = {
    "year": 2026,
    "age": 30,
    "rating": 4,
    "stars": 4,
    "month": 6,
    "hour": 9,
    "port": 8080,
    "quantity": 1,
}
_SEARCH = re.compile(
    r"^(?:please |can you |could you )?(?:search|look up|find|google|query)(?: \w+){0,4}? (?:for|about|on) "
    r"|^(?:请|帮我)*(?:搜索|查找|查询|检索|查一下)(?:一下)?",
    re.IGNORECASE,
)
_REASONS = ("reason", "why", "because", "evidence", "理由", "原因", "依据")
_SHARES = ("confidence", "score", "probability", "certainty", "likelihood", "relevance", "置信度")
_CURRENCIES = (("€", "EUR"), ("£", "GBP"), ("¥", "CNY"), ("元", "CNY"))
_NEGATION = re.compile(
    r"\b(?:not|no|isn't|never|without|don't|doesn't|won't)\b[^.,;]{0,20}$|[不没无未]\S{0,3}$", re.IGNORECASE
)
_PLAIN_WORDS = {
    "email": "ada@example.org",
    "phone": "+1 555 0100",
    "url": "https://example.org/",
    "date": "2026-01-15",
    "time": "09:00",
    "place": "Paris",
    "country": "France",
}
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "PT30M",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "url": "https://example.org/",
    "uri-reference": "/example",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000001",
}


LONGEST_WISH = 200
"""Characters in which a text says what list it wants; what stands further on is only mentioned."""


class Hints:
    """Suggests values; asked twice for the same kind it suggests the next one that the text names.

    Args:
        facts: What the text names.
        chinese: Whether words are wanted in Chinese.
        answer: Returns what a model would answer to the text, for fields that ask for it.
        film: Whether the fields are those of a shot.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        chinese: bool = False,
        answer: Callable[[], str] | None = None,
        film: bool = False,
    ) -> None:
        self._facts = facts
        self._chinese = chinese
        self._answer = answer
        self._film = film
        self._felt = False
        self._taken: Counter[str] = Counter()
        self._terms = list(dict.fromkeys(keywords(facts.text)))
        self._stems = {stem(word) for word in words(facts.text)}

    @property
    def chinese(self) -> bool:
        """Whether words are wanted in Chinese."""
        return self._chinese

    @property
    def table(self) -> Table | None:
        """What is known about the things that the text asks a list of; None where it is about nothing of the kind."""
        return None if self._film else asked_for(self._facts.text[:LONGEST_WISH])

    def _next(self, kind: str, pool: Sequence[T]) -> T | None:
        if not pool:
            return None
        value = pool[self._taken[kind] % len(pool)]
        self._taken[kind] += 1
        return value

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Suggest within this block without touching what is suggested after it: lists side by side begin alike."""
        taken = self._taken.copy()
        yield
        self._taken = taken

    def labelled(self, name: str) -> str:
        """Return the value that the text itself gives under this name, as in `price: 12`; empty where it gives none."""
        label = r"[\s_-]?".join(map(re.escape, split_name(name)))
        if not label:
            return ""
        found = re.search(
            rf"(?<![\w]){label}(?:\s*[:=：]|\s+(?:is|was|of|are)\b|是|为)\s*(?:[:：])?\s*[\"“]?([^\n,;，。；\"”]+)",
            self._facts.text,
            re.IGNORECASE,
        )
        if found is None:
            return ""
        value = re.split(r"\.(?:\s|$)| and ", found[1])[0].strip(" '`")
        return value if len(value) <= 80 else ""

    def string(self, name: str, format_: str = "", description: str = "") -> str:
        """Return words for a field."""
        facts, meaning = self._facts, meaning_of(name)
        if format_ in ("date", "date-time"):
            date = self._next("date", facts.dates) or _FORMATS["date"]
            time = self._next("time", facts.times) if format_ == "date-time" else None
            return date if format_ == "date" else f"{date}T{(time or '09:00')[:5].zfill(5)}:00Z"
        if format_ in _FORMATS:
            pool = {"email": facts.emails, "uri": facts.urls, "url": facts.urls}.get(format_, ())
            return self._next(format_, pool) or _FORMATS[format_]
        if self._film and (part := director.field_of(name)):
            return director.direct(facts.text, part, chinese=self._chinese)
        if measured := self.measured(name):
            return measured
        named = self._pools().get(meaning, ())
        if (told := self.labelled(name)) and (not named or any(value in told for value in named)):
            return told
        return (
            self._by_meaning(meaning, name)
            or self._by_meaning(meaning_of(description), name)
            or self.words(name)
        )

    def scenes(self, name: str, wanted: int) -> list[str]:
        """Return the scenes of a story, for a list that is called so; none for any other list."""
        return (
            director.scenes(self._facts.text, wanted)
            if name.lower() in ("shots", "scenes", "镜头", "分镜")
            else []
        )

    def _pools(self) -> dict[str, Sequence[str]]:
        """Return what the text names, by what it means."""
        facts, lowered = self._facts, self._facts.text.lower()
        homes = [HOMES[place] for place in facts.places if place in HOMES]
        return {
            "name": facts.names,
            "place": facts.places,
            "email": facts.emails,
            "target": facts.emails or facts.places or facts.names,
            "phone": facts.phones,
            "url": facts.urls,
            "date": facts.dates,
            "time": facts.times,
            "color": [colour for colour in _COLOURS if colour in lowered],
            "country": [country for country in _COUNTRIES if country in facts.text] or homes,
            "language": [language for language in _LANGUAGES if language.lower() in lowered],
            "keyword": self._terms,
        }

    def _by_meaning(self, meaning: str, name: str) -> str:
        facts, pools = self._facts, self._pools()
        if meaning in pools:
            found = self._next(meaning, pools[meaning])
            if found is None and meaning == "name" and not split_name(name)[:-1]:
                found = self._next("quoted", facts.quoted)
            plain = {**_PLAIN_WORDS, "language": "Chinese" if self._chinese else "English"}
            return found or plain.get(meaning, "")
        match meaning:
            case "title":
                quoted = self._next("quoted", facts.quoted)
                if quoted or not self._chinese:
                    return quoted or " ".join(self._terms[:5]).capitalize()
                return "".join(self.runs()[:1])
            case "summary":
                said = sentences(facts.text)
                return said[self._taken["summary"] % len(said)] if said else ""
            case "answer" if name.lower() in _REASONS and self._felt:
                return feelings.telling(facts.text) or sentences(facts.text)[-1]
            case "answer":
                said = sentences(re.sub(r"[#*`$]|^- ", "", self._answer())) if self._answer else []
                return (("" if self._chinese else " ").join(said[:2])) or self.words(name)
            case "query":
                asked = _SEARCH.sub("", " ".join(facts.text.split())).rstrip("?.!。？！")
                return facts.quoted[0] if facts.quoted else asked[:160]
            case "currency":
                return next((code for sign, code in _CURRENCIES if sign in facts.text), "USD")
            case "expression":
                return arithmetic.expression(facts.text) or self.words(name)
            case "code":
                sum_ = arithmetic.expression(facts.text)
                return f"print({sum_})" if sum_ else "print('Hello')"
            case "unit":
                return "celsius" if "fahrenheit" not in facts.text.lower() else "fahrenheit"
            case _:
                return ""

    def runs(self) -> list[str]:
        """Return the Chinese phrases of the text, longest first."""
        return sorted(re.findall(r"[\u3400-\u9fff]{2,16}", self._facts.text), key=len, reverse=True)

    def words(self, name: str) -> str:
        """Return some words for a field of which nothing is known but its name."""
        if quoted := self._next("quoted", self._facts.quoted):
            return quoted
        label = " ".join(split_name(name)) or "value"
        about = self.runs()[:1] if self._chinese else self._terms[:3]
        if not about:
            return label
        return f"{about[0]}的{label}" if self._chinese else f"{label} of {' '.join(about)}"

    def measured(self, name: str) -> str:
        """Return the measure that the text gives for a field, `2` or `320x180`; empty where it gives none."""
        if name.lower() in ("size", "resolution", "尺寸"):
            found = re.search(r"(?<!\d)\d{2,4}\s?[x×]\s?\d{2,4}(?!\d)", self._facts.text)
            return found[0].replace(" ", "").replace("×", "x") if found else ""
        if name.lower() in ("seconds", "duration", "秒"):
            found = re.search(r"(?<![\d.])(\d{1,3}(?:\.\d)?)[ -]?(?:s\b|sec|秒)", self._facts.text)
            return found[1] if found else ""
        return ""

    def candidates(self, name: str) -> list[str]:
        """Return everything that the text names and that could go into a field with a pattern."""
        facts = self._facts
        told = self.labelled(name)
        named = [*facts.quoted, *facts.emails, *facts.phones, *facts.dates, *facts.times, *facts.urls]
        return [*([told] if told else []), *named, *re.findall(r"[^\s,;，。；：:\"“”()（）]+", facts.text)]

    def number(self, name: str, low: float, high: float, *, whole: bool) -> float:
        """Return a number for a field, from `low` to `high`."""
        told = re.search(r"-?\d+(?:\.\d+)?", self.measured(name) or self.labelled(name).replace(",", ""))
        near = told or self._beside(name)
        last = (split_name(name) or [""])[-1]
        if near is None and last in ("age", "年龄", "岁"):
            near = re.search(r"(?<!\d)\d{1,3}(?=[ -]?(?:years?|岁))", self._facts.text)
        if near is not None and low <= float(near[0]) <= high and not (whole and float(near[0]) % 1):
            if float(near[0]) in self._facts.numbers:
                self._taken[f"n{float(near[0])}"] += 1
            return float(near[0])
        if last in _SHARES:
            return _within(0.9 if not whole else 9, low, high, whole=whole)
        for number in self._facts.numbers:
            if low <= number <= high and not (whole and number % 1) and not self._taken[f"n{number}"]:
                self._taken[f"n{number}"] += 1
                return number
        return _within(_PLAIN_NUMBERS.get(last, 1), low, high, whole=whole)

    def _beside(self, name: str) -> re.Match[str] | None:
        """Return the number that stands right before or after a field's name in the text."""
        for word in reversed(split_name(name)):
            root = re.escape(stem(word))
            if found := re.search(
                rf"(?<!\d)\d{{1,18}}(?:\.\d{{1,18}})?(?=\s{{0,3}}[\w%]{{0,4}}\s{{1,3}}{root})",
                self._facts.text,
                re.IGNORECASE,
            ):
                return found
            if found := re.search(
                rf"{root}\w{{0,3}}\D{{0,3}}?(?P<n>\d{{1,18}}(?:\.\d{{1,18}})?)",
                self._facts.text,
                re.IGNORECASE,
            ):
                return re.search(r"\d+(?:\.\d+)?", found["n"])
        return None

    def flag(self, name: str, description: str = "") -> bool:
        """Return yes or no for a field: yes where the text speaks of it and doesn't deny it."""
        told = self.labelled(name).lower()
        if told in ("yes", "true", "no", "false", "是", "否"):
            return told in ("yes", "true", "是")
        for word in [*split_name(name), *keywords(description)]:
            if word in ("is", "has", "was", "are", "can", "true", "false", "whether", "if", "boolean"):
                continue
            found = re.search(rf"(?<![a-z]){re.escape(stem(word))}", self._facts.text, re.IGNORECASE)
            if found is not None:
                return _NEGATION.search(self._facts.text[: found.start()]) is None
        return feelings.score(self._facts.text) > 0 and "positive" in name

    def choice(self, options: Sequence[Any], name: str) -> Any:
        """Return the option that the text speaks for most; the first where it speaks for none."""
        lowered = {str(option).lower(): option for option in options}
        if found := feelings.among(self._facts.text, lowered):
            self._felt = True
            return lowered[found]
        told = self.labelled(name).lower()
        if told in lowered:
            return lowered[told]
        scores = [self._score(option) for option in options]
        best = max(scores)
        if best > 0:
            return options[scores.index(best)]
        preferred = ("celsius", "metric", "medium", "normal", "other", "unknown")
        return next((lowered[word] for word in preferred if word in lowered), options[0])

    def _score(self, option: Any) -> float:
        text = str(option).lower()
        if not text:
            return 0
        if not text.isascii():
            return float(text in self._facts.text)
        if re.search(rf"(?<![a-z0-9]){re.escape(text)}(?![a-z0-9])", self._facts.text.lower()):
            return 2
        parts = {stem(part) for part in split_name(text)}
        return len(parts & self._stems) / (len(parts) or 1)

    def choices(self, options: Sequence[Any], name: str, wanted: int, least: int) -> list[Any]:
        """Return several different options, those that the text speaks for first."""
        spoken = [option for option in options if self._score(option) > 0]
        ordered = [*spoken, *(option for option in options if option not in spoken)]
        count = min(wanted, max(least, len(spoken), 1))
        chosen = ordered[:count]
        while len(chosen) < least:
            chosen.append(self.choice(options, name))
        return chosen

    def how_many(self, name: str) -> int:
        """Return how many items a list of this name should have."""
        facts = self._facts
        meaning = meaning_of(name)
        if meaning != "keyword" and (pool := self._pools().get(meaning)):
            return len(pool)
        if found := _ASKED.search(facts.text):
            count = _COUNTS_ZH.get(found[2] or "") or _COUNTS.get(found[1] or "") or int(found[1] or 3)
            if 1 <= count <= 12:
                return count
        return 3


def split_name(name: str) -> list[str]:
    """Return the words of a field's name, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9\u3400-\u9fff]+", spaced) if word]


def meaning_of(name: str) -> str:
    """Return what a field's name, or its description, means; empty where that isn't known."""
    said = split_name(name)
    for word in [*reversed(said[:4]), *said[4:]]:
        if meaning := _MEANING.get(word) or _MEANING.get(stem(word)):
            return meaning
    return next((meaning for word, meaning in _MEANING.items() if not word.isascii() and word in name), "")


def _within(number: float, low: float, high: float, *, whole: bool) -> float:
    number = min(max(number, low), high)
    if whole and number % 1:
        number = number // 1 + 1 if number // 1 < low else number // 1
    return number
