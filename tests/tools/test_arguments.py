"""The text that a model sends as arguments: read where it is a JSON object, refused in bounded time where it isn't."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.errors import ToolArgumentsError
from ve_magics.tools import decode_arguments
from ve_magics.tools.arguments import DEEPEST, MOST_ARGUMENTS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_objects_are_read(value: dict[str, Any]) -> None:
    """Every JSON object is read as it was written."""
    assert decode_arguments(json.dumps(value)) == value


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_is_an_empty_object(text: str) -> None:
    """A call without arguments has none."""
    assert decode_arguments(text) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ('{"a": NaN}', "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ('"words"', "must be a JSON object"),
        ('{"a": "\ud800"}', "not valid JSON"),
        ('{"a": "' + "x" * 10_000_000 + '"}', "10,000,009 characters long"),
        ('{"a": ' + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1) + "}", "nested too deep"),
        ('{"a": ' + "[" * 40_000 + "]" * 40_000 + "}", "nested too deep"),
    ],
)
def test_everything_else_is_refused(text: str, said: str) -> None:
    """Broken JSON, no object, too long, too deep: each is told as it is, and nothing is run."""
    with pytest.raises(ToolArgumentsError, match=said) as caught:
        decode_arguments(text)
    assert len(caught.value.message) < 300


@given(st.text())
def test_any_text_is_an_object_or_a_refusal(text: str) -> None:
    """Whatever a model sends, there is an object or an error for it."""
    found: dict[str, Any] | str
    try:
        found = decode_arguments(text)
    except ToolArgumentsError as error:
        found = error.message
    assert isinstance(found, dict) or "Nothing was run" in found


def test_the_limits_themselves_are_allowed() -> None:
    """Arguments as long and as deep as allowed are read."""
    assert decode_arguments('{"a": "' + "x" * (MOST_ARGUMENTS - 9) + '"}')
    assert decode_arguments('{"a": ' + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1) + "}")
