"""Token counts where nobody counted: before a question is sent, and of an answer whose end nobody waited for."""

from __future__ import annotations

import msgspec

from ve_magics.catalog import estimate_tokens
from ve_magics.engine.budget import IMAGE_TOKENS
from ve_magics.events import Accumulator
from ve_magics.messages import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

MESSAGE_TOKENS = 4


def question_tokens(request: ChatRequest) -> int:
    """Return roughly how many tokens a question has."""
    about = (request.tools, request.output) if request.tools or request.output else None
    tools = 0 if about is None else estimate_tokens(msgspec.json.encode(about).decode())
    return tools + sum(map(_message, request.messages))


def _message(message: Message) -> int:
    return MESSAGE_TOKENS + sum(map(_part, message.parts))


def _part(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return estimate_tokens(part.text)
        case ToolCall():
            return estimate_tokens(part.name + part.arguments)
        case ToolResult():
            return sum(map(_part, part.parts))
        case Image():
            return IMAGE_TOKENS
        case File() | Audio():
            return IMAGE_TOKENS + len(part.data) // 100
        case _:
            return estimate_tokens(msgspec.json.encode(part).decode())


def estimated_usage(request: ChatRequest, answer: Accumulator) -> Usage:
    """Return what an answer used as far as can be seen from outside, marked as an estimate."""
    made = sum(_message(choice.message) for choice in answer.response().choices)
    return Usage(input=question_tokens(request), output=made, estimated=True)
