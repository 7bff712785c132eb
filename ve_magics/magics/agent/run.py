"""One agent's run in a cell: shown while it works, asked for a yes where that is needed, kept whatever happens."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import msgspec

from ve_magics.engine.acting import Cast, Surroundings, running
from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.values import Errand
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.errors import VeError
from ve_magics.magics.agent.answer import AgentAnswer
from ve_magics.magics.agent.approval import asker
from ve_magics.magics.agent.display import AgentDisplay
from ve_magics.magics.chat.asked import deadlines_within, fit
from ve_magics.magics.chat.cell import keep
from ve_magics.magics.chat.formats import Form
from ve_magics.magics.failure import one_line
from ve_magics.magics.notebook import Notebook
from ve_magics.messages import ChatRequest


class CellRun:
    """The run of one cell.

    Args:
        notebook: The running notebook.
        memory: What the run remembers of its tools.
        cast: Who acts.
        options: The parsed line.
        form: The form that the answer must have.
    """

    def __init__(
        self, notebook: Notebook, memory: ToolMemory, cast: Cast, options: argparse.Namespace, form: Form
    ) -> None:
        session = notebook.session
        self._notebook = notebook
        self._cast = cast
        self._options = options
        self._form = form
        self._display = AgentDisplay(notebook.shell, notebook.directory)
        self._allowance = Allowance(options.budget)
        self._means = Surroundings(
            session,
            memory,
            approval=options.approve,
            question=asker(notebook.shell),
            fresh=options.fresh,
            cached=not options.no_cache,
            deadlines=deadlines_within(session.deadlines, options.timeout),
            fallback=not options.no_fallback,
            cell=notebook.cell,
        )

    def play(self, request: ChatRequest) -> AgentAnswer:
        """Return the answer; one that lacks its form goes back to the model once.

        Raises:
            VeError: It broke off; what had come is shown and kept as partial.
            KeyboardInterrupt: The cell was interrupted; the same.
        """
        found = self._answer(request, self._ended(request, request))
        if not self._form.structured:
            return self._finish(found)
        problem = fit(self._form, found)
        if problem and found.finish == "stop":
            before = msgspec.structs.replace(request, messages=found.messages[:-1])
            ended = self._ended(self._form.mend(before, found.text, problem), request)
            whole = Ended(ended.response, (*found.said, *ended.messages), ended.why)
            found = self._answer(request, whole)
            problem = fit(self._form, found)
        if problem:
            self._finish(found, fits=False)
            raise self._form.refusal(found.text, problem)
        return self._finish(found)

    def _ended(self, asked: ChatRequest, request: ChatRequest) -> Ended:
        """Return how a run ended that asks this, the cell's own request being that."""
        display = self._display
        happening: Any
        try:
            for batch in self._notebook.portal.iterate(
                running(self._means, self._cast, asked, self._allowance)
            ):
                for happening in batch:
                    if isinstance(happening, Ended):
                        return happening
                    if isinstance(happening, Errand):
                        display.tick(time.monotonic(), now_or_never=True)
                        happening.perform()
                    else:
                        display.add(happening)
                display.tick(time.monotonic())
        except KeyboardInterrupt:
            display.interrupt(self._kept(self._answer(request, None), fits=False))
            raise
        except VeError:
            display.fail(self._kept(self._answer(request, None), fits=False))
            raise
        raise AssertionError("a run ends or fails")

    def _answer(self, request: ChatRequest, ended: Ended | None) -> AgentAnswer:
        return AgentAnswer(request, self._display.report, ended, cites=not self._form.structured)

    def _kept(self, answer: AgentAnswer, *, fits: bool) -> AgentAnswer:
        keep(self._notebook, self._options, self._form, answer, fits=fits)
        return answer

    def _finish(self, answer: AgentAnswer, *, fits: bool = True) -> AgentAnswer:
        self._kept(answer, fits=fits)
        self._display.finish(answer, self._form.shown(answer.text))
        if self._notebook.session.mode in ("off", "auto"):  # a recorded notebook keeps one output a cell
            for notice in answer.notices:
                print(f"↪ {one_line(notice)}", file=sys.stderr)
        return answer
