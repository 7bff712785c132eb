"""Reads a user's request: strict about what is known, and keeps what is not."""

from __future__ import annotations

from typing import Any, Literal

from ve_magics.dialects.fields import Fields, bad, decode_object
from ve_magics.dialects.messages.turns import decode_system, decode_turn
from ve_magics.dialects.messages.vocabulary import NAME
from ve_magics.messages import ChatRequest, Effort, Message, OutputFormat, Tool, ToolChoice

_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")


def decode_request(body: bytes, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Return the question in a request's body.

    Raises:
        BadRequestError: The body is no request of this dialect; `param` names the field.
    """
    fields = Fields(decode_object(body))
    asked = fields.text("model")
    if not (model or asked):
        raise fields.missing("model")
    most = fields.whole("max_tokens", 0)
    if most is None:
        raise fields.missing("max_tokens")
    messages = decode_system(fields) + _messages(fields)
    choice, parallel = _tool_choice(fields)
    effort, output = _output_config(fields)
    silent, budget, summary = _thinking(fields, effort)
    streamed = fields.flag("stream")
    return ChatRequest(
        model=model or asked or "",
        messages=messages,
        tools=tuple(
            _tool(item, f"tools[{number}]") for number, item in enumerate(fields.items("tools") or [])
        ),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        max_tokens=most,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.whole("top_k", 0),
        stop=fields.texts("stop_sequences"),
        effort="none" if silent else effort,
        reasoning_summary=summary,
        thinking_budget=budget,
        service_tier=_tier(fields),
        user=_user(fields),
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
    return tuple(decode_turn(item, f"messages[{number}]") for number, item in enumerate(items))


def _tool(value: Any, path: str) -> Tool:
    fields = Fields(value, path)
    kind = fields.rest.get("type")
    if kind not in (None, "custom"):
        name = fields.text("name") or fields.text("type") or ""
        return Tool(name, hosted=value)
    name = fields.need_text("name")
    description = fields.text("description") or ""
    schema = fields.object("input_schema")
    if schema is None:
        raise fields.missing("input_schema")
    return Tool(name, description, schema, fields.flag("strict"), extra=fields.rest)


def _tool_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    """Return how tools may be used, and whether several at a time."""
    value = fields.rest.get("tool_choice")
    if value is None:
        return None, None
    choice = Fields(value, "tool_choice")
    kind = choice.one_of("type", ("auto", "any", "none", "tool"))
    if kind is None:
        raise choice.missing("type")
    single = choice.flag("disable_parallel_tool_use")
    names = (choice.need_text("name"),) if kind == "tool" else ()
    mode: Literal["auto", "none", "required"] = "required" if kind in ("any", "tool") else kind
    fields.take("tool_choice")
    return ToolChoice(mode, names, choice.rest), None if single is None else not single


def _output_config(fields: Fields) -> tuple[Effort | None, OutputFormat | None]:
    """Take effort and form of the answer; what else is there stays."""
    value = fields.take("output_config")
    if value is None:
        return None, None
    config = Fields(value, "output_config")
    effort: Effort | None = config.one_of("effort", _EFFORTS)
    output: OutputFormat | None = None
    if config.rest.get("format") is not None:
        form = Fields(config.rest["format"], "output_config.format")
        kind = form.text("type")
        if kind is None:
            raise form.missing("type")
        if kind == "json_schema":
            schema = form.object("schema")
            if schema is None:
                raise form.missing("schema")
            output = OutputFormat("json_schema", schema, extra=form.rest)
            config.take("format")
    if config.rest:
        fields.rest["output_config"] = config.rest
    return effort, output


def _thinking(fields: Fields, effort: Effort | None) -> tuple[bool, int | None, str | None]:
    """Return whether thinking is off, its budget, and the wish to see it; what can't be said so stays as it came."""
    value = fields.rest.get("thinking")
    if value is None:
        return False, None, None
    thinking = Fields(value, "thinking")
    kind = thinking.text("type")
    if kind is None:
        raise thinking.missing("type")
    silent, budget, summary = False, None, None
    if kind == "disabled" and effort is None:
        silent = True
    elif kind == "enabled":
        budget = thinking.whole("budget_tokens", 1)
        if budget is None:
            raise thinking.missing("budget_tokens")
    elif kind == "adaptive" and thinking.rest.get("display") == "summarized":
        thinking.take("display")
        summary = "auto"
    else:
        return False, None, None
    fields.take("thinking")
    if thinking.rest:
        fields.rest["thinking"] = thinking.rest
    return silent, budget, summary


def _tier(fields: Fields) -> str | None:
    tier = fields.text("service_tier")
    return "default" if tier == "standard_only" else tier


def _user(fields: Fields) -> str | None:
    """Take the user's id; what else is in the metadata stays."""
    value = fields.take("metadata")
    if value is None:
        return None
    metadata = Fields(value, "metadata")
    user = metadata.text("user_id")
    if metadata.rest:
        fields.rest["metadata"] = metadata.rest
    return user
