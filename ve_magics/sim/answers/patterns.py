"""Finds a text that a simple regular expression matches."""

from __future__ import annotations

import re
from typing import Any

from re import _parser as parser  # type: ignore[attr-defined]  # isort: skip  # the parser of `re`, public as sre_parse before 3.11

LONGEST = 200


def example(pattern: str) -> str:
    """Return a text that a pattern matches, or a plain one where the pattern is too clever."""
    try:
        text = "".join(_pieces(parser.parse(pattern)))[:LONGEST]
        return text if re.search(pattern, text) else "example"
    except (re.error, RecursionError, KeyError, ValueError):
        return "example"


def _pieces(tree: Any) -> list[str]:
    made: list[str] = []
    groups: dict[int, str] = {}
    for kind, value in tree:
        made.append(_piece(str(kind), value, groups))
    return made


def _piece(kind: str, value: Any, groups: dict[int, str]) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "b" if chr(value) == "a" else "a"
        case "ANY":
            return "a"
        case "IN":
            return _one_of(value)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = value
            count = least or min(1, int(most))
            return "".join("".join(_pieces(inner)) for _ in range(min(count, LONGEST)))
        case "SUBPATTERN":
            text = "".join(_pieces(value[3]))
            if value[0] is not None:
                groups[value[0]] = text
            return text
        case "BRANCH":
            return "".join(_pieces(value[1][0]))
        case "GROUPREF":
            return groups.get(value, "")
        case "ATOMIC_GROUP":
            return "".join(_pieces(value))
        case _:
            return ""


def _one_of(options: Any) -> str:
    refused = [option for option in options if str(option[0]) == "NEGATE"]
    if refused:
        taken = re.compile(
            "[" + "".join(_class(option) for option in options if str(option[0]) != "NEGATE") + "]"
        )
        return next((sign for sign in "a1 A_-.x" if not taken.match(sign)), "~")
    kind, value = options[0]
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[0])
        case _:
            return {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}.get(str(value), "a")


def _class(option: Any) -> str:
    kind, value = option
    match str(kind):
        case "LITERAL":
            return re.escape(chr(value))
        case "RANGE":
            return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        case _:
            return {"CATEGORY_DIGIT": r"\d", "CATEGORY_WORD": r"\w", "CATEGORY_SPACE": r"\s"}.get(
                str(value), ""
            )
