"""What the Tab key offers."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

from ve_magics.magics.completion import offers


def tab(bench: Any, line: str) -> list[str]:
    """Return what IPython offers at the end of a line."""
    with provisionalcompleter():
        return [found.text for found in bench.shell.Completer.completions(line, len(line))]


def ours(bench: Any, line: str) -> list[str]:
    """Return what we offer at the end of a line."""
    return offers(bench.notebook, line, line.rsplit(" ", 1)[-1])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%%chat --sch", ["--schema"]),
        ("%%chat --fo", ["--format"]),
        ("%chat --fi", ["--file", "--fix"]),
        ("%%video --sec", ["--seconds"]),
        ("%%chat sim/t", ["sim/thinker", "sim/tutor"]),
        ("%%chat -m sim/th", ["sim/thinker"]),
        ("%chat -m sim/th", ["sim/thinker"]),
        ("%%video sim/fi", ["sim/film"]),
        ("%%chat -f ", ["code", "json", "markdown", "text"]),
        ("%%chat -c r", ["rivers"]),
        ("%%chat --schema To", ["Town"]),
        ("%%chat -o pa", ["papers"]),
        ("%%chat -t 0 --image pa", ["papers"]),
        ("%%agent --tools gen", ["generate_image", "generate_video"]),
        ("%%agent --tools sum_up,sum", ["sum_up,sum_up"]),
        ("%%chat --tools sum", ["sum_up"]),
        ("%%agent --agents fi", ["film"]),
        ("%ve conv", ["conversation"]),
        ("%ve conversation ", ["drop", "export", "fork", "list", "show", "use"]),
        ("%ve conversation show ", ["rivers"]),
        ("%ve use sim/th", ["sim/thinker"]),
        ("%ve key deeps", ["deepseek"]),
        ("%ve cache ", ["clear"]),
        ("answer = %chat --fi", ["--file", "--fix"]),
        ("last = %ve la", ["last"]),
    ],
)
def test_tab_offers_what_fits(bench: Any, line: str, offered: list[str]) -> None:
    """Flags, models, conversations, variables and commands are offered where they can stand."""
    bench.run("class Town: ...\npapers = 7\ndef sum_up(): ...")
    bench.run("%%chat -c rivers\nhello")
    assert sorted(ours(bench, line)) == offered
    if "," not in line:  # of a list IPython is told the last name alone
        assert {*offered} <= {*tab(bench, line)}
    else:
        assert {one.rpartition(",")[2] for one in offered} <= {
            one.rpartition(",")[2] for one in tab(bench, line)
        }


@pytest.mark.parametrize(
    "line", ["%%chat -s sim", "%chat sim/", "%ve live s", "%%chat -t s", "%chat", "%ve", "%%compare"]
)
def test_nothing_is_offered_where_anything_can_stand(bench: Any, line: str) -> None:
    """Where a question or a free text goes, no model is offered."""
    assert ours(bench, line) == []


def test_broken_configuration_offers_nothing(open_bench: Any, tmp_path: Any) -> None:
    """A file that can't be read is told when a cell runs, not while a line is typed."""
    bench = open_bench(VE_NOTEBOOK="n.ipynb")
    (tmp_path / "n.conversations.json").write_text("{", "utf-8")
    assert ours(bench, "%%chat -c r") == []


def test_unloading_takes_the_offers_back(bench: Any) -> None:
    """After `%unload_ext` nothing of ours is offered, and reading `%chat` lines is IPython's again."""
    from ve_magics.magics.loading import unload

    assert tab(bench, "%%chat --sch") == ["--schema"]
    unload(bench.shell)
    assert tab(bench, "%%chat --sch") == []
    assert "--fresh" not in tab(bench, "answer = %chat --fr")
    transformers = bench.shell.input_transformer_manager.token_transformers
    assert [one.__module__ for one in transformers if one.__module__.startswith("ve_magics")] == []
