"""The official Google SDK, unmodified, as a client of what this dialect serves."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from ve_magics.dialects.generate_content import dialect
from ve_magics.errors import AuthError, OverloadedError, RateLimitError, VeError
from ve_magics.events import (
    Event,
    Finished,
    ReasoningDelta,
    Started,
    StateDelta,
    TextDelta,
    ToolCallDelta,
    events_of,
)
from ve_magics.messages import (
    Audio,
    ChatRequest,
    ChatResponse,
    Choice,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
)

ADDRESS = re.compile(r"/v1\w*/models/(?P<model>.+):(?P<verb>generateContent|streamGenerateContent)")


class Stage:
    """A server that plays answers, the last one again and again.

    Attributes:
        asked: The questions that came.
        acts: The events of the answers to come.
        failure: Raised after the events, if there is one; before anything is sent where there are none.
    """

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []
        self.acts: list[list[Event]] = []
        self.failure: VeError | None = None

    def play(self, *parts: Part, finish: Any = "stop", origin: str = "") -> None:
        """Add an answer."""
        usage = Usage(input=120, cached=100, output=7, reasoning=2)
        choice = Choice(Message("assistant", parts), finish)
        answer = ChatResponse(id="r1", model="m", choices=(choice,), usage=usage, dialect=origin)
        self.acts.append(list(events_of(answer)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        where = ADDRESS.fullmatch(scope["path"])
        assert where is not None
        events = self.acts.pop(0) if len(self.acts) > 1 else [*self.acts, []][0]
        try:
            request = dialect.decode_request(
                body, model=where["model"], stream=where["verb"].startswith("stream")
            )
            self.asked.append(request)
            if self.failure is not None and not events:
                raise self.failure
        except VeError as error:
            await self._send(send, *dialect.encode_error(error))
            return
        alt = "sse" if b"alt=sse" in scope["query_string"] else "json"
        encoder = dialect.encoder(request, options={"id": "fresh", "created": 5, "alt": alt})
        pieces = [encoder.encode(event) for event in events]
        pieces.append(encoder.flush() if self.failure is None else encoder.encode_failure(self.failure))
        kind = "text/event-stream" if request.stream and alt == "sse" else "application/json"
        await self._send(send, 200, b"".join(pieces), kind)

    async def _send(self, send: Any, status: int, body: bytes, kind: str = "application/json") -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stage, str]]:
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
def served(running: tuple[Stage, str]) -> Iterator[tuple[Stage, genai.Client]]:
    """Give the stage and an official client of it."""
    stage, url = running
    stage.asked, stage.acts, stage.failure = [], [], None
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    yield stage, client
    client.close()


def ask(client: genai.Client, contents: Any, *, stream: bool, **config: Any) -> list[Any]:
    """Return the chunks that the SDK reads; a whole answer is one."""
    asked: dict[str, Any] = {
        "model": "gemini-x",
        "contents": contents,
        "config": types.GenerateContentConfig(**config),
    }
    if stream:
        return list(client.models.generate_content_stream(**asked))
    return [client.models.generate_content(**asked)]


def parts_of(chunks: list[Any]) -> list[Any]:
    """Return all parts in the chunks."""
    return [part for chunk in chunks for part in chunk.candidates[0].content.parts]


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"7 °C in {city}"


@pytest.mark.parametrize("stream", [False, True])
def test_words_and_counts_arrive(served: tuple[Stage, genai.Client], stream: bool) -> None:
    """Text, thoughts, ids, the reason for the end and the counts are where the SDK looks for them."""
    stage, client = served
    stage.play(Reasoning("Hm."), Text("你好 "), finish="length")
    chunks = ask(client, "Hi", stream=stream, max_output_tokens=9, system_instruction="Be brief.")
    parts = parts_of(chunks)
    assert "".join(part.text for part in parts if not part.thought) == "你好 "
    assert "".join(part.text for part in parts if part.thought) == "Hm."
    last = chunks[-1]
    assert last.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    counts = last.usage_metadata
    assert (counts.prompt_token_count, counts.cached_content_token_count) == (120, 100)
    assert (counts.candidates_token_count, counts.thoughts_token_count, counts.total_token_count) == (
        5,
        2,
        127,
    )
    assert {chunk.response_id for chunk in chunks} == {"fresh"}
    assert {chunk.model_version for chunk in chunks} == {"m"}
    asked = stage.asked[0]
    assert (asked.model, asked.stream, asked.max_tokens) == ("gemini-x", stream, 9)
    assert [(message.role, message.text) for message in asked.messages] == [
        ("system", "Be brief."),
        ("user", "Hi"),
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_calls_arrive_and_are_answered(served: tuple[Stage, genai.Client], stream: bool) -> None:
    """Parallel calls arrive whole with their ids; their results come back with them, in order."""
    stage, client = served
    calls = (ToolCall("a", "weather", '{"city":"Köln"}'), ToolCall("b", "clock"))
    stage.play(Text("Look: "), *calls, finish="tool_calls")
    tools = [
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration.from_callable_with_api_option(
                    callable=weather, api_option="GEMINI_API"
                ),
                types.FunctionDeclaration(name="clock"),
            ]
        )
    ]
    chunks = ask(
        client,
        "Weather?",
        stream=stream,
        tools=tools,
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"]
            )
        ),
    )
    parts = parts_of(chunks)
    found = [part.function_call for part in parts if part.function_call]
    assert [(call.id, call.name, call.args) for call in found] == [
        ("a", "weather", {"city": "Köln"}),
        ("b", "clock", {}),
    ]
    asked = stage.asked[0]
    assert asked.tool_choice == ToolChoice("required", ("weather",))
    assert [tool.name for tool in asked.tools] == ["weather", "clock"]
    schema = asked.tools[0].parameters or {}
    assert schema["properties"]["city"]["type"] == "string"
    results = [
        types.Part(
            function_response=types.FunctionResponse(id="a", name="weather", response={"output": "7"})
        ),
        types.Part(function_response=types.FunctionResponse(id="b", name="clock", response={"error": "no"})),
    ]
    history = [
        types.UserContent("Weather?"),
        types.ModelContent(parts),
        types.Content(role="user", parts=results),
    ]
    ask(client, history, stream=stream)
    _, said, heard = stage.asked[1].messages
    assert said.tool_calls == (calls[0], ToolCall("b", "clock", "{}"))
    assert heard == Message(
        "tool",
        (
            ToolResult("a", (Text("7"),), "weather"),
            ToolResult("b", (Text("no"),), "clock", is_error=True),
        ),
    )


def test_functions_are_called_by_the_sdk_itself(served: tuple[Stage, genai.Client]) -> None:
    """Automatic function calling works: the SDK calls the function and asks again with its result."""
    stage, client = served
    state = State("anthropic", "messages", {"signature": "s"})
    stage.play(Reasoning("Hm.", state), ToolCall("a", "weather", '{"city":"Köln"}'), finish="tool_calls")
    stage.play(Text("7 °C."))
    [answer] = ask(client, "Weather?", stream=False, tools=[weather])
    assert answer.text == "7 °C."
    said, heard = stage.asked[1].messages[1:]
    assert said.parts == (Reasoning("Hm.", state), ToolCall("a", "weather", '{"city":"Köln"}'))
    assert heard.parts[0].text == "7 °C in Köln"  # type: ignore[union-attr]  # a result has a text


STATES: tuple[Part, ...] = (
    Reasoning("One.", State("anthropic", "messages", {"signature": "s"})),
    Reasoning("", State("openai", "responses", {"id": "rs_1"})),
    Text("Two "),
    Reasoning("Three."),
    Text("four.", state=State("google", "generate_content", {"thoughtSignature": "c2ln"})),
    Opaque("messages", {"type": "server_tool_use"}, State("anthropic", "messages", 1)),
    Refusal("No."),
    ToolCall("call_1", "f", "{}"),
    ToolCall("call_2", "g", "{}", state=State("google", "generate_content", {"thoughtSignature": "c2ln"})),
    ToolCall("call_3", "h", "broken"),
)


@pytest.mark.parametrize("stream", [False, True])
def test_states_come_back_through_a_chat(served: tuple[Stage, genai.Client], stream: bool) -> None:
    """The SDK's own chat sends every provider's memory back, part by part, as it was."""
    stage, client = served
    stage.play(*STATES, finish="tool_calls")
    stage.play(Text("Done."))
    chat = client.chats.create(model="gemini-x")
    for words in ("Hi", "And?"):
        if stream:
            assert list(chat.send_message_stream(words))
        else:
            chat.send_message(words)
    hi, said, and_ = stage.asked[1].messages
    assert (hi.text, and_.text) == ("Hi", "And?")
    assert said.parts == STATES


def test_a_chat_that_streams_keeps_words_together(served: tuple[Stage, genai.Client]) -> None:
    """What a stream cut into pieces is one part again in the next question, with the state that came after it."""
    stage, client = served
    state = State("anthropic", "messages", {"signature": "s"})
    stage.acts = [
        [
            Started("r", "m"),
            ReasoningDelta("Let ", 0),
            ReasoningDelta("me see.", 0),
            StateDelta(state, 0),
            TextDelta("He", 1),
            TextDelta("llo", 1),
            ToolCallDelta(2, "a", "f", '{"x"'),
            ToolCallDelta(3, "b", "g", "{}"),
            ToolCallDelta(2, arguments=":1}"),
            TextDelta("!", 4),
            StateDelta(state, 1),
            Finished("tool_calls"),
        ]
    ]
    chat = client.chats.create(model="gemini-x")
    for words in ("Hi", "And?"):
        assert list(chat.send_message_stream(words))
    assert stage.asked[1].messages[1].parts == (
        Reasoning("Let me see.", state),
        Text("Hello", state=state),
        ToolCall("a", "f", '{"x":1}'),
        ToolCall("b", "g", "{}"),
        Text("!"),
    )


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int | None = None


def test_structured_output(served: tuple[Stage, genai.Client]) -> None:
    """A pydantic model as the answer's schema is asked for as JSON Schema, and the answer is parsed."""
    stage, client = served
    stage.play(Text('{"name":"Ann","age":7}'))
    for wish in ({"response_schema": Person}, {"response_json_schema": Person.model_json_schema()}):
        [answer] = ask(client, "Ann", stream=False, response_mime_type="application/json", **wish)
        assert answer.text == '{"name":"Ann","age":7}'
        output = stage.asked[-1].output
        assert isinstance(output, OutputFormat)
        assert output.kind == "json_schema"
        assert (output.schema or {})["properties"]["name"]["type"] == "string"
    [answer] = ask(client, "Ann", stream=False, response_mime_type="application/json", response_schema=Person)
    assert answer.parsed == Person(name="Ann", age=7)


