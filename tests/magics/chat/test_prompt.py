"""`{{ expression }}`: the only thing in a prompt that is not sent as it stands."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat.prompt import LONGEST, Expression, filled, split, text_of
from ve_magics.messages import Image, Text

BRACES = st.text(st.sampled_from("{}\\ \n%$a\"'1")) | st.text()


def words(prompt: str, **names: Any) -> str:
    """Return what a prompt of words goes out as."""
    return text_of(filled(prompt, names, str))


@given(BRACES)
def test_prompt_without_a_pair_goes_out_as_it_is(prompt: str) -> None:
    """Where no `{{` is followed by a `}}`, nothing is touched, backslashes included."""
    if "{{" in prompt:
        prompt = re.sub("}{2,}", "}", prompt)
    assert split(prompt) == ((prompt,) if prompt else ())
    assert words(prompt) == prompt


@given(BRACES, BRACES)
def test_text_around_an_expression_is_untouched(before: str, after: str) -> None:
    """What stands before and behind a value goes out byte for byte."""
    before, after = before.replace("{", "(").rstrip("\\"), after.replace("{", "(").replace("}", ")")
    assert words(before + "{{ x }}" + after, x="VALUE") == before + "VALUE" + after


@given(
    st.text().filter(
        lambda text: (
            "{{" not in text and "}}" not in text and not text.startswith("}") and not text.endswith("}")
        )
    )
)
def test_escaped_braces_lose_their_backslash_alone(inside: str) -> None:
    r"""`\{{ … }}` goes out as `{{ … }}` and is not evaluated."""
    assert words("a \\{{" + inside + "}} b") == "a {{" + inside + "}} b"


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("{{ x }}", "7"),
        ("{{x}}{{ x }}", "77"),
        ("{{ x }}\n\n{{ 'a' + 'b' }}.", "7\n\nab."),
        ('{{ {"a": {"b": 1}} }}', "{'a': {'b': 1}}"),
        ('{{ {"a":1}}}', "{'a': 1}"),
        ('{{ "}}" }} {{ "{{" }}', "}} {{"),
        ("{{\n  sum(\n    [1, 2])\n}}", "3"),
        ("{{ x\n + 1 }}", "8"),
        ("{{ [i for i in range(x)][-1] }}", "6"),
        ("\\{{ x }} {{ x }}", "{{ x }} 7"),
        ("{x} {{ x }} ${x} %s", "{x} 7 ${x} %s"),
    ],
)
def test_expressions_are_python(prompt: str, sent: str) -> None:
    """An expression ends where it is whole, whatever braces it holds itself."""
    assert words(prompt, x=7) == sent


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("{{ }}", "{{  }} in the prompt: SyntaxError: nothing stands between the braces."),
        ("{{\n# nothing\n}}", "{{ # nothing }} in the prompt: SyntaxError"),
        ("{{ a b }}", "{{ a b }} in the prompt: SyntaxError: invalid syntax"),
        ("{{ import os }}", "{{ import os }} in the prompt: SyntaxError"),
        ("Ask {{ missing.name }}", "{{ missing.name }} in the prompt: NameError: name 'missing'"),
        ("{{ 1 / 0 }}", "{{ 1 / 0 }} in the prompt: ZeroDivisionError: division by zero."),
        ("{{ next(iter([])) }}", "{{ next(iter([])) }} in the prompt: StopIteration."),
        ("{{ 'a\x00' }}", "in the prompt:"),
        ("{{ " + "(" * 300 + " }}", "in the prompt:"),
        ("{{ (lambda f: f(f))(lambda f: f(f)) }}", "in the prompt: RecursionError"),
        ("{{ '" + "a" * (LONGEST + 10) + "' }}", "it is longer than 4,000 characters"),
        ("{{ " + "x" * 200 + " y }}", "…"),
    ],
)
def test_bad_expression_is_named(prompt: str, said: str) -> None:
    """An expression that can't be used is an error with itself and what is wrong; nothing is sent."""
    with pytest.raises(ArgumentsError) as caught:
        words(prompt)
    assert " ".join(said.split()) in " ".join(caught.value.message.split())
    assert "Nothing was sent" in caught.value.hint


def test_deep_expression_is_worked_out_or_named() -> None:
    """Where a Python's parser can't go so deep that is an error like any other; newer ones work it out."""
    try:
        said = words("{{ " + "-" * 3000 + "1 }}")
    except ArgumentsError as error:
        said = str(error)
    assert said == "1" or "in the prompt: " in said


def test_interrupt_is_not_an_error_of_the_prompt() -> None:
    """Stopping the cell while an expression is evaluated stops the cell."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        words("{{ stop() }}", stop=stop)


def test_pictures_stand_where_they_are_named() -> None:
    """A value that is a picture becomes a part of its own, between the words around it."""
    picture = Image(data=b"x", media_type="image/png")
    parts = filled("Compare {{ a }} with {{ b }}", {"a": 1, "b": 2}, lambda value: picture)
    assert parts == (Text("Compare "), picture, Text(" with "), picture)
    with pytest.raises(ArgumentsError, match="system prompt can't hold a picture"):
        text_of(parts)


def test_empty_prompt_stays_empty() -> None:
    """Nothing typed, or a value of no words, is one empty text."""
    assert filled("", {}, str) == (Text(""),)
    assert filled("{{ x }}", {"x": ""}, str) == (Text(""),)


def test_expression_keeps_its_source() -> None:
    """The splitter says what was typed between the braces."""
    (piece,) = split("{{  f( 1 )  }}")
    assert isinstance(piece, Expression)
    assert (piece.source, piece.problem) == ("f( 1 )", "")


def test_refusal_of_a_value_names_its_expression() -> None:
    """A value that can't be sent is refused in its renderer's words, with the expression."""

    def refuse(value: object) -> str:
        raise ArgumentsError("these bytes: neither text nor a picture.")

    with pytest.raises(
        ArgumentsError, match=r"\{\{ x \}\} in the prompt: these bytes: neither text nor a picture\.\n"
    ):
        filled("{{ x }}", {"x": b""}, refuse)
    assert filled("{{ x }} and", {"x": 1}, lambda value: Image(url="u"))[1] == Text(" and")


def test_nothing_is_evaluated_before_all_is_read() -> None:
    """An expression that isn't Python is told before any other one is evaluated, however many there are."""
    called: list[int] = []
    with pytest.raises(ArgumentsError, match="a b"):
        words("{{ called.append(1) }}" + "{{ a b }}" * 2_000, called=called)
    assert called == []
