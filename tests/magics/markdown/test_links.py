"""Text on a page that is only text."""

from __future__ import annotations

import html

import pytest

from ve_magics.magics.markdown.links import literal, words


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("costs $5", "costs $5"),
        ("$5 or $6", r"\$5 or \$6"),
        (r"\(x\) and \[y\]", "\\\u200b(x\\) and \\\u200b[y\\]"),
        (r"\begin{a}", "\\\u200bbegin{a}"),
        ("**bold** | <b> 纸船", "**bold** | <b> 纸船"),
    ],
)
def test_no_words_become_a_formula(text: str, rendered: str) -> None:
    """What the page reads has dollars escaped where two could be a pair, and no bracket opens a formula."""
    assert html.unescape(words(text)) == rendered
    assert html.unescape(literal(text)) == text
