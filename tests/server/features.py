"""What a chat request can ask for beyond plain words, as each dialect writes it."""

from __future__ import annotations

import json
from typing import Any

from ve_magics.dialects.registry import get_dialect
from ve_magics.errors import BadRequestError, UnsupportedError
from ve_magics.providers import PROVIDERS

DIALECTS = ("chat_completions", "responses", "messages", "generate_content")
UPSTREAM = {
    "chat_completions": ("openai", "gpt-5.4-mini"),
    "responses": ("openai", "gpt-5.4-mini"),
    "messages": ("anthropic", "claude-sonnet-4-6"),
    "generate_content": ("google", "gemini-3.8-flash"),
}
"""The provider that is asked in each dialect, and a model of it."""

WORDS = {"role": "user", "content": "Hi"}
PNG = "iVBORw0KGgo="
URL = "https://example.org/a.png"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
FUNCTION = {"name": "f", "parameters": SCHEMA}
CHAT_TOOL = {"type": "function", "function": FUNCTION}
FLAT_TOOL = {"type": "function", **FUNCTION, "strict": True}
CLAUDE_TOOL = {"name": "f", "input_schema": SCHEMA}
GEMINI_TOOL = {"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}

Body = dict[str, Any]


def chat(*content: Any, **more: Any) -> Body:
    """Return a Chat Completions request."""
    return {"messages": [{"role": "user", "content": list(content)} if content else WORDS], **more}


def flat(*content: Any, **more: Any) -> Body:
    """Return a Responses request."""
    return {"input": [{"role": "user", "content": list(content)}] if content else "Hi", **more}


def claude(*content: Any, **more: Any) -> Body:
    """Return a Messages request."""
    messages = [{"role": "user", "content": list(content)} if content else WORDS]
    return {"max_tokens": 100, "messages": messages, **more}


def gemini(*parts: Any, config: Body | None = None, **more: Any) -> Body:
    """Return a generateContent request."""
    body: Body = {"contents": [{"role": "user", "parts": list(parts) or [{"text": "Hi"}]}], **more}
    return body if config is None else {**body, "generationConfig": config}


def data_url(media_type: str) -> str:
    """Return a file as OpenAI's formats carry it."""
    return f"data:{media_type};base64,{PNG}"


FEATURES: dict[str, dict[str, Body]] = {
    "plain words": {
        "chat_completions": chat(),
        "responses": flat(),
        "messages": claude(),
        "generate_content": gemini(),
    },
    "system prompt": {
        "chat_completions": {"messages": [{"role": "system", "content": "Be kind."}, WORDS]},
        "responses": flat(instructions="Be kind."),
        "messages": claude(system="Be kind."),
        "generate_content": gemini(systemInstruction={"parts": [{"text": "Be kind."}]}),
    },
    "picture": {
        "chat_completions": chat({"type": "image_url", "image_url": {"url": data_url("image/png")}}),
        "responses": flat({"type": "input_image", "image_url": data_url("image/png")}),
        "messages": claude(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
        ),
        "generate_content": gemini({"inlineData": {"mimeType": "image/png", "data": PNG}}),
    },
    "picture by address": {
        "chat_completions": chat({"type": "image_url", "image_url": {"url": URL}}),
        "responses": flat({"type": "input_image", "image_url": URL}),
        "messages": claude({"type": "image", "source": {"type": "url", "url": URL}}),
        "generate_content": gemini({"fileData": {"mimeType": "image/png", "fileUri": URL}}),
    },
    "picture's detail": {
        "chat_completions": chat({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}),
        "responses": flat({"type": "input_image", "image_url": URL, "detail": "low"}),
    },
    "PDF": {
        "chat_completions": chat(
            {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url("application/pdf")}}
        ),
        "responses": flat(
            {"type": "input_file", "filename": "a.pdf", "file_data": data_url("application/pdf")}
        ),
        "messages": claude(
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PNG}}
        ),
        "generate_content": gemini({"inlineData": {"mimeType": "application/pdf", "data": PNG}}),
    },
    "provider's own file": {
        "chat_completions": chat({"type": "file", "file": {"file_id": "file-1"}}),
        "responses": flat({"type": "input_file", "file_id": "file-1"}),
        "messages": claude({"type": "document", "source": {"type": "file", "file_id": "file-1"}}),
    },
    "sound": {
        "chat_completions": chat({"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}),
        "generate_content": gemini({"inlineData": {"mimeType": "audio/wav", "data": PNG}}),
    },
    "film": {"generate_content": gemini({"inlineData": {"mimeType": "video/mp4", "data": PNG}})},
    "tools": {
        "chat_completions": chat(tools=[CHAT_TOOL]),
        "responses": flat(tools=[FLAT_TOOL]),
        "messages": claude(tools=[CLAUDE_TOOL]),
        "generate_content": gemini(tools=[GEMINI_TOOL]),
    },
    "one forced tool": {
        "chat_completions": chat(
            tools=[CHAT_TOOL], tool_choice={"type": "function", "function": {"name": "f"}}
        ),
        "responses": flat(tools=[FLAT_TOOL], tool_choice={"type": "function", "name": "f"}),
        "messages": claude(tools=[CLAUDE_TOOL], tool_choice={"type": "tool", "name": "f"}),
        "generate_content": gemini(
            tools=[GEMINI_TOOL],
            toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        ),
    },
    "one call at a time": {
        "chat_completions": chat(tools=[CHAT_TOOL], parallel_tool_calls=False),
        "responses": flat(tools=[FLAT_TOOL], parallel_tool_calls=False),
        "messages": claude(
            tools=[CLAUDE_TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
        ),
    },
    "custom tool (free text)": {
        "chat_completions": chat(tools=[{"type": "custom", "custom": {"name": "sql"}}]),
        "responses": flat(tools=[{"type": "custom", "name": "sql"}]),
    },
    "provider's own tool": {
        "responses": flat(tools=[{"type": "web_search"}]),
        "messages": claude(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        "generate_content": gemini(tools=[{"googleSearch": {}}]),
    },
    "JSON Schema": {
        "chat_completions": chat(
            response_format={"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}
        ),
        "responses": flat(text={"format": {"type": "json_schema", "name": "p", "schema": SCHEMA}}),
        "messages": claude(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
        "generate_content": gemini(
            config={"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
        ),
    },
    "any JSON": {
        "chat_completions": chat(response_format={"type": "json_object"}),
        "responses": flat(text={"format": {"type": "json_object"}}),
        "generate_content": gemini(config={"responseMimeType": "application/json"}),
    },
    "temperature": {
        "chat_completions": chat(temperature=0.5),
        "responses": flat(temperature=0.5),
        "messages": claude(temperature=0.5),
        "generate_content": gemini(config={"temperature": 0.5}),
    },
    "top_k": {"messages": claude(top_k=5), "generate_content": gemini(config={"topK": 5})},
    "seed": {"chat_completions": chat(seed=7), "generate_content": gemini(config={"seed": 7})},
    "stop sequences": {
        "chat_completions": chat(stop=["END"]),
        "messages": claude(stop_sequences=["END"]),
        "generate_content": gemini(config={"stopSequences": ["END"]}),
    },
    "several answers": {
        "chat_completions": chat(n=2),
        "generate_content": gemini(config={"candidateCount": 2}),
    },
    "penalties": {
        "chat_completions": chat(presence_penalty=0.5, frequency_penalty=0.5),
        "generate_content": gemini(config={"presencePenalty": 0.5, "frequencyPenalty": 0.5}),
    },
    "log probabilities": {
        "chat_completions": chat(logprobs=True, top_logprobs=2),
        "responses": flat(top_logprobs=2, include=["message.output_text.logprobs"]),
        "generate_content": gemini(config={"responseLogprobs": True, "logprobs": 2}),
    },
    "logit bias": {"chat_completions": chat(logit_bias={"50256": -100})},
    "reasoning effort": {
        "chat_completions": chat(reasoning_effort="low"),
        "responses": flat(reasoning={"effort": "low"}),
        "messages": claude(output_config={"effort": "low"}),
        "generate_content": gemini(config={"thinkingConfig": {"thinkingLevel": "low"}}),
    },
    "reasoning shown": {
        "responses": flat(reasoning={"summary": "auto"}),
        "messages": claude(max_tokens=3000, thinking={"type": "enabled", "budget_tokens": 2000}),
        "generate_content": gemini(config={"thinkingConfig": {"includeThoughts": True}}),
    },
    "verbosity": {"chat_completions": chat(verbosity="low"), "responses": flat(text={"verbosity": "low"})},
    "sound as answer": {
        "chat_completions": chat(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    },
    "picture as answer": {"generate_content": gemini(config={"responseModalities": ["TEXT", "IMAGE"]})},
    "metadata": {
        "chat_completions": chat(metadata={"a": "b"}),
        "responses": flat(metadata={"a": "b"}),
    },
    "end user's id": {
        "chat_completions": chat(user="u1"),
        "responses": flat(user="u1"),
        "messages": claude(metadata={"user_id": "u1"}),
    },
    "service tier": {
        "chat_completions": chat(service_tier="flex"),
        "responses": flat(service_tier="flex"),
        "messages": claude(service_tier="standard_only"),
    },
    "cache key": {"chat_completions": chat(prompt_cache_key="k"), "responses": flat(prompt_cache_key="k")},
    "cache mark": {
        "messages": claude(
            system=[{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
        )
    },
    "stored by the provider": {"chat_completions": chat(store=True), "responses": flat(store=True)},
    "earlier answer by its id": {"responses": flat(previous_response_id="resp_1")},
    "picture from a tool": {
        "responses": {
            "input": [
                {"role": "user", "content": "Hi"},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_image", "image_url": data_url("image/png")}],
                },
            ]
        },
        "messages": {
            "max_tokens": 100,
            "messages": [
                WORDS,
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c",
                            "content": [
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                                }
                            ],
                        }
                    ],
                },
            ],
        },
    },
}
"""Features, each as the dialects that can ask for it write it."""


def verdict(feature: str, inbound: str, upstream: str) -> str:
    """Return what becomes of a feature between two dialects: empty where it goes through, else who refuses what."""
    name, model = UPSTREAM[upstream]
    body = FEATURES[feature].get(inbound)
    if body is None:
        return "-"
    try:
        request = get_dialect(inbound).decode_request(
            json.dumps({"model": model, **body} if inbound != "generate_content" else body).encode(),
            model=model if inbound == "generate_content" else "",
        )
    except UnsupportedError as error:
        return f"not taken: {error.field}"
    except BadRequestError as error:
        return f"bad: {error.message}"
    try:
        get_dialect(upstream).encode_request(request, PROVIDERS[name])
    except UnsupportedError as error:
        return error.field
    return ""


def table() -> list[str]:
    """Return the lines of a table of all that can't be said, by feature, inbound and upstream dialect."""
    lines = [
        "| asked for | in | can't be said in |",
        "|---|---|---|",
    ]
    for feature in FEATURES:
        for inbound in DIALECTS:
            verdicts = {upstream: verdict(feature, inbound, upstream) for upstream in DIALECTS}
            refused = [
                f"{upstream} (`{said}`)" for upstream, said in verdicts.items() if said not in ("", "-")
            ]
            if refused:
                lines.append(f"| {feature} | {inbound} | {', '.join(refused)} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
