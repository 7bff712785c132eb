"""Tools: which are called, with what, and what is made of their results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ve_magics.messages import (
    ChatRequest,
    Message,
    OutputFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    user,
)
from ve_magics.sim.answers.engine import reply


def fields(required: tuple[str, ...] = (), **kinds: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {n: {"type": k} for n, k in kinds.items()},
        "required": list(required or kinds),
    }


WEATHER = Tool(
    "get_weather",
    "Get the current weather for a city",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)
ADD = Tool("add", "Add two numbers", fields(a="number", b="number"))
SEARCH = Tool("search_docs", "Search the documentation", fields(query="string"))
CALCULATOR = Tool("calculator", "Evaluate an arithmetic expression", fields(expression="string"))
EMAIL = Tool("send_email", "Send an email", fields(to="string", subject="string", body="string"))
CUSTOM = Tool("run_python", "Run Python code to calculate", custom=True)


def calls(text: str, *tools: Tool, **options: Any) -> list[tuple[str, Any]]:
    """Return the calls that a question makes: names and arguments."""
    answer = reply(ChatRequest(model="tutor", messages=(user(text),), tools=tools, **options))
    made = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert (answer.finish == "tool_calls") == bool(made)
    return [(call.name, call.arguments if call.custom else json.loads(call.arguments)) for call in made]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "What is the weather in Paris and Beijing?",
            [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Beijing"})],
        ),
        ("Weather in Oslo in fahrenheit, please", [("get_weather", {"city": "Oslo", "unit": "fahrenheit"})]),
        ("北京今天天气怎么样？", [("get_weather", {"city": "北京"})]),
        ("What is 3 + 4?", [("add", {"a": 3, "b": 4})]),
        ("Search the docs for streaming", [("search_docs", {"query": "streaming"})]),
        (
            "What's the weather in Oslo, and add 17 and 25",
            [("get_weather", {"city": "Oslo"}), ("add", {"a": 17, "b": 25})],
        ),
        ("hello", []),
        ("Write a haiku about rain-free Sundays", []),
    ],
)
def test_tools_are_called_where_they_fit(text: str, expected: list[tuple[str, Any]]) -> None:
    """The tool is chosen by its words, its arguments come from the question, several objects make several calls."""
    assert calls(text, WEATHER, ADD, SEARCH) == expected


def test_other_kinds_of_arguments() -> None:
    """Expressions, free text and addresses are filled too."""
    assert calls("Calculate 12 * (3 + 4)", CALCULATOR) == [("calculator", {"expression": "12 * (3 + 4)"})]
    assert calls("Calculate 2^8 with Python", CUSTOM) == [("run_python", "2**8")]
    [(name, arguments)] = calls("Send an email to bob@example.org about the meeting", EMAIL)
    assert (name, "bob@example.org" in arguments.values()) == ("send_email", True)
    assert calls("What time is it?", Tool("get_time", "Get the current time")) == [("get_time", {})]


def test_a_choice_of_tools_is_obeyed() -> None:
    """none calls nothing, required calls something, a name calls that one, one at a time means one."""
    weather = "What is the weather in Paris and Rome?"
    assert calls(weather, WEATHER, tool_choice=ToolChoice("none")) == []
    assert [name for name, _ in calls("hello", WEATHER, ADD, tool_choice=ToolChoice("required"))]
    assert [n for n, _ in calls(weather, WEATHER, ADD, tool_choice=ToolChoice("required", ("add",)))] == [
        "add"
    ]
    assert calls(weather, WEATHER, ADD, tool_choice=ToolChoice("auto", ("add",))) == []
    assert calls(weather, WEATHER, parallel_tool_calls=False) == [("get_weather", {"city": "Paris"})]


def turn(text: str, results: dict[str, str], *, error: bool = False, **options: Any) -> Any:
    """Return the answer after each call was given a result."""
    first = reply(ChatRequest(model="tutor", messages=(user(text),), tools=(WEATHER, ADD), **options))
    made = tuple(part for part in first.parts if isinstance(part, ToolCall))
    told = tuple(
        ToolResult(
            call.id,
            (Text(next(words for key, words in results.items() if key in call.arguments)),),
            is_error=error,
        )
        for call in made
    )
    messages = (user(text), Message("assistant", made), Message("tool", told))
    return reply(ChatRequest(model="tutor", messages=messages, tools=(WEATHER, ADD), **options))


def test_results_become_the_answer() -> None:
    """JSON and plain results are told beside what was asked; no call is made twice."""
    answer = turn(
        "Weather in Paris and Beijing?",
        {"Paris": '{"temp_c": 18, "sky": ["clear", "blue"]}', "Beijing": "sunny"},
    )
    assert answer.finish == "stop"
    assert answer.parts[0].text == "- **Paris**: temp c 18, sky clear; blue\n- **Beijing**: sunny"


def test_failures_of_tools_are_told() -> None:
    """An error is called one, whether it is marked or only says so."""
    assert "failed" in turn("Weather in Paris?", {"Paris": "no such city"}, error=True).parts[0].text
    assert "failed" in turn("Weather in Paris?", {"Paris": "Error: timeout"}).parts[0].text


def test_calls_one_at_a_time_go_on() -> None:
    """After the first result comes the second call, then the answer."""
    answer = turn("Weather in Paris and Rome?", {"Paris": "sunny"}, parallel_tool_calls=False)
    assert [part.arguments for part in answer.parts] == ['{"city":"Rome"}']


def test_results_fill_a_schema() -> None:
    """Where a form is asked for, results are put into it."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "temperature": {"type": "number"}}}
    output = OutputFormat("json_schema", schema)
    answer = turn("Weather in Paris?", {"Paris": '{"temperature": 18}'}, output=output)
    assert json.loads(answer.parts[0].text) == {"city": "Paris", "temperature": 18}


