"""What a docstring says of a function's parameters, in the three styles that people write."""

from __future__ import annotations

import pytest

from ve_magics.tools.docstrings import described

GOOGLE = """Find a table.

It looks at all places.

Args:
    city: Where to look,
        the whole name.
    *names (str, optional): Which ones.
    **more: The rest.

        With a second paragraph.

Returns:
    city: not a parameter.

Raises:
    ValueError: Never.
"""

NUMPY = """Find a table.

It looks at all places.

Parameters
----------
city : str
    Where to look,
    the whole name.
*names : str, optional
    Which ones.
low, high : int
    The bounds.

Returns
-------
city : str
    Not a parameter.
"""

REST = """Find a table.

It looks at all places.

:param city: Where to look,
    the whole name.
:param str names: Which ones.
:type city: str
:param: nothing
:returns: Not a parameter.
"""


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_styles_say_the_same(doc: str) -> None:
    """Summary and parameters are read alike from each style, and no other section is taken for parameters."""
    found = described(doc)
    assert found.summary == "Find a table.\n\nIt looks at all places."
    assert found.parameters["city"] == "Where to look, the whole name."
    assert found.parameters["names"] == "Which ones."


def test_what_only_one_style_says() -> None:
    """Several names of one numpy entry share its words; a Google entry keeps its second paragraph."""
    assert described(NUMPY).parameters["low"] == described(NUMPY).parameters["high"] == "The bounds."
    assert described(GOOGLE).parameters["more"] == "The rest. With a second paragraph."


@pytest.mark.parametrize(
    ("doc", "summary"),
    [(None, ""), ("", ""), ("Just words: nothing more.", "Just words: nothing more."), ("Args:\n", "")],
)
def test_other_docstrings_are_all_summary(doc: str | None, summary: str) -> None:
    """A docstring in no known style is all summary, and none at all says nothing."""
    assert described(doc) == (summary, {})


def test_words_after_the_sections_are_no_summary() -> None:
    """The summary ends where the first section begins; stray words in a section are passed over."""
    doc = "Do it.\n\nArgs:\n    stray words\n    city: Where.\n\nMore words."
    assert described(doc) == ("Do it.", {"city": "Where."})


def test_chinese_sections_are_read() -> None:
    """A section may be headed in Chinese, its colon full-width."""
    assert described("查天气。\n\n参数：\n    城市：在哪里。\n").parameters == {"城市": "在哪里。"}


def test_numpy_words_before_any_entry_are_passed_over() -> None:
    """Indented words without a parameter's name belong to nobody."""
    assert described("Do.\n\nParameters\n----------\n    stray\ncity\n    Where.").parameters == {
        "city": "Where."
    }
