"""Errors of Python: explained in both languages, and corrected only where the error tells how."""

from __future__ import annotations

import ast
import re

import pytest

from ve_magics.messages import ChatRequest, Message, Text
from ve_magics.sim.answers.engine import reply
from ve_magics.sim.answers.mending import MEANINGS


def said(code: str, error: str, wish: str = "Explain this error and show the corrected cell.") -> str:
    """Return the answer to a cell that failed, asked as `--fix` does."""
    text = f"{wish}\n\nThe cell:\n\n```python\n{code}\n```\n\nThe error:\n\n```\nTraceback (most recent call last):\n{error}\n```"
    (part,) = reply(ChatRequest(model="sim/tutor", messages=(Message("user", (Text(text),)),))).parts
    assert isinstance(part, Text)
    return part.text


def corrected(told: str) -> str:
    """Return the code that an answer shows; empty where it shows none."""
    found = re.search(r"```python\n(.*?)\n```", told, re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("code", "error", "mended"),
    [
        (
            'prices = ["3.50", "2.20"]\nsum(prices)',
            "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
            "prices = [3.50, 2.20]\nsum(prices)",
        ),
        (
            "total = 3\nprint(totl)",
            "NameError: name 'totl' is not defined",
            "total = 3\nprint(total)",
        ),
        (
            "names = []\nnames.apend(1)",
            "AttributeError: 'list' object has no attribute 'apend'",
            "names = []\nnames.append(1)",
        ),
        (
            "for n in [1]\n    print(n)",
            "  cell, line 1\nSyntaxError: expected ':'",
            "for n in [1]:\n    print(n)",
        ),
    ],
)
def test_corrects_what_the_error_tells(code: str, error: str, mended: str) -> None:
    """The corrected cell is Python, and only the mistake is changed."""
    assert corrected(said(code, error)) == mended
    ast.parse(mended)


def test_missing_module_is_installed() -> None:
    """A module that is not there is installed first."""
    told = said("import pandas.core", "ModuleNotFoundError: No module named 'pandas'")
    assert corrected(told) == "%pip install pandas\nimport pandas.core"


@pytest.mark.parametrize("name", [*MEANINGS, "RuntimeError"])
def test_explains_each_error_in_both_languages(name: str) -> None:
    """Every error is named with what it means and what to try, in the language of the question."""
    english = said("f()", f"{name}: something")
    chinese = said("f()", f"{name}: something", "请用中文解释这个错误。")
    assert english.startswith(f"**{name}** means that ")
    assert chinese.startswith(f"**{name}** 的意思是：")
    assert "`something`" in english
    assert "`something`" in chinese
    assert corrected(english) == ""


def test_value_that_is_far_from_any_name_is_left() -> None:
    """Where no name is near, the cell is not changed by a guess."""
    assert corrected(said("print(zzzqqq)", "NameError: name 'zzzqqq' is not defined")) == ""


def test_error_that_is_only_mentioned_is_nobodys() -> None:
    """A text that merely holds an error is not explained."""
    request = ChatRequest(model="sim/tutor", messages=(Message("user", (Text("KeyError: 'x'"),)),))
    (part,) = reply(request).parts
    assert isinstance(part, Text)
    assert "means that" not in part.text
