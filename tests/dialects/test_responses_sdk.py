"""The official SDK, as it comes from the registry, drives the server role over a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any, Self

import openai
import pydantic
import pytest
import uvicorn

from ve_magics.dialects.responses import dialect
from ve_magics.errors import OverloadedError, VeError
from ve_magics.events import Event, TextDelta, events_of
from ve_magics.messages import (
    ChatRequest,
    ChatResponse,
    Choice,
    FinishReason,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    Usage,
)

SIGNATURE = State("anthropic", "messages", {"signature": "c2ln"})
THOUGHT = State("google", "generate_content", {"thoughtSignature": "dHM="})
OVERLOADED = OverloadedError("Nobody is free.", status=503, code="overloaded_error")
CITATION = {
    "type": "url_citation",
    "url_citation": {"url": "https://example.org", "title": "E", "start_index": 0},
}

ANSWERS: dict[str, tuple[tuple[Part, ...], FinishReason]] = {
    "plain": ((Text("Hello there.", (CITATION,)),), "stop"),
    "json": ((Text('{"name":"Ann","age":7}'),), "stop"),
    "refuses": ((Refusal("I won't."),), "stop"),
    "short": ((Text("The first"),), "length"),
    "filtered": ((Text("The"),), "content_filter"),
    "broken": ((Text("The"),), "error"),
    "paints": ((Text("Here."), Image(b"\x89PNG", "image/png")), "stop"),
    "agent": (
        (
            Reasoning("Look both up.", SIGNATURE),
            Text("Let me see."),
            ToolCall("call_1", "weather", '{"city": "Köln"}', state=THOUGHT),
            ToolCall("call_2", "weather", '{"city": "Rome"}'),
            ToolCall("call_3", "run_sql", "SELECT 1;", custom=True),
        ),
        "tool_calls",
    ),
}


def events(request: ChatRequest) -> Iterator[Event | VeError]:
    """Yield what the model of this name says, in small pieces; the first model breaks off."""
    if request.model == "refused":
        yield OVERLOADED
        return
    parts, finish = ANSWERS["plain" if request.model == "breaks" else request.model]
    usage = Usage(input=30, cached=8, cache_write=2, output=12, reasoning=5)
    answer = ChatResponse(
        id="x", model=request.model, choices=(Choice(Message("assistant", parts), finish),), usage=usage
    )
    for event in events_of(answer):
        yield event
        if request.model == "breaks" and isinstance(event, TextDelta):
            yield OVERLOADED
            return


class Server:
    """A server of one dialect that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []
        config = uvicorn.Config(
            self.app, port=0, log_level="error", lifespan="off", ws="none", interface="asgi3"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._server.serve(),), daemon=True)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        assert scope["path"] == "/v1/responses"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status, pieces, stream = 200, [b""], False
        try:
            request = dialect.decode_request(body)
            self.asked.append(request)
            stream = request.stream
            status, pieces = self.reply(request)
        except VeError as error:
            status, told = dialect.encode_error(error)
            pieces = [told]
        kind = b"text/event-stream" if stream and status == 200 else b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def reply(self, request: ChatRequest) -> tuple[int, list[bytes]]:
        """Return the pieces of a reply."""
        encoder = dialect.encoder(request, options={"id": "abc", "created": 1_790_000_000})
        pieces: list[bytes] = []
        for event in events(request):
            if isinstance(event, VeError):
                if not pieces:
                    raise event
                return 200, [*pieces, encoder.encode_failure(event)]
            pieces.append(encoder.encode(event))
        return 200, [*pieces, encoder.flush()]

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            assert self._thread.is_alive()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of the API."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running server."""
    with Server() as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    """The SDK's client."""
    server.asked.clear()
    with openai.OpenAI(api_key="none", base_url=server.url, max_retries=0) as made:
        yield made


def test_whole_answer(client: openai.OpenAI) -> None:
    """The SDK reads text, citation, counts and identity of a whole answer."""
    response = client.responses.create(model="plain", input="Hi", instructions="Be brief.", temperature=0.5)
    assert (response.id, response.status, response.output_text) == ("resp_abc", "completed", "Hello there.")
    assert (response.created_at, response.model) == (1_790_000_000, "plain")
    assert (response.instructions, response.temperature) == ("Be brief.", 0.5)
    message = response.output[0]
    assert message.type == "message"
    assert message.content[0].type == "output_text"
    assert message.content[0].annotations[0].type == "url_citation"
    assert message.content[0].annotations[0].url == "https://example.org"
    assert response.usage is not None
    assert response.usage.input_tokens == 30
    assert response.usage.input_tokens_details.cached_tokens == 8
    assert response.usage.output_tokens_details.reasoning_tokens == 5
    assert response.usage.total_tokens == 42


@pytest.mark.parametrize(
    "model", [model for model in ANSWERS if model not in ("short", "filtered", "broken")]
)
def test_stream_helper_ends_with_the_whole_answer(client: openai.OpenAI, model: str) -> None:
    """The SDK's accumulating stream accepts every event, and its sum is the whole answer."""
    with client.responses.stream(model=model, input="Hi") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    whole = client.responses.create(model=model, input="Hi")
    assert json.loads(final.to_json(), object_hook=unparsed) == json.loads(whole.to_json())


