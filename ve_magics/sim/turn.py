"""Makes the stream of events of an answer, token by token, with its counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ve_magics.events import (
    Event,
    Finished,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from ve_magics.messages import (
    ChatRequest,
    FinishReason,
    Image,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from ve_magics.sim import tokens
from ve_magics.sim.answers.question import Reply
from ve_magics.sim.answers.seeing import size_of

MESSAGE_TOKENS = 4
"""Tokens that every message costs beside its words."""

TILE_TOKENS = 170
"""Tokens of every started square of 512 pixels of a picture."""


def prompt_tokens(request: ChatRequest) -> list[str]:
    """Return the tokens of all that is read, tools first, so that equal beginnings are equal prefixes."""
    words: list[str] = []
    if request.tools:
        words += tokens.split(msgspec.json.encode(request.tools).decode())
    if request.output is not None and request.output.schema is not None:
        words += tokens.split(msgspec.json.encode(request.output.schema).decode())
    for message in request.messages:
        words += [f"<{message.role}>", *["<>"] * (MESSAGE_TOKENS - 1)]
        for part in message.parts:
            words += _part_tokens(part)
    return words


def _part_tokens(part: Part) -> list[str]:
    match part:
        case Text() | Refusal() | Reasoning():
            return tokens.split(part.text)
        case ToolCall():
            return tokens.split(part.name) + tokens.split(part.arguments)
        case ToolResult():
            return [token for inner in part.parts for token in _part_tokens(inner)]
        case Image():
            width, height = size_of(part.data) or (512, 512)
            tiles = -(-width // 512) * -(-height // 512)
            return [part.url or "<picture>"] * (TILE_TOKENS // 2 + TILE_TOKENS * tiles)
        case _:
            return ["<file>"] * 64


class Turn:
    """One answer as the events that tell it.

    Args:
        request: The question.
        replies: The answers to it, one a choice.
        started: How the stream begins.
        cached: Tokens of the prompt that were known already.
        read: Tokens of the prompt.
    """

    def __init__(
        self, request: ChatRequest, replies: Sequence[Reply], started: Started, *, read: int, cached: int
    ) -> None:
        self._request = request
        self._started = started
        self.events: list[Event] = [started]
        self.output = 0
        self._reasoning = 0
        for index, reply in enumerate(replies):
            self._add(reply, index)
        usage = Usage(input=read, cached=cached, output=self.output, reasoning=self._reasoning)
        self.events.append(UsageReported(usage))

    @property
    def tokens(self) -> list[int]:
        """Where in `events` the tokens stand."""
        return [number for number, event in enumerate(self.events) if _is_token(event)]

    def _add(self, reply: Reply, choice: int) -> None:
        left = self._request.max_tokens
        finish: FinishReason = reply.finish
        detail = ""
        for number, part in enumerate(reply.parts):
            if left == 0:
                finish = "length"
                break
            words, stopped = self._words(part)
            if left is not None and len(words) > left:
                words, finish, stopped = words[:left], "length", False
            left = None if left is None else left - len(words)
            self.output += len(words)
            if isinstance(part, Reasoning):
                self._reasoning += len(words)
            self.events += self._deltas(part, words, number, choice)
            if stopped or (left == 0 and finish == "length"):
                break
        self.events.append(Finished(finish, detail, choice))

    def _words(self, part: Part) -> tuple[list[str], bool]:
        """Return the tokens of a part, and whether a stop sequence ended it."""
        match part:
            case Text():
                ends = [at for stop in self._request.stop if stop and (at := part.text.find(stop)) >= 0]
                text = part.text[: min(ends)] if ends else part.text
                return tokens.split(text), bool(ends)
            case Reasoning() | Refusal():
                return tokens.split(part.text), False
            case ToolCall():
                return tokens.split(part.arguments), False
            case _:
                return ["<part>"], False

    def _deltas(self, part: Part, words: list[str], number: int, choice: int) -> Iterator[Event]:
        match part:
            case Text():
                for position, word in enumerate(words):
                    yield TextDelta(word, number, choice, self._logprobs(word, position))
            case Reasoning():
                for word in words:
                    yield ReasoningDelta(word, number, choice)
            case Refusal():
                for word in words:
                    yield RefusalDelta(word, number, choice)
            case ToolCall():
                yield ToolCallDelta(number, part.id, part.name, "", part.custom, choice)
                for word in words:
                    yield ToolCallDelta(number, arguments=word, choice=choice)
            case _:
                yield PartAdded(part, number, choice)

    def _logprobs(self, word: str, position: int) -> tuple[dict[str, object], ...]:
        """Return what the model is said to have thought of a token: mostly sure, less so at longer ones."""
        if not self._request.logprobs:
            return ()
        likely = -0.01 * (1 + (position * 7 + len(word) * 3) % 40)
        others = (word, word.strip() + "s", " the", ",", ".")[: self._request.top_logprobs or 0]
        top = [_logprob(other, likely - 2.5 * rank) for rank, other in enumerate(others)]
        return ({**_logprob(word, likely), "top_logprobs": top},)


def _logprob(word: str, likely: float) -> dict[str, object]:
    return {"token": word, "logprob": round(likely, 4), "bytes": list(word.encode("utf-8", "replace"))}


def _is_token(event: Event) -> bool:
    match event:
        case ToolCallDelta():
            return bool(event.arguments)
        case TextDelta() | ReasoningDelta() | RefusalDelta() | PartAdded():
            return True
        case _:
            return False
