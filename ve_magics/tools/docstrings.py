"""What a docstring says of a function and of its parameters, in the styles of Google, numpy and reST."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

_GOOGLE = re.compile(r"(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|参数)[:：]\s*")
_HEADING = re.compile(
    r"(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Returns?|Yields?|Raises?"
    r"|Attributes|Examples?|Notes?|See Also|References|Warnings?|Todo|参数|返回|异常|示例)(?:[:：]+)\s*"
)
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*[:：]\s*(.*)")
_RULE = re.compile(r"-{3,}\s*")
_NUMPY_ENTRY = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_FIELD = re.compile(r":(\w+)(?:\s+([^:]*?))?\s*:\s*(.*)")
_PARAMETER_FIELDS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})


class Described(NamedTuple):
    """What a docstring says.

    Attributes:
        summary: What the function does: everything before the first section.
        parameters: What each parameter means, by its name.
    """

    summary: str
    parameters: dict[str, str]


def described(doc: str | None) -> Described:
    """Read a docstring; one in no known style is all summary."""
    lines = inspect.cleandoc(doc or "").splitlines()
    summary: list[str] = []
    parameters: dict[str, str] = {}
    at, over = 0, False
    while at < len(lines):
        line = lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        field = _FIELD.fullmatch(line)
        if line.strip() and _RULE.fullmatch(following):
            over = True
            at = _numpy(lines, at, parameters)
        elif _HEADING.fullmatch(line):
            over = True
            at = _google(lines, at, parameters)
        elif field is not None:
            over = True
            at = _rest(lines, at, field, parameters)
        else:
            if not over:
                summary.append(line)
            at += 1
    return Described("\n".join(summary).strip(), {name: text for name, text in parameters.items() if text})


def _google(lines: list[str], at: int, parameters: dict[str, str]) -> int:
    """Read a section whose entries are indented; returns the line after it."""
    wanted = _GOOGLE.fullmatch(lines[at]) is not None
    at += 1
    name, indent = "", 0
    while at < len(lines) and (not lines[at].strip() or lines[at][0].isspace()):
        line = lines[at].strip()
        depth = len(lines[at]) - len(lines[at].lstrip())
        at += 1
        if not wanted or not line:
            continue
        indent = indent or depth
        entry = _ENTRY.fullmatch(line) if depth <= indent else None
        if entry is not None:
            name = entry[1]
            parameters[name] = entry[2]
        elif name:
            parameters[name] = f"{parameters[name]} {line}".strip()
    return at


def _numpy(lines: list[str], at: int, parameters: dict[str, str]) -> int:
    """Read a section whose heading is underlined; returns the line after it."""
    wanted = lines[at].strip().lower() in ("parameters", "other parameters")
    at += 2
    names: list[str] = []
    while at < len(lines):
        line = lines[at]
        if line.strip() and at + 1 < len(lines) and _RULE.fullmatch(lines[at + 1]):
            break
        at += 1
        if not wanted or not line.strip():
            continue
        entry = None if line[0].isspace() else _NUMPY_ENTRY.fullmatch(line)
        if entry is not None:
            names = [name.strip().lstrip("*") for name in entry[1].split(",")]
            parameters.update(dict.fromkeys(names, ""))
        else:
            for name in names:
                parameters[name] = f"{parameters[name]} {line.strip()}".strip()
    return at


def _rest(lines: list[str], at: int, field: re.Match[str], parameters: dict[str, str]) -> int:
    """Read a field of reST with the lines that go on with it; returns the line after it."""
    words = [field[3]]
    at += 1
    while at < len(lines) and lines[at].strip() and lines[at][0].isspace():
        words.append(lines[at].strip())
        at += 1
    named = (field[2] or "").split()
    if field[1] in _PARAMETER_FIELDS and named:
        parameters[named[-1].lstrip("*")] = " ".join(filter(None, words))
    return at
