"""Writes a request: only what is set, always in the same order, and nothing that the provider has to remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.responses.history import HistoryWriter, Wire
from ve_magics.dialects.responses.naming import NAME
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest, OutputFormat, Tool, ToolChoice
from ve_magics.providers import Provider, Quirks

REASONING = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"

_UNSAYABLE = {
    "top_k": "",
    "presence_penalty": "",
    "frequency_penalty": "",
    "logit_bias": "",
    "seed": "",
    "stop": "Cut the answer yourself, or ask over chat completions.",
    "thinking_budget": "Use `effort`.",
}
"""Canonical fields that the dialect has no word for, and what to do instead."""

_SAMPLING = ("temperature", "top_p")

_FIELDS = (
    ("max_tokens", "max_output_tokens"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("top_logprobs", "top_logprobs"),
    ("parallel_tool_calls", "parallel_tool_calls"),
    ("service_tier", "service_tier"),
    ("user", "user"),
    ("metadata", "metadata"),
)
"""Fields whose values are the same on both sides: the canonical name and the wire's."""


def encode_request(request: ChatRequest, provider: Provider) -> WireRequest:
    """Return the request as this provider wants it.

    The provider is asked not to store the answer, unless `store` says otherwise, and to hand out its reasoning, so
    that the next request can bring it along. `cache_key` is a hint and left out where the provider has no use for
    it; `ToolResult.is_error` has no field here and is told by the result's own words.

    Raises:
        UnsupportedError: The request holds something that the dialect or the provider can't say.
    """
    same = request.dialect == NAME
    _check(request, provider)
    history = HistoryWriter(provider, same=same)
    instructions, messages = history.instructions(request.messages)
    body: Wire = {"model": request.model}
    if instructions is not None:
        body["instructions"] = instructions
    body["input"] = history.write(messages)
    body |= encode_settings(request, provider.quirks)
    body["store"] = bool(request.store)
    extra: Mapping[str, Any] = request.extra if request.dialect in ("", NAME) else {}
    body["include"] = _include(request, extra)
    _cache(request, provider.quirks, body)
    if request.stream:
        body["stream"] = True
    return WireRequest(
        path="/responses", body=msgspec.json.encode(with_extra(body, extra)), stream=request.stream
    )


def encode_settings(request: ChatRequest, quirks: Quirks) -> Wire:
    """Return the fields that a response repeats: tools, the form of the answer, limits and sampling."""
    same = request.dialect == NAME
    body: Wire = {}
    if request.tools:
        body["tools"] = [_tool(tool, quirks, same=same) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice, request.tools, same=same)
    text: Wire = {}
    if request.output is not None:
        text["format"] = _output(request.output, same=same)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text
    reasoning = {"effort": request.effort, "summary": request.reasoning_summary}
    if any(reasoning.values()):
        body["reasoning"] = {name: value for name, value in reasoning.items() if value is not None}
    for canonical, name in _FIELDS:
        value = getattr(request, canonical)
        if value is not None:
            body[name] = value
    return body


def _check(request: ChatRequest, provider: Provider) -> None:
    quirks = provider.quirks
    for field, hint in _UNSAYABLE.items():
        if getattr(request, field) not in (None, ()):
            raise UnsupportedError(field, NAME, hint=hint)
    if request.n not in (None, 1):
        raise UnsupportedError("n", NAME, hint="Ask several times.")
    if request.modalities not in ((), ("text",)):
        raise UnsupportedError("modalities", NAME)
    rejected = quirks.unsupported if quirks.sampling else (*quirks.unsupported, *_SAMPLING)
    for field in rejected:
        if getattr(request, field, None) not in (None, (), ""):
            raise UnsupportedError(field, provider.name, hint=f"Leave {field!r} out for this provider.")


def _include(request: ChatRequest, extra: Mapping[str, Any]) -> list[Any]:
    wanted = [REASONING, *([LOGPROBS] if request.logprobs else [])]
    more = extra.get("include")
    return wanted + [item for item in (more if isinstance(more, list) else []) if item not in wanted]


def _tool(tool: Tool, quirks: Quirks, *, same: bool) -> Any:
    if tool.hosted is not None:
        if not same:
            raise UnsupportedError("tools.hosted", NAME)
        return tool.hosted
    wire: Wire = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description:
        wire["description"] = tool.description
    if tool.custom:
        if tool.format is not None:
            wire["format"] = _flat(tool.format)
    else:
        wire["parameters"] = tool.parameters
        if quirks.strict_tools:
            if tool.strict is not None or not same:
                wire["strict"] = bool(tool.strict)
        elif tool.strict:
            raise UnsupportedError("tools.strict", NAME, hint="This provider can't enforce a tool's schema.")
    return with_extra(wire, tool.extra) if same else wire


def _flat(format_: Any) -> Any:
    """Return a custom tool's format as it is written here: a grammar's fields stand beside its type."""
    grammar = format_.get("grammar") if isinstance(format_, Mapping) else None
    if not isinstance(grammar, Mapping):
        return format_
    rest = {name: value for name, value in format_.items() if name != "grammar"}
    return rest | dict(grammar)


def _tool_choice(choice: ToolChoice, tools: tuple[Tool, ...], *, same: bool) -> Any:
    if not choice.names or choice.mode == "none":
        return choice.mode
    custom = {tool.name for tool in tools if tool.custom}
    named: list[Wire] = [
        {"type": "custom" if name in custom else "function", "name": name} for name in choice.names
    ]
    listed = same and choice.extra.get("type") == "allowed_tools"
    if choice.mode == "required" and len(named) == 1 and not listed:
        wire = named[0]
    else:
        wire = {"type": "allowed_tools", "mode": choice.mode, "tools": named}
    return with_extra(wire, choice.extra) if same else wire


def _output(output: OutputFormat, *, same: bool) -> Wire:
    wire: Wire = {"type": output.kind}
    if output.kind == "json_schema":
        wire |= {"name": output.name or "answer", "schema": output.schema or {}}
        if output.description:
            wire["description"] = output.description
        if output.strict is not None:
            wire["strict"] = output.strict
    return with_extra(wire, output.extra) if same else wire


def _cache(request: ChatRequest, quirks: Quirks, body: Wire) -> None:
    """Ask for the prefix to be cached, in the way that the provider knows."""
    ttl = request.cache_ttl
    if quirks.cache_key and request.cache_key is not None:
        body["prompt_cache_key"] = request.cache_key
    if ttl is None:
        return
    if quirks.cache_key and ttl == "24h":
        body["prompt_cache_retention"] = ttl
    elif quirks.cache_key and ttl in ("30m", "12h"):
        body["prompt_cache_options"] = {"mode": "implicit", "ttl": ttl}
    else:
        hint = 'Use "30m", "12h" or "24h" here.' if quirks.cache_key else ""
        raise UnsupportedError("cache_ttl", NAME, hint=hint)
