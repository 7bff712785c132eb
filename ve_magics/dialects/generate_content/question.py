"""Reads a user's request: strict about what is known, and keeps what is not."""

from __future__ import annotations

from typing import Any

from ve_magics.dialects.fields import bad, decode_object
from ve_magics.dialects.generate_content.models import EFFORTS
from ve_magics.dialects.generate_content.names import ProtoFields
from ve_magics.dialects.generate_content.schema import json_schema
from ve_magics.dialects.generate_content.turns import TurnReader
from ve_magics.dialects.generate_content.wire import NAME
from ve_magics.messages import ChatRequest, OutputFormat, Tool, ToolChoice

_MODES = ("AUTO", "ANY", "NONE", "VALIDATED")


def decode_request(body: bytes, *, model: str = "", stream: bool | None = None) -> ChatRequest:
    """Return the question in a request's body.

    Raises:
        BadRequestError: The body is no request of this dialect; `param` names the field.
    """
    fields = ProtoFields(decode_object(body))
    named = fields.text("model")
    model = (model or named or "").removeprefix("models/")
    if not model:
        raise fields.missing("model")
    contents = fields.items("contents")
    if contents is None:
        raise fields.missing("contents")
    if not contents:
        raise bad("contents must hold at least one content.", "contents")
    reader = TurnReader()
    instruction = fields.maybe("systemInstruction")
    system = (reader.instruction(instruction),) if instruction.rest else ()
    messages = (*system, *reader.read(contents))
    tools = [
        tool
        for number, item in enumerate(fields.items("tools") or [])
        for tool in _tools(ProtoFields(item, f"tools[{number}]"))
    ]
    config = fields.maybe("generationConfig")
    thinking = config.maybe("thinkingConfig")
    calling = fields.maybe("toolConfig")
    level = thinking.text("thinkingLevel")
    if level is not None and level not in EFFORTS:
        thinking.rest["thinkingLevel"] = level
    shown = thinking.flag("includeThoughts")
    if shown is False:
        thinking.rest["includeThoughts"] = False
    return ChatRequest(
        model=model,
        messages=messages,
        tools=tuple(tools),
        tool_choice=_choice(calling),
        output=_output(config),
        max_tokens=config.whole("maxOutputTokens", 1),
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.whole("topK", 0),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.whole("logprobs", 0),
        seed=config.whole("seed"),
        stop=config.texts("stopSequences"),
        n=config.whole("candidateCount", 1),
        modalities=tuple(kind.lower() for kind in config.texts("responseModalities")),
        effort=EFFORTS.get(level or ""),
        thinking_budget=thinking.whole("thinkingBudget"),
        reasoning_summary="auto" if shown else None,
        service_tier=fields.text("serviceTier"),
        metadata=fields.table("labels", (str,), "a string"),
        store=fields.flag("store"),
        stream=bool(stream),
        dialect=NAME,
        extra=_left(fields, config, thinking, calling),
    )


def _left(
    fields: ProtoFields, config: ProtoFields, thinking: ProtoFields, calling: ProtoFields
) -> dict[str, Any]:
    """Return the fields that nobody took, in their places."""
    left = fields.left()
    inner = {"generationConfig": config.left(("thinkingConfig", thinking)), "toolConfig": calling.left()}
    return left | {name: value for name, value in inner.items() if value}


def _tools(fields: ProtoFields) -> list[Tool]:
    path = fields.at("functionDeclarations")
    found = [
        _declaration(ProtoFields(item, f"{path}[{number}]"))
        for number, item in enumerate(fields.items("functionDeclarations") or [])
    ]
    hosted = fields.left()
    return [*found, Tool(next(iter(hosted)), hosted=hosted)] if hosted else found


def _declaration(fields: ProtoFields) -> Tool:
    name = fields.need_text("name")
    description = fields.text("description") or ""
    schema = fields.object("parametersJsonSchema")
    if fields.rest.get("parameters") is not None:
        if schema is not None:
            raise bad(f"{fields.path} has two schemas.", fields.at("parameters"))
        old = fields.object("parameters")
        return Tool(name, description, json_schema(old), extra=fields.left() | {"parameters": old})
    return Tool(name, description, schema, extra=fields.left())


def _choice(config: ProtoFields) -> ToolChoice | None:
    fields = config.maybe("functionCallingConfig")
    if fields.rest.get("mode") in (None, "MODE_UNSPECIFIED"):
        if fields.rest:
            config.rest["functionCallingConfig"] = fields.rest
        return None
    mode = fields.one_of("mode", _MODES)
    names = fields.texts("allowedFunctionNames")
    extra = fields.left()
    if mode == "VALIDATED" and not names:
        extra["mode"] = mode
    if mode in ("AUTO", "VALIDATED"):
        return ToolChoice("auto", names, extra)
    return ToolChoice("required" if mode == "ANY" else "none", names, extra)


def _output(config: ProtoFields) -> OutputFormat | None:
    kind = config.rest.get("responseMimeType")
    if kind not in (None, "application/json", "text/plain"):
        config.text("responseMimeType")
        config.rest["responseMimeType"] = kind
        return None
    config.take("responseMimeType")
    schema, old = config.object("responseJsonSchema"), config.object("responseSchema")
    if schema is not None and old is not None:
        raise bad("generationConfig has two schemas.", config.at("responseSchema"))
    if old is not None:
        return OutputFormat("json_schema", json_schema(old), extra={"responseSchema": old})
    if schema is not None:
        return OutputFormat("json_schema", schema)
    return None if kind is None else OutputFormat("text" if kind == "text/plain" else "json_object")
