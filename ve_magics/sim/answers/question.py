"""What is asked: the last words of the user, the language and form that are wanted, and what was said before."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace

import msgspec

from ve_magics.messages import ChatRequest, File, FinishReason, Image, Message, Part, Text, ToolResult

_WIDE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_ENGLISH_OPENING = re.compile(
    r"\s*(what|how|why|who|when|where|which|explain|translate|please|write|describe|tell|give|list|is|are|can|could"
    r"|do|does|summari[sz]e|show|define|compare)\b",
    re.IGNORECASE,
)
_IN_CHINESE = re.compile(
    r"\b(?:in|into|to|speak|use) (?:simplified |mandarin )?chinese\b"
    r"|用(?:简体)?(?:中文|汉语)|(?:中文|汉语)(?:回答|回复|作答)",
    re.IGNORECASE,
)
_IN_ENGLISH = re.compile(
    r"\b(?:in|speak|use) english\b|用(?:英文|英语)|(?:英文|英语)(?:回答|回复|作答)", re.IGNORECASE
)
_NUMBERS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
    "九": 9, "十": 10,
}  # fmt: skip
_COUNT = r"(\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
_COUNT_ZH = r"(\d{1,3}|[一两二三四五六七八九十])"
_SENTENCES = re.compile(rf"\b(?:{_COUNT}|a|single)(?: \w+)?[ -]sentences?\b|{_COUNT_ZH}\s*句", re.IGNORECASE)
_BULLETS = re.compile(
    rf"\b{_COUNT}(?: \w+)? (?:bullet|point|key point|item)s?\b|{_COUNT_ZH}\s*(?:个|条)?(?:要点|点(?!钟|心)|条)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"\b(?:in|under|within|at most|than|about|of)? ?(\d{1,4})[ -]words?\b|(\d{1,4})\s*个?字", re.IGNORECASE
)
_BRIEF = re.compile(
    r"\b(briefly|concise(?:ly)?|short(?:ly)?(?!\s+(?:\w+\s+)?(?:examples?|snippets?|code))|terse"
    r"|one line)\b|简短|简要|简洁|一行",
    re.IGNORECASE,
)
_BULLETED = re.compile(r"\bbullet(?:ed|s| points?| list)\b|要点", re.IGNORECASE)
_TABLE = re.compile(r"\btable\b|表格|对照表|列表对比", re.IGNORECASE)
_BARE = re.compile(
    r"\b(?:only|just) (?:the |with )?"
    r"(?:code|number|answer|word|result|names?|items?|list|label|a number|one word)\b|\bcode only\b|\bone word\b"
    r"|\bno (?:explanation|prose)\b|只(?:要|给|输出|写|回答|返回)|不要解释",
    re.IGNORECASE,
)


LONGEST = 60_000
"""Most characters of a message that the rules look at."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The form that an answer is wanted in; None or False where nothing was said."""

    sentences: int | None = None
    bullets: int | None = None
    words: int | None = None
    brief: bool = False
    bulleted: bool = False
    table: bool = False
    bare: bool = False

    @classmethod
    def read(cls, text: str) -> Shape:
        """Return what a text says about the form of its answer."""
        sentences, bullets, words = _SENTENCES.search(text), _BULLETS.search(text), _WORDS.search(text)
        return cls(
            sentences=_number(sentences),
            bullets=_number(bullets),
            words=_number(words),
            brief=bool(_BRIEF.search(text)),
            bulleted=bool(_BULLETED.search(text)) or bullets is not None,
            table=bool(_TABLE.search(text)),
            bare=bool(_BARE.search(text)),
        )

    def over(self, other: Shape) -> Shape:
        """Return this form, with the other's word where this one says nothing about length at all."""
        if self.sentences or self.bullets or self.words or self.bulleted:
            return self
        return Shape(
            other.sentences,
            other.bullets,
            other.words,
            self.brief or other.brief,
            other.bulleted,
            self.table or other.table,
            self.bare or other.bare,
        )


