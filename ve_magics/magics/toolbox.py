"""The tools that a line names: functions of the notebook, built-in ones, those of MCP servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ve_magics.catalog import nearest
from ve_magics.engine.agent.builtin import BUILT_IN
from ve_magics.engine.agent.functions import offer_of
from ve_magics.engine.agent.values import Offer
from ve_magics.engine.toolkit import Toolkit
from ve_magics.errors import ArgumentsError
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.notebook_code import NotebookCode
from ve_magics.tools import FunctionTool, as_tool


def offers_named(notebook: Notebook, named: Sequence[str], *, fresh: bool = False) -> list[Offer]:
    """Return the tools that a line names.

    Args:
        notebook: The running notebook.
        named: What `--tools` says; where it says nothing, every function of the notebook that `@tool` marks.
        fresh: Make again what is known.

    Raises:
        ArgumentsError: There is no such tool, two have the same name, or there is none at all.
    """
    code = NotebookCode(notebook.shell)
    kit = Toolkit(notebook.session, cell=notebook.cell, fresh=fresh, execute=code.run)
    offers = [_offer(notebook, kit, name) for name in dict.fromkeys(named)]
    if not named:
        offers = [offer_of(tool, named=False) for tool in marked(notebook)]
    taken: dict[str, None] = {}
    for offer in offers:
        if offer.name in taken:
            raise ArgumentsError(f"Two tools are called {offer.name}.", hint='Rename one: @tool(name="…")')
        taken[offer.name] = None
    return offers


def marked(notebook: Notebook) -> list[FunctionTool]:
    """Return the functions of the notebook that `@tool` marks, in the order of their names."""
    found = {
        value.name: value
        for name, value in notebook.namespace.items()
        if isinstance(value, FunctionTool) and not name.startswith("_")
    }
    return [found[name] for name in sorted(found)]


def _offer(notebook: Notebook, kit: Toolkit, name: str) -> Offer:
    value: Any = notebook.namespace.get(name.partition(".")[0])
    for step in name.split(".")[1:]:
        value = getattr(value, step, None)
    if callable(value):
        return offer_of(as_tool(value))
    if (built := kit.offer(name, named=True)) is not None:
        return built
    if name == "search_documents":
        raise ArgumentsError("search_documents needs documents.", hint="Name a knowledge base: --kb NAME")
    functions = [
        known for known, one in notebook.namespace.items() if callable(one) and not known.startswith("_")
    ]
    near = nearest(name, [*functions, *BUILT_IN], count=1)
    raise ArgumentsError(
        f"--tools: there is no tool {name!r}.",
        hint=f"Did you mean {near[0]}?" if near else "Define the function in a cell above, then name it.",
    )
