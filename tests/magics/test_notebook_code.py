"""Python that a person allowed, run in the notebook."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ve_magics.errors import ToolFailedError
from ve_magics.magics.notebook_code import NotebookCode
from ve_magics.messages import Image


@pytest.fixture
def names(ipython_shell: Any) -> dict[str, Any]:
    return {"x": 20}


@pytest.fixture
def code(names: dict[str, Any]) -> NotebookCode:
    return NotebookCode(SimpleNamespace(user_ns=names))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("x + 22", "42"),
        ("print('hi')\nx", "hi\n20"),
        ("y = 1", "(it printed nothing)"),
        ("", "(it printed nothing)"),
        ("None", "(it printed nothing)"),
        ("from IPython.display import display\ndisplay('shown')", "'shown'"),
    ],
)
def test_what_code_prints_and_is_comes_back(code: NotebookCode, source: str, text: str) -> None:
    """What it prints, what it shows and what its last expression is."""
    assert code.run(source).text == text


def test_variables_stay(code: NotebookCode, names: dict[str, Any]) -> None:
    """Code runs among the notebook's own variables."""
    code.run("x = x * 2\ndef f(): return x")
    assert (names["x"], names["f"]()) == (40, 40)


def test_pictures_come_back(code: NotebookCode) -> None:
    """A picture that code shows is a picture for the model."""
    source = (
        "from IPython.display import Image, display\ndisplay(Image(b'\\x89PNG\\r\\n\\x1a\\n0', format='png'))\n"
        "display({'image/png': 'iVBORw0KGgowMDA='}, raw=True)"
    )
    parts = code.run(source).parts
    assert [type(part) for part in parts] == [Image, Image]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('before')\n1 / 0", "ZeroDivisionError in line 2: division by zero. It had printed: before"),
        ("def f(:", "SyntaxError in line 1"),
        ("raise SystemExit(3)", "SystemExit in line 1: 3."),
        ("int('x')", "ValueError in line 1"),
    ],
)
def test_failures_are_told_with_their_line(code: NotebookCode, source: str, said: str) -> None:
    """What goes wrong is told with its line, without a traceback."""
    with pytest.raises(ToolFailedError) as caught:
        code.run(source)
    assert said in caught.value.message
    assert "Traceback" not in caught.value.message
