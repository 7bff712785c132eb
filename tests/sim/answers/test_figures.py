"""Figures in a question: read from JSON and Markdown tables, and answered about, never made up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.messages import ChatRequest, Message, Text
from ve_magics.sim.answers.engine import reply
from ve_magics.sim.answers.figures import columns_of, rows_of

SALES = [
    {"month": "January", "sold": 120},
    {"month": "February", "sold": 95},
    {"month": "March", "sold": 240},
]
TABLE = "| month | sold |\n| --- | ---: |\n| January | 120 |\n| February | 95 |\n| March | 240 |"


def said(text: str) -> str:
    """Return the answer to a question."""
    (part,) = reply(ChatRequest(model="sim/tutor", messages=(Message("user", (Text(text),)),))).parts
    assert isinstance(part, Text)
    return part.text


@pytest.mark.parametrize("given_as", [json.dumps(SALES), json.dumps(SALES, indent=2), TABLE])
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Which month was the best?", "**March** is highest, with `sold` 240."),
        ("Which month is the lowest?", "**February** is lowest, with `sold` 95."),
        ("What is the average?", "On average `sold` is **151.67** (3 rows)."),
        ("What is the total?", "`sold` adds up to **455**."),
        ("哪个月最高？", "**March** `sold`最高，为 240。"),
    ],
)
def test_answers_what_is_asked(given_as: str, asked: str, answer: str) -> None:
    """The same figures get the same answer, however they are written."""
    assert said(f"{asked}\n\n{given_as}") == answer


def test_overview_names_both_ends() -> None:
    """Asked what stands out, it tells the highest, the lowest and the way from the first to the last."""
    told = said(f"What stands out in these sales? {json.dumps(SALES)}")
    assert [word in told for word in ("**March**", "240", "151.67", "February", "95", "120 more")] == [
        True
    ] * 6


def test_mapping_of_numbers_is_a_table() -> None:
    """A dict of numbers has its keys as names."""
    assert said('Who has the highest score? {"Ann": 71, "Cleo": 88}') == "**Cleo** is highest, with 88."


def test_column_that_is_named_counts() -> None:
    """Where there are several columns of numbers, the question says which; years and ids are none."""
    rows = [{"year": 2024, "cats": 3, "dogs": 9}, {"year": 2025, "cats": 5, "dogs": 1}]
    assert said(f"When were there most dogs? {json.dumps(rows)}") == "**2024** is highest, with `dogs` 9."
    assert [column.name for column in columns_of(rows)] == ["cats", "dogs"]


@pytest.mark.parametrize(
    "text", ["What is the highest mountain?", "Which is best? [1, 2, 3]", 'Hello {"a": "b", "c": "d"}']
)
def test_no_figures_are_nobodys(text: str) -> None:
    """A question without rows of figures is not answered from any."""
    assert "highest, with" not in said(text)


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30),
)
def test_highest_is_the_maximum(numbers: list[int]) -> None:
    """Whatever the figures, the one that is named is the largest."""
    rows = [{"who": f"w{at}", "points": number} for at, number in enumerate(numbers)]
    assert f"with `points` {max(numbers):,}" in said(f"Which is the highest? {json.dumps(rows)}")


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """No text makes it fail, and what is not a table stays as it was."""
    rows, left = rows_of(text)
    assert rows or left == text
