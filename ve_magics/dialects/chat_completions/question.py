"""Reads a user's request: strict about what is known, and keeps what is not."""

from __future__ import annotations

from typing import Any, get_args

from ve_magics.dialects.chat_completions.choice import NAME
from ve_magics.dialects.chat_completions.turns import TurnReader
from ve_magics.dialects.fields import Fields, bad, decode_object
from ve_magics.messages import ChatRequest, Effort, Message, OutputFormat, Tool, ToolChoice

_NUMBER = (int, float)
_EFFORTS = get_args(Effort)


def decode_request(body: bytes, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Return the question in a request's body.

    `stream_options` stays in `extra`, because the reply's encoder looks there; so do the deprecated `functions` and
    `function_call`, which are read as tools besides.

    Raises:
        BadRequestError: The body is no request of this dialect; `param` names the field.
    """
    fields = Fields(decode_object(body))
    asked = fields.text("model")
    if not (model or asked):
        raise fields.missing("model")
    messages = _messages(fields)
    tools = [_tool(item, f"tools[{number}]") for number, item in enumerate(fields.items("tools") or [])]
    choice = _tool_choice(fields)
    tools, choice = _old_functions(fields, tools, choice)
    new, old = fields.whole("max_completion_tokens", 1), fields.whole("max_tokens", 1)
    streamed = fields.flag("stream")
    if fields.rest.get("stream_options") is not None:
        Fields(fields.rest["stream_options"], "stream_options").flag("include_usage")
    return ChatRequest(
        model=model or asked or "",
        messages=messages,
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        output=_output(fields),
        max_tokens=old if new is None else new,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.whole("top_k"),
        presence_penalty=fields.number("presence_penalty"),
        frequency_penalty=fields.number("frequency_penalty"),
        logit_bias=fields.table("logit_bias", _NUMBER, "a number"),
        logprobs=fields.flag("logprobs"),
        top_logprobs=fields.whole("top_logprobs", 0),
        seed=fields.whole("seed"),
        stop=fields.texts("stop"),
        n=fields.whole("n", 1),
        effort=fields.one_of("reasoning_effort", _EFFORTS),
        verbosity=fields.one_of("verbosity", ("low", "medium", "high")),
        modalities=fields.texts("modalities"),
        service_tier=fields.text("service_tier"),
        cache_key=fields.text("prompt_cache_key"),
        cache_ttl=_cache_ttl(fields),
        user=fields.text("user"),
        metadata=fields.table("metadata", (str,), "a string"),
        store=fields.flag("store"),
        stream=bool(streamed) if stream is None else stream,
        dialect=NAME,
        extra={name: value for name, value in fields.rest.items() if value is not None},
    )


def _messages(fields: Fields) -> tuple[Message, ...]:
    items = fields.items("messages")
    if items is None:
        raise fields.missing("messages")
    if not items:
        raise bad("messages must hold at least one message.", "messages")
    reader = TurnReader()
    return tuple(reader.read(item, f"messages[{number}]") for number, item in enumerate(items))


def _tool(value: Any, path: str) -> Tool:
    fields = Fields(value, path)
    kind = fields.text("type")
    if kind is None:
        raise fields.missing("type")
    if kind not in ("function", "custom"):
        return Tool(kind, hosted=value)
    inner = fields.inner(kind)
    tool = _function(inner) if kind == "function" else _custom(inner)
    extra = fields.rest | ({kind: inner.rest} if inner.rest else {})
    return Tool(
        tool.name, tool.description, tool.parameters, tool.strict, tool.custom, tool.format, extra=extra
    )


def _function(fields: Fields) -> Tool:
    return Tool(
        fields.need_text("name"),
        fields.text("description") or "",
        fields.object("parameters"),
        fields.flag("strict"),
    )


def _custom(fields: Fields) -> Tool:
    name = fields.need_text("name")
    return Tool(name, fields.text("description") or "", custom=True, format=fields.object("format"))


def _tool_choice(fields: Fields) -> ToolChoice | None:
    value = fields.rest.get("tool_choice")
    if value is None or isinstance(value, str):
        mode = fields.one_of("tool_choice", ("auto", "none", "required"))
        return None if mode is None else ToolChoice(mode)
    choice = Fields(value, "tool_choice")
    kind = choice.text("type")
    if kind is None:
        raise choice.missing("type")
    if kind in ("function", "custom"):
        names: tuple[str, ...] = (choice.inner(kind).need_text("name"),)
        mode = "required"
    elif kind == "allowed_tools":
        inner = choice.inner(kind)
        mode = inner.one_of("mode", ("auto", "required")) or "auto"
        names = tuple(
            _allowed(item, f"{inner.at('tools')}[{number}]")
            for number, item in enumerate(inner.items("tools") or [])
        )
        if not names:
            raise inner.missing("tools")
    else:
        return None
    del fields.rest["tool_choice"]
    return ToolChoice(mode, names, choice.rest)


def _allowed(value: Any, path: str) -> str:
    tool = Fields(value, path)
    kind = tool.one_of("type", ("function", "custom")) or "function"
    return tool.inner(kind).need_text("name")


def _old_functions(
    fields: Fields, tools: list[Tool], choice: ToolChoice | None
) -> tuple[list[Tool], ToolChoice | None]:
    """Read the predecessors of tools; they stay in the rest, as the sign that the reply must speak of them."""
    items = Fields(fields.rest).items("functions")
    if not items:
        return tools, choice
    for number, item in enumerate(items):
        tools.append(_function(Fields(item, f"functions[{number}]")))
    called = fields.rest.get("function_call")
    if isinstance(called, str):
        mode = Fields(fields.rest).one_of("function_call", ("auto", "none"))
        choice = ToolChoice(mode)
    elif called is not None:
        choice = ToolChoice("required", (Fields(called, "function_call").need_text("name"),))
    return tools, choice


def _output(fields: Fields) -> OutputFormat | None:
    value = fields.rest.get("response_format")
    if value is None:
        return None
    outer = Fields(value, "response_format")
    kind = outer.text("type")
    if kind is None:
        raise outer.missing("type")
    if kind not in ("text", "json_object", "json_schema"):
        return None
    del fields.rest["response_format"]
    if kind != "json_schema":
        return OutputFormat("text" if kind == "text" else "json_object", extra=outer.rest)
    inner = outer.inner("json_schema")
    return OutputFormat(
        "json_schema",
        inner.object("schema"),
        inner.need_text("name"),
        inner.text("description") or "",
        inner.flag("strict"),
        outer.rest | ({"json_schema": inner.rest} if inner.rest else {}),
    )


def _cache_ttl(fields: Fields) -> str | None:
    """Take the wish for the cache where it says no more than how long; else it stays as it came."""
    if fields.rest.get("prompt_cache_retention") == "24h":
        return fields.text("prompt_cache_retention")
    if fields.rest.get("prompt_cache_options") == {"mode": "implicit", "ttl": "30m"}:
        del fields.rest["prompt_cache_options"]
        return "30m"
    return None
