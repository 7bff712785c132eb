"""What tools gave back, told: passages are answered from, a whole task's answer stands plain, films take their measures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.messages import ChatRequest, Message, Text, Tool, ToolCall, ToolResult
from ve_magics.sim.answers.engine import reply

TASK = {"type": "object", "properties": {"task": {"type": "string"}}, "required": ["task"]}
QUERY = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
FILM = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string"},
        "seconds": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "size": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["prompt"],
}

SEARCH = Tool(name="search_documents", description="Search the documents of the user.", parameters=QUERY)
DOCUMENTS = Tool(name="documents", description="Answer questions from the user's documents.", parameters=TASK)
VIDEO = Tool(name="generate_video", description="Make a film (a video clip).", parameters=FILM)


def told(asked: str, tool: Tool, result: str) -> str:
    """Return what is said once the tool that was called has answered."""
    question = Message("user", (Text(asked),))
    request = ChatRequest(model="sim/tutor", messages=(question,), tools=(tool,))
    (call,) = reply(request).parts
    assert isinstance(call, ToolCall)
    answered = Message("tool", (ToolResult(call.id, (Text(result),), name=call.name),))
    messages = (question, Message("assistant", (call,)), answered)
    (part,) = reply(ChatRequest(model="sim/tutor", messages=messages, tools=(tool,))).parts
    assert isinstance(part, Text)
    return part.text


def test_found_passages_are_answered_from() -> None:
    """Numbered passages are read for what was asked, and cited."""
    passages = '<data from="search">\n[1] travel.md\nEmployees travel by train. Dogs stay at home.\n</data>'
    asked = "What does our handbook say about trains?"
    assert told(asked, SEARCH, passages) == "Employees travel by train [1]."


def test_answer_to_a_whole_task_stands_plain() -> None:
    """What an agent answers to its task is the answer, without the task in front of it."""
    asked = "What does our handbook say about trains?"
    assert told(asked, DOCUMENTS, "By train [1].") == "By train [1]."


def test_facts_after_words_are_read() -> None:
    """A result of words and JSON is told in words."""
    film = 'The film was made: {"file":"a.mp4","seconds":2.0}'
    assert told("Make a film of a boat.", VIDEO, film) == "The film was made (file a.mp4, seconds 2.0)"


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        (
            "Make a 2-second film of it in 320x180: People travel by train.",
            {"prompt": "People travel by train.", "seconds": 2, "size": "320x180"},
        ),
        ("为它做一段 3 秒的视频: 员工乘坐火车。", {"prompt": "员工乘坐火车。", "seconds": 3}),
        ("Make a film of a paper boat.", {"prompt": "Make a film of a paper boat."}),
    ],
)
def test_film_takes_its_measures_and_what_it_shows(asked: str, arguments: dict[str, Any]) -> None:
    """Length and size are those that the text gives, and none where it gives none; what `it` is becomes the prompt."""
    request = ChatRequest(model="sim/tutor", messages=(Message("user", (Text(asked),)),), tools=(VIDEO,))
    (call,) = reply(request).parts
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == arguments
