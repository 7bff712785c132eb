"""What `%load_ext ve_magics` registers."""

from __future__ import annotations

from typing import Any

import pytest

from ve_magics import load_ipython_extension, unload_ipython_extension
from ve_magics.magics.extension import CELL_MAGICS, VeMagics
from ve_magics.magics.failure import CellError
from ve_magics.magics.loading import keep_empty_cells

NAMES = (("chat", "cell"), ("video", "cell"), ("ve", "line"))


def test_magics_come_and_go(bench: Any) -> None:
    """Loading twice registers once; unloading leaves nothing behind, and loading again works."""
    shell = bench.shell
    magics = shell._ve_magics
    load_ipython_extension(shell)
    assert shell._ve_magics is magics
    assert shell.input_transformers_cleanup.count(keep_empty_cells) == 1
    unload_ipython_extension(shell)
    unload_ipython_extension(shell)
    assert [shell.find_magic(name, kind) for name, kind in NAMES] == [None] * 3
    assert keep_empty_cells not in shell.input_transformers_cleanup
    load_ipython_extension(shell)
    assert all(shell.find_magic(name, kind) for name, kind in NAMES)


def test_failure_is_an_error_of_the_cell(bench: Any) -> None:
    """A failing magic ends its cell with one exception that IPython shows in a few lines."""
    ran = bench.run("%ve nonsense")
    assert isinstance(ran.error, CellError)
    assert ran.error.__cause__ is None
    assert ran.printed.strip().splitlines() == ran.lines


@pytest.mark.parametrize("name", [*CELL_MAGICS, "ve"])
def test_every_magic_explains_itself(name: str) -> None:
    """`%%chat?` shows a docstring with every flag or command."""
    shown = getattr(VeMagics, name).__doc__
    assert len(shown.splitlines()) > 10
    if name == "ve":
        assert "%ve key PROVIDER" in shown
    else:
        from ve_magics.magics.completion import PARSERS

        parser = PARSERS[f"%%{name}"]()
        flags = [max(action.option_strings, key=len) for action in parser._actions if action.option_strings]
        missing = [
            flag
            for action, flag in zip([a for a in parser._actions if a.option_strings], flags, strict=True)
            if flag != "--help" and not any(option in shown for option in action.option_strings)
        ]
        assert missing == []


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["%%chat"], ["%%chat\n", "\n"]),
        (["%%chat -t 0\n"], ["%%chat -t 0\n", "\n"]),
        (["%%video\n"], ["%%video\n", "\n"]),
        (["%%chat\n", "Hi\n"], ["%%chat\n", "Hi\n"]),
        (["%%chatter\n"], ["%%chatter\n"]),
        (["%%bash\n"], ["%%bash\n"]),
        (["x = 1\n"], ["x = 1\n"]),
        ([], []),
    ],
)
def test_only_our_empty_cells_get_a_body(lines: list[str], kept: list[str]) -> None:
    """An empty cell of ours reaches the magic, which says what is missing; other cells are left alone."""
    assert keep_empty_cells(lines) == kept
