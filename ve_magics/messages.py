"""What is asked and what is answered: the canonical values that every dialect encodes and decodes.

All values are frozen. Binary content is held as bytes; msgspec writes it as base64 where a value becomes JSON.
Two things travel with a value without being understood here:

- `extra`: fields that a dialect doesn't know. They go out again only where the same dialect is spoken
  (`ChatRequest.dialect` names it) and are dropped everywhere else.
- `state`: a provider's opaque memory of a part (a thinking signature, an encrypted reasoning item). It goes
  back unchanged to the provider that made it and is dropped when another one answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Extra = Mapping[str, Any]


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """A provider's opaque memory of one part.

    Attributes:
        origin: Name of the provider that made it.
        dialect: The dialect that it was read from.
        data: JSON value, kept as it came.
    """

    origin: str
    dialect: str
    data: Any


class Text(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """Words.

    Attributes:
        text: The words.
        annotations: Citations and the like, as the provider gave them.
    """

    text: str
    annotations: tuple[Any, ...] = ()
    state: State | None = None
    extra: Extra = {}


class Image(msgspec.Struct, frozen=True, tag="image", omit_defaults=True):
    """A picture: bytes with their media type, or an address, or a provider's file id.

    Attributes:
        data: The file's bytes.
        media_type: For example `image/png`.
        url: Address of a picture that the provider loads itself.
        file_id: A file that the provider already has.
        detail: OpenAI's hint: auto, low, high, original.
    """

    data: bytes = b""
    media_type: str = ""
    url: str = ""
    file_id: str = ""
    detail: str = ""
    state: State | None = None
    extra: Extra = {}


class Audio(msgspec.Struct, frozen=True, tag="audio", omit_defaults=True):
    """Sound.

    Attributes:
        data: The file's bytes.
        format: wav, mp3 and so on.
        transcript: What is said, where known.
        id: A provider's id by which the sound can be referred to.
    """

    data: bytes = b""
    format: str = ""
    transcript: str = ""
    id: str = ""
    state: State | None = None
    extra: Extra = {}


class File(msgspec.Struct, frozen=True, tag="file", omit_defaults=True):
    """A document: bytes with their media type, or an address, or a provider's file id."""

    data: bytes = b""
    media_type: str = ""
    name: str = ""
    url: str = ""
    file_id: str = ""
    state: State | None = None
    extra: Extra = {}


