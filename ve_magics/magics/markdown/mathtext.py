"""LaTeX in Markdown: which stretches are formulas, and how they are written so that every front end agrees.

JupyterLab takes formulas out of the text before it reads the Markdown, by rules of its own: a dollar sign or a `begin`
in one place may swallow everything up to its partner in another, the fence of a code block included. So a
formula is kept only where nobody can disagree about it, and every other dollar sign is written as an entity.
"""

from __future__ import annotations

import re

_MAX_FORMULA = 4000
_MAX_LINES = 200
_MAX_MARKS = 50
"""Kinds of environments that are looked for in one text."""
_REFUSED = re.compile(
    r"`|\\<|://|www\.|\n[ \t]*\n|(?:^|\n)[ \t]*~~~"
    r"|\\(?:href|url|style|class|cssId|require|unicode|includegraphics|html[A-Za-z]*"
    r"|[gex]?def|let|(?:re)?newcommand|newenvironment|DeclareMathOperator)\b",
    re.IGNORECASE,
)
"""What no formula needs and what could reach out of it."""

_LINKISH = re.compile(r"(\])(?=[(\[:])|(!)(?=\[)")
_ENVIRONMENT = re.compile(r"\\begin\{([a-z]+\*?)\}", re.IGNORECASE)
_TOKEN = re.compile(
    r"\$\$?|\\(?:begin|end)\{[a-z]*\*?\}|\\[{}$]|[{}]|\n(?:[ \t]*\n)+|\\\\[()\[\]]", re.IGNORECASE
)
_BLOCK_OPENERS = ("$$", "\\[", "\\\\[", "\\begin{")
_CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "\\\\[": "\\\\]", "\\\\(": "\\\\)"}


def match_formula(text: str, at: int) -> tuple[str, int] | None:
    """Return the formula that begins at `at`, rewritten with dollar signs, and where it ends; None where none does."""
    environment = _ENVIRONMENT.match(text, at)
    if environment:
        closer = "\\end{" + environment.group(1) + "}"
        end = text.find(closer, environment.end(), at + _MAX_FORMULA)
        if end < 0:
            return None
        end += len(closer)
        body = _safe_body(text[at:end])
        return None if body is None else (body, end)
    for opener, closer in _CLOSERS.items():
        if text.startswith(opener, at):
            start = at + len(opener)
            end = text.find(closer, start, start + _MAX_FORMULA)
            if end < 0 or (opener == "$$" and end == start):
                return None
            body = _safe_body(text[start:end])
            if body is None or "$" in body.replace("\\$", "") or not body.strip():
                return None
            mark = "$" if opener in ("\\(", "\\\\(") else "$$"
            return f"{mark}{body.strip() if mark == '$' else body}{mark}", end + len(closer)
    if text.startswith("$", at):
        return _match_inline(text, at)
    return None


def _match_inline(text: str, at: int) -> tuple[str, int] | None:
    """Match `$...$` as pandoc does, so that prices stay prices."""
    start = at + 1
    if text[start : start + 1].isspace() or start >= len(text):
        return None
    end = text.find("$", start, start + _MAX_FORMULA)
    while end > 0 and text[end - 1] == "\\":
        end = text.find("$", end + 1, start + _MAX_FORMULA)
    if end <= start or text[end - 1].isspace() or text[end + 1 : end + 2].isdigit():
        return None
    body = _safe_body(text[start:end])
    return None if body is None else (f"${body}$", end + 1)


def _safe_body(body: str) -> str | None:
    """Return the formula without anything that Markdown or HTML could take for its own; None where it can't be."""
    if _REFUSED.search(body) or not _balanced(body) or body.endswith("\\"):
        return None
    body = _LINKISH.sub(r"\1\2 ", body)
    body = re.sub(r"<[ ]?", r"\\lt ", body)
    return body[:-1] if body.endswith("\\lt ") else body


def _balanced(body: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\[{}]|[{}]", body):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0


def match_formula_block(lines: list[str], at: int, ends: dict[str, int]) -> tuple[list[str], int] | None:
    """Match a formula that takes whole lines.

    Args:
        lines: The container's lines.
        at: The line on which the formula must begin.
        ends: Where closing marks were found before, so that no line is searched for one twice.

    Returns:
        The formula's lines and the line after it; None where none begins there.
    """
    first = lines[at].strip()
    opener = next((mark for mark in _BLOCK_OPENERS if first.startswith(mark)), None)
    if opener is None:
        return None
    environment = _ENVIRONMENT.match(first)
    closer = "\\end{" + environment.group(1) + "}" if environment else _CLOSERS.get(opener)
    if closer is None:
        return None
    end = at if closer in first[len(opener) :] else _line_with(lines, at + 1, closer, ends)
    if end is None or end - at > _MAX_LINES or any(not line.strip() for line in lines[at:end]):
        return None
    text = "\n".join(line.strip() for line in lines[at : end + 1])
    found = match_formula(text, 0)
    if found is None or "\n" in text[found[1] :]:
        return None
    formula, stop = found
    if text[stop:].strip(" \t.,;，。；"):
        return None
    return (formula + text[stop:].rstrip()).split("\n"), end + 1


def _line_with(lines: list[str], start: int, mark: str, ends: dict[str, int]) -> int | None:
    """Return the first line from `start` on that holds the mark."""
    known = ends.get(mark, -1)
    if known < start:
        known = next((i for i in range(start, len(lines)) if mark in lines[i]), len(lines))
        if len(ends) < _MAX_MARKS or mark in ends:
            ends[mark] = known
        else:
            return None
    return known if known < len(lines) else None


def reaches_out(code: str, *, dollars: bool) -> bool:
    """Tell whether JupyterLab would see a formula begin in this code and look for its end behind it.

    Args:
        code: Text of a code block.
        dollars: Whether dollar signs count; JupyterLab hides them in fences that begin a line.
    """
    opened: str | None = None
    for token in _TOKEN.findall(code):
        if token.startswith("\n"):
            opened = None
        elif opened is not None:
            if token == opened:
                opened = None
        elif token in ("$", "$$"):
            opened = token if dollars else None
        elif token in ("\\\\(", "\\\\["):
            opened = "\\\\)" if token.endswith("(") else "\\\\]"
        elif token.startswith("\\begin"):
            opened = "\\end" + token[6:]
    return opened is not None or (code.count("{") != code.count("}") and "\\" in code)
