"""`%chat` lines, whatever mark they end in."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from ve_magics.magics.lines import AssignedQuestion, Question


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("%chat What is wrong?", "get_ipython().run_line_magic('chat', 'What is wrong?')\n"),
        ("a = %chat Is it? Yes?", "a = get_ipython().run_line_magic('chat', 'Is it? Yes?')\n"),
        ("if a:\n    b = %chat Why?\n", "if a:\n    b = get_ipython().run_line_magic('chat', 'Why?')\n"),
        ("if a:\n    %chat Why?\n", "if a:\n    get_ipython().run_line_magic('chat', 'Why?')\n"),
        (
            "b = %time c\na = %chat Why?",
            "b = get_ipython().run_line_magic('time', 'c')\na = get_ipython().run_line_magic('chat', 'Why?')\n",
        ),
        ("%chat?", "get_ipython().run_line_magic('pinfo', '%chat')\n"),
        ("%chatter what?", "get_ipython().run_line_magic('pinfo', 'what')\n"),
        ("len?", "get_ipython().run_line_magic('pinfo', 'len')\n"),
        ("a = 7 % chat", "a = 7 % chat\n"),
        ("x = '''\n%chat Why?\n'''", "x = '''\n%chat Why?\n'''\n"),
    ],
)
def test_questions_are_read_as_questions(cell: str, python: str) -> None:
    """A line that asks is run, however it ends; help and everything else stay IPython's."""
    reader = TransformerManager()
    reader.token_transformers += [Question, AssignedQuestion]
    assert reader.transform_cell(cell) == python
