"""The simulator over a real socket, with clients that this project did not write."""

from __future__ import annotations

import asyncio
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TypedDict

import openai
import pytest
import uvicorn
from pydantic import BaseModel

from ve_magics.sim import Settings, app
from ve_magics.sim.serve import OverSocket

QUICK = Settings(first_token=0.01, tokens_per_second=2000, video_seconds=0.2, silence=1)


class Address(TypedDict):
    url: str
    port: int


@pytest.fixture(scope="module")
def served() -> Iterator[Address]:
    """Serve a simulator on a free port, on a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(OverSocket(app(QUICK)), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield {"url": f"http://127.0.0.1:{port}", "port": port}
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def client(served: Address) -> Iterator[openai.OpenAI]:
    """Open the official client."""
    with openai.OpenAI(api_key="any", base_url=f"{served['url']}/v1", max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, text: str, model: str = "tutor", **options: Any) -> Any:
    """Ask one thing through the official client."""
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], **options
    )


def test_the_official_client_chats(client: openai.OpenAI) -> None:
    """Whole and streamed answers are the same text, with usage."""
    whole = ask(client, "What is the capital of France?")
    assert "Paris" in whole.choices[0].message.content
    assert whole.model == "sim/tutor"
    stream = ask(
        client, "What is the capital of France?", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert {model.owned_by for model in client.models.list()} == {"simulator"}


def test_the_official_client_parses_a_schema(client: openai.OpenAI) -> None:
    """A pydantic model is filled from the prompt."""

    class Person(BaseModel):
        name: str
        age: int
        languages: list[str]

    answer = client.chat.completions.parse(
        model="tutor",
        messages=[{"role": "user", "content": "Ada Lovelace is 36 years old and speaks English and French."}],
        response_format=Person,
    )
    person = answer.choices[0].message.parsed
    assert person is not None
    assert (person.name, person.age) == ("Ada Lovelace", 36)
    assert "French" in person.languages


def test_the_official_client_calls_tools(client: openai.OpenAI) -> None:
    """Tool calls come in its own types, streamed ones too."""
    tools = [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Weather of a city",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                },
            },
        }
    ]
    answer = ask(client, "How is the weather in Oslo?", tools=tools)
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Oslo"}')
    chunks = list(ask(client, "How is the weather in Oslo?", tools=tools, stream=True))
    pieces = [
        c.choices[0].delta.tool_calls[0].function.arguments
        for c in chunks
        if c.choices and c.choices[0].delta.tool_calls
    ]
    assert "".join(piece or "" for piece in pieces) == '{"city":"Oslo"}'


def test_the_official_client_embeds_and_draws(client: openai.OpenAI) -> None:
    """It asks for packed vectors by itself, and reads them."""
    vectors = client.embeddings.create(model="embed", input=["one", "two"]).data
    assert [len(row.embedding) for row in vectors] == [256, 256]
    pictures = client.images.generate(model="image", prompt="a boat", size="128x128").data
    assert pictures is not None
    assert pictures[0].b64_json


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_the_official_client_makes_a_video(client: openai.OpenAI) -> None:
    """Create, poll to the end, download, list, delete."""
    video = client.videos.create_and_poll(model="film", prompt="a boat", seconds="1", size="128x128")  # type: ignore[arg-type]  # the same
    assert (video.status, video.progress) == ("completed", 100)
    assert client.videos.download_content(video.id).read()[4:8] == b"ftyp"
    assert client.videos.download_content(video.id, variant="thumbnail").read()[:4] == b"\x89PNG"
    assert video.id in [row.id for row in client.videos.list()]
    assert client.videos.delete(video.id).deleted


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", openai.AuthenticationError),
        ("403", openai.PermissionDeniedError),
        ("404", openai.NotFoundError),
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("reset", openai.APIConnectionError),
        ("refused", openai.APIConnectionError),
        ("error-in-stream", openai.APIError),
    ],
)
def test_the_official_client_sees_the_faults(
    client: openai.OpenAI, fault: str, error: type[Exception]
) -> None:
    """Each fault is the error that the client has for it."""
    with pytest.raises(error):
        list(ask(client, "What is HTTP?", f"fault-{fault}", stream=True))


def test_the_official_client_retries(served: Address) -> None:
    """Two failures and two retries later the answer is there."""
    with openai.OpenAI(api_key="any", base_url=f"{served['url']}/v1", max_retries=2) as client:
        answer = ask(client, "Say pong", "fault-429@0.01x2")
    assert answer.choices[0].message.content == "pong"


def read(served: Address, fault: str) -> tuple[bytes, Exception | None]:
    """Return the bytes of a stream as a plain client reads them, and what ended it."""
    connection = http.client.HTTPConnection("127.0.0.1", served["port"], timeout=5)
    body = (
        f'{{"model":"fault-{fault}","stream":true,"messages":[{{"role":"user","content":"What is HTTP?"}}]}}'
    )
    got = b""
    try:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        reply = connection.getresponse()
        while piece := reply.read1(65536):
            got += piece
    except (OSError, http.client.HTTPException) as error:
        return got, error
    finally:
        connection.close()
    return got, None


def test_connections_really_break(served: Address) -> None:
    """A reset is a reset on the socket, before the headers or midway; a cut stream ends well for HTTP."""
    before, error = read(served, "reset")
    assert (before, type(error)) == (b"", ConnectionResetError)
    midway, error = read(served, "reset-midstream")
    assert b"HTTP" in midway
    assert isinstance(error, OSError | http.client.HTTPException)
    cut, error = read(served, "cut")
    assert error is None
    assert b"HTTP" in cut
    assert b"[DONE]" not in cut


@pytest.mark.anyio
async def test_an_app_without_a_socket_raises(simulated: Any) -> None:
    """Where no transport is to be had, the error stays an error."""
    caller = simulated()
    within = OverSocket(caller.simulator)

    body = b'{"model":"fault-reset","messages":[{"role":"user","content":"x"}]}'
    asked = iter([{"type": "http.request", "body": body}])

    async def receive() -> dict[str, Any]:
        for message in asked:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [],
        "query_string": b"",
    }
    with pytest.raises(ConnectionResetError):
        await within(scope, receive, send)


def test_serving_prints_one_line_with_its_url() -> None:
    """The line comes when the simulator is ready, a free port is taken, and nothing else is printed."""
    program = "from ve_magics.sim.serve import serve; serve(port=0)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[-1]
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 200
        connection.close()
        process.terminate()
        rest, errors = process.communicate(timeout=20)
    assert line.startswith("ve-magics sim http://127.0.0.1:")
    assert (rest, errors) == ("", "")