def unparsed(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what the SDK itself adds to it."""
    return {name: item for name, item in value.items() if name not in ("parsed", "parsed_arguments")}


def test_events_come_in_the_documented_order(client: openai.OpenAI) -> None:
    """Reasoning, text and calls are told one after the other, each with its beginning and its end."""
    kinds = [
        event.type.removeprefix("response.")
        for event in client.responses.create(model="agent", input="Hi", stream=True)
    ]
    call = ["output_item.added", "{}.delta", "{}.done", "output_item.done"]
    arguments = [kind.format("function_call_arguments") for kind in call]
    assert kinds == [
        *("created", "in_progress"),
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
        *("content_part.done", "output_item.done"),
        *arguments,
        *arguments,
        *(kind.format("custom_tool_call_input") for kind in call),
        *("output_item.added", "output_item.done"),
        "completed",
    ]


def test_agent_loop_keeps_every_memory(client: openai.OpenAI, server: Server) -> None:
    """Calls are answered by `call_id`; what the providers remembered comes back with the SDK's own items."""
    tool: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
    history: list[Any] = [{"role": "user", "content": "Weather?"}]
    with client.responses.stream(model="agent", input=history, tools=[tool]) as stream:
        response = stream.get_final_response()
    history += response.output
    for item in response.output:
        if item.type == "function_call":
            history.append({"type": "function_call_output", "call_id": item.call_id, "output": "7 °C"})
        elif item.type == "custom_tool_call":
            history.append({"type": "custom_tool_call_output", "call_id": item.call_id, "output": "1"})
    client.responses.create(model="plain", input=history, tools=[tool])
    asked = server.asked[-1]
    assert [message.role for message in asked.messages] == ["user", "assistant", "tool", "tool", "tool"]
    assert asked.messages[1].parts == ANSWERS["agent"][0]
    assert asked.tools[0].name == "weather"


def test_parsed_call_and_parsed_answer(client: openai.OpenAI, server: Server) -> None:
    """The SDK's structured outputs work: a schema goes in flat, an object comes out."""

    class Person(pydantic.BaseModel):
        name: str
        age: int

    response = client.responses.parse(model="json", input="Ann is 7", text_format=Person)
    assert response.output_parsed == Person(name="Ann", age=7)
    output = server.asked[-1].output
    assert output is not None
    assert (output.kind, output.name, output.strict) == ("json_schema", "Person", True)
    with client.responses.stream(model="json", input="Ann is 7", text_format=Person) as stream:
        assert stream.get_final_response().output_parsed == Person(name="Ann", age=7)


def test_refusal(client: openai.OpenAI) -> None:
    """A refusal is a content part of its own."""
    message = client.responses.create(model="refuses", input="Hi").output[0]
    assert message.type == "message"
    assert message.content[0].type == "refusal"
    assert message.content[0].refusal == "I won't."


@pytest.mark.parametrize(
    ("model", "reason"), [("short", "max_output_tokens"), ("filtered", "content_filter")]
)
@pytest.mark.parametrize("stream", [False, True])
def test_cut_answer_is_incomplete(client: openai.OpenAI, model: str, reason: str, *, stream: bool) -> None:
    """A cut answer says that it was cut, and why."""
    if stream:
        *_, last = client.responses.create(model=model, input="Hi", stream=True)
        assert last.type == "response.incomplete"
        response = last.response
    else:
        response = client.responses.create(model=model, input="Hi")
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == reason
    assert response.output[0].type == "message"
    assert response.output[0].status == "incomplete"


def test_broken_answer_is_failed(client: openai.OpenAI) -> None:
    """An answer that the provider itself gave up is a failed response, with what had come."""
    *_, last = client.responses.create(model="broken", input="Hi", stream=True)
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "server_error"
    assert last.response.output_text == "The"


def test_failure_inside_a_stream_is_raised(client: openai.OpenAI) -> None:
    """A failure after the first words is an exception of the SDK, not an end."""
    seen: list[str] = []
    with pytest.raises(openai.APIError, match="Nobody is free"):
        seen += (event.type for event in client.responses.create(model="breaks", input="Hi", stream=True))


def test_failure_before_the_reply_is_the_sdks_own(client: openai.OpenAI) -> None:
    """Failures before the reply are told with their status and in OpenAI's shape."""
    with pytest.raises(openai.InternalServerError, match="Nobody is free"):
        client.responses.create(model="refused", input="Hi")
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="plain", input="Hi", max_output_tokens=0)
    assert caught.value.param == "max_output_tokens"


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background"])
def test_memory_of_the_server_is_refused_by_name(client: openai.OpenAI, field: str) -> None:
    """Whoever relies on stored responses is told so at once."""
    body = {field: True if field == "background" else "resp_1"}
    with pytest.raises(openai.BadRequestError, match="nothing is kept here") as caught:
        client.responses.create(model="plain", input="Hi", extra_body=body)
    assert json.loads(caught.value.response.text)["error"]["param"] == field
