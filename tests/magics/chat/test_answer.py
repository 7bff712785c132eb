"""The answer as an object."""

from __future__ import annotations

import json

import pytest

from ve_magics.catalog import Cost
from ve_magics.engine.gateway import Trace, Tried
from ve_magics.errors import DecodeError
from ve_magics.magics.chat.answer import Answer
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    Message,
    Reasoning,
    Text,
    ToolCall,
    Usage,
    user,
)
from ve_magics.routing import Target

ASKED = ChatRequest(model="m", messages=(user("Hello"),))


def answer(
    text: str, *, served: str = "sim/tutor", tried: tuple[Tried, ...] = (), usage: Usage | None = None
) -> Answer:
    """Return the answer that a model gave."""
    message = Message("assistant", (Reasoning("Hm."), Text(text), ToolCall("c1", "look", "{}")))
    response = ChatResponse(id="r1", model="tutor", choices=(Choice(message, "stop"),), usage=usage)
    trace = Trace()
    trace.served = Target.parse(served) if served else None
    trace.attempts.extend(tried)
    trace.cost = Cost(amount=0.25)
    return Answer(ASKED, response, trace)


def test_everything_can_be_read() -> None:
    """The names that the manual gives hold what came."""
    said = answer("Good day", usage=Usage(input=3, output=4))
    assert (said.text, str(said), said.reasoning) == ("Good day", "Good day", "Hm.")
    assert (said.model, said.provider, said.finish) == ("tutor", "sim", "stop")
    assert [call.name for call in said.tool_calls] == ["look"]
    assert said.usage == Usage(input=3, output=4)
    assert said.cost.amount == 0.25
    assert [message.role for message in said.messages] == ["user", "assistant"]
    assert not said.partial


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ("```json\n[1]\n```", [1]),
        ('Here it is:\n\n~~~~\n{"b": null}\n~~~~\nDone.', {"b": None}),
        (" 7 ", 7),
        ("```python\nx = 1\n```\n\n```json\n[2]\n```", [2]),
    ],
)
def test_json_is_unwrapped(text: str, value: object) -> None:
    """JSON is read from the answer, or from the fenced block in it."""
    assert answer(text).json == value


@pytest.mark.parametrize("text", ["", "no", "```json\n{oops\n```", "NaN", "[" * 100_000])
def test_what_is_no_json_is_said(text: str) -> None:
    """An answer that isn't JSON says so instead of failing somewhere later."""
    with pytest.raises(DecodeError, match="not JSON"):
        _ = answer(text).json


def test_facts_tell_who_answered_and_what_was_tried() -> None:
    """The metadata holds what varies from run to run, as JSON, and marks what is simulated."""
    tried = (
        Tried(target="a/x", failure="overloaded", seconds=1.0),
        Tried(target="sim/tutor", seconds=0.5),
    )
    facts = answer("Hi", tried=tried, usage=Usage(input=3, cached=1, output=4)).facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["served_by"] == "sim/tutor"
    assert facts["simulated"] is True
    assert facts["usage"] == {"input": 3, "cached": 1, "output": 4}
    assert facts["attempts"] == ["a/x: overloaded", "sim/tutor: answered"]
    assert "simulated" not in answer("Hi", served="openai/gpt").facts()


def test_shown_answer_is_safe_and_readable() -> None:
    """As the last line of a cell it renders as Markdown that runs nothing, and its repr is short."""
    said = answer("<script>1</script>" + "x" * 100)
    data, metadata = said._repr_mimebundle_()
    assert "<script>" not in data["text/markdown"]
    assert data["text/plain"] == said.text
    assert metadata["ve_magics"]["model"] == "tutor"
    assert len(repr(said)) < 120
    assert repr(answer("Hi", served="")) == "<Answer from nobody: 'Hi'>"


def test_cost_of_a_mended_answer_is_that_of_both() -> None:
    """What came first is counted in; where one cost is unknown, so is the sum."""
    first, second = answer("{"), answer("{}")
    second.follow(first)
    assert second.cost.amount == 0.5
    first.cost = Cost()
    second.follow(first)
    assert second.cost.amount is None
