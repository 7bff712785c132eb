"""The official SDKs, unmodified, behind one face: what a user of each does, and what that user sees."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

from tests.server.running import TOKEN

CITY_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city"}},
    "required": ["city"],
    "additionalProperties": False,
}
ABOUT_WEATHER = "Get the current weather in a city"


class Said(NamedTuple):
    """An answer as the user of an SDK sees it."""

    text: str
    read: int
    made: int
    pieces: int = 1


class Called(NamedTuple):
    """A tool call as the user of an SDK sees it."""

    name: str
    arguments: dict[str, Any]


class Failed(NamedTuple):
    """A failure as the user of an SDK sees it."""

    status: int
    message: str


class Speaker(Protocol):
    """A user of one SDK."""

    def say(self, model: str, text: str, *, stream: bool) -> Said:
        """Ask for words."""

    def fill(self, model: str, text: str) -> Any:
        """Ask for JSON that fits `CITY_SCHEMA`."""

    def look(self, model: str, text: str, png: bytes) -> str:
        """Ask about a picture."""

    def use_tool(
        self, model: str, text: str, tool: Callable[[str], str], *, stream: bool
    ) -> tuple[list[Called], str]:
        """Offer a tool, run what is called, and return the calls with the last words."""

    def fail(self, model: str, *, stream: bool) -> Failed:
        """Ask for words that can't be had."""


class _Chat:
    """The openai SDK over Chat Completions."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def say(self, model: str, text: str, *, stream: bool) -> Said:
        messages: Any = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]
        if not stream:
            reply = self._client.chat.completions.create(model=model, messages=messages)
            assert reply.choices[0].finish_reason == "stop"
            assert reply.usage is not None
            return Said(
                reply.choices[0].message.content or "",
                reply.usage.prompt_tokens,
                reply.usage.completion_tokens,
            )
        words: list[str] = []
        usage = None
        options: Any = {"include_usage": True}
        for chunk in self._client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options=options
        ):
            words += [choice.delta.content for choice in chunk.choices if choice.delta.content]
            usage = chunk.usage or usage
        assert usage is not None
        return Said("".join(words), usage.prompt_tokens, usage.completion_tokens, len(words))

    def fill(self, model: str, text: str) -> Any:
        schema: Any = {
            "type": "json_schema",
            "json_schema": {"name": "person", "schema": CITY_SCHEMA, "strict": True},
        }
        reply = self._client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], response_format=schema
        )
        return json.loads(reply.choices[0].message.content or "")

    def look(self, model: str, text: str, png: bytes) -> str:
        content: Any = [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": _data_url(png)}},
        ]
        reply = self._client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}]
        )
        return reply.choices[0].message.content or ""

    def use_tool(
        self, model: str, text: str, tool: Callable[[str], str], *, stream: bool
    ) -> tuple[list[Called], str]:
        messages: list[Any] = [{"role": "user", "content": text}]
        function = {"name": "get_weather", "description": ABOUT_WEATHER, "parameters": WEATHER_SCHEMA}
        tools: Any = [{"type": "function", "function": function}]
        made: list[Called] = []
        while True:
            if stream:
                with self._client.chat.completions.stream(
                    model=model, messages=messages, tools=tools
                ) as events:
                    reply: Any = events.get_final_completion()
            else:
                reply = self._client.chat.completions.create(model=model, messages=messages, tools=tools)
            message = reply.choices[0].message
            if not message.tool_calls:
                return made, message.content or ""
            assert reply.choices[0].finish_reason == "tool_calls"
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                arguments = json.loads(call.function.arguments)
                made.append(Called(call.function.name, arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": tool(arguments["city"])})

    def fail(self, model: str, *, stream: bool) -> Failed:
        return _openai_failure(
            lambda: list(
                self._client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": "Hello"}], stream=stream
                )
            )
        )


class _Responses:
    """The openai SDK over Responses."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client

    def say(self, model: str, text: str, *, stream: bool) -> Said:
        pieces = 1
        if stream:
            with self._client.responses.stream(model=model, input=text, instructions="Be kind.") as events:
                pieces = sum(event.type == "response.output_text.delta" for event in events)
                reply: Any = events.get_final_response()
        else:
            reply = self._client.responses.create(model=model, input=text, instructions="Be kind.")
        assert reply.status == "completed"
        return Said(reply.output_text, reply.usage.input_tokens, reply.usage.output_tokens, pieces)

    def fill(self, model: str, text: str) -> Any:
        form: Any = {
            "format": {"type": "json_schema", "name": "person", "schema": CITY_SCHEMA, "strict": True}
        }
        return json.loads(self._client.responses.create(model=model, input=text, text=form).output_text)

    def look(self, model: str, text: str, png: bytes) -> str:
        content = [
            {"type": "input_text", "text": text},
            {"type": "input_image", "image_url": _data_url(png), "detail": "auto"},
        ]
        given: Any = [{"role": "user", "content": content}]
        return self._client.responses.create(model=model, input=given).output_text

    def use_tool(
        self, model: str, text: str, tool: Callable[[str], str], *, stream: bool
    ) -> tuple[list[Called], str]:
        given: list[Any] = [{"role": "user", "content": text}]
        tools: Any = [
            {
                "type": "function",
                "name": "get_weather",
                "description": ABOUT_WEATHER,
                "parameters": WEATHER_SCHEMA,
                "strict": True,
            }
        ]
        made: list[Called] = []
        while True:
            if stream:
                with self._client.responses.stream(model=model, input=given, tools=tools) as events:
                    reply: Any = events.get_final_response()
            else:
                reply = self._client.responses.create(model=model, input=given, tools=tools)
            calls = [item for item in reply.output if item.type == "function_call"]
            if not calls:
                return made, reply.output_text
            # what the SDK's stream parsed into a call is its own and is no field of the request
            given += [
                item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in reply.output
            ]
            for call in calls:
                arguments = json.loads(call.arguments)
                made.append(Called(call.name, arguments))
                given.append(
                    {
                        "type": "function_call_output",
                        "call_id": call.call_id,
                        "output": tool(arguments["city"]),
                    }
                )

    def fail(self, model: str, *, stream: bool) -> Failed:
        return _openai_failure(
            lambda: list(self._client.responses.create(model=model, input="Hello", stream=stream))
        )


