"""Canonical values: what they hold, and that they survive being written down."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from tests.dialects.strategies import answers, requests
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    Image,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)


@given(requests())
def test_requests_survive_json(request: ChatRequest) -> None:
    """A question that is written as JSON, for a cache or a recording, is read as it was."""
    assert msgspec.json.decode(msgspec.json.encode(request), type=ChatRequest) == request


@given(answers(choices=2))
def test_answers_survive_json(answer: ChatResponse) -> None:
    """The same for answers."""
    assert msgspec.json.decode(msgspec.json.encode(answer), type=ChatResponse) == answer


def test_an_answer_is_asked_for_its_first_choice() -> None:
    """Message, words and finish of an answer are those of its first choice, and empty where there is none."""
    answer = ChatResponse(choices=(Choice(assistant("a"), "stop"), Choice(assistant("b"), "length", index=1)))
    assert (answer.message, answer.text, answer.finish) == (assistant("a"), "a", "stop")
    empty = ChatResponse()
    assert (empty.message, empty.text, empty.finish) == (Message("assistant"), "", None)


def test_values_are_frozen() -> None:
    """Nobody changes a value that somebody else holds."""
    with pytest.raises(AttributeError):
        Text("a").text = "b"  # type: ignore[misc]


def test_a_message_tells_its_kinds_of_parts_apart() -> None:
    """Words, thoughts, refusals and calls are each joined or listed by themselves."""
    call = ToolCall("c", "f")
    message = Message(
        "assistant", (Reasoning("r"), Text("a"), call, Refusal("no"), Text("b"), Reasoning("s"))
    )
    assert (message.text, message.reasoning, message.refusal) == ("ab", "rs", "no")
    assert message.tool_calls == (call,)


def test_a_result_gives_its_words() -> None:
    """The text of a tool's result is its text parts, one a line."""
    assert ToolResult("c", (Text("a"), Image(b"x"), Text("b"))).text == "a\nb"


def test_the_short_ways_to_write_a_message() -> None:
    """`system`, `user` and `assistant` put the words first."""
    picture = Image(b"x")
    assert system("s") == Message("system", (Text("s"),))
    assert user("u", picture) == Message("user", (Text("u"), picture))
    assert assistant("a", picture) == Message("assistant", (Text("a"), picture))
