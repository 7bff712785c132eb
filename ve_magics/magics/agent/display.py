"""An agent at work in a cell: its steps and calls while they happen, and the one output that remains."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from ve_magics.engine.agent.report import CallTold, Report, StepTold
from ve_magics.engine.agent.values import (
    CallBegan,
    CallEnded,
    CallMoved,
    Happening,
    Noted,
    Said,
    StepBegan,
    shown_arguments,
)
from ve_magics.engine.knowledge.citing import without_quotes
from ve_magics.events import ReasoningDelta, RefusalDelta, TextDelta
from ve_magics.magics.agent.answer import WHY, AgentAnswer
from ve_magics.magics.chat.display import BROKE_OFF, PICTURES, STOPPED
from ve_magics.magics.failure import one_line
from ve_magics.magics.growing import ENVELOPE, GrowingOutput, size_of
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.screen import Screen
from ve_magics.magics.stage import Stage
from ve_magics.magics.video.clip import Clip
from ve_magics.messages import Image

_LINES = 40
"""Calls of the trace that are shown while it grows; of more, the last ones."""
_RESULT = 160
"""Characters of a result that the trace shows."""


def trace_lines(report: Report, *, live: bool) -> list[str]:
    """Return the trace as lines of text: a call each, with what came of it.

    Args:
        report: What happened.
        live: Whether to say how long it took and what it cost, which varies from run to run.
    """
    return [_call_line(call, live=live) for call in report.calls]


def _call_line(call: CallTold, *, live: bool) -> str:
    who = f"{call.agent} → " if call.agent else ""
    line = f"{who}{call.name}({shown_arguments(call.call)})"
    if call.output is None:
        return f"… {line}{f' · {call.progress}' if call.progress else ''}"
    mark = "✗" if call.failed else "✓"
    facts = ""
    if live and call.seconds is not None:
        facts = f" · {call.seconds:.1f} s" if call.source == "run" else f" · {call.source}"
        if call.cost is None:
            facts += " · price unknown"
        elif call.cost:
            facts += f" · ${call.cost:.2f}"
    result = " ".join(call.result.split())
    result = result if len(result) <= _RESULT else f"{result[: _RESULT - 1]}…"
    return f"{mark} {line}{facts} → {result}"


def final(
    answer: AgentAnswer, directory: Path, *, mark: str = "", data: dict[str, str] | None = None
) -> dict[str, str]:
    """Return what a cell's output holds for an agent's answer: the answer, films, and the trace folded away.

    Args:
        answer: The answer.
        directory: Where the notebook lies.
        mark: A last line that says what is wrong with it.
        data: What the output holds instead of the answer as Markdown.
    """
    if data is None:
        mark = mark or (f"⚠ {WHY[answer.why]}" if answer.why in WHY else "")
        data = answer.bundle(mark)
    markdown, plain = [data["text/markdown"]], [data["text/plain"]]
    for one in answer.shown:
        if isinstance(one, Clip):
            player = one.bundle(directory)
            markdown.append(player["text/html"])
            plain.append(player["text/plain"])
        elif isinstance(one, Image):
            if one.media_type in PICTURES:  # a provider's word goes into no address unread
                encoded = base64.b64encode(one.data).decode("ascii")
                markdown.append(f"![picture](data:{one.media_type};base64,{encoded})")
            plain.append(f"[picture, {len(one.data):,} bytes]")
    lines = trace_lines(answer.report, live=False)
    if lines:
        calls = "1 call" if len(lines) == 1 else f"{len(lines)} calls"
        folded = "\n".join(f"1. {neutralise(line)}" for line in lines)
        markdown.append(f"<details><summary>{calls}</summary>\n\n{folded}\n\n</details>")
    return {
        "text/markdown": "\n\n".join(part for part in markdown if part),
        "text/plain": "\n\n".join(part for part in plain if part),
    }


class AgentDisplay:
    """Shows one run. All methods are called in the cell's own thread.

    Args:
        shell: The running IPython shell; one without a kernel prints.
        directory: Where the notebook lies.
        streaming: Whether the run is shown while it goes on; None asks `streaming_wanted`.
        screen: Where a cell's outputs go; None takes the running cell's.
        stdout: Where a terminal's text goes; None takes the standard output.
        env: The environment that decides on streaming; None takes the process's own.
    """

    def __init__(
        self,
        shell: Any,
        directory: Path,
        *,
        streaming: bool | None = None,
        screen: Screen | None = None,
        stdout: TextIO | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._stage = Stage(shell, streaming=streaming, screen=screen, stdout=stdout, env=env)
        self._output = GrowingOutput(self._stage)
        self._directory = directory
        self.report = Report()
        self._doing: dict[str, str] = {}
        self._printed = 0

    def add(self, happening: Happening) -> None:
        """Take what happened. Nothing is shown before `tick`."""
        self.report.add(happening)
        match happening:
            case StepBegan():
                self._doing[happening.agent] = "thinking" if happening.number > 1 else "waiting for the model"
                self._output.hurry()
            case Said(
                event=(TextDelta(choice=0) | RefusalDelta(choice=0) | ReasoningDelta(choice=0)) as event
            ):
                self._output.receive(size_of(event.text))
                self._doing[happening.agent] = "thinking" if isinstance(event, ReasoningDelta) else ""
            case CallBegan():
                self._doing[happening.agent] = ""
                self._output.hurry()
            case CallEnded():
                self._output.receive(ENVELOPE)
                self._output.hurry()
            case Noted() | CallMoved():
                self._output.hurry()
            case _:
                pass

    def tick(self, now: float, *, now_or_never: bool = False) -> None:
        """Show what has happened, if it is time and streaming is wanted.

        Args:
            now: Seconds of a clock that never goes back.
            now_or_never: It is time: a reader is about to be asked.
        """
        if not self._stage.streaming:
            return
        if self._stage.prints:
            self._print_finished()
        else:
            self._output.tick(now, self._markdown, at_once=now_or_never)

    def _markdown(self, waited: float) -> str:
        lines = trace_lines(self.report, live=True)
        parts = []
        if len(lines) > _LINES:
            parts.append(f"*{len(lines) - _LINES} earlier calls*")
        parts.append("\n".join(f"- {neutralise(line)}" for line in lines[-_LINES:]))
        parts += [f"*{neutralise(one_line(note))}*" for note in self.report.notes[-3:]]
        own = self._own()
        if own is not None and not own.calls:
            parts.append(neutralise(without_quotes(own.text)).strip("\n"))
        seconds = f" {waited // 1:.0f} s" if waited >= 1 else ""
        doing = [f"{agent}: {what}" if agent else what for agent, what in self._doing.items() if what]
        running = [call for call in self.report.calls if call.output is None]
        if doing or running:
            parts.append(f"*{neutralise('; '.join(doing) or 'calling')}…{seconds}*")
        return "\n\n".join(part for part in parts if part)

    def _own(self) -> StepTold | None:
        """Return the last step of the agent that the cell began."""
        return next((step for step in reversed(self.report.steps) if not step.agent), None)

    def _print_finished(self) -> None:
        calls = self.report.calls
        while self._printed < len(calls) and calls[self._printed].output is not None:
            self._stage.print(_call_line(calls[self._printed], live=True) + "\n")
            self._printed += 1

    def finish(self, answer: AgentAnswer, data: dict[str, str] | None = None) -> None:
        """Leave the answer as the cell's one output.

        Args:
            answer: The answer.
            data: What the output holds instead of it.
        """
        self._end(final(answer, self._directory, data=data), answer.facts())

    def interrupt(self, answer: AgentAnswer) -> None:
        """Leave what had come before the cell was interrupted, marked as partial."""
        self._end(final(answer, self._directory, mark=STOPPED), {**answer.facts(), "partial": True})

    def fail(self, answer: AgentAnswer) -> None:
        """Leave what had come before it failed, marked as partial; nothing where nothing had come."""
        if answer.text or answer.calls:
            self._end(final(answer, self._directory, mark=BROKE_OFF), {**answer.facts(), "partial": True})
        else:
            self._output.drop()

    def _end(self, data: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        if self._stage.screen is None:
            self._stage.print(f"{data['text/plain']}\n")
        self._output.end(data, metadata)
