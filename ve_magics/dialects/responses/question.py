"""Reads a user's request: strict about what is known, and keeps what is not."""

from __future__ import annotations

from typing import Any, get_args

from ve_magics.dialects.fields import Fields, decode_object
from ve_magics.dialects.responses.history import INSTRUCTIONS
from ve_magics.dialects.responses.naming import NAME
from ve_magics.dialects.responses.request import LOGPROBS, REASONING
from ve_magics.dialects.responses.turns import decode_turns
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest, Effort, Message, OutputFormat, Text, Tool, ToolChoice

_KEPT_HERE = {
    "previous_response_id": "Send the earlier items in `input`.",
    "conversation": "Send the earlier items in `input`.",
    "background": "Ask with `stream`, or wait for the answer.",
}
"""Fields that need a server which remembers, and what to do instead."""

_EFFORTS = get_args(Effort)


def decode_request(body: bytes, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Return the question in a request's body.

    `store` is forgotten unless it is true: nothing is kept here, and providers are asked to keep nothing.

    Raises:
        BadRequestError: The body is no request of this dialect; `param` names the field.
        UnsupportedError: It builds on something that would have to be kept between requests.
    """
    fields = Fields(decode_object(body))
    asked = fields.text("model")
    if not (model or asked):
        raise fields.missing("model")
    _refuse_memory(fields)
    messages = _messages(fields)
    text, reasoning = _object(fields, "text"), _object(fields, "reasoning")
    tools = tuple(_tool(item, f"tools[{number}]") for number, item in enumerate(fields.items("tools") or []))
    output = _output(text)
    streamed = fields.flag("stream")
    return ChatRequest(
        model=model or asked or "",
        messages=messages,
        tools=tools,
        tool_choice=_tool_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        output=output,
        max_tokens=fields.whole("max_output_tokens", 1),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        logprobs=_include(fields),
        top_logprobs=fields.whole("top_logprobs", 0),
        effort=reasoning.one_of("effort", _EFFORTS),
        reasoning_summary=reasoning.text("summary"),
        verbosity=text.one_of("verbosity", ("low", "medium", "high")),
        service_tier=fields.text("service_tier"),
        cache_key=fields.text("prompt_cache_key"),
        cache_ttl=_cache_ttl(fields),
        user=fields.text("user"),
        metadata=fields.table("metadata", (str,), "a string"),
        store=fields.flag("store") or None,
        stream=bool(streamed) if stream is None else stream,
        dialect=NAME,
        extra=_left(fields, text, reasoning),
    )


def _refuse_memory(fields: Fields) -> None:
    for name, hint in _KEPT_HERE.items():
        if fields.take(name) not in (None, False):
            raise UnsupportedError(
                name,
                NAME,
                message=f"{name!r} can't be served: nothing is kept here between requests.",
                hint=hint,
            )


def _object(fields: Fields, name: str) -> Fields:
    """Take an object that may be absent."""
    return Fields(fields.object(name) or {}, name)


def _messages(fields: Fields) -> tuple[Message, ...]:
    instructions = fields.text("instructions")
    if fields.rest.get("input") is None:
        raise fields.missing("input")
    messages = decode_turns(fields.take("input"), "input")
    if not instructions:
        return messages
    return (Message("system", (Text(instructions),), extra={INSTRUCTIONS: True}), *messages)


def _left(fields: Fields, *inner: Fields) -> dict[str, Any]:
    """Return what nobody took, that of the inner objects in their place."""
    rest = {part.path: part.rest for part in inner if part.rest}
    return {name: value for name, value in fields.rest.items() if value is not None} | rest


def _include(fields: Fields) -> bool | None:
    """Take the wishes that are known; the rest stays."""
    wanted = fields.items("include") or []
    rest = [item for item in wanted if item not in (REASONING, LOGPROBS)]
    if rest:
        fields.rest["include"] = rest
    return True if LOGPROBS in wanted else None


def _tool(value: Any, path: str) -> Tool:
    fields = Fields(value, path)
    kind = fields.text("type")
    if kind is None:
        raise fields.missing("type")
    if kind not in ("function", "custom"):
        return Tool(kind, hosted=value)
    name, description = fields.need_text("name"), fields.text("description") or ""
    if kind == "custom":
        return Tool(name, description, custom=True, format=_nested(fields), extra=fields.rest)
    parameters, strict = fields.object("parameters"), fields.flag("strict")
    return Tool(name, description, parameters, strict, extra=fields.rest)


def _nested(fields: Fields) -> Any:
    """Take a custom tool's format and return it in the canonical form, where a grammar is an object of its own."""
    format_ = fields.object("format")
    if format_ is None or format_.get("type") != "grammar":
        return format_
    grammar = {name: value for name, value in format_.items() if name != "type"}
    return {"type": "grammar", "grammar": grammar}


def _tool_choice(fields: Fields) -> ToolChoice | None:
    """Take the choice where it is about the user's own tools; else it stays as it came."""
    value = fields.rest.get("tool_choice")
    if value is None or isinstance(value, str):
        mode = fields.one_of("tool_choice", ("auto", "none", "required"))
        return None if mode is None else ToolChoice(mode)
    choice = Fields(value, "tool_choice")
    kind = choice.text("type")
    if kind is None:
        raise choice.missing("type")
    names: tuple[str, ...]
    if kind in ("function", "custom"):
        mode, names = "required", (choice.need_text("name"),)
    elif kind == "allowed_tools":
        mode = choice.one_of("mode", ("auto", "required")) or "auto"
        tools = [
            Fields(item, f"{choice.at('tools')}[{number}]")
            for number, item in enumerate(choice.items("tools") or [])
        ]
        if not tools:
            raise choice.missing("tools")
        if any(tool.text("type") not in (None, "function", "custom") for tool in tools):
            return None
        names = tuple(tool.need_text("name") for tool in tools)
        if mode == "required" and len(names) == 1:
            choice.rest["type"] = kind  # says the same as a forced tool, and is written as it came
    else:
        return None
    del fields.rest["tool_choice"]
    return ToolChoice(mode, names, choice.rest)


def _output(text: Fields) -> OutputFormat | None:
    value = text.rest.get("format")
    if value is None:
        return None
    fields = Fields(value, text.at("format"))
    kind = fields.text("type")
    if kind is None:
        raise fields.missing("type")
    if kind not in ("text", "json_object", "json_schema"):
        return None
    del text.rest["format"]
    if kind != "json_schema":
        return OutputFormat("text" if kind == "text" else "json_object", extra=fields.rest)
    name, schema = fields.need_text("name"), fields.object("schema")
    if schema is None:
        raise fields.missing("schema")
    return OutputFormat(
        "json_schema", schema, name, fields.text("description") or "", fields.flag("strict"), fields.rest
    )


def _cache_ttl(fields: Fields) -> str | None:
    """Take the wish for the cache where it says no more than how long; else it stays as it came."""
    if fields.rest.get("prompt_cache_retention") == "24h":
        return fields.text("prompt_cache_retention")
    options = fields.rest.get("prompt_cache_options")
    for ttl in ("30m", "12h"):
        if options == {"mode": "implicit", "ttl": ttl}:
            del fields.rest["prompt_cache_options"]
            return ttl
    return None
