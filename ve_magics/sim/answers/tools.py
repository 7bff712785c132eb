"""Calls the tools that are offered where the question asks for what they do, and answers from what they return."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ve_magics.messages import Message, Tool, ToolCall, ToolResult
from ve_magics.sim.answers import arithmetic, passages
from ve_magics.sim.answers.facts import Facts
from ve_magics.sim.answers.hints import Hints, meaning_of, split_name
from ve_magics.sim.answers.prose import keywords, listed, stem, words
from ve_magics.sim.answers.question import Question
from ve_magics.sim.answers.schema import Filler

WORTH = 2.0
"""How well a tool must fit a question to be called unasked."""

MOST_CALLS = 8
_EVERYDAY = frozenset(
    listed(
        "get set fetch the current given return find run do call tool function value string list text name "
        "information info user data"
    )
)
_MEANS = {
    "weather": "weather temperature rain raining sunny umbrella forecast hot cold snow 天气 气温 下雨 温度 冷 热",
    "time": "time clock hour 时间 几点 现在",
    "calculate": "calculate calculator compute math sum multiply add 计算 算",
    "search": "search find google web lookup wikipedia news 搜索 查找 查一下 新闻 检索",
    "email": "email mail send 邮件 发送",
    "translate": "translate translation 翻译",
    "price": "price cost stock quote ticker share 价格 股票 股价 多少钱",
    "convert": "convert exchange currency rate 汇率 换算 兑换 转换",
    "order": "order purchase buy status 订单 购买",
    "book": "book reserve reservation flight hotel 预订 机票 酒店 航班",
    "file": "file read open write 文件 读取",
    "query": "sql database query table rows 数据库 查询",
    "weekday": "date day calendar event meeting schedule 日期 日历 会议 日程",
    "random": "dice roll random 骰子 随机",
    "video": "video film movie clip footage 视频 影片 短片 电影",
    "picture": "picture image photo drawing illustration draw 图片 图像 照片 插画",
    "document": "document handbook policy manual guideline docs passage 文档 手册 制度 规定 文件 资料",
}  # fmt: skip
_IDEAS = {
    word: frozenset(idea for idea, group in _MEANS.items() if word in group.split())
    for group in _MEANS.values()
    for word in group.split()
}
_CLAUSES = re.compile(
    r"[,;，；、。？！?!]|\.\s|\band\b|\bthen\b|\balso\b|然后|并且|以及|和|再", re.IGNORECASE
)
_WHOLE = frozenset({"prompt", "task"})
"""Parameters that take what was said as it stands."""
_REFERS = re.compile(r"\b(?:of|about|from|for) (?:it|this|that|them)\b|[把给用为]它|关于它|为此|其中")
_PLACE = re.compile(r"^(\[\d{1,3}\]) [^\n]*\n", re.MULTILINE)
_ASKS = re.compile(
    r"\s*(?:who|whom|whose|what|when|where|why|how|which|does|do|is|are|can|may|must)\b"
    r"|.*(?:谁|什么|哪|多少|几[天年月个次]|如何|怎[么样]|为什么|是否|[吗呢])",
    re.IGNORECASE | re.DOTALL,
)
_ORDERS = re.compile(
    r"\b(?:make|create|generate|produce|render|draw|paint|shoot)\b|\bfilm (?:a|an|the|this|that|it|me)\b"
    r"|\b(?:have|want|need|like|give me|show me) (?:a|an|some|the)\b"
    r"|生成|制作|[做拍画来录][一个张段部条幅出]",
    re.IGNORECASE,
)
_DECLINES = re.compile(
    r"\b(?:make|create|generate|produce|draw) no\b|\b(?:don['’]t|do not|never) (?:make|create|generate|produce|draw)\b"
    r"|(?:不要|别|不用)(?:生成|制作|做|拍|画)",
    re.IGNORECASE,
)
_MAKERS = frozenset({"generate", "make", "create", "produce", "render", "draw", "paint", "shoot", "film"})
_CITED = re.compile(r"\s?\[\d{1,3}\]")
_MARKS = re.compile(r"</?data\b[^>]*>")
_FAILED = re.compile(r"^\s*(?:error|failed|traceback|exception)\b|^\s*\{\s*\"error\"", re.IGNORECASE)


class Planned(NamedTuple):
    """A call that is to be made."""

    tool: Tool
    arguments: str


def ideas(text: str) -> set[str]:
    """Return what a text is about, in the words of tools, whichever language it is in."""
    found: set[str] = set()
    for word in words(text):
        found |= _IDEAS.get(word, _IDEAS.get(stem(word), frozenset()))
    for word, meant in _IDEAS.items():
        if not word.isascii() and word in text:
            found |= meant
    return found


def fit(tool: Tool, text: str) -> float:
    """Return how well a tool fits a text."""
    if not _ordered(tool, text):
        return 0.0
    said = {stem(word) for word in keywords(text)} - _EVERYDAY
    name = {stem(word) for word in split_name(tool.name)} - _EVERYDAY
    about = {stem(word) for word in keywords(tool.description)} - _EVERYDAY
    fields = (tool.parameters or {}).get("properties", {})
    taken = {stem(word) for field in fields for word in split_name(field)} - _EVERYDAY
    score = (
        2.0 * len(said & name) + 0.7 * len(said & (about - name)) + 0.5 * len(said & (taken - name - about))
    )
    score += 2.0 * len(ideas(text) & ideas(f"{' '.join(split_name(tool.name))} {tool.description}"))
    if tool.name.lower() in text.lower():
        score += 4
    if arithmetic.expression(text) and "calculate" in ideas(
        f"{' '.join(split_name(tool.name))} {tool.description}"
    ):
        score += 2
    return score


def _ordered(tool: Tool, text: str) -> bool:
    """Whether a text may call for a tool: a question about films, or a wish for none, orders no film."""
    named = split_name(tool.name)
    made = ideas(" ".join(named)) & {"video", "picture"} and _MAKERS & {word.lower() for word in named}
    if not made or tool.name.lower() in text.lower():
        return True
    asks = _ASKS.match(text) or text.rstrip().endswith(("?", "？"))
    return not _DECLINES.search(text) and (not asks or bool(_ORDERS.search(text)))


def plan(question: Question) -> list[Planned]:
    """Return the calls that answer a question, in order; none where no tool fits."""
    choice = question.request.tool_choice
    tools = [tool for tool in question.request.tools if tool.hosted is None]
    if choice is not None and choice.names:
        tools = [tool for tool in tools if tool.name in choice.names]
    if not tools or (choice is not None and choice.mode == "none"):
        return []
    forced = choice is not None and choice.mode == "required"
    scores = {tool.name: fit(tool, question.text) for tool in tools}
    best = max(tools, key=lambda tool: scores[tool.name])
    worthy = [tool for tool in tools if scores[tool.name] >= WORTH]
    firsts = {_first(worthy, clause) for clause in clauses_of(question.text, worthy)} if worthy else set()
    chosen = [tool for tool in worthy if scores[tool.name] >= scores[best.name] / 2 or tool.name in firsts]
    if not chosen and forced:
        chosen = [best]
    if forced and choice is not None and len(choice.names) == 1:
        chosen = [best]
    clauses = clauses_of(question.text, chosen)
    if len(chosen) > 1 and len(clauses) == 1:
        chosen = [best]
    planned = searches = _searches(question, clauses if chosen else [question.text], tools, chosen)
    for tool in chosen:
        text = question.text
        if len(chosen) > 1 or searches:
            fits = [fit(tool, clause) for clause in clauses]
            text = clauses[fits.index(max(fits))]
        planned = [*planned, *_calls(tool, text, question)]
    return planned[:MOST_CALLS]


def _searches(
    question: Question, clauses: Sequence[str], tools: Sequence[Tool], chosen: Sequence[Tool]
) -> list[Planned]:
    """Return the searches of documents for what a text asks and none of the chosen tools is for."""
    documents = next(filter(_searches_documents, tools), None)
    if documents is None or documents in chosen:
        return []
    asked = [
        clause
        for clause in clauses
        if _ASKS.match(clause)
        and keywords(clause)
        and not arithmetic.expression(clause)
        and not any(fit(tool, clause) >= WORTH for tool in chosen)
    ]
    return [
        one
        for clause in asked
        for one in _calls(documents, clause, dataclasses.replace(question, text=clause))
    ]


def _searches_documents(tool: Tool) -> bool:
    return "document" in ideas(" ".join(split_name(tool.name)))


def _first(tools: Sequence[Tool], clause: str) -> str:
    """Return the name of the tool that fits a piece of a text best; empty where none does."""
    best = max(tools, key=lambda tool: fit(tool, clause))
    return best.name if fit(best, clause) >= WORTH else ""


def clauses_of(text: str, tools: Sequence[Tool]) -> list[str]:
    """Return the pieces of a text that each speak of one of the tools; what speaks of none stays with its neighbour."""
    clauses: list[str] = []
    end = 0
    for found in [*_CLAUSES.finditer(text), None]:
        stop = len(text) if found is None else found.start()
        piece = text[end:stop]
        if not clauses or any(fit(tool, piece) >= WORTH for tool in tools):
            clauses.append(piece)
        else:
            clauses[-1] += f" {piece}"
        end = stop if found is None else found.end()
    return [clause for clause in clauses if clause.strip()]


def _calls(tool: Tool, text: str, question: Question) -> list[Planned]:
    if tool.custom:
        return [Planned(tool, arithmetic.expression(text) or text.strip())]
    facts = Facts.read(text)
    if not (facts.places or facts.names or facts.numbers):
        facts = Facts.read(question.text)
    schema = _wanted(tool.parameters or {"type": "object"}, facts)
    several = _several(schema, facts)
    made = []
    for pool, value in several or [("", "")]:
        narrowed = facts if not pool else _narrowed(facts, pool, value)
        hints = Hints(narrowed, chinese=question.chinese)
        arguments = Filler(schema, hints).fill()
        if isinstance(arguments, dict):
            arguments |= {name: _whole(text, name) for name in arguments.keys() & _WHOLE}
        made.append(Planned(tool, msgspec.json.encode(arguments).decode()))
    return [one for number, one in enumerate(made) if one not in made[:number]]


def _whole(text: str, name: str) -> str:
    """Return what was said, as a task; or only what it wants to be shown, as a prompt."""
    said = " ".join(text.split())
    if name != "prompt" or not _REFERS.search(said):
        return said
    return said.partition(": ")[2] or said


def _narrowed(facts: Facts, pool: str, value: str) -> Facts:
    """Return facts of which one kind holds a single value."""
    changed: dict[str, Any] = {pool: (value,)}
    return dataclasses.replace(facts, **changed)


def _several(schema: Mapping[str, Any], facts: Facts) -> list[tuple[str, str]]:
    """Return the values of which each wants a call of its own: a text names several, and the tool takes one."""
    pools = {"place": "places", "email": "emails", "url": "urls", "date": "dates", "name": "names"}
    for name, inner in (schema.get("properties") or {}).items():
        pool = pools.get(meaning_of(name), "")
        if pool and isinstance(inner, Mapping) and inner.get("type", "string") == "string":
            values = getattr(facts, pool)
            same = [n for n in schema["properties"] if pools.get(meaning_of(n)) == pool]
            if len(values) > 1 and len(same) == 1:
                return [(pool, value) for value in values]
    return []


def _wanted(schema: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return a tool's schema without the optional fields of which the text says nothing."""
    required = set(schema.get("required") or ())
    hints = Hints(facts)
    kept = {}
    for name, inner in (schema.get("properties") or {}).items():
        options = inner.get("enum", ()) if isinstance(inner, Mapping) else ()
        spoken = any(
            re.search(rf"\b{re.escape(str(option))}\b", facts.text, re.IGNORECASE) for option in options
        )
        if name in required or spoken or hints.labelled(name) or hints.measured(name):
            kept[name] = inner
    return {**schema, "properties": kept}


