"""Embeddings: OpenAI's format in both roles, and Gemini's as a client."""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec

from ve_magics.dialects import openai_faults as faults
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.extras import with_extra
from ve_magics.dialects.failures import is_html, page_reply
from ve_magics.dialects.fields import Fields, bad, decode_object
from ve_magics.dialects.loose import believed_cost, believed_count
from ve_magics.errors import DecodeError, UnsupportedError
from ve_magics.messages import Extra, Usage
from ve_magics.providers import Provider

MOST = 2048
"""Inputs of one request, at most."""


class EmbedRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Texts that are to become vectors.

    Attributes:
        model: As for chat.
        inputs: Each a text, or the numbers of its tokens.
        dimensions: Length of the vectors, where the model can shorten them.
        task: What they are for, in Gemini's words (`RETRIEVAL_QUERY`, `RETRIEVAL_DOCUMENT` …).
        packed: Whether a user of the server wants them packed as base64.
        user: The end user's id.
    """

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    task: str = ""
    packed: bool = False
    user: str | None = None
    extra: Extra = {}


class EmbedResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Vectors, in the order of the inputs."""

    vectors: tuple[tuple[float, ...], ...]
    model: str = ""
    usage: Usage | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None


class _Row(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Reply(msgspec.Struct):
    data: list[_Row]
    model: str | None = None
    usage: _Usage | None = None


class _Values(msgspec.Struct):
    values: list[float]


class _GeminiUsage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None


class _GeminiReply(msgspec.Struct, rename="camel"):
    embeddings: list[_Values]
    usage_metadata: _GeminiUsage | None = None


def encode_request(request: EmbedRequest, provider: Provider) -> WireRequest:
    """Return the request as this provider wants it.

    Raises:
        UnsupportedError: It can't be said there.
    """
    if provider.dialect == "messages":
        raise UnsupportedError("embed", provider.name, message=f"{provider.name} makes no embeddings.")
    if provider.dialect == "generate_content":
        return _encode_gemini(request)
    if request.task:
        raise UnsupportedError("task", provider.name)
    body: dict[str, Any] = {"model": request.model, "input": request.inputs, "encoding_format": "float"}
    for name in ("dimensions", "user"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    return WireRequest("/embeddings", msgspec.json.encode(with_extra(body, request.extra)))


def _encode_gemini(request: EmbedRequest) -> WireRequest:
    rows = []
    for text in request.inputs:
        if not isinstance(text, str):
            raise UnsupportedError("input", "generate_content", message="Gemini embeds texts, not tokens.")
        row: dict[str, Any] = {"model": f"models/{request.model}", "content": {"parts": [{"text": text}]}}
        if request.task:
            row["taskType"] = request.task
        if request.dimensions is not None:
            row["outputDimensionality"] = request.dimensions
        rows.append(with_extra(row, request.extra))
    return WireRequest(f"/models/{request.model}:batchEmbedContents", msgspec.json.encode({"requests": rows}))


def decode_response(body: bytes, provider: Provider, count: int) -> EmbedResponse:
    """Return the vectors of a reply with a good status.

    Args:
        body: The reply.
        provider: Who answered.
        count: How many inputs were sent.

    Raises:
        StatusError: It holds an error.
        DecodeError: It is no such reply, or vectors are missing.
    """
    if is_html(body):
        raise page_reply(body)
    try:
        response = _decode_gemini(body) if provider.dialect == "generate_content" else _decode(body)
    except (msgspec.DecodeError, ValueError, struct.error, RecursionError):
        if b'"error"' in body[:2000]:
            raise faults.decode_error(200, {}, body) from None
        raise DecodeError(
            f"{provider.name} answered something that holds no embeddings.", retryable=False
        ) from None
    if len(response.vectors) != count:
        raise DecodeError(
            f"{provider.name} answered with {len(response.vectors)} embeddings for {count} inputs.",
            retryable=False,
        )
    return response


def _decode(body: bytes) -> EmbedResponse:
    reply = msgspec.json.decode(body, type=_Reply)
    rows = sorted(
        ((at if row.index is None else row.index, row) for at, row in enumerate(reply.data)),
        key=lambda pair: pair[0],
    )
    usage = None
    if reply.usage is not None:
        read = believed_count(reply.usage.prompt_tokens) or believed_count(reply.usage.total_tokens)
        usage = Usage(input=read, cost=believed_cost(reply.usage.cost))
    return EmbedResponse(
        vectors=tuple(_unpacked(row.embedding) for _, row in rows), model=reply.model or "", usage=usage
    )


def _unpacked(value: list[float] | str) -> tuple[float, ...]:
    if isinstance(value, str):
        raw = base64.b64decode(value, validate=True)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    return tuple(value)


def _decode_gemini(body: bytes) -> EmbedResponse:
    reply = msgspec.json.decode(body, type=_GeminiReply)
    told = reply.usage_metadata
    usage = None if told is None else Usage(input=believed_count(told.prompt_token_count))
    return EmbedResponse(vectors=tuple(tuple(row.values) for row in reply.embeddings), usage=usage)


def decode_request(body: bytes) -> EmbedRequest:
    """Read a user's request in OpenAI's format.

    Raises:
        BadRequestError: It is none; `param` names the field.
    """
    fields = Fields(decode_object(body))
    model, given = fields.need_text("model"), fields.take("input")
    form = fields.one_of("encoding_format", ("float", "base64"))
    dimensions, user = fields.whole("dimensions", 1), fields.text("user")
    return EmbedRequest(
        model=model,
        inputs=_inputs(given),
        dimensions=dimensions,
        packed=form == "base64",
        user=user,
        extra=fields.rest,
    )


def _inputs(given: Any) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(given, str) or _tokens(given):
        given = [given]
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise bad(f"input must be a text, or a list of 1 to {MOST} of them.", "input")
    found: list[str | tuple[int, ...]] = []
    for item in given:
        if isinstance(item, str) and item:
            found.append(item)
        elif _tokens(item):
            found.append(tuple(item))
        else:
            raise bad("input holds an empty text, or something that is none.", "input")
    return tuple(found)


def _tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def encode_response(response: EmbedResponse, request: EmbedRequest) -> bytes:
    """Return the reply to a user in OpenAI's format, packed where that was asked for."""
    rows: list[dict[str, Any]] = []
    for index, vector in enumerate(response.vectors):
        told: Any = vector
        if request.packed:
            told = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
        rows.append({"object": "embedding", "index": index, "embedding": told})
    read = response.usage.input if response.usage else 0
    usage = {"prompt_tokens": read, "total_tokens": read}
    return msgspec.json.encode(
        {"object": "list", "data": rows, "model": response.model or request.model, "usage": usage}
    )
