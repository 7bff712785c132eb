"""Reads the figures of a table or list that a question brings: highest, lowest, average, sum, what stands out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ve_magics.sim.answers.hints import split_name
from ve_magics.sim.answers.prose import stem
from ve_magics.sim.answers.question import Question, wants_chinese

_TABLE = re.compile(r"(?:^[ \t]*\|[^\n]*\|[ \t]*(?:\n|\Z)){3,}", re.MULTILINE)
_HIGHEST = re.compile(
    r"\b(?:highest|best|most|largest|biggest|greatest|top|maximum|peak|longest|oldest|tallest)\b|最[高多好大佳长]",
    re.IGNORECASE,
)
_LOWEST = re.compile(
    r"\b(?:lowest|worst|least|smallest|fewest|minimum|weakest|shortest|youngest)\b|最[低少差小弱短]",
    re.IGNORECASE,
)
_AVERAGE = re.compile(r"\b(?:average|mean)\b|平均", re.IGNORECASE)
_SUM = re.compile(r"\b(?:total|sum|altogether|in all|overall)\b|总[共计和量额]|合计|一共", re.IGNORECASE)
_OVERVIEW = re.compile(
    r"\b(?:stands? out|notice|trends?|insights?|overview|summar\w+|describe|what do you see|tell me about)\b"
    r"|突出|特点|看出|趋势|规律|概括|总结|分析",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+]?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,9})?\s?%?")
_COUNTERS = frozenset(("id", "no", "number", "index", "year", "编号", "序号", "年份", "年"))
MOST_ROWS = 2000


class Column(NamedTuple):
    """A column of numbers, and what each of them belongs to."""

    name: str
    labels: tuple[str, ...]
    numbers: tuple[float, ...]


def rows_of(text: str) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of the first table, JSON list or JSON object of numbers in a text, and the text without it."""
    for start in re.finditer(r"[\[{]", text):
        try:
            value, end = json.JSONDecoder().raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        rows = _records(value)
        if rows:
            return rows[:MOST_ROWS], text[: start.start()] + text[end:]
    if found := _TABLE.search(text):
        lines = [
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in found[0].splitlines()
        ]
        head, *body = [line for line in lines if not all(re.fullmatch(r":?-+:?", cell) for cell in line)]
        return [dict(zip(head, line, strict=False)) for line in body][:MOST_ROWS], text.replace(
            found[0], "\n"
        )
    return [], text


def _records(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list) and len(value) > 1 and all(isinstance(one, dict) for one in value):
        return value
    if isinstance(value, dict) and len(value) > 1 and all(_number(one) is not None for one in value.values()):
        return [{"name": name, "": one} for name, one in value.items()]
    return []


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    said = str(value).strip().lstrip("$€£¥")
    return float(said.replace(",", "").rstrip("% ")) if _NUMBER.fullmatch(said) else None


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the columns that hold a number in every row, without those that only count rows or name years."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    numbers = {name: [_number(row[name]) for row in rows] for name in names}
    plain = next((name for name in names if None in numbers[name]), None)
    counters = [name for name in names if name.lower() in _COUNTERS]
    labelled = plain if plain is not None else next(iter(counters), None)
    labels = tuple(str(number if labelled is None else row[labelled]) for number, row in enumerate(rows, 1))
    return [
        Column(name, labels, tuple(one for one in found if one is not None))
        for name, found in numbers.items()
        if None not in found and name != labelled and name not in counters
    ]


def answer(question: Question) -> str | None:
    """Return what the figures say about the question; None where it brings none or asks nothing about them."""
    rows, asked = rows_of(question.text)
    asks = [speak for pattern, speak in _SPEAKERS if pattern.search(asked)]
    columns = columns_of(rows) if asks and len(rows) > 1 else []
    if not columns:
        return None
    column = _meant(columns, asked)
    question = replace(question, chinese=wants_chinese(asked, question.system, question.before))
    return "\n\n".join(speak(question, column) for speak in asks[:2])


def _meant(columns: Sequence[Column], asked: str) -> Column:
    """Return the column that a question names; the first where it names none."""
    said = {stem(word) for word in re.findall(r"\w+", asked.lower())}

    def named(column: Column) -> int:
        return sum(
            stem(word) in said or (not word.isascii() and word in asked) for word in split_name(column.name)
        )

    return max(columns, key=named)


def _named(column: Column) -> str:
    return f"`{column.name}`" if column.name else ""


def _highest(question: Question, column: Column) -> str:
    return _extreme(question, column, max(column.numbers), "highest", "最高")


def _lowest(question: Question, column: Column) -> str:
    return _extreme(question, column, min(column.numbers), "lowest", "最低")


def _extreme(question: Question, column: Column, value: float, english: str, chinese: str) -> str:
    who = [label for label, number in zip(column.labels, column.numbers, strict=True) if number == value]
    if question.shape.bare:
        return who[0]
    figure = " ".join(filter(None, [_named(column), _shown(value)]))
    return question.say(
        f"**{' and '.join(who)}** {'is' if len(who) == 1 else 'are'} {english}, with {figure}.",
        f"**{'、'.join(who)}** {_named(column)}{chinese}，为 {_shown(value)}。",
    )


def _average(question: Question, column: Column) -> str:
    mean = _shown(sum(column.numbers) / len(column.numbers))
    if question.shape.bare:
        return mean
    count = len(column.numbers)
    return question.say(
        f"On average {_named(column) or 'it'} is **{mean}** ({count} rows).",
        f"{_named(column)}平均为 **{mean}**（共 {count} 行）。",
    )


def _total(question: Question, column: Column) -> str:
    total = _shown(sum(column.numbers))
    if question.shape.bare:
        return total
    return question.say(
        f"{_named(column) or 'All'} adds up to **{total}**.", f"{_named(column)}合计 **{total}**。"
    )


def _overview(question: Question, column: Column) -> str:
    numbers, labels = column.numbers, column.labels
    low, high = min(numbers), max(numbers)
    least, most = labels[numbers.index(low)], labels[numbers.index(high)]
    change = numbers[-1] - numbers[0]
    mean = _shown(sum(numbers) / len(numbers))
    up = question.say("more" if change > 0 else "less", "多" if change > 0 else "少")
    points = [
        question.say(
            f"**{most}** stands out: {_named(column) or 'it'} is {_shown(high)} there, and {mean} on average.",
            f"最突出的是 **{most}**：{_named(column)}为 {_shown(high)}，平均值是 {mean}。",
        ),
        question.say(f"The lowest is {least} with {_shown(low)}.", f"最低的是{least}，为 {_shown(low)}。"),
    ]
    if change:
        points.append(
            question.say(
                f"{labels[-1]} has {_shown(abs(change))} {up} than {labels[0]}.",
                f"{labels[-1]}比{labels[0]}{up} {_shown(abs(change))}。",
            )
        )
    return "\n".join(f"- {point}" for point in points)


_SPEAKERS: tuple[tuple[re.Pattern[str], Callable[[Question, Column], str]], ...] = (
    (_HIGHEST, _highest),
    (_LOWEST, _lowest),
    (_AVERAGE, _average),
    (_SUM, _total),
    (_OVERVIEW, _overview),
)


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}".rstrip("0")
