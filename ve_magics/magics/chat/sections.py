"""Several answers that grow in one cell, one below the other, and the one output that remains of them.

All of them are one output that changes in place; what is finished is rendered once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from ve_magics.events import Event, ReasoningDelta, RefusalDelta, Restarted, TextDelta, ToolCallDelta
from ve_magics.magics.chat.comparison import RULE, Section
from ve_magics.magics.failure import one_line
from ve_magics.magics.growing import STEP, GrowingOutput, size_of
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.screen import Screen
from ve_magics.magics.stage import Stage


class _Growing:
    """One model's section while it grows."""

    def __init__(self, model: str) -> None:
        self.heading = f"### {neutralise(model)}"
        self.words: list[str] = []
        self.doing = "waiting for the model"
        self.note = ""
        self.finished = ""

    def add(self, event: Event) -> None:
        """Take an event."""
        match event:
            case TextDelta(choice=0) | RefusalDelta(choice=0):
                self.words.append(event.text)
                self.doing = ""
            case ReasoningDelta(choice=0):
                self.doing = "thinking"
            case ToolCallDelta(choice=0) if event.name:
                self.doing = f"calling {one_line(event.name)}"
            case Restarted():
                self.words, self.doing = [], "waiting for the model"
                self.note = f"↻ started over on {one_line(event.target)}: {one_line(event.reason)}"
            case _:
                pass

    def markdown(self, waited: float) -> str:
        """Return the section as it stands."""
        if self.finished:
            return self.finished
        seconds = f" {waited // 1:.0f} s" if waited >= 1 else ""
        parts = [
            self.heading,
            f"*{neutralise(self.note)}*" if self.note else "",
            neutralise("".join(self.words)).strip("\n"),
            f"*{neutralise(self.doing)}…{seconds}*" if self.doing else "",
        ]
        return "\n\n".join(part for part in parts if part)


class SectionsDisplay:
    """Shows several answers at once. All methods are called in the cell's own thread.

    Args:
        shell: The running IPython shell; one without a kernel prints.
        models: Whose answers they are, in order.
        streaming: Whether they grow; None asks `streaming_wanted`.
        screen: Where a cell's outputs go; None takes the running cell's.
        stdout: Where a terminal's text goes; None takes the standard output.
        env: The environment that decides on streaming; None takes the process's own.
    """

    def __init__(
        self,
        shell: Any,
        models: Sequence[str],
        *,
        streaming: bool | None = None,
        screen: Screen | None = None,
        stdout: TextIO | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._stage = Stage(shell, streaming=streaming, screen=screen, stdout=stdout, env=env)
        self._output = GrowingOutput(self._stage, delay=STEP)
        self._growing = [_Growing(model) for model in models]
        self._sections: list[Section | None] = [None for _ in models]
        self._printed = 0

    def add(self, index: int, event: Event) -> None:
        """Take an event of one answer's stream. Nothing is shown before `tick`."""
        self._growing[index].add(event)
        if isinstance(event, TextDelta | RefusalDelta | ReasoningDelta):
            self._output.receive(size_of(event.text))

    def freeze(self, index: int, section: Section, note: str) -> None:
        """Take a whole answer; its section doesn't change any more.

        Args:
            index: Whose answer.
            section: What stays.
            note: What is shown below it as long as the others go on: time, tokens and cost.
        """
        self._sections[index] = section
        self._growing[index].finished = f"{section.whole_markdown}\n\n*{neutralise(note)}*"
        self._output.hurry()

    def tick(self, now: float) -> None:
        """Show what has come, if it is time and streaming is wanted.

        Args:
            now: Seconds of a clock that never goes back.
        """
        if not self._stage.streaming:
            return
        if self._stage.prints:
            self._print_finished()
        else:
            self._output.tick(now, self._markdown)

    def _markdown(self, waited: float) -> str:
        return RULE.join(section.markdown(waited) for section in self._growing)

    def _print_finished(self) -> None:
        while self._printed < len(self._sections):
            section = self._sections[self._printed]
            if section is None:
                return
            self._stage.print(("\n\n" if self._printed else "") + section.whole_plain)
            self._printed += 1

    def finish(self, data: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Leave the whole comparison as the cell's one output.

        Args:
            data: What the output holds.
            metadata: What varies from run to run; JSON.
        """
        if self._stage.screen is None:
            done = "\n\n".join(section.whole_plain for section in self._sections[: self._printed] if section)
            self._stage.print(data["text/plain"].removeprefix(done) + "\n")
        self._output.end(data, metadata)
