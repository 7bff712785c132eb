"""The tools that a line names: functions of the notebook, built-in ones, those of MCP servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ve_magics.catalog import nearest
from ve_magics.engine.acting import Tools, connections, without_twins
from ve_magics.engine.agent.builtin import BUILT_IN, search_offer
from ve_magics.engine.agent.functions import offer_of
from ve_magics.engine.agent.mcp import SEPARATOR
from ve_magics.engine.agent.team import MEMBERS, Member
from ve_magics.engine.agent.values import Offer
from ve_magics.engine.toolkit import Toolkit
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.errors import ArgumentsError
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.notebook_code import NotebookCode
from ve_magics.tools import FunctionTool, as_tool


class Toolbox:
    """What the tools of one cell are by their names.

    Args:
        notebook: The running notebook.
        memory: What the run remembers.
        knowledge_base: What `--kb` names; empty for none.
        fresh: Make again what is known.
    """

    def __init__(
        self, notebook: Notebook, memory: ToolMemory, *, knowledge_base: str = "", fresh: bool = False
    ) -> None:
        self._notebook = notebook
        self._memory = memory
        self._knowledge_base = knowledge_base
        code = NotebookCode(notebook.shell)
        self._kit = Toolkit(notebook.session, cell=notebook.cell, fresh=fresh, execute=code.run)

    def tools(self, names: Sequence[str], *, named: bool = True) -> Tools:
        """Return the tools of these names.

        Args:
            names: The names.
            named: Whether the user's own cell names them.

        Raises:
            ArgumentsError: There is none of a name.
            ConfigError: An MCP server's row can't be used.
        """
        offers: list[Offer] = []
        sources: list[Any] = []
        servers = self._notebook.session.config.mcp
        for name in dict.fromkeys(names):
            offer = self._offer(name, named=named)
            server, _, tool = name.partition(SEPARATOR)
            if offer is not None:
                offers.append(offer)
            elif server in servers:
                wanted = name if tool else ""
                sources.append(
                    connections(self._notebook.session).source(server, self._memory, wanted=wanted)
                )
            else:
                raise self._unknown(name)
        return Tools(without_twins(offers), tuple(sources))

    def marked(self) -> Tools:
        """Return the functions of the notebook that `@tool` marks; the cell does not name them."""
        return Tools(tuple(offer_of(tool, named=False) for tool in marked(self._notebook)))

    def _offer(self, name: str, *, named: bool) -> Offer | None:
        value: Any = self._notebook.namespace.get(name.partition(".")[0])
        for step in name.split(".")[1:]:
            value = getattr(value, step, None)
        if callable(value):
            return offer_of(as_tool(value), named=named)
        if name == "search_documents":
            if not self._knowledge_base:
                raise ArgumentsError(
                    "search_documents needs documents.", hint="Name a knowledge base: --kb NAME"
                )
            return search_offer(
                self._notebook.library.search_documents, self._knowledge_base, self._memory.numbering
            )
        return self._kit.offer(name, named=named)

    def _unknown(self, name: str) -> ArgumentsError:
        near = nearest(name, tool_names(self._notebook), count=1)
        return ArgumentsError(
            f"--tools: there is no tool {name!r}.",
            hint=f"Did you mean {near[0]}?" if near else "Define the function in a cell above, then name it.",
        )


def tool_names(notebook: Notebook) -> list[str]:
    """Return what `--tools` could name: functions of the notebook, built-in tools, MCP servers."""
    hidden = getattr(notebook.shell, "user_ns_hidden", {})
    functions = [
        name
        for name, value in notebook.namespace.items()
        if callable(value) and not isinstance(value, type) and not name.startswith("_") and name not in hidden
    ]
    return [*functions, *BUILT_IN, *notebook.session.config.mcp]


def agents_known(notebook: Notebook) -> dict[str, Member]:
    """Return all agents by name: those that come along, the configuration's, those in variables; the later ones win."""
    known = {member.name: member for member in MEMBERS}
    for name, row in notebook.session.config.agents.items():
        known[name] = Member(
            name=name, purpose=row.purpose, model=row.model, tools=row.tools, system=row.system
        )
    for value in notebook.namespace.values():
        if isinstance(value, Member):
            known[value.name] = value
    return known


def marked(notebook: Notebook) -> list[FunctionTool]:
    """Return the functions of the notebook that `@tool` marks, in the order of their names."""
    found = {
        value.name: value
        for name, value in notebook.namespace.items()
        if isinstance(value, FunctionTool) and not name.startswith("_")
    }
    return [found[name] for name in sorted(found)]
