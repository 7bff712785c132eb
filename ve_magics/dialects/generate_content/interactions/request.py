"""Writes a request of the Interactions API, with the whole conversation in it."""

from __future__ import annotations

from typing import Any

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.generate_content import models
from ve_magics.dialects.generate_content.interactions.steps import StepWriter, Wire
from ve_magics.dialects.generate_content.request import check
from ve_magics.dialects.generate_content.wire import NAME, STEPS
from ve_magics.errors import UnsupportedError
from ve_magics.messages import ChatRequest, OutputFormat, Tool, ToolChoice
from ve_magics.providers import Provider

_UNSAYABLE = {
    "logit_bias": "",
    "verbosity": "",
    "user": "",
    "cache_ttl": "Here prefixes are cached without being asked for.",
    "top_k": "",
    "presence_penalty": "",
    "frequency_penalty": "",
    "logprobs": "",
    "top_logprobs": "",
    "thinking_budget": "Use `effort`.",
}
"""Canonical fields that the API has no word for, and what to do instead."""

_CONFIG = (
    ("max_tokens", "max_output_tokens"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("seed", "seed"),
)
_FIELDS = (("service_tier", "service_tier"), ("metadata", "labels"), ("store", "store"))
_MODES = {"auto": "auto", "none": "none", "required": "any"}


def encode_request(request: ChatRequest, provider: Provider) -> WireRequest:
    """Return the request as the Interactions API wants it.

    Unknown fields go out where they are written in lower case, as this API writes its own; those of a user of
    generateContent have no place here.

    Raises:
        UnsupportedError: The request holds something that the API or the provider can't say.
    """
    check(request, provider, _UNSAYABLE)
    if request.n not in (None, 1):
        raise UnsupportedError("n", STEPS)
    system, steps = StepWriter(request, provider).write()
    if not steps:
        raise UnsupportedError("messages", STEPS, hint="Ask something: there are no words of a user.")
    body: Wire = {"model": models.bare(request.model), "input": steps}
    if system:
        body["system_instruction"] = system
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    config = _config(request)
    if config:
        body["generation_config"] = config
    formats = _formats(request.output, request.modalities)
    if formats:
        body["response_format"] = formats[0] if len(formats) == 1 else formats
    for canonical, name in _FIELDS:
        value = getattr(request, canonical)
        if value is not None:
            body[name] = value
    if request.stream:
        body["stream"] = True
    if request.dialect in ("", NAME):
        with_extra(body, {name: value for name, value in request.extra.items() if name.islower()})
    return WireRequest(path="/interactions", body=msgspec.json.encode(body), stream=request.stream)


def _tool(tool: Tool) -> Wire:
    if tool.hosted is not None:
        raise UnsupportedError("tools.hosted", STEPS)
    if tool.custom:
        raise UnsupportedError("tools.custom", STEPS)
    wire: Wire = {"type": "function", "name": tool.name}
    if tool.description:
        wire["description"] = tool.description
    if tool.parameters is not None:
        wire["parameters"] = tool.parameters
    return wire


def _config(request: ChatRequest) -> Wire:
    config: Wire = {}
    if request.effort is not None:
        config["thinking_level"] = models.LEVELS[request.effort].lower()
    if request.reasoning_summary is not None:
        config["thinking_summaries"] = "auto"
    for canonical, name in _CONFIG:
        value = getattr(request, canonical)
        if value is not None:
            config[name] = value
    if request.stop:
        config["stop_sequences"] = list(request.stop)
    choice = _choice(request.tool_choice, request.tools)
    if choice is not None:
        config["tool_choice"] = choice
    return config


def _choice(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> Any:
    strict = any(tool.strict for tool in tools)
    if choice is None:
        return "validated" if strict else None
    mode = _MODES[choice.mode]
    if mode == "auto" and (strict or choice.names):
        mode = "validated"
    if choice.names and mode != "none":
        return {"allowed_tools": {"mode": mode, "tools": list(choice.names)}}
    return mode


def _formats(output: OutputFormat | None, modalities: tuple[str, ...]) -> list[Wire]:
    text: Wire = {"type": "text"}
    if output is not None:
        text["mime_type"] = "text/plain" if output.kind == "text" else "application/json"
        if output.kind == "json_schema" and output.schema is not None:
            text["schema"] = output.schema
    kinds = [kind.lower() for kind in modalities]
    formats: list[Wire] = [text if kind == "text" else {"type": kind} for kind in kinds]
    return formats if output is None or "text" in kinds else [text, *formats]