def calls(question: Question) -> tuple[ToolCall, ...]:
    """Return the calls that are to be made now: those of the plan that were not made yet; none where all were."""
    made = [(call.name, call.arguments) for message in _since(question) for call in message.tool_calls]
    left = [one for one in plan(question) if (one.tool.name, one.arguments) not in made]
    known = [(name, _canonical(arguments)) for name, arguments in made]
    left = [one for one in left if (one.tool.name, _canonical(one.arguments)) not in known]
    left = _in_turn(question, left, {name for name, _ in made})
    if question.request.parallel_tool_calls is False:
        left = left[:1]
    return tuple(
        ToolCall(_call_id(question, len(made) + number, one), one.tool.name, one.arguments, one.tool.custom)
        for number, one in enumerate(left)
    )


def _in_turn(question: Question, left: Sequence[Planned], made: set[str]) -> list[Planned]:
    """Return the calls whose turn it is: one that speaks of `it` waits for what the others find, and is told that."""
    waiting = [one for one in left if _REFERS.search(one.arguments) and not _searches_documents(one.tool)]
    first = [one for one in left if one not in waiting]
    if first or not made:
        return first or waiting
    silence = passages.silence(question)
    if any(_from_passages(question, call, result.text) == silence for call, result in results(question)):
        return []  # there is nothing to go on from
    said = " ".join(_shown(result.text.strip()) for _, result in results(question))
    said = shortened(_CITED.sub("", said), 300)
    found = []
    for one in waiting:
        if one.tool.name not in made:
            arguments = msgspec.json.decode(one.arguments)
            arguments |= {
                name: f"{arguments[name].rstrip('.。')}: {said}" for name in arguments.keys() & _WHOLE
            }
            found.append(Planned(one.tool, msgspec.json.encode(arguments).decode()))
    return found


