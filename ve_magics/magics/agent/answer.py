"""The answer of an agent as an object: what `%%agent -o NAME` puts into the notebook."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.report import CallTold, Report, StepTold
from ve_magics.engine.knowledge import citing
from ve_magics.engine.toolkit import MadeFilm
from ve_magics.engine.trace import Trace
from ve_magics.magics.chat.answer import Answer
from ve_magics.magics.chat.display import bundle
from ve_magics.magics.frames import frame
from ve_magics.magics.knowledge.citations import bundle as cited_bundle
from ve_magics.magics.knowledge.citations import worded
from ve_magics.magics.video.clip import Clip
from ve_magics.messages import ChatRequest, ChatResponse, Message, Usage
from ve_magics.store.knowledge import Passage

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
        passages: What was found in documents, by the number that the answer cites.
        cited: The answer without the quotes at its end, and its citations; None where no documents were searched.
    """

    def __init__(
        self, request: ChatRequest, report: Report, ended: Ended | None, *, cites: bool = True
    ) -> None:
        self.report = report
        own = [step for step in report.steps if not step.agent]
        response = ended.response if ended else own[-1].accumulator.response() if own else ChatResponse()
        super().__init__(request, response, _together(report), partial=ended is None)
        self.why = ended.why if ended else ""
        self._said = ended.messages if ended else ()
        self.cost = report.cost
        self.passages: dict[int, Passage] = {}
        for call in report.calls if cites else ():
            for number, passage in call.output.sources if call.output else ():
                self.passages.setdefault(number, passage)
        self.cited = self._read() if self.passages else None

    def _read(self) -> citing.Cited:
        """Return the answer with its citations; a number that an earlier turn has given is left as it stands."""
        others = [step.text for step in reversed(self.report.steps) if step.agent]
        found = citing.read_numbered(self.response.text, self.passages, others)
        first = min(self.passages)
        known = tuple(one for one in found.citations if one.passage is not None or one.number >= first)
        return msgspec.structs.replace(found, citations=known)

    @property
    def text(self) -> str:
        """The words, without the quotes that the model gives at the end of an answer from documents."""
        return self.cited.text if self.cited is not None else self.response.text

    @property
    def citations(self) -> tuple[citing.Citation, ...]:
        """What it cites of documents, each checked against its passage: `.number .quotes .verified .passage`."""
        return self.cited.citations if self.cited is not None else ()

    def bundle(self, mark: str = "") -> dict[str, str]:
        """Return what an output holds for the answer: with its citations, as `%%ask` shows them, where it has any.

        Args:
            mark: A last line that says what is wrong with it.
        """
        if self.cited is None:
            return bundle(self.response, mark=mark)
        if self.partial and not self.citations:
            return bundle(worded(self.response, self.text), mark=mark)
        return cited_bundle(self.cited, [mark] if mark else [])

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return dict(self.bundle()), {"ve_magics": self.facts()}

    @property
    def sources(self) -> tuple[Passage, ...]:
        """The passages that it cites, in the order of first mention."""
        return tuple(one.passage for one in self.citations if one.passage is not None)

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
        columns = ("agent", "step", "name", "arguments", "result", "failed", "seconds", "source", "cost")
        return frame([{name: getattr(call, name) for name in columns} for call in self.calls], columns)

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
        if self.cited is not None:
            facts["cited"] = [one.number for one in self.citations]
            facts["unverified"] = [one.number for one in self.citations if not one.verified]
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
