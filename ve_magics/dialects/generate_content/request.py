"""Writes a request: only what is set, always in the same order."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.generate_content import models
from ve_magics.dialects.generate_content.history import HistoryWriter, Wire
from ve_magics.dialects.generate_content.prefixes import LIFETIMES
from ve_magics.dialects.generate_content.wire import NAME
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest, OutputFormat, Tool, ToolChoice
from ve_magics.providers import Provider

_SAMPLING = ("temperature", "top_p", "top_k")

_UNSAYABLE = {
    "logit_bias": "",
    "verbosity": "",
    "user": "",
}
"""Canonical fields that the dialect has no word for, and what to do instead."""

_CONFIG = (
    ("max_tokens", "maxOutputTokens"),
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
    ("seed", "seed"),
    ("n", "candidateCount"),
)
"""Fields of `generationConfig` whose values are the same on both sides: the canonical name and the wire's."""

_FIELDS = (("service_tier", "serviceTier"), ("metadata", "labels"), ("store", "store"))

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def encode_request(request: ChatRequest, provider: Provider) -> WireRequest:
    """Return the request as generateContent wants it.

    `cache_key` and `Image.detail` are hints and left out; names of schemas and of files have no field. Tools that
    must be strict are called in the mode `VALIDATED`, which holds all calls to their schemas. `cache_ttl` is no field
    either, but says that the request's beginning is worth a call of its own (`prefixes`).

    Raises:
        UnsupportedError: The request holds something that the dialect or the provider can't say.
    """
    check(request, provider, _UNSAYABLE)
    _check_lifetime(request, provider)
    same = request.dialect == NAME
    system, contents = HistoryWriter(request, provider).write()
    if not contents:
        raise UnsupportedError("messages", NAME, hint="Ask something: there are no words of a user.")
    body: Wire = {"contents": contents}
    if system:
        body["systemInstruction"] = system
    if request.tools:
        body["tools"] = _tools(request.tools, same=same)
    calling = _calling(request.tool_choice, request.tools, provider, same=same)
    if calling:
        body["toolConfig"] = {"functionCallingConfig": calling}
    config = _config(request, same=same)
    if config:
        body["generationConfig"] = config
    for canonical, name in _FIELDS:
        value = getattr(request, canonical)
        if value is not None:
            body[name] = value
    if request.dialect in ("", NAME):
        with_extra(body, request.extra)
    if body.get("toolConfig", {}).get("functionCallingConfig", {}).get("streamFunctionCallArguments"):
        raise UnsupportedError("tool_choice.streamFunctionCallArguments", NAME)
    return WireRequest(
        path=models.path(request.model, "streamGenerateContent" if request.stream else "generateContent"),
        body=msgspec.json.encode(body),
        query=(("alt", "sse"),) if request.stream else (),
        stream=request.stream,
    )


def check(request: ChatRequest, provider: Provider, unsayable: dict[str, str]) -> None:
    """Refuse what the dialect has no word for and what the provider rejects.

    Raises:
        UnsupportedError: There is such a field.
    """
    for field, hint in unsayable.items():
        if getattr(request, field) is not None:
            raise UnsupportedError(field, NAME, hint=hint)
    if request.parallel_tool_calls is False:
        raise UnsupportedError("parallel_tool_calls", NAME)
    quirks = provider.quirks
    for field in quirks.unsupported if quirks.sampling else (*quirks.unsupported, *_SAMPLING):
        if getattr(request, field, None) not in (None, (), ""):
            raise UnsupportedError(field, provider.name, hint=f"Leave {field!r} out for this provider.")


def _check_lifetime(request: ChatRequest, provider: Provider) -> None:
    """Refuse a lifetime of the prefix that nobody here would see to."""
    if request.cache_ttl is None:
        return
    if not provider.quirks.cached_contents or request.dialect not in ("", NAME):
        hint = "Here prefixes are cached without being asked for."
        raise UnsupportedError("cache_ttl", NAME, hint=hint)
    if request.cache_ttl not in LIFETIMES:
        raise UnsupportedError("cache_ttl", NAME, hint=f"Use one of {', '.join(LIFETIMES)}.")


def _config(request: ChatRequest, *, same: bool) -> Wire:
    config: Wire = {}
    for canonical, name in _CONFIG:
        value = getattr(request, canonical)
        if value is not None:
            config[name] = value
    if request.stop:
        config["stopSequences"] = list(request.stop)
    if request.modalities:
        config["responseModalities"] = [kind.upper() for kind in request.modalities]
    if request.output is not None:
        _output(request.output, config, same=same)
    thinking = _thinking(request)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _output(output: OutputFormat, config: Wire, *, same: bool) -> None:
    config["responseMimeType"] = "text/plain" if output.kind == "text" else "application/json"
    if output.kind != "json_schema":
        return
    if same and "responseSchema" in output.extra:
        config["responseSchema"] = output.extra["responseSchema"]
        return
    schema = dict(output.schema or {"type": "object"})
    if output.description:
        schema.setdefault("description", output.description)
    config["responseJsonSchema"] = schema


def _thinking(request: ChatRequest) -> Wire:
    """Return how hard the model is to think: in levels, or in tokens where that is what it knows."""
    config: Wire = {}
    budget, effort = request.thinking_budget, request.effort
    if budget is not None and effort is not None and not models.budgeted(request.model):
        raise UnsupportedError("thinking_budget", NAME, hint="Use either `effort` or `thinking_budget`.")
    if budget is not None:
        config["thinkingBudget"] = budget
    elif effort is not None and models.budgeted(request.model):
        config["thinkingBudget"] = models.BUDGETS[effort]
    elif effort is not None:
        config["thinkingLevel"] = models.LEVELS[effort]
    if request.reasoning_summary is not None:
        config["includeThoughts"] = True
    return config


def _tools(tools: tuple[Tool, ...], *, same: bool) -> list[Any]:
    wire: list[Any] = []
    group: list[Wire] | None = None
    for tool in tools:
        if tool.hosted is not None:
            if not same:
                raise UnsupportedError("tools.hosted", NAME)
            wire.append(tool.hosted)
            group = None
            continue
        if group is None:
            group = []
            wire.append({"functionDeclarations": group})
        group.append(_declaration(tool, same=same))
    return wire


def _declaration(tool: Tool, *, same: bool) -> Wire:
    if tool.custom:
        raise UnsupportedError("tools.custom", NAME)
    wire: Wire = {"name": tool.name}
    if tool.description:
        wire["description"] = tool.description
    if tool.parameters is not None and not (same and "parameters" in tool.extra):
        wire["parametersJsonSchema"] = tool.parameters
    return with_extra(wire, tool.extra) if same else wire


def _calling(
    choice: ToolChoice | None, tools: tuple[Tool, ...], provider: Provider, *, same: bool
) -> Wire | None:
    strict = any(tool.strict for tool in tools)
    if strict and not provider.quirks.strict_tools:
        raise UnsupportedError("tools.strict", NAME, hint="This provider can't enforce a tool's schema.")
    if choice is None:
        return {"mode": "VALIDATED"} if strict else None
    mode = _MODES[choice.mode]
    if mode == "AUTO" and (strict or choice.names):
        mode = "VALIDATED"
    extra = dict(choice.extra) if same else {}
    wire: Wire = {"mode": extra.pop("mode", mode)}
    if choice.names and mode != "NONE":
        wire["allowedFunctionNames"] = list(choice.names)
    return with_extra(wire, extra)