def _canonical(arguments: str) -> str:
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except msgspec.DecodeError:
        return arguments


def _call_id(question: Question, number: int, one: Planned) -> str:
    told = f"{question.seed} {number} {one.tool.name} {one.arguments}"
    return f"call_sim{hashlib.blake2b(told.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def _since(question: Question) -> list[Message]:
    """Return the messages after the last one in which the user spoke."""
    messages = question.request.messages
    at = max((n for n, m in enumerate(messages) if m.role == "user" and m.text.strip()), default=-1)
    return list(messages[at + 1 :])


def results(question: Question) -> list[tuple[ToolCall | None, ToolResult]]:
    """Return what the tools gave back since the user spoke last, each with its call."""
    since = _since(question)
    asked = {call.id: call for message in since for call in message.tool_calls}
    found = [part for message in since for part in message.parts if isinstance(part, ToolResult)]
    return [(asked.get(result.call_id), result) for result in found]


def told(question: Question, found: Sequence[tuple[ToolCall | None, ToolResult]]) -> str:
    """Return the answer that tools' results give to a question."""
    said = [_one(question, call, result) for call, result in found]
    if len(said) == 1:
        return said[0]
    return "\n".join(f"- {one}" for one in said)


def _one(question: Question, call: ToolCall | None, result: ToolResult) -> str:
    name = (call.name if call else result.name) or "tool"
    subject = _subject(call)
    text = result.text.strip()
    about = f" ({subject})" if subject else ""
    if result.is_error or _FAILED.match(text):
        return question.say(
            f"`{name}`{about} failed: {shortened(text)}", f"`{name}`{about} 调用失败：{shortened(text)}"
        )
    if cited := _from_passages(question, call, text):
        return cited
    shown = _shown(text) or question.say("nothing", "没有内容")
    if call is not None and not subject and call.arguments.strip() not in ("", "{}"):
        return shown  # it was handed a whole task, and this is its answer
    if subject:
        return question.say(f"**{subject}**: {shown}", f"**{subject}**：{shown}")
    return question.say(f"`{name}` says: {shown}", f"`{name}` 的结果：{shown}")


