"""Reranking in the shape that many servers share: documents in the order in which they fit a query. Both roles."""

from __future__ import annotations

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


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Documents that are to be put in order.

    Attributes:
        model: As for chat.
        query: What they should fit.
        documents: Their texts.
        top: How many of the best are wanted; None for all.
        echo: Whether the texts are wanted back.
    """

    model: str
    query: str
    documents: tuple[str, ...]
    top: int | None = None
    echo: bool = False
    extra: Extra = {}


class Ranked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One document: its place in the request, and how well it fits, more is better."""

    index: int
    score: float


class RerankResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The documents, the best first."""

    results: tuple[Ranked, ...]
    model: str = ""
    usage: Usage | None = None


class _Result(msgspec.Struct):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None


class _Reply(msgspec.Struct):
    results: list[_Result] | None = None
    data: list[_Result] | None = None
    model: str | None = None
    usage: _Usage | None = None


def encode_request(request: RerankRequest, provider: Provider) -> WireRequest:
    """Return the request as this provider wants it.

    Raises:
        UnsupportedError: The provider doesn't rerank.
    """
    if provider.dialect in ("messages", "generate_content"):
        raise UnsupportedError("rerank", provider.name, message=f"{provider.name} doesn't rerank.")
    body: dict[str, Any] = {"model": request.model, "query": request.query, "documents": request.documents}
    if request.top is not None:
        body["top_n"] = request.top
    return WireRequest("/rerank", msgspec.json.encode(with_extra(body, request.extra)))


def decode_response(body: bytes, provider: Provider, count: int) -> RerankResponse:
    """Return the order that a reply with a good status tells.

    Args:
        body: The reply: an object with `results` or `data`, or a bare list.
        provider: Who answered.
        count: How many documents were sent.

    Raises:
        StatusError: It holds an error.
        DecodeError: It is no such reply, or names a document that wasn't sent.
    """
    if is_html(body):
        raise page_reply(body)
    try:
        reply = msgspec.json.decode(body, type=_Reply | list[_Result])
        rows = (
            reply if isinstance(reply, list) else reply.results if reply.results is not None else reply.data
        )
        ranked = [Ranked(row.index, _score(row)) for row in rows or ()]
        if rows is None:
            raise ValueError("no results")
    except (msgspec.DecodeError, ValueError, RecursionError):
        if b'"error"' in body[:2000]:
            raise faults.decode_error(200, {}, body) from None
        raise DecodeError(
            f"{provider.name} answered something that holds no ranks.", retryable=False
        ) from None
    if any(not 0 <= row.index < count for row in ranked):
        raise DecodeError(f"{provider.name} ranked a document that it was not given.", retryable=False)
    told = None if isinstance(reply, list) else reply.usage
    usage = None
    if told is not None:
        read = believed_count(told.prompt_tokens) or believed_count(told.total_tokens)
        usage = Usage(input=read, cost=believed_cost(told.cost))
    model = "" if isinstance(reply, list) else reply.model or ""
    ranked.sort(key=lambda row: (-row.score, row.index))
    return RerankResponse(results=tuple(ranked), model=model, usage=usage)


def _score(row: _Result) -> float:
    score = row.score if row.relevance_score is None else row.relevance_score
    if score is None:
        raise ValueError("no score")
    return score


def decode_request(body: bytes) -> RerankRequest:
    """Read a user's request.

    Raises:
        BadRequestError: It is none; `param` names the field.
    """
    fields = Fields(decode_object(body))
    model, query, given = fields.need_text("model"), fields.need_text("query"), fields.take("documents")
    if not isinstance(given, list) or not given:
        raise bad("documents must be a list of texts.", "documents")
    said = [item.get("text") if isinstance(item, dict) else item for item in given]
    texts = [text for text in said if isinstance(text, str)]
    if len(texts) != len(said):
        raise bad("documents must be a list of texts.", "documents")
    top, echo = fields.whole("top_n", 1), fields.flag("return_documents")
    return RerankRequest(
        model=model, query=query, documents=tuple(texts), top=top, echo=bool(echo), extra=fields.rest
    )


def encode_response(response: RerankResponse, request: RerankRequest) -> bytes:
    """Return the reply to a user, with the documents where they were asked for."""
    rows: list[dict[str, Any]] = []
    for row in response.results[: request.top]:
        rows.append({"index": row.index, "relevance_score": row.score})
        if request.echo:
            rows[-1]["document"] = {"text": request.documents[row.index]}
    read = response.usage.input if response.usage else 0
    usage = {"prompt_tokens": read, "total_tokens": read}
    return msgspec.json.encode({"model": response.model or request.model, "results": rows, "usage": usage})
