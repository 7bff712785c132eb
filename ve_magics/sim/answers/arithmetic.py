"""Sums: finds them in a question, and works them out exactly, without ever running what it is given."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ve_magics.sim.answers.question import Question

Number = int | float | Fraction

_WORDS = (
    (r"(?<=\d)\s*,\s*(?=\d{3}\b)", ""),
    (r"\bmultiplied by\b|\btimes\b|乘以|乘上|乘|×|·", "*"),
    (r"\bdivided by\b|\bover\b|除以|÷", "/"),
    (r"\bplus\b|\badded to\b|加上|加|＋", "+"),
    (r"\bminus\b|减去|减|－|−|–", "-"),
    (r"\bto the power of\b|\^|的(?=\d+次方)", "**"),
    (r"(?<=\d)次方", ""),
    (r"\bsquared\b|的平方(?!根)", "**2"),
    (r"\bcubed\b|的立方(?!根)", "**3"),
    (r"(\d+(?:\.\d+)?)\s*的平方根", r"sqrt(\1)"),
    (r"√\s*(\d+(?:\.\d+)?)", r"sqrt(\1)"),
    (r"\b(?:the )?square root of\s*(\d+(?:\.\d+)?)", r"sqrt(\1)"),
    (r"(\d+(?:\.\d+)?)\s*(?:%|percent)\s*of\s*(?=\d)", r"\1/100*"),
    (r"(\d+(?:\.\d+)?)\s*的\s*(\d+(?:\.\d+)?)\s*%", r"\1*\2/100"),
    (r"(\d+(?:\.\d+)?)\s*%(?!\s*\d)", r"(\1/100)"),
    (r"（", "("),
    (r"）", ")"),
)
_SUM = re.compile(r"(?:sqrt|[\d.()+\-*/% ])+")
_OPERATED = re.compile(r"\d\s*(?:\*\*|//|[-+*/%])|sqrt\(")
_AROUND = re.compile(
    r"\b(?:what(?:'s| is| does)?|how much|calculate|compute|evaluate|work out|solve|please|the|result"
    r"|value|of|equals?"
    r"|equal to|is|answer|only|number|just|with|and|give|me|tell|can|you|use|tool|calculator|reply"
    r"|step|by|sum|product"
    r"|in one sentence)\b|请|计算|算一下|算|多少|等于|是|结果|的|一下|帮我|只|回答|数字|得|用|一句话|告诉我|问",
    re.IGNORECASE,
)
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
LONGEST = 300
"""Most characters of a question that is a sum."""

LARGEST_POWER = 512
LARGEST_DIGITS = 60
LARGEST = 10.0**LARGEST_DIGITS


def expression(text: str) -> str:
    """Return the sum that a text holds, as Python writes it; empty where it holds none or is too long."""
    if len(text) > 20 * LONGEST:
        return ""
    for pattern, sign in _WORDS:
        text = re.sub(pattern, sign, text, flags=re.IGNORECASE)
    found = [piece.strip(" .") for piece in _SUM.findall(text) if _OPERATED.search(piece)]
    return max((piece for piece in found if len(piece) <= LONGEST), key=len, default="")


def value(sum_: str) -> Number | None:
    """Return what a sum makes; None where it isn't one, or is too large."""
    try:
        return _value(ast.parse(sum_.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number if isinstance(number, int) else Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _value(inner)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return _root(_value(inner))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return Fraction(_value(left)) / Fraction(_value(right))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            result: Number = _BINARY[type(op)](_value(left), _value(right))
            if not -LARGEST < result < LARGEST:
                raise OverflowError
            return result
    raise ValueError


def _root(number: Number) -> Number:
    if isinstance(number, int) and number >= 0 and math.isqrt(number) ** 2 == number:
        return math.isqrt(number)
    return math.sqrt(number)


def _power(base: Number, exponent: Number) -> Number:
    size = abs(float(base))
    if abs(float(exponent)) > LARGEST_POWER or (
        size > 1 and float(exponent) * math.log10(size) > LARGEST_DIGITS
    ):
        raise OverflowError
    if isinstance(exponent, int) and not isinstance(base, float):
        power: Fraction = Fraction(base) ** exponent
        return power.numerator if power.denominator == 1 else power
    if base < 0:
        raise ValueError
    return math.pow(float(base), float(exponent))


def shown(number: Number) -> str:
    """Return a number as people write it: at most ten significant decimals."""
    if isinstance(number, Fraction):
        if number.denominator == 1:
            return str(number.numerator)
        number = float(number)
    return str(number) if isinstance(number, int) else f"{number:.10g}"


def answer(question: Question) -> str | None:
    """Return the answer to a question that asks for a sum and little else; None for any other."""
    if len(question.text) > LONGEST:
        return None
    sum_ = expression(question.text)
    if not sum_:
        return None
    left = _AROUND.sub("", question.text)
    letters = re.sub(
        r"[\d\s.,+\-*/%^()=?？。，,:：!！×÷√]|sqrt|plus|minus|times|divided by|squared|square root", "", left
    )
    if len(letters) > 24:
        return None
    result = value(sum_)
    if result is None:
        return question.say(
            f"`{sum_}` has no value that I can give: it divides by zero or grows too large.",
            f"`{sum_}` 没有我能给出的值：它除以零，或者太大了。",
        )
    if question.shape.bare:
        return shown(result)
    exact = not isinstance(result, float) and (isinstance(result, int) or _terminates(result))
    return f"${_tex(sum_)} {'=' if exact else chr(0x2248)} {shown(result)}$"


def _terminates(number: Fraction) -> bool:
    rest = number.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    return rest == 1


def _tex(sum_: str) -> str:
    text = re.sub(r"sqrt\(([^()]*)\)", r"\\sqrt{\1}", sum_)
    text = re.sub(r"\*\*\s*(\d+)", r"^{\1}", text)
    text = re.sub(r"\s*\*\s*", r" \\times ", text)
    text = re.sub(r"\s*/\s*", r" \\div ", text)
    text = re.sub(r"(?<=[\d)}])\s*([-+])\s*", r" \1 ", text)
    return text.replace("%", r" \bmod ").strip()