def _from_passages(question: Question, call: ToolCall | None, text: str) -> str | None:
    """Return what numbered passages say about the question, or else about what was looked for; None without any."""
    text = _MARKS.sub("", text).strip()
    if not text.startswith("[1] "):
        return None
    text = _PLACE.sub(r"\1 ", text)
    said: str | None = None
    for asked in filter(None, (question.text, _subject(call))):
        said = passages.answer(dataclasses.replace(question, text=f"{text}\n\nQuestion: {asked}"))
        if said != passages.silence(question):
            break
    return said


def _subject(call: ToolCall | None) -> str:
    """Return what a call was about: its values, as text; nothing where it was handed a whole task."""
    if call is None:
        return ""
    try:
        arguments = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError:
        return shortened(call.arguments, 40)
    if not isinstance(arguments, dict) or _WHOLE & arguments.keys():
        return ""
    values = arguments.values()
    return shortened(", ".join(str(value) for value in values if isinstance(value, str | int | float)), 60)


def _shown(text: str) -> str:
    text = _MARKS.sub("", text).strip()
    if (found := re.fullmatch(r"([^{}\n]{1,200}?):? (\{.*\})", text, re.DOTALL)) and (
        facts := _shown(found[2])
    ):
        return f"{found[1]} ({facts})"
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return shortened(text, 600)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_plain(inner)}" for key, inner in value.items())
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "; ".join(map(_plain, value[:10]))
    return str(value)


def shortened(text: str, limit: int = 200) -> str:
    """Return a text as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