def test_media_go_both_ways(served: tuple[Stage, genai.Client]) -> None:
    """Pictures, sound, documents and addresses of them are read; pictures and sound are answered."""
    stage, client = served
    stage.play(Text("Here:"), Image(b"png", "image/png"), Audio(b"wav", "wav"))
    contents = [
        types.Part.from_bytes(data=b"\xff\xfe", mime_type="image/png"),
        types.Part.from_bytes(data=b"pdf", mime_type="application/pdf"),
        types.Part.from_bytes(data=b"mp3", mime_type="audio/mpeg"),
        types.Part.from_uri(file_uri="https://example.org/a.jpg", mime_type="image/jpeg"),
        types.Part.from_uri(file_uri="gs://b/a.mp4", mime_type="video/mp4"),
        "What?",
    ]
    [answer] = ask(client, contents, stream=False)
    assert stage.asked[0].messages[0].parts == (
        Image(b"\xff\xfe", "image/png"),
        File(b"pdf", "application/pdf"),
        Audio(b"mp3", "mp3"),
        Image(url="https://example.org/a.jpg", media_type="image/jpeg"),
        File(file_id="gs://b/a.mp4", media_type="video/mp4"),
        Text("What?"),
    )
    blobs = [part.inline_data for part in parts_of([answer]) if part.inline_data]
    assert [(blob.mime_type, blob.data) for blob in blobs] == [("image/png", b"png"), ("audio/wav", b"wav")]