class _Messages:
    """The anthropic SDK."""

    def __init__(self, client: anthropic.Anthropic) -> None:
        self._client = client

    def _ask(self, stream: bool = False, **fields: Any) -> Any:
        if not stream:
            return self._client.messages.create(max_tokens=1000, **fields)
        with self._client.messages.stream(max_tokens=1000, **fields) as events:
            return events.get_final_message()

    def say(self, model: str, text: str, *, stream: bool) -> Said:
        messages: Any = [{"role": "user", "content": text}]
        pieces = 1
        if stream:
            with self._client.messages.stream(
                model=model, max_tokens=1000, system="Be kind.", messages=messages
            ) as events:
                pieces = len(list(events.text_stream))
                reply = events.get_final_message()
        else:
            reply = self._ask(model=model, system="Be kind.", messages=messages)
        assert reply.stop_reason == "end_turn"
        return Said(_text(reply.content), reply.usage.input_tokens, reply.usage.output_tokens, pieces)

    def fill(self, model: str, text: str) -> Any:
        config = {"format": {"type": "json_schema", "schema": CITY_SCHEMA}}
        reply = self._ask(model=model, messages=[{"role": "user", "content": text}], output_config=config)
        return json.loads(_text(reply.content))

    def look(self, model: str, text: str, png: bytes) -> str:
        source = {"type": "base64", "media_type": "image/png", "data": _base64(png)}
        content = [{"type": "image", "source": source}, {"type": "text", "text": text}]
        return _text(self._ask(model=model, messages=[{"role": "user", "content": content}]).content)

    def use_tool(
        self, model: str, text: str, tool: Callable[[str], str], *, stream: bool
    ) -> tuple[list[Called], str]:
        messages: list[Any] = [{"role": "user", "content": text}]
        tools = [{"name": "get_weather", "description": ABOUT_WEATHER, "input_schema": WEATHER_SCHEMA}]
        made: list[Called] = []
        while True:
            reply = self._ask(stream, model=model, messages=messages, tools=tools)
            calls = [block for block in reply.content if block.type == "tool_use"]
            if not calls:
                return made, _text(reply.content)
            assert reply.stop_reason == "tool_use"
            messages.append({"role": "assistant", "content": reply.content})
            made += [Called(call.name, call.input) for call in calls]
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": tool(call.input["city"])}
                for call in calls
            ]
            messages.append({"role": "user", "content": results})

    def fail(self, model: str, *, stream: bool) -> Failed:
        try:
            self._ask(stream, model=model, messages=[{"role": "user", "content": "Hello"}])
        except anthropic.APIStatusError as error:
            body: Any = error.body
            assert body["type"] == "error"
            return Failed(error.status_code, body["error"]["message"])
        raise AssertionError("it answered")


