"""The official Anthropic SDK, unmodified, as a client of what this dialect serves."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
import uvicorn
from anthropic import Anthropic
from pydantic import BaseModel

from ve_magics.dialects.messages import dialect
from ve_magics.errors import OverloadedError, VeError
from ve_magics.events import Event, Finished, Started, TextDelta, ToolCallDelta, UsageReported, events_of
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    Message,
    Opaque,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

ASK: list[Any] = [{"role": "user", "content": "Weather?"}]
WEATHER: Any = {
    "name": "weather",
    "description": "Weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Stage:
    """A server that plays an answer.

    Attributes:
        asked: The questions that came.
        events: What the next answer consists of.
        failure: Raised after the events, if there is one; before anything is sent where there are none.
    """

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []
        self.events: list[Event] = []
        self.failure: VeError | None = None

    def play(self, *parts: Part, finish: Any = "stop", origin: str = "") -> None:
        """Set the next answer."""
        usage = Usage(input=120, cached=100, cache_write=10, output=7, reasoning=2)
        choice = Choice(Message("assistant", parts), finish)
        answer = ChatResponse(id="r1", model="m", choices=(choice,), usage=usage, dialect=origin)
        self.events, self.failure = list(events_of(answer)), None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        try:
            request = dialect.decode_request(body)
            self.asked.append(request)
            if self.failure is not None and not self.events:
                raise self.failure
        except VeError as error:
            await self._send(send, *dialect.encode_error(error), "application/json")
            return
        encoder = dialect.encoder(request, options={"id": "fresh"})
        pieces = [encoder.encode(event) for event in self.events]
        pieces.append(encoder.flush() if self.failure is None else encoder.encode_failure(self.failure))
        kind = "text/event-stream" if request.stream else "application/json"
        await self._send(send, 200, b"".join(pieces), kind)

    async def _send(self, send: Any, status: int, body: bytes, kind: str) -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Stage, str]]:
    """Run the server on a free port; connections wait in the listening socket until it is up."""
    stage = Stage()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(stage, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
        thread.start()
        yield stage, f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def served(stage: tuple[Stage, str]) -> Iterator[tuple[Stage, Anthropic]]:
    """Give the stage and an official client of it."""
    with Anthropic(api_key="k", base_url=stage[1], max_retries=0) as client:
        stage[0].asked.clear()
        yield stage[0], client


def ask(client: Anthropic, *, stream: bool, **fields: Any) -> Any:
    """Return the message that the SDK makes of a whole or streamed answer."""
    asked: dict[str, Any] = {"model": "m", "max_tokens": 99, "messages": ASK} | fields
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as told:
        return told.get_final_message()


def hear(client: Anthropic, heard: list[str]) -> None:
    """Collect the words of a stream as they come."""
    with client.messages.stream(model="m", max_tokens=9, messages=ASK) as told:
        heard.extend(told.text_stream)


@pytest.mark.parametrize("stream", [False, True])
def test_words_and_counts(served: tuple[Stage, Anthropic], stream: bool) -> None:
    """The SDK reads words, stop reason, ids and counts as they were meant."""
    stage, client = served
    stage.play(Text("Hello 北京 🌏 \u2028."))
    message = ask(client, stream=stream, system="Be brief.")
    assert [block.to_dict() for block in message.content] == [
        {"type": "text", "text": "Hello 北京 🌏 \u2028."}
    ]
    assert (message.id, message.model, message.stop_reason) == ("msg_fresh", "m", "end_turn")
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (
        10,
        100,
        10,
    )
    assert (usage.output_tokens, usage.output_tokens_details.thinking_tokens) == (7, 2)
    assert stage.asked[0].messages[0] == Message("system", (Text("Be brief."),))


@pytest.mark.parametrize("stream", [False, True])
def test_everything_comes_back_when_the_sdk_answers_in_turn(
    served: tuple[Stage, Anthropic], stream: bool
) -> None:
    """Thoughts, calls, opaque parts and every provider's states survive the SDK and its next question."""
    stage, client = served
    gemini = State("google", "generate_content", "c2ln")
    said: tuple[Part, ...] = (
        Reasoning("Look.", State("anthropic", "messages", {"type": "thinking", "signature": "s"})),
        Reasoning("", State("anthropic", "messages", {"type": "redacted_thinking", "data": "d"})),
        Reasoning("", State("openai", "responses", {"id": "rs_1"})),
        Text("Let me see.", state=gemini),
        Opaque("responses", {"type": "web_search_call"}, State("openai", "responses", 1)),
        Opaque(
            "messages",
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "rain"}},
        ),
        ToolCall("toolu_1", "weather", '{"city":"北京"}', state=gemini),
        ToolCall("toolu_2", "now", "{}"),
    )
    stage.play(*said, finish="tool_calls", origin="messages")
    message = ask(client, stream=stream, tools=[WEATHER])
    assert message.stop_reason == "tool_use"
    results: Any = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "7 °C"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "offline", "is_error": True},
    ]
    stage.play(Text("Cold."))
    history = [*ASK, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    ask(client, stream=stream, tools=[WEATHER], messages=history)
    _, assistant, answered = stage.asked[1].messages
    assert assistant == Message("assistant", said)
    assert answered == Message(
        "tool",
        (ToolResult("toolu_1", (Text("7 °C"),)), ToolResult("toolu_2", (Text("offline"),), is_error=True)),
    )


def test_parallel_calls_that_grow_in_turns_are_told_apart(served: tuple[Stage, Anthropic]) -> None:
    """Interleaved deltas become blocks one after the other, and the SDK's own events tell them right."""
    stage, client = served
    stage.events = [
        Started("r", "m"),
        TextDelta("Two.", 0),
        ToolCallDelta(1, "a", "f"),
        ToolCallDelta(2, "b", "g"),
        ToolCallDelta(1, arguments='{"x":'),
        ToolCallDelta(2, arguments='{"y":{}'),
        ToolCallDelta(1, arguments="1}"),
        ToolCallDelta(2, arguments="}"),
        Finished("tool_calls"),
    ]
    with client.messages.stream(model="m", max_tokens=9, messages=ASK) as told:
        kinds = [event.type for event in told]
        message = told.get_final_message()
    assert [block.input for block in message.content if block.type == "tool_use"] == [{"x": 1}, {"y": {}}]
    opened = [kind for kind in kinds if kind in ("content_block_start", "content_block_stop")]
    assert opened == ["content_block_start", "content_block_stop"] * 3
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


def test_structured_output(served: tuple[Stage, Anthropic]) -> None:
    """The SDK's parse helper asks for a schema, which arrives as one, and reads the object that comes."""

    class Person(BaseModel):
        name: str
        age: int

    stage, client = served
    stage.play(Text('{"name":"Ann","age":7}'))
    parsed = client.messages.parse(model="m", max_tokens=9, messages=ASK, output_format=Person)
    assert parsed.parsed_output == Person(name="Ann", age=7)
    output = stage.asked[0].output
    assert output is not None
    assert output.kind == "json_schema"
    assert output.schema is not None
    assert set(output.schema["properties"]) == {"name", "age"}


def test_plain_stream_of_events(served: tuple[Stage, Anthropic]) -> None:
    """`create(stream=True)` yields the events of the wire, the counts that came first in the first of them."""
    stage, client = served
    stage.play(Text("Hi"))
    stage.events.insert(1, UsageReported(Usage(input=12, output=1)))
    events = list(client.messages.create(model="m", max_tokens=9, messages=ASK, stream=True))
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0].type == "message_start"
    assert events[0].message.usage.input_tokens == 12


def test_failures_raise_the_sdks_own_errors(served: tuple[Stage, Anthropic]) -> None:
    """Bad questions, failures before the answer and failures inside it are errors of the right class."""
    stage, client = served
    with pytest.raises(anthropic.BadRequestError, match="max_tokens is required"):
        client.post("/v1/messages", body={"model": "m", "messages": ASK}, cast_to=object)
    stage.events, stage.failure = [], OverloadedError("Busy.", status=529)
    with pytest.raises(anthropic.APIStatusError, match="Busy") as caught:
        ask(client, stream=False)
    assert caught.value.status_code == 529
    stage.events = [Started("r", "m"), TextDelta("Hal")]
    heard: list[str] = []
    with pytest.raises(anthropic.APIStatusError, match="Busy"):
        hear(client, heard)
    assert heard == ["Hal"]


def test_unknown_betas_are_ignored(served: tuple[Stage, Anthropic]) -> None:
    """A beta header changes nothing."""
    stage, client = served
    stage.play(Text("Hi"))
    message = ask(client, stream=False, extra_headers={"anthropic-beta": "aurora-2027-01-01"})
    assert message.content[0].text == "Hi"