class Refusal(msgspec.Struct, frozen=True, tag="refusal", omit_defaults=True):
    """The model's own words for not answering."""

    text: str
    state: State | None = None
    extra: Extra = {}


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning", omit_defaults=True):
    """What the model thought, as far as the provider shows it; `text` may be empty beside a state."""

    text: str = ""
    state: State | None = None
    extra: Extra = {}


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call", omit_defaults=True):
    """The model asks for a tool.

    Attributes:
        id: Links the call to its result.
        name: The tool's name.
        arguments: The model's text: JSON as a rule, but it may be broken; free text for a custom tool.
        custom: True where the tool takes free text.
    """

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    state: State | None = None
    extra: Extra = {}


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result", omit_defaults=True):
    """What a tool gave back.

    Attributes:
        call_id: The id of the call that it answers.
        parts: Text, and pictures or files where the dialect can say them.
        name: The tool's name, where known.
        is_error: True where the tool failed.
        custom: True where it answers a custom tool.
    """

    call_id: str
    parts: tuple[Text | Image | File, ...] = ()
    name: str = ""
    is_error: bool = False
    custom: bool = False
    state: State | None = None
    extra: Extra = {}

    @property
    def text(self) -> str:
        """The text parts, joined by line ends."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


class Opaque(msgspec.Struct, frozen=True, tag="opaque", omit_defaults=True):
    """A part that only one dialect understands (a server tool's call, say).

    Attributes:
        dialect: Who understands it.
        data: JSON value, kept as it came.
    """

    dialect: str
    data: Any
    state: State | None = None


Part = Text | Image | Audio | File | Refusal | Reasoning | ToolCall | ToolResult | Opaque


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of one side.

    Attributes:
        role: Who speaks. A `tool` message holds tool results only; they may stand in a `user` message too.
        parts: What is said, in order.
        name: The participant's name, where given.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    name: str = ""
    extra: Extra = {}

    @property
    def text(self) -> str:
        """The words alone."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def reasoning(self) -> str:
        """What the model thought, as far as it was shown."""
        return "".join(part.text for part in self.parts if isinstance(part, Reasoning))

    @property
    def refusal(self) -> str:
        """The model's own words for not answering; empty where it answered."""
        return "".join(part.text for part in self.parts if isinstance(part, Refusal))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def system(text: str) -> Message:
    """Return a system message."""
    return Message("system", (Text(text),))


def user(text: str, *parts: Part) -> Message:
    """Return a user message: the words first, then any other parts."""
    return Message("user", (Text(text), *parts))


def assistant(text: str, *parts: Part) -> Message:
    """Return an assistant message: the words first, then any other parts."""
    return Message("assistant", (Text(text), *parts))


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool that is offered to the model.

    Attributes:
        name: At most 64 characters of letters, digits, `_` and `-`.
        description: What it does, for the model.
        parameters: JSON Schema of its arguments; None where it takes none.
        strict: Whether the provider must enforce the schema; None leaves it to the provider.
        custom: True for a tool that takes free text (OpenAI's custom tools); `format` then limits the text.
        format: The custom tool's format as OpenAI writes it in chat completions.
        hosted: A tool that the provider runs itself, as its dialect writes it; only `ChatRequest.dialect` can say it.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    custom: bool = False
    format: Any = None
    hosted: Any = None
    extra: Extra = {}


class ToolChoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the model must use a tool.

    Attributes:
        mode: auto, none or required.
        names: Where not empty, only these tools may be used. One name with `required` forces that tool.
    """

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()
    extra: Extra = {}


class OutputFormat(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form that the answer must have.

    Attributes:
        kind: `json_object` is any JSON object; `json_schema` is held to `schema`.
        schema: JSON Schema.
        name: The schema's name, at most 64 characters of letters, digits, `_` and `-`.
    """

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: Mapping[str, Any] | None = None
    name: str = ""
    description: str = ""
    strict: bool | None = None
    extra: Extra = {}


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question to a chat model, whoever serves it. None leaves a setting to the provider.

    Attributes:
        model: What the user named; inside the gateway, the provider's own model name.
        messages: The conversation, oldest first. System messages may stand anywhere.
        max_tokens: Upper bound of the answer in tokens, reasoning included.
        effort: How hard a reasoning model thinks.
        reasoning_summary: auto, concise or detailed: ask for the reasoning to be shown.
        thinking_budget: Upper bound of the reasoning in tokens, where a provider counts it so.
        cache_key: Requests with the same key share a long prefix.
        cache_ttl: How long the prefix is wanted in the provider's cache: "5m", "30m", "1h", "12h", "24h".
        n: How many answers.
        stream: True where the answer is wanted as it grows. Decides the wire form only; the events are the same.
        dialect: The dialect that the request was read from, whose `extra` fields it carries; empty for our own,
            whose `extra` fields the user typed for whoever answers.
        extra: Fields that are not known here.
    """

    model: str
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    effort: Effort | None = None
    reasoning_summary: str | None = None
    thinking_budget: int | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    modalities: tuple[str, ...] = ()
    service_tier: str | None = None
    cache_key: str | None = None
    cache_ttl: str | None = None
    user: str | None = None
    metadata: Mapping[str, str] | None = None
    store: bool | None = None
    stream: bool = False
    dialect: str = ""
    extra: Extra = {}


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an answer used, normalised: every provider's counts mean the same here.

    Attributes:
        input: Tokens that were read, cached and written ones included.
        cached: Of `input`, tokens that came from the provider's prompt cache.
        cache_write: Of `input`, tokens that were written to it.
        cache_write_1h: Of `cache_write`, tokens that are kept for an hour.
        output: Tokens that were made, reasoning included.
        reasoning: Of `output`, tokens of reasoning.
        input_audio: Of `input`, tokens of sound.
        output_audio: Of `output`, tokens of sound.
        seconds: Length of video that was made, in seconds.
        cost: What the provider itself says that it charged, in US dollars.
        estimated: True where a server gave no counts and these are ours.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    seconds: float = 0.0
    cost: float | None = None
    estimated: bool = False


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the answers.

    Attributes:
        message: The assistant's message.
        finish: Why it ended; None while it has not.
        detail: The provider's own word for it, or its explanation.
        logprobs: Token log probabilities in OpenAI's form.
    """

    message: Message
    finish: FinishReason | None = None
    detail: str = ""
    logprobs: tuple[Any, ...] = ()
    index: int = 0
    extra: Extra = {}


class ChatResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole answer.

    Attributes:
        id: The provider's id of the answer.
        model: The model that the provider says has answered.
        choices: The answers, by index.
        usage: None where the provider gave no counts.
        created: Seconds since 1970, as the provider says; 0 where it doesn't.
        dialect: The dialect that it was read from, whose `extra` fields it carries.
    """

    id: str = ""
    model: str = ""
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    created: int = 0
    dialect: str = ""
    extra: Extra = {}

    @property
    def message(self) -> Message:
        """The first answer's message; empty where there is none."""
        return self.choices[0].message if self.choices else Message("assistant")

    @property
    def text(self) -> str:
        """The first answer's words."""
        return self.message.text

    @property
    def finish(self) -> FinishReason | None:
        """Why the first answer ended."""
        return self.choices[0].finish if self.choices else None
