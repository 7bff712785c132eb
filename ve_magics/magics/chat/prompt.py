"""`{{ expression }}` in a prompt: found, evaluated in the notebook's namespace, and put in; nothing else is touched."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any, NamedTuple

from ve_magics.errors import ArgumentsError, VeError
from ve_magics.magics.failure import one_line
from ve_magics.messages import Image, Text

OPEN, CLOSE = "{{", "}}"
LONGEST = 4_000
"""Most characters of an expression."""


class Expression(NamedTuple):
    """An expression in a prompt.

    Attributes:
        source: As it was typed, without the braces and the space around it.
        code: Ready to be evaluated; None where it isn't Python.
        problem: What is wrong with it where it isn't.
    """

    source: str
    code: CodeType | None
    problem: str = ""


def split(prompt: str) -> tuple[str | Expression, ...]:
    r"""Return a prompt's literal texts and expressions, in order.

    Where no `{{` is followed by a `}}`, that is the prompt itself. An expression ends at the first `}}` that makes
    it valid Python, so that `{{ {"a": {"b": 1}} }}` is one. `\{{ … }}` goes out without the backslash, not evaluated.

    Args:
        prompt: What was typed.
    """
    return tuple(_pieces(prompt))


def _pieces(prompt: str) -> Iterator[str | Expression]:
    literal = ""
    position = 0
    while (start := prompt.find(OPEN, position)) >= 0:
        end = prompt.find(CLOSE, start + len(OPEN))
        if end < 0:
            break
        if start > position and prompt[start - 1] == "\\":
            literal += prompt[position : start - 1] + prompt[start : end + len(CLOSE)]
            position = end + len(CLOSE)
            continue
        found, end = _expression(prompt, start + len(OPEN), end)
        literal += prompt[position:start]
        if literal:
            yield literal
        literal = ""
        yield found
        position = end + len(CLOSE)
    literal += prompt[position:]
    if literal:
        yield literal


def _expression(prompt: str, start: int, first: int) -> tuple[Expression, int]:
    """Return the expression that begins at `start`, and where its closing braces stand."""
    end, problem = first, ""
    while 0 <= end <= start + LONGEST:
        source = prompt[start:end].strip()
        try:
            return Expression(source, _compiled(source)), end
        except SyntaxError as error:
            problem = problem or f"SyntaxError: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            problem = problem or type(error).__name__
        end = prompt.find(CLOSE, end + 1)
    problem = problem or f"it is longer than {LONGEST:,} characters"
    return Expression(prompt[start:first].strip(), None, problem), first


def _compiled(source: str) -> CodeType:
    """Return the code of an expression; one of several lines needs no brackets of its own."""
    if not source:
        raise SyntaxError("nothing stands between the braces")
    try:
        tree = ast.parse(source, "<prompt>", mode="eval")
    except SyntaxError:
        if "\n" not in source:
            raise
        tree = ast.parse(f"({source}\n)", "<prompt>", mode="eval")
        if isinstance(tree.body, ast.Tuple) and not tree.body.elts:
            raise
    return compile(tree, "<prompt>", "eval")


def filled(
    prompt: str, namespace: dict[str, Any], render: Callable[[Any], str | Image]
) -> tuple[Text | Image, ...]:
    """Return a prompt with its expressions' values in their places.

    Args:
        prompt: What was typed.
        namespace: The notebook's variables.
        render: Turns a value into words or a picture.

    Raises:
        ArgumentsError: An expression isn't valid, fails, or gives something that can't be sent; it is named.
    """
    pieces: list[str | Expression] = []
    for piece in _pieces(prompt):
        if isinstance(piece, Expression) and piece.code is None:
            raise _refused(piece, piece.problem)
        pieces.append(piece)
    parts: list[Text | Image] = []
    words = ""
    for piece in pieces:
        value = piece if isinstance(piece, str) else _value(piece, namespace, render)
        if isinstance(value, str):
            words += value
            continue
        if words:
            parts.append(Text(words))
        words = ""
        parts.append(value)
    return (*parts, Text(words)) if words or not parts else tuple(parts)


def _value(
    expression: Expression, namespace: dict[str, Any], render: Callable[[Any], str | Image]
) -> str | Image:
    assert expression.code is not None, "a bad expression was refused before"
    try:
        value = eval(expression.code, namespace)  # noqa: S307 - the user's own code, in the user's own notebook
        return render(value)
    except VeError as error:
        raise _refused(expression, error.message.rstrip(".")) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises is shown with its expression
        said = str(error)
        raise _refused(
            expression, f"{type(error).__name__}: {said}" if said else type(error).__name__
        ) from None


def _refused(expression: Expression, why: str) -> ArgumentsError:
    source = " ".join(expression.source.split())
    shown = source if len(source) <= 80 else source[:79] + "…"
    return ArgumentsError(
        one_line(f"{OPEN} {shown} {CLOSE} in the prompt: {why}."),
        hint=f"Nothing was sent. To send the braces as they are, write \\{OPEN} or add --raw.",
    )


def text_of(
    parts: Sequence[Text | Image],
    what: str = "A system prompt",
    hint: str = "Put it into the prompt below the line.",
) -> str:
    """Return the words of a filled prompt.

    Args:
        parts: What it says.
        what: Who takes words only.
        hint: Where a picture belongs.

    Raises:
        ArgumentsError: There is a picture among them.
    """
    if any(isinstance(part, Image) for part in parts):
        raise ArgumentsError(f"{what} can't hold a picture.", hint=hint)
    return "".join(part.text for part in parts if isinstance(part, Text))