def test_failures_are_the_sdk_s_own(served: tuple[Stage, genai.Client]) -> None:
    """A refused question, a busy and a failing server become the SDK's errors with code, status and message."""
    stage, client = served
    for failure, kind, code, status in (
        (
            RateLimitError("Slow down.", status=429, retry_after=3.5),
            errors.ClientError,
            429,
            "RESOURCE_EXHAUSTED",
        ),
        (AuthError("Who?", status=401), errors.ClientError, 401, "UNAUTHENTICATED"),
        (OverloadedError("Busy.", status=503), errors.ServerError, 503, "UNAVAILABLE"),
    ):
        stage.failure = failure
        for stream in (False, True):
            with pytest.raises(kind) as caught:
                ask(client, "Hi", stream=stream)
            assert (caught.value.code, caught.value.status) == (code, status)
            assert caught.value.message == failure.message
    stage.failure = None
    with pytest.raises(errors.ClientError) as refused:
        ask(client, "Hi", stream=False, max_output_tokens=0)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")


def test_failure_in_mid_stream_raises(served: tuple[Stage, genai.Client]) -> None:
    """A stream that breaks gives what came and then raises."""
    stage, client = served
    stage.acts = [[Started("r", "m"), TextDelta("Hel")]]
    stage.failure = OverloadedError("Busy.", status=503)
    told: list[str] = []
    with pytest.raises(errors.APIError) as caught:
        told.extend(
            chunk.text or ""
            for chunk in client.models.generate_content_stream(model="gemini-x", contents="Hi")
        )
    assert told == ["Hel"]
    assert caught.value.code == 503


def test_stream_without_alt_is_an_array(running: tuple[Stage, str]) -> None:
    """Where the URL doesn't say alt=sse, a stream is one JSON array, as with Google."""
    stage, url = running
    stage.asked, stage.acts, stage.failure = [], [], None
    stage.play(Text("Hi "), Text("there"))
    asked = urllib.request.Request(
        f"{url}/v1beta/models/gemini-x:streamGenerateContent",
        b'{"contents":[{"parts":[{"text":"Hi"}]}]}',
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(asked) as reply:
        chunks = [types.GenerateContentResponse.model_validate(item) for item in json.load(reply)]
    assert "".join(chunk.text or "" for chunk in chunks) == "Hi there"


@pytest.mark.filterwarnings(
    "ignore:Inheritance class:DeprecationWarning"
)  # the SDK derives from aiohttp's session
@pytest.mark.anyio
async def test_async_client_streams(running: tuple[Stage, str]) -> None:
    """The SDK's asynchronous client reads a stream as well."""
    stage, url = running
    stage.asked, stage.acts, stage.failure = [], [], None
    stage.play(Text("Hi "), Text("there"))
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    told = [
        chunk.text
        async for chunk in await client.aio.models.generate_content_stream(model="gemini-x", contents="Hi")
    ]
    await client.aio.aclose()
    client.close()
    assert "".join(filter(None, told)) == "Hi there"
