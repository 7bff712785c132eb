"""Hypothesis strategies for canonical values that every chat dialect can say.

`answers` and `requests` keep to what all dialects share; the keyword arguments open what only some can say.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    File,
    FinishReason,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: not text.lstrip().startswith("<") and bool(text.strip())
)
"""Text that says something; it never begins like a mark of thought."""

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,15}", fullmatch=True)
ids = st.from_regex(r"call_[A-Za-z0-9]{8}", fullmatch=True)
objects = st.dictionaries(names, st.integers(-5, 5) | words | st.booleans() | st.none(), max_size=3)
schemas = st.builds(
    lambda fields: {"type": "object", "properties": {name: {"type": "string"} for name in fields}},
    st.lists(names, max_size=3, unique=True),
)
numbers = st.floats(0, 1, allow_nan=False).map(lambda number: round(number, 3))
counts = st.integers(1, 5000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Return counts in which the parts fit into their wholes."""
    input_, output = draw(st.integers(10, 10_000)), draw(st.integers(10, 10_000))
    cached = draw(st.integers(0, input_ // 2))
    return Usage(
        input=input_,
        cached=cached,
        cache_write=draw(st.integers(0, (input_ - cached) // 2)),
        output=output,
        reasoning=draw(st.integers(0, output // 2)),
    )


@st.composite
def tool_calls(draw: st.DrawFn, *, custom: bool = False) -> tuple[ToolCall, ...]:
    """Return calls with different ids and arguments that are JSON objects, or text for custom tools."""
    calls: list[ToolCall] = []
    for id_ in draw(st.lists(ids, min_size=1, max_size=3, unique=True)):
        if custom and draw(st.booleans()):
            calls.append(ToolCall(id_, draw(names), draw(words), custom=True))
        else:
            calls.append(ToolCall(id_, draw(names), msgspec.json.encode(draw(objects)).decode()))
    return tuple(calls)


@st.composite
def answers(
    draw: st.DrawFn,
    *,
    dialect: str = "",
    choices: int = 1,
    reasoning: bool = True,
    refusal: bool = True,
    custom: bool = False,
) -> ChatResponse:
    """Return whole answers in the order that every dialect keeps: thought, words, refusal, calls."""
    made: list[Choice] = []
    for index in range(draw(st.integers(1, choices))):
        parts: list[Part] = []
        if reasoning and draw(st.booleans()):
            parts.append(Reasoning(draw(words)))
        parts.append(Text(draw(words)))
        if refusal and draw(st.booleans()):
            parts.append(Refusal(draw(words)))
        finish: FinishReason = draw(st.sampled_from(("stop", "length", "content_filter")))
        if draw(st.booleans()):
            parts += draw(tool_calls(custom=custom))
            finish = "tool_calls"
        made.append(Choice(Message("assistant", tuple(parts)), finish, index=index))
    return ChatResponse(
        id=draw(ids),
        model=draw(names),
        choices=tuple(made),
        usage=draw(st.none() | usages()),
        created=draw(st.integers(1, 2_000_000_000)),
        dialect=dialect,
    )


@st.composite
def user_messages(draw: st.DrawFn, *, files: bool = True) -> Message:
    """Return a user's turn: words, then pictures and documents."""
    parts: list[Part] = [Text(draw(words))]
    data = st.binary(min_size=1, max_size=20)
    for _ in range(draw(st.integers(0, 2))):
        if files and draw(st.booleans()):
            parts.append(File(draw(data), "application/pdf", draw(names) + ".pdf"))
        else:
            parts.append(Image(draw(data), draw(st.sampled_from(("image/png", "image/jpeg")))))
    return Message("user", tuple(parts))


@st.composite
def conversations(draw: st.DrawFn, *, files: bool = True) -> tuple[Message, ...]:
    """Return a system message, a question, and perhaps calls that are answered one by one."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", (Text(draw(words)),)))
    messages.append(draw(user_messages(files=files)))
    if draw(st.booleans()):
        calls = draw(tool_calls())
        said: tuple[Part, ...] = (Text(draw(words)),) if draw(st.booleans()) else ()
        messages.append(Message("assistant", (*said, *calls)))
        messages += [Message("tool", (ToolResult(call.id, (Text(draw(words)),)),)) for call in calls]
    else:
        messages += [Message("assistant", (Text(draw(words)),)), Message("user", (Text(draw(words)),))]
    return tuple(messages)


@st.composite
def tools(draw: st.DrawFn) -> tuple[Tool, ...]:
    """Return tools with different names."""
    return tuple(
        Tool(name, draw(words), draw(schemas), draw(st.none() | st.booleans()))
        for name in draw(st.lists(names, min_size=1, max_size=3, unique=True))
    )


@st.composite
def requests(draw: st.DrawFn, /, *, dialect: str = "", files: bool = True, **settings: Any) -> ChatRequest:
    """Return questions.

    Args:
        draw: Given by hypothesis.
        dialect: The dialect that it is said to come from.
        files: Whether documents may be in it.
        **settings: Strategies for fields of `ChatRequest` beyond those that all dialects know.
    """
    offered = draw(st.just(()) | tools())
    choice = None
    if offered:
        modes = st.sampled_from([ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")])
        choice = draw(st.none() | modes | st.just(ToolChoice("required", (offered[0].name,))))
    output = st.builds(OutputFormat, st.just("json_schema"), schemas, names)
    return ChatRequest(
        model=draw(names),
        messages=draw(conversations(files=files)),
        tools=offered,
        tool_choice=choice,
        output=draw(st.none() | output),
        max_tokens=draw(st.none() | counts),
        temperature=draw(st.none() | numbers),
        top_p=draw(st.none() | numbers),
        stream=draw(st.booleans()),
        dialect=dialect,
        **{name: draw(strategy) for name, strategy in settings.items()},
    )
