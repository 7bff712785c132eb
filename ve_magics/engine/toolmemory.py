"""Results of tool calls that are remembered: in the session's cache, and in the recording.

A result is found again by the call and by what the model had been asked when it made it, so that a run that was
interrupted goes on where it stopped, and a replay calls nothing.
"""

from __future__ import annotations

import hashlib

import msgspec

from ve_magics.catalog import Cost
from ve_magics.engine.agent.values import Source
from ve_magics.engine.knowledge.numbering import Numbering
from ve_magics.engine.recording import Kept, request_key
from ve_magics.engine.session import Session
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    Message,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    assistant,
)
from ve_magics.store.knowledge import Passage
from ve_magics.tools import Output

Sources = tuple[tuple[int, Passage], ...]
"""Passages by number, as a search has found them; they are kept behind its result."""
Listed = tuple[tuple[str, Tool], ...]
"""What a source of tools offers: its own name of each, and the tool as it is offered."""


class ToolMemory:
    """What one run remembers of its tools.

    Args:
        session: Whose cache and recording hold it.
        fresh: Call again although the result is known.
        cached: False neither looks in the cache nor keeps there.
        cell: What to call the cell in an error.
        after: The highest number of a passage that the conversation knows already.

    Attributes:
        numbering: The numbers of the passages that this run has found.
    """

    def __init__(
        self, session: Session, *, fresh: bool = False, cached: bool = True, cell: str = "", after: int = 0
    ) -> None:
        self.numbering = Numbering(after)
        self._session = session
        self._fresh = fresh and session.mode != "replay"
        self._cached = cached
        self._cell = cell

    def recall(self, request: ChatRequest, call: ToolCall) -> tuple[Output, Source] | None:
        """Return the result of a call that was made before; None where it must be made.

        Args:
            request: What the model had been asked when it made the call.
            call: The call.

        Raises:
            RecordingError: The session replays, and the recording lacks the result.
        """
        key = _key(request, call)
        kept = None if self._fresh else self._session.recorded(key, self._cell)
        source: Source = "recording"
        if kept is None and self._session.mode == "replay":
            raise self._session.lacks(self._cell)
        if kept is None and self._cached and not self._fresh:
            kept, source = self._session.answers.get(key), "cache"
            if kept is not None and self._session.mode == "record":
                self._record(key, call, kept)
        if kept is None:
            return None
        result = kept.response.message.parts[0] if kept.response.message.parts else None
        if not isinstance(result, ToolResult):
            return None
        sources: Sources = ()
        for part in kept.response.message.parts[1:]:
            if isinstance(part, Text):
                sources = msgspec.json.decode(part.text, type=Sources)
        for number, passage in sources:
            self.numbering.keep(number, passage)
        return Output(result.parts, result.is_error, cost=kept.cost.amount, sources=sources), source

    def keep(self, request: ChatRequest, call: ToolCall, output: Output) -> None:
        """Remember the result of a call; a failure only where a replay will need it."""
        key = _key(request, call)
        result = ToolResult(call.id, output.parts, call.name, output.failed)
        found = (Text(msgspec.json.encode(output.sources).decode()),) if output.sources else ()
        response = ChatResponse(choices=(Choice(Message("tool", (result, *found)), "stop"),))
        kept = Kept(response=response, cost=Cost(output.cost))
        if self._cached and not output.failed:
            self._session.answers.put(key, kept)
        if self._session.mode == "record":
            self._record(key, call, kept)

    def _record(self, key: str, call: ToolCall, kept: Kept) -> None:
        asked = ChatRequest(model=f"tool:{call.name}", messages=(Message("assistant", (call,)),))
        self._session.keep_recorded(key, asked, kept, self._cell)

    def tools(self, source: str) -> Listed | None:
        """Return what a source of tools was recorded to offer; None where it is to be asked.

        Raises:
            RecordingError: The session replays, and the recording doesn't know the source.
        """
        kept = self._session.recorded(_source_key(source), self._cell)
        if kept is None:
            if self._session.mode == "replay":
                raise self._session.lacks(self._cell)
            return None
        return msgspec.json.decode(kept.response.text, type=Listed)

    def keep_tools(self, source: str, tools: Listed) -> None:
        """Write down what a source of tools offers, where the session records."""
        if self._session.mode != "record":
            return

        said = assistant(msgspec.json.encode(tools).decode())
        kept = Kept(response=ChatResponse(choices=(Choice(said, "stop"),)))
        self._session.keep_recorded(
            _source_key(source), ChatRequest(model=f"tools:{source}"), kept, self._cell
        )


def _key(request: ChatRequest, call: ToolCall) -> str:
    said = msgspec.json.encode([request_key(request), call.id, call.name, call.arguments])
    return hashlib.sha256(b"tool\0" + said).hexdigest()


def _source_key(source: str) -> str:
    return hashlib.sha256(b"tools\0" + source.encode()).hexdigest()
