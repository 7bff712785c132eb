"""Writes a request: only what is set, always in the same order, in the form that the provider wants."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from ve_magics.dialects.chat_completions.choice import NAME
from ve_magics.dialects.chat_completions.history import HistoryWriter, Wire
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest, OutputFormat, Tool, ToolChoice
from ve_magics.providers import Provider, Quirks

_DEPRECATED = frozenset({"functions", "function_call"})
"""Fields of old requests that are written as tools."""

_SAMPLING = ("temperature", "top_p", "top_k")

_UNSAYABLE = {
    "thinking_budget": "Use `effort`.",
    "reasoning_summary": "",
}
"""Canonical fields that the dialect has no word for, and what to do instead."""

_FIELDS = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("logit_bias", "logit_bias"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
    ("seed", "seed"),
    ("n", "n"),
    ("effort", "reasoning_effort"),
    ("verbosity", "verbosity"),
    ("service_tier", "service_tier"),
    ("user", "user"),
    ("metadata", "metadata"),
    ("store", "store"),
)
"""Fields whose values are the same on both sides: the canonical name and the wire's."""

_values = attrgetter(*(canonical for canonical, _ in _FIELDS))
_NOTHING = (None,) * len(_FIELDS)


def encode_request(request: ChatRequest, provider: Provider) -> WireRequest:
    """Return the request as this provider wants it.

    `cache_key` is a hint and left out where the provider has no use for it; `ToolResult.is_error` has no field
    here and is told by the result's own words; `tools.strict` false is what providers do without being told.

    Raises:
        UnsupportedError: The request holds something that the dialect or the provider can't say.
    """
    quirks = provider.quirks
    same = request.dialect == NAME
    _check(request, provider)
    messages = HistoryWriter(provider, same=same).write(request.messages)
    body: Wire = {"model": request.model, "messages": messages}
    if request.tools:
        body["tools"] = [_tool(tool, quirks, same=same) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice, request.tools, same=same)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    if request.output is not None:
        body["response_format"] = _output(request.output, same=same)
    if request.max_tokens is not None:
        body[quirks.max_tokens_field] = request.max_tokens
    values = _values(request)
    if values != _NOTHING:
        body |= {name: value for (_, name), value in zip(_FIELDS, values, strict=True) if value is not None}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.modalities:
        body["modalities"] = list(request.modalities)
    _cache(request, quirks, body)
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    if request.dialect in ("", NAME):
        if request.extra:
            with_extra(
                body, {name: value for name, value in request.extra.items() if name not in _DEPRECATED}
            )
        if request.stream and quirks.stream_usage and isinstance(body.get("stream_options"), dict):
            body["stream_options"] |= {"include_usage": True}
    return WireRequest(path="/chat/completions", body=msgspec.json.encode(body), stream=request.stream)


def _check(request: ChatRequest, provider: Provider) -> None:
    quirks = provider.quirks
    if request.thinking_budget is not None or request.reasoning_summary is not None:
        field = "reasoning_summary" if request.thinking_budget is None else "thinking_budget"
        raise UnsupportedError(field, NAME, hint=_UNSAYABLE[field])
    rejected = quirks.unsupported if quirks.sampling else (*quirks.unsupported, *_SAMPLING)
    for field in rejected:
        if getattr(request, field, None) not in (None, (), ""):
            raise UnsupportedError(field, provider.name, hint=f"Leave {field!r} out for this provider.")


def _tool(tool: Tool, quirks: Quirks, *, same: bool) -> Any:
    if tool.hosted is not None:
        if not same:
            raise UnsupportedError("tools.hosted", NAME)
        return tool.hosted
    body: Wire = {"name": tool.name}
    if tool.description:
        body["description"] = tool.description
    if tool.custom:
        if tool.format is not None:
            body["format"] = tool.format
        wire: Wire = {"type": "custom", "custom": body}
    else:
        if tool.parameters is not None:
            body["parameters"] = tool.parameters
        if tool.strict is not None and quirks.strict_tools:
            body["strict"] = tool.strict
        elif tool.strict:
            raise UnsupportedError("tools.strict", NAME, hint="This provider can't enforce a tool's schema.")
        wire = {"type": "function", "function": body}
    return with_extra(wire, tool.extra) if same else wire


def _tool_choice(choice: ToolChoice, tools: tuple[Tool, ...], *, same: bool) -> Any:
    if not choice.names or choice.mode == "none":
        return choice.mode
    custom = {tool.name for tool in tools if tool.custom}
    named: list[Wire] = []
    for name in choice.names:
        kind = "custom" if name in custom else "function"
        named.append({"type": kind, kind: {"name": name}})
    if choice.mode == "required" and len(named) == 1:
        wire = named[0]
    else:
        wire = {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}
    return with_extra(wire, choice.extra) if same else wire


def _output(output: OutputFormat, *, same: bool) -> Wire:
    wire: Wire = {"type": output.kind}
    if output.kind == "json_schema":
        schema: Wire = {"name": output.name or "answer"}
        if output.description:
            schema["description"] = output.description
        if output.schema is not None:
            schema["schema"] = output.schema
        if output.strict is not None:
            schema["strict"] = output.strict
        wire["json_schema"] = schema
    return with_extra(wire, output.extra) if same else wire


def _cache(request: ChatRequest, quirks: Quirks, body: Wire) -> None:
    """Ask for the prefix to be cached, in the way that the provider knows."""
    ttl = request.cache_ttl
    if quirks.cache_key:
        if request.cache_key is not None:
            body["prompt_cache_key"] = request.cache_key
        if ttl == "24h":
            body["prompt_cache_retention"] = ttl
        elif ttl == "30m":
            body["prompt_cache_options"] = {"mode": "implicit", "ttl": ttl}
        elif ttl is not None:
            raise UnsupportedError("cache_ttl", NAME, hint='Use "30m" or "24h" here.')
    elif quirks.cache_marks and (ttl in ("5m", "1h") or (ttl is None and request.cache_key is not None)):
        _mark(body["messages"], {"type": "ephemeral"} | ({"ttl": ttl} if ttl else {}))
    elif ttl is not None:
        raise UnsupportedError("cache_ttl", NAME)


def _mark(messages: list[Wire], mark: Wire) -> None:
    """Set Anthropic's mark at the end of the system text and at the end of the last message."""
    systems = [message for message in messages if message["role"] in ("system", "developer")]
    for message in [*systems[-1:], *messages[-1:]]:
        content = message["content"]
        if isinstance(content, str) and content:
            message["content"] = content = [{"type": "text", "text": content}]
        if isinstance(content, list):
            content[-1].setdefault("cache_control", mark)
