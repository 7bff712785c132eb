"""The answer of an agent as an object: what `%%agent -o NAME` puts into the notebook."""

from __future__ import annotations

import importlib
from typing import Any

from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.report import CallTold, Report, StepTold
from ve_magics.engine.toolkit import MadeFilm
from ve_magics.engine.trace import Trace
from ve_magics.errors import MissingExtraError
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.video.clip import Clip
from ve_magics.messages import ChatRequest, ChatResponse, Message, Usage

WHY = {
    "steps": "stopped at the limit of steps; --max-steps N allows more",
    "stuck": "stopped because none of its calls led anywhere",
}


class AgentAnswer(Answer):
    """What an agent answered, and everything that it did on the way.

    Attributes:
        report: What happened.
        why: `answered`, `steps` (stopped at the limit of steps), `stuck` (none of its calls led anywhere), or empty
            where it was stopped or failed.
    """

    def __init__(self, request: ChatRequest, report: Report, ended: Ended | None) -> None:
        self.report = report
        own = [step for step in report.steps if not step.agent]
        response = ended.response if ended else own[-1].accumulator.response() if own else ChatResponse()
        super().__init__(request, response, _together(report), partial=ended is None)
        self.why = ended.why if ended else ""
        self._said = ended.messages if ended else ()
        self.cost = report.cost

    @property
    def steps(self) -> list[StepTold]:
        """The questions to models, in order: `.agent .number .text .calls`."""
        return self.report.steps

    @property
    def calls(self) -> list[CallTold]:
        """The calls of tools, in order: `.agent .name .arguments .result .failed .seconds .cost`."""
        return self.report.calls

    @property
    def shown(self) -> list[Any]:
        """What the calls made for the cell to show: clips of films."""
        return [_clip(one) if isinstance(one, MadeFilm) else one for one in self.report.shown]

    @property
    def usage(self) -> Usage | None:
        """The tokens of all steps together; None where no provider gave counts."""
        return self.report.usage

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation with calls, results and this answer at its end, to go on from."""
        return (*self.request.messages, *self._said)

    @property
    def said(self) -> tuple[Message, ...]:
        """The calls and results between the question and the answer."""
        return self._said[:-1]

    @property
    def df(self) -> Any:
        """The calls as a pandas DataFrame, a row each.

        Raises:
            MissingExtraError: pandas isn't installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            missing = MissingExtraError("A DataFrame", "all")
            missing.hint = "pip install pandas"
            raise missing from None
        columns = ("agent", "step", "name", "arguments", "result", "failed", "seconds", "source", "cost")
        return pandas.DataFrame(
            [{name: getattr(call, name) for name in columns} for call in self.calls], columns=columns
        )

    def facts(self) -> dict[str, Any]:
        """Return what varies from run to run, for output metadata."""
        facts = super().facts()
        facts["steps"] = [
            {
                "agent": step.agent,
                "model": str(step.ended.trace.served or "") if step.ended else "",
                "source": step.ended.trace.source if step.ended else "",
                "seconds": round(step.ended.seconds, 3) if step.ended else None,
                "cost_usd": step.ended.trace.cost.amount if step.ended else None,
                "calls": [
                    {
                        "tool": call.name,
                        "source": call.source,
                        "failed": call.failed,
                        "seconds": None if call.seconds is None else round(call.seconds, 3),
                        "cost_usd": call.cost,
                    }
                    for call in step.calls
                ],
            }
            for step in self.steps
        ]
        if self.why not in ("", "answered"):
            facts["why"] = self.why
        return facts

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {len(self.steps)} steps, {len(self.calls)} calls>"


def _clip(film: MadeFilm) -> Clip:
    return Clip(
        film.path, poster=film.poster, prompt=film.prompt, served=film.served, job=film.job, **film.facts
    )


def _together(report: Report) -> Trace:
    """Return the traces of all steps as one."""
    whole = Trace()
    traces = [step.ended.trace for step in report.steps if step.ended is not None]
    for trace in traces:
        whole.attempts += trace.attempts
        whole.notices += [notice for notice in trace.notices if notice not in whole.notices]
        whole.served = trace.served
    sources = {trace.source for trace in traces}
    whole.source = "provider" if "provider" in sources or not sources else min(sources)
    return whole
