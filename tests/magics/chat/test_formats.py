"""The form of an answer: asked for, read, shown, mended."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics.errors import ArgumentsError
from ve_magics.magics.chat.fences import code_in, json_in
from ve_magics.magics.chat.formats import Form, form_of
from ve_magics.messages import ChatRequest, OutputFormat, system, user

ASKED = ChatRequest(model="m", messages=(user("Three rivers"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
NAMES: dict[str, Any] = {"S": SCHEMA}


def test_line_gives_the_form() -> None:
    """Markdown is the rule; a schema means JSON and goes with no other form."""
    assert form_of(None, None, {}) == Form("markdown")
    assert [form_of(kind, None, {}).kind for kind in ("text", "json", "code")] == ["text", "json", "code"]
    assert form_of("json", "S", NAMES).schema is not None
    with pytest.raises(ArgumentsError, match="-f code does not go with it"):
        form_of("code", "S", NAMES)


def test_json_is_asked_for_in_the_way_of_the_interface() -> None:
    """JSON is asked for by the output format; the word itself must be said, as OpenAI's API reference demands."""
    asked = Form("json").ask(ASKED)
    assert asked.output == OutputFormat("json_object")
    assert [message.role for message in asked.messages] == ["system", "user"]
    said = ChatRequest(model="m", messages=(user("Three rivers as JSON"),))
    assert Form("json").ask(said).messages == said.messages
    assert Form("markdown").ask(ASKED) is ASKED
    strict = form_of(None, "S", NAMES).ask(ASKED)
    assert strict.messages == ASKED.messages
    assert strict.output is not None
    assert (strict.output.kind, strict.output.name, strict.output.strict) == ("json_schema", "S", True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        (" [1]\n", [1]),
        ('Here:\n\n```json\n{"a": 1}\n```\nDone', {"a": 1}),
        ('```\nno\n```\n~~~~ json\n{"a": 2}\n~~~~', {"a": 2}),
        ('```json\n{"a": 1}', {"a": 1}),
    ],
)
def test_json_is_found(text: str, value: Any) -> None:
    """JSON is read alone or out of a fenced block."""
    assert json_in(text) == value


@pytest.mark.parametrize("text", ["", "No.", "```json\n{\n```", '{"a": NaN}', "[" * 100_000])
def test_what_is_no_json_says_why(text: str) -> None:
    """Anything else is an error with the reason."""
    with pytest.raises(ValueError, match=r"it is (not JSON|nested too deep)"):
        json_in(text)


def test_answer_is_shown_in_its_form() -> None:
    """JSON is shown indented, text as it stands, code without its fence; Markdown is left to the display."""
    assert Form("markdown").shown("*a*") is None
    assert Form("text").shown("*a*") == {"text/markdown": "```\n*a*\n```", "text/plain": "*a*"}
    pretty = '{\n  "a": "é"\n}'
    assert Form("json").shown('{"a":"é"}') == {
        "text/markdown": f"```json\n{pretty}\n```",
        "text/plain": pretty,
    }
    assert Form("json").shown("oh `no`") == {"text/markdown": "```\noh `no`\n```", "text/plain": "oh `no`"}
    assert Form("code").shown("So:\n```Python\nx = 1\n```\nIt is.") == {
        "text/markdown": "```python\nx = 1\n```",
        "text/plain": "x = 1",
    }
    shown = form_of(None, "list[S]", NAMES).shown('{"items": [{"a": 1}]}')
    assert shown is not None
    assert shown["text/plain"].startswith('[\n  {\n    "a": 1')


@pytest.mark.parametrize(
    ("text", "code", "language"),
    [
        ("x = 1\n", "x = 1", "python"),
        ("```\nx\n```", "x", "python"),
        ("a\n\n~~~~sql\nselect\n~~~\n~~~~\nb", "select\n~~~", "sql"),
        ("```c++ title\nint x;\n", "int x;", "c++"),
        ("```<b>\nx\n```\n```r\ny\n```", "x", "python"),
        ("````md\n```\nx\n```\n````", "```\nx\n```", "md"),
    ],
)
def test_code_is_the_first_block(text: str, code: str, language: str) -> None:
    """Code is what stands in the first fence, or everything where there is none."""
    assert code_in(text) == (code, language)


def test_answer_that_does_not_fit_goes_back_with_the_reason() -> None:
    """The model sees its answer and what is wrong; the error holds the raw text."""
    form = form_of(None, "S", NAMES)
    with pytest.raises(ValueError, match="'a' is missing"):
        form.read("{}")
    assert form.read('{"a": 1}') == {"a": 1}
    mended = form.mend(ASKED, "{}", "'a' is missing")
    assert [message.role for message in mended.messages] == ["user", "assistant", "user"]
    assert mended.messages[1].text == "{}"
    assert "'a' is missing" in mended.messages[2].text
    assert form.mend(ASKED, "", "x").messages[1].text == "(nothing)"
    error = form.refusal("{}", "'a' is missing")
    assert (error.raw, "does not fit S" in error.message) == ("{}", True)
    assert "is not JSON" in Form("json").refusal("x", "y").message


def test_system_prompt_counts_as_said() -> None:
    """The word JSON in a system prompt is enough."""
    asked = ChatRequest(model="m", messages=(system("Reply in JSON."), user("Rivers")))
    assert Form("json").ask(asked).messages == asked.messages