class _Gemini:
    """The google-genai SDK."""

    def __init__(self, client: genai.Client) -> None:
        self._client = client

    def _ask(self, model: str, contents: Any, *, stream: bool = False, **config: Any) -> list[Any]:
        # the SDK would run Python functions by itself; here the loop is ours
        config = {"automatic_function_calling": {"disable": True}, **config}
        options: Any = {"model": model, "contents": contents, "config": types.GenerateContentConfig(**config)}
        if stream:
            return list(self._client.models.generate_content_stream(**options))
        return [self._client.models.generate_content(**options)]

    def say(self, model: str, text: str, *, stream: bool) -> Said:
        chunks = self._ask(model, text, stream=stream, system_instruction="Be kind.")
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
        usage = chunks[-1].usage_metadata
        words = [chunk.text for chunk in chunks if chunk.text]
        return Said("".join(words), usage.prompt_token_count, usage.candidates_token_count, len(words))

    def fill(self, model: str, text: str) -> Any:
        (reply,) = self._ask(
            model, text, response_mime_type="application/json", response_json_schema=CITY_SCHEMA
        )
        return reply.parsed

    def look(self, model: str, text: str, png: bytes) -> str:
        (reply,) = self._ask(model, [types.Part.from_bytes(data=png, mime_type="image/png"), text])
        return str(reply.text)

    def use_tool(
        self, model: str, text: str, tool: Callable[[str], str], *, stream: bool
    ) -> tuple[list[Called], str]:
        contents: list[Any] = [types.UserContent(text)]
        declared = types.FunctionDeclaration(
            name="get_weather", description=ABOUT_WEATHER, parameters_json_schema=WEATHER_SCHEMA
        )
        tools = [types.Tool(function_declarations=[declared])]
        made: list[Called] = []
        while True:
            chunks = self._ask(model, contents, stream=stream, tools=tools)
            parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
            calls = [part.function_call for part in parts if part.function_call]
            if not calls:
                return made, "".join(part.text or "" for part in parts if not part.thought)
            contents.append(types.ModelContent(parts))
            made += [Called(call.name, call.args) for call in calls]
            results = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": tool(call.args["city"])}
                    )
                )
                for call in calls
            ]
            contents.append(types.Content(role="user", parts=results))

    def fail(self, model: str, *, stream: bool) -> Failed:
        try:
            self._ask(model, "Hello", stream=stream)
        except genai_errors.APIError as error:
            return Failed(error.code, str(error.message))
        raise AssertionError("it answered")


def _openai_failure(ask: Callable[[], object]) -> Failed:
    try:
        ask()
    except openai.APIStatusError as error:
        return Failed(error.status_code, error.body["message"])  # type: ignore[index]  # the body is the error object
    raise AssertionError("it answered")


def _text(blocks: Any) -> str:
    return "".join(block.text for block in blocks if block.type == "text")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{_base64(png)}"


@contextmanager
def speakers(url: str) -> Iterator[dict[str, Speaker]]:
    """Give a user of each dialect, by its name, at a server's address."""
    google = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=url))
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as own,
        anthropic.Anthropic(base_url=url, api_key=TOKEN, max_retries=0) as other,
    ):
        try:
            yield {
                "chat_completions": _Chat(own),
                "responses": _Responses(own),
                "messages": _Messages(other),
                "generate_content": _Gemini(google),
            }
        finally:
            google.close()
