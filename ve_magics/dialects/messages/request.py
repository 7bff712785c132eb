"""Writes a request: only what is set, always in the same order, in the form that the model accepts."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.messages.history import HistoryWriter, System
from ve_magics.dialects.messages.marks import mark
from ve_magics.dialects.messages.rules import Rules, rules_of
from ve_magics.dialects.messages.sources import Wire
from ve_magics.dialects.messages.thinking import encode_thinking
from ve_magics.dialects.messages.vocabulary import NAME, VERSION
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest, OutputFormat, Tool, ToolChoice
from ve_magics.providers import Provider

_UNSAYABLE: dict[str, tuple[Any, ...]] = {
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "seed": (None,),
    "n": (None, 1),
    "verbosity": (None,),
    "modalities": ((), ("text",)),
    "metadata": (None, {}),
    "store": (None, False),
}
"""Canonical fields that the dialect has no word for, and the values that mean what it does anyway."""

_SAMPLING = ("temperature", "top_p", "top_k")
_NO_SAMPLING_VERSION = "2026-10-21"
_MODES = {"auto": "auto", "none": "none", "required": "any"}
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_INSTRUCTION = "Answer with a single JSON object and nothing else."


def encode_request(request: ChatRequest, provider: Provider) -> WireRequest:
    """Return the request as this provider and model want it.

    `max_tokens` is supplied where it is missing, because the wire requires it. `cache_key`, `Image.detail` and the
    name of an output schema are hints and left out. A temperature above 1 is 1. `json_object` is asked for in words.

    Raises:
        UnsupportedError: The request holds something that the dialect, the provider or the model can't say.
    """
    rules = rules_of(request.model)
    same = request.dialect == NAME
    _check(request, provider)
    system, messages = HistoryWriter(provider, same=same).write(request.messages)
    thinking, effort = encode_thinking(request, rules, same=same)
    budget: int = (thinking or {}).get("budget_tokens", 0)
    most = rules.max_tokens + budget if request.max_tokens is None else request.max_tokens
    body: Wire = {"model": request.model, "max_tokens": most}
    if request.output is not None and request.output.kind == "json_object":
        system = _instructed(system)
    if system:
        body["system"] = system
    body["messages"] = messages
    _tools(request, provider, rules, body, same=same)
    if thinking is not None:
        body["thinking"] = thinking
    config: Wire = {"effort": effort} if effort else {}
    if request.output is not None and request.output.kind == "json_schema":
        config["format"] = _format(request.output, same=same)
    if config:
        body["output_config"] = config
    _sampling(request, provider, rules, body)
    if request.stop:
        body["stop_sequences"] = _stops(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        body["service_tier"] = _tier(request.service_tier, same=same)
    if request.stream:
        body["stream"] = True
    if request.dialect in ("", NAME):
        with_extra(body, request.extra)
    _cache(request, provider, rules, body)
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    if not any(name.lower() == "anthropic-version" for name, _ in provider.headers):
        headers = (*headers, ("anthropic-version", VERSION))
    return WireRequest("/messages", msgspec.json.encode(body), headers=headers, stream=request.stream)


def _check(request: ChatRequest, provider: Provider) -> None:
    for field, harmless in _UNSAYABLE.items():
        if getattr(request, field) not in harmless:
            raise UnsupportedError(field, NAME)
    for field in provider.quirks.unsupported:
        if getattr(request, field, None) not in (None, (), ""):
            raise UnsupportedError(field, provider.name, hint=f"Leave {field!r} out for this provider.")


def _instructed(system: System) -> System:
    if isinstance(system, str):
        return f"{system}\n\n{_INSTRUCTION}" if system else _INSTRUCTION
    return [*system, {"type": "text", "text": _INSTRUCTION}]


def _tools(request: ChatRequest, provider: Provider, rules: Rules, body: Wire, *, same: bool) -> None:
    """Write the tools and how they may be used; where only some are allowed, only those are offered."""
    choice = request.tool_choice
    tools = request.tools
    if choice is not None and choice.names and not _named(choice):
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    if tools:
        body["tools"] = [_tool(tool, provider, same=same) for tool in tools]
    parallel = request.parallel_tool_calls
    if choice is None and parallel is False and tools:
        choice = ToolChoice("auto")
    if choice is None or (not tools and choice.mode != "required"):
        return
    if choice.mode == "required" and not rules.forced_tools:
        raise UnsupportedError(
            "tool_choice", request.model, hint="This model can't be forced to call a tool: use auto."
        )
    wire: Wire = (
        {"type": "tool", "name": choice.names[0]} if _named(choice) else {"type": _MODES[choice.mode]}
    )
    if parallel is not None and choice.mode != "none":
        wire["disable_parallel_tool_use"] = not parallel
    body["tool_choice"] = with_extra(wire, choice.extra) if same else wire


def _named(choice: ToolChoice) -> bool:
    return choice.mode == "required" and len(choice.names) == 1


def _tool(tool: Tool, provider: Provider, *, same: bool) -> Any:
    if tool.hosted is not None:
        if not same:
            raise UnsupportedError("tools.hosted", NAME)
        return tool.hosted
    if tool.custom:
        raise UnsupportedError("tools.custom", NAME, hint="Offer a tool whose arguments are a JSON object.")
    wire: Wire = {"name": tool.name}
    if tool.description:
        wire["description"] = tool.description
    wire["input_schema"] = {"type": "object", "properties": {}}
    if tool.parameters:
        wire["input_schema"] = {"type": "object", **tool.parameters}
    if tool.strict is not None and provider.quirks.strict_tools:
        wire["strict"] = tool.strict
    elif tool.strict:
        raise UnsupportedError("tools.strict", provider.name, hint="It can't enforce a tool's schema.")
    return with_extra(wire, tool.extra) if same else wire


def _format(output: OutputFormat, *, same: bool) -> Wire:
    if output.schema is None:
        raise UnsupportedError("output.schema", NAME, message="A JSON Schema must be given.")
    wire: Wire = {"type": "json_schema", "schema": output.schema}
    return with_extra(wire, output.extra) if same else wire


def _sampling(request: ChatRequest, provider: Provider, rules: Rules, body: Wire) -> None:
    """Write the sampling parameters; where only their defaults are accepted, the defaults are left out."""
    fixed = rules.sampling == "default" or not provider.quirks.sampling
    newer = ("anthropic-version", _NO_SAMPLING_VERSION)
    fixed = fixed or any((name.lower(), value) == newer for name, value in provider.headers)
    if rules.sampling == "one" and request.temperature is not None and request.top_p is not None:
        raise UnsupportedError(
            "top_p", request.model, hint="This model takes temperature or top_p, not both."
        )
    for field in _SAMPLING:
        value = getattr(request, field)
        if value is None or (fixed and value == 1 and field != "top_k"):
            continue
        if fixed:
            raise UnsupportedError(field, request.model, hint=f"Leave {field!r} out for this model.")
        body[field] = min(value, 1.0) if field == "temperature" else value


def _stops(stops: tuple[str, ...]) -> list[str]:
    if not all(stop.strip() for stop in stops):
        raise UnsupportedError("stop", NAME, hint="A stop sequence must hold more than white space.")
    return list(stops)


def _tier(tier: str, *, same: bool) -> str:
    if tier not in _TIERS and not same:
        raise UnsupportedError("service_tier", NAME, hint='Use "auto" or "default" here.')
    return _TIERS.get(tier, tier)


def _cache(request: ChatRequest, provider: Provider, rules: Rules, body: Wire) -> None:
    ttl = request.cache_ttl
    if not provider.quirks.cache_marks:
        if ttl is not None:
            raise UnsupportedError("cache_ttl", provider.name)
        return
    if ttl not in (None, "5m", "1h"):
        raise UnsupportedError("cache_ttl", NAME, hint='Use "5m" or "1h" here.')
    answered = any(turn["role"] == "assistant" for turn in body["messages"])
    again = answered or bool(request.tools) or ttl is not None or request.cache_key is not None
    mark(body, ttl=ttl, least=rules.cacheable, again=again)