def test_results_without_a_call_are_told_too() -> None:
    """A result whose call isn't there is told by its name."""
    messages = (user("and?"), Message("tool", (ToolResult("x", (Text("42"),), "answer"),)))
    parts = reply(ChatRequest(model="tutor", messages=messages)).parts
    assert isinstance(parts[0], Text)
    assert parts[0].text == "`answer` says: 42"


DOCUMENTS = Tool(
    "search_documents",
    "Search the documents of the user and return the passages that fit best, each with its source.",
    fields(query="string"),
)
FILM = Tool("generate_video", "Make a short film.", fields(prompt="string"))


def test_documents_are_searched_for_what_no_other_tool_knows() -> None:
    """A question goes to the documents where there are any, also beside a task for another tool; other talk doesn't."""
    pump = ("search_documents", {"query": "How is the pump switched off"})
    assert [
        (name, given["query"].rstrip("?")) for name, given in calls(f"{pump[1]['query']}?", DOCUMENTS, FILM)
    ] == [(pump[0], pump[1]["query"])]
    assert calls(f"{pump[1]['query']}? Make a short film of it.", DOCUMENTS, FILM) == [pump]
    assert calls("谁负责报销？", DOCUMENTS, FILM)[0][0] == "search_documents"
    assert [name for name, _ in calls("What is the weather in Oslo?", DOCUMENTS, WEATHER)] == ["get_weather"]
    for text in ("Hello!", "What is 17 * 23?", "Write a poem."):
        assert calls(text, DOCUMENTS, FILM) == []


HANDBOOK = "[1] handbook.md, line 3\nEmployees have 28 days of leave.\n\n[2] handbook.md, line 9\nThe office opens at eight."


def course(asked: str, *tools: Tool) -> tuple[list[str], str]:
    """Return the names of all tools that are called until there is an answer, and the answer."""
    names: list[str] = []
    messages = [user(asked)]
    while True:
        parts = reply(ChatRequest(model="tutor", messages=tuple(messages), tools=tools)).parts
        made = [part for part in parts if isinstance(part, ToolCall)]
        if not made:
            return names, "".join(part.text for part in parts if isinstance(part, Text))
        names += [call.name for call in made]
        given = {"search_documents": HANDBOOK, "generate_video": '{"file": "film.mp4"}'}
        messages.append(Message("assistant", parts))
        messages.append(Message("tool", tuple(ToolResult(one.id, (Text(given[one.name]),)) for one in made)))


@pytest.mark.parametrize(
    "asked",
    [
        "Who may use the video room?",
        "What is the policy on videos of meetings?",
        "Which movie is shown on Friday?",
        "If the passages don't answer, say so: who pays for the film crew?",
        "May I bring my dog? Make a film of it.",
        "What does the handbook say about parking, and make a short film about it.",
        "If the documents don't say who pays, make no film.",
        "拍摄视频需要谁批准？",
    ],
)
def test_a_question_that_the_passages_do_not_answer_orders_no_film(asked: str) -> None:
    """A question about films is a question: it is looked up, and what isn't found is said; no money is spent on it."""
    names, said = course(asked, DOCUMENTS, FILM)
    assert {*names} == {"search_documents"}
    assert said in (
        "The passages that I was given don't answer this question.",
        "给出的资料没有回答这个问题。",
    )


@pytest.mark.parametrize(
    "asked",
    [
        "Make a film of a boat.",
        "Could you film a boat at dawn?",
        "Can I have a video of a boat?",
        "A short video of a boat at dawn",
        "能不能做一个小船的视频？",
    ],
)
def test_a_wish_for_a_film_orders_one(asked: str) -> None:
    """As an order, as a question whether one can be had, or as the mere subject."""
    assert course(asked, DOCUMENTS, FILM)[0] == ["generate_video"]
    assert calls("Who may use the video room?", FILM) == []


def test_a_film_of_what_the_passages_answer_is_made_after_they_were_read() -> None:
    """The search comes first, then the film, and the answer is cited beside it."""
    names, said = course("How many days of leave are there? Make a film of it.", DOCUMENTS, FILM)
    assert names == ["search_documents", "generate_video"]
    assert "Employees have 28 days of leave [1]." in said


def test_the_place_of_a_passage_is_no_part_of_the_answer() -> None:
    """Where a search gives passages under their places, the answer cites their words and leaves the places out."""
    found = "[1] handbook.md · Travel › Trains\nEmployees take the train for journeys of less than 500 km."
    asked = "What does the handbook say about trains?"
    call = ToolCall("1", "search_documents", '{"query": "trains"}')
    told = Message("tool", (ToolResult("1", (Text(found),)),))
    request = ChatRequest(model="tutor", messages=(user(asked), Message("assistant", (call,)), told))
    (answer,) = reply(request).parts
    assert isinstance(answer, Text)
    assert answer.text == "Employees take the train for journeys of less than 500 km [1]."


def test_every_city_of_a_question_gets_a_call() -> None:
    """A tool that takes one place is called for each that is named."""
    assert [given["city"] for _, given in calls("What is the weather in Oslo and Lyon?", WEATHER)] == [
        "Oslo",
        "Lyon",
    ]