def _number(found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    word = next((group for group in found.groups() if group), "one").lower()
    return int(word) if word.isdecimal() else _NUMBERS.get(word, 1)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answers."""

    parts: tuple[Part, ...]
    finish: FinishReason = "stop"


@dataclass(frozen=True, slots=True)
class Question:
    """A request as the answer engine sees it.

    Attributes:
        request: The request itself.
        text: The words of the last user message.
        system: The words of all system messages.
        before: The user messages before the last one, oldest first.
        chinese: Whether the answer is wanted in Chinese.
        shape: The form that it is wanted in.
        images: The pictures in the last user message.
        seed: A number that is the same for the same conversation.
    """

    request: ChatRequest
    text: str
    system: str = ""
    before: tuple[str, ...] = ()
    chinese: bool = False
    shape: Shape = field(default_factory=Shape)
    images: tuple[Image, ...] = ()
    seed: int = 0

    @classmethod
    def of(cls, request: ChatRequest, *, variant: int = 0) -> Question:
        """Read a request; another variant is another seed."""
        system = "\n".join(m.text for m in request.messages if m.role in ("system", "developer"))
        asked = [m for m in request.messages if m.role == "user" and _speaks(m)]
        asked = [m for m in asked if m.text.strip() or not _shows_results(m, request.messages)]
        last = asked[-1] if asked else Message("user")
        said = "\n".join(part.text for part in last.parts if isinstance(part, Text)).strip()
        text = shortened(
            "\n\n".join([said, *(_read(part) for part in last.parts if isinstance(part, File))]).strip()
        )
        images = tuple(part for part in last.parts if isinstance(part, Image))
        digest = hashlib.blake2b(msgspec.json.encode(request.messages), digest_size=6).digest()
        return cls(
            request=request,
            text=text,
            system=system,
            before=tuple(message.text.strip() for message in asked[:-1]),
            chinese=wants_chinese(text, system, tuple(message.text for message in asked[:-1])),
            shape=Shape.read(text).over(Shape.read(system)),
            images=images,
            seed=int.from_bytes(digest, "big") + variant,
        )

    def asked_before(self) -> Question:
        """Return the question before this one, as it was asked."""
        *earlier, text = self.before
        before = tuple(earlier)
        return replace(self, text=text, before=before, chinese=wants_chinese(text, self.system, before))

    def pick(self, *choices: str, salt: str = "") -> str:
        """Return one of the choices, the same one whenever the same is asked."""
        digest = hashlib.blake2b(f"{self.seed}{salt}".encode(), digest_size=4).digest()
        return choices[int.from_bytes(digest, "big") % len(choices)]

    def say(self, english: str, chinese: str) -> str:
        """Return the wording in the language that is wanted."""
        return chinese if self.chinese else english


def _read(file: File) -> str:
    """Return the words of a document that is plain text; nothing of any other kind."""
    if not file.media_type.startswith("text/") and file.media_type != "application/json":
        return ""
    return file.data[: 4 * LONGEST].decode("utf-8", "replace").strip()


def shortened(text: str) -> str:
    """Return a text of which a simulated model reads the beginning and the end, where it is very long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST * 3 // 4]}\n…\n{text[-LONGEST // 4 :]}"


def _speaks(message: Message) -> bool:
    return any(not isinstance(part, ToolResult) for part in message.parts)


def _shows_results(message: Message, messages: tuple[Message, ...]) -> bool:
    """Whether a message holds the pictures that tools gave back: it follows their results, or holds them too."""
    at = next(n for n, one in enumerate(messages) if one is message)
    before = messages[at - 1].role if at else ""
    return before == "tool" or any(isinstance(part, ToolResult) for part in message.parts)


def is_chinese(text: str) -> bool:
    """Whether a text is Chinese, foreign names and code words aside."""
    wide, words = len(_WIDE.findall(text)), len(_WORD.findall(text))
    if not wide:
        return False
    return wide > 4 * words if _ENGLISH_OPENING.match(text) else wide >= words


def wants_chinese(text: str, system: str = "", before: tuple[str, ...] = ()) -> bool:
    """Whether an answer is wanted in Chinese: said outright, said by the system, or the language of the question."""
    for said in (text, system):
        if _IN_CHINESE.search(said):
            return True
        if _IN_ENGLISH.search(said):
            return False
    if not _WIDE.search(text) and not _WORD.search(text):
        spoken = next((earlier for earlier in reversed(before) if earlier), system)
        return is_chinese(spoken)
    return is_chinese(text)
