"""What happened in a run, told as steps and calls: for the trace in the cell and for the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ve_magics.catalog import Cost
from ve_magics.engine.agent.values import (
    CallBegan,
    CallEnded,
    CallMoved,
    Happening,
    Noted,
    Said,
    Source,
    StepBegan,
    StepEnded,
    shown_arguments,
)
from ve_magics.events import Accumulator, Restarted
from ve_magics.messages import ToolCall, Usage
from ve_magics.tools import Output


@dataclass(slots=True, repr=False)
class CallTold:
    """One call, and what came of it.

    Attributes:
        agent: Who made it; empty for the agent that the cell began.
        step: In which of its steps.
        output: Its result; None as long as it runs.
        progress: How far it says that it is.
    """

    agent: str
    step: int
    call: ToolCall
    output: Output | None = None
    seconds: float | None = None
    source: Source = "run"
    progress: str = ""

    @property
    def name(self) -> str:
        """The tool."""
        return self.call.name

    @property
    def arguments(self) -> str:
        """The arguments, JSON."""
        return self.call.arguments

    @property
    def result(self) -> str:
        """The result's text; empty as long as there is none."""
        return self.output.text if self.output else ""

    @property
    def failed(self) -> bool:
        """Whether the result is an error."""
        return self.output is not None and self.output.failed

    @property
    def cost(self) -> float | None:
        """US dollars that the call cost besides the model; None where that isn't known."""
        return 0.0 if self.output is None or self.source != "run" else self.output.cost

    def __repr__(self) -> str:
        state = "runs" if self.output is None else "failed" if self.failed else repr(self.result[:60])
        return f"<{self.agent or 'agent'}: {self.name}({shown_arguments(self.call, 60)}) → {state}>"


@dataclass(slots=True, repr=False)
class StepTold:
    """One question to the model, its answer, and the calls that it led to.

    Attributes:
        agent: Who asked; empty for the agent that the cell began.
        number: Which of its steps, from 1.
        ended: The answer with its cost; None as long as it comes.
        accumulator: The answer as far as it has come.
    """

    agent: str
    number: int
    accumulator: Accumulator = field(default_factory=Accumulator)
    ended: StepEnded | None = None
    calls: list[CallTold] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The words of the answer so far; those for not answering where it doesn't."""
        return self.accumulator.text or self.accumulator.response().message.refusal

    def __repr__(self) -> str:
        return f"<step {self.number} of {self.agent or 'the agent'}: {len(self.calls)} calls, {self.text[:60]!r}>"


class Report:
    """Everything that happened so far. Feed it every happening; ask at any time.

    Attributes:
        steps: The steps of all agents, in the order in which they began.
        notes: What the reader should know besides.
    """

    def __init__(self) -> None:
        self.steps: list[StepTold] = []
        self.notes: list[str] = []

    def add(self, happening: Happening) -> None:
        """Take what happened."""
        match happening:
            case StepBegan():
                self.steps.append(StepTold(happening.agent, happening.number))
            case Said():
                step = self._step(happening.agent)
                step.accumulator.add(happening.event)
                if isinstance(happening.event, Restarted):
                    self.notes.append(f"started over on {happening.event.target}: {happening.event.reason}")
            case StepEnded():
                self._step(happening.agent).ended = happening
            case CallBegan():
                self._step(happening.agent).calls.append(
                    CallTold(happening.agent, happening.number, happening.call)
                )
            case CallMoved():
                for told in self._called(happening.agent, happening.call):
                    told.progress = happening.text
            case CallEnded():
                for told in self._called(happening.agent, happening.call):
                    told.output, told.seconds = happening.output, happening.seconds
                    told.source = happening.source
            case Noted():
                self.notes.append(happening.text)
            case _:
                pass

    def _step(self, agent: str) -> StepTold:
        """Return the last step of an agent, which is the only one that can run."""
        return next(step for step in reversed(self.steps) if step.agent == agent)

    def _called(self, agent: str, call: ToolCall) -> list[CallTold]:
        return [told for told in self._step(agent).calls if told.call.id == call.id]

    @property
    def calls(self) -> list[CallTold]:
        """All calls, in order."""
        return [call for step in self.steps for call in step.calls]

    @property
    def shown(self) -> list[Any]:
        """What the calls gave the cell to show, films for example."""
        return [one for call in self.calls if call.output is not None for one in call.output.shown]

    @property
    def cost(self) -> Cost:
        """What all answers and calls cost together; the amount is None where one of them isn't known."""
        amounts = [step.ended.trace.cost.amount for step in self.steps if step.ended is not None]
        amounts += [call.cost for call in self.calls if call.output is not None]
        total = None if None in amounts else sum(amount or 0.0 for amount in amounts)
        return Cost(total, sum(step.ended.trace.cost.saved for step in self.steps if step.ended is not None))

    @property
    def usage(self) -> Usage | None:
        """The tokens of all answers together; None where no provider gave counts."""
        counts = [step.accumulator.usage for step in self.steps if step.accumulator.usage is not None]
        if not counts:
            return None
        fields = ("input", "cached", "cache_write", "cache_write_1h", "output", "reasoning")
        return Usage(**{name: sum(getattr(one, name) for one in counts) for name in fields})
