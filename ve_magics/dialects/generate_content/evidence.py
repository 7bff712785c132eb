"""What stands beside an answer's words: log probabilities in OpenAI's form, and sources of a search as citations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ve_magics.dialects.generate_content.wire import rows


def _entry(wire: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"token": str(wire.get("token") or ""), "logprob": wire.get("logProbability")}
    return entry | ({"token_id": wire["tokenId"]} if "tokenId" in wire else {})


def decode_logprobs(wire: Any) -> tuple[dict[str, Any], ...]:
    """Return the entries of a `logprobsResult`, the alternatives of each token as its `top_logprobs`."""
    if not isinstance(wire, Mapping):
        return ()
    chosen, top = rows(wire.get("chosenCandidates")), rows(wire.get("topCandidates"))
    pairs = zip(chosen, [*top, *({} for _ in chosen)], strict=False)
    return tuple(
        _entry(token) | {"top_logprobs": [_entry(other) for other in rows(row.get("candidates"))]}
        for token, row in pairs
    )


def _token(entry: Mapping[str, Any]) -> dict[str, Any]:
    wire = {"token": entry.get("token"), "logProbability": entry.get("logprob")}
    return wire | ({"tokenId": entry["token_id"]} if "token_id" in entry else {})


def encode_logprobs(entries: Iterable[Any]) -> dict[str, Any]:
    """Return the `logprobsResult` of these entries."""
    found = rows(list(entries))
    return {
        "chosenCandidates": [_token(entry) for entry in found],
        "topCandidates": [
            {"candidates": [_token(other) for other in rows(entry.get("top_logprobs"))]} for entry in found
        ],
    }


def decode_citations(grounding: Any) -> tuple[dict[str, Any], ...]:
    """Return the sources in a `groundingMetadata` as OpenAI writes citations."""
    chunks = rows(grounding.get("groundingChunks")) if isinstance(grounding, Mapping) else []
    sources = [source for chunk in chunks for source in rows(list(chunk.values()))]
    return tuple(
        {
            "type": "url_citation",
            "url_citation": {"url": source["uri"], "title": str(source.get("title") or "")},
        }
        for source in sources
        if isinstance(source.get("uri"), str)
    )


def encode_citations(annotations: Iterable[Any]) -> dict[str, Any] | None:
    """Return the `groundingMetadata` that tells these citations, or None where they name no address."""
    chunks: list[dict[str, Any]] = []
    for annotation in rows(list(annotations)):
        inner = annotation.get("url_citation")
        source: Mapping[str, Any] = inner if isinstance(inner, Mapping) else annotation
        if isinstance(source.get("url"), str):
            chunks.append({"web": {"uri": source["url"], "title": str(source.get("title") or "")}})
    return {"groundingChunks": chunks} if chunks else None
