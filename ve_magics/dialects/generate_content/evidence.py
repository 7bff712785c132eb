"""What stands beside an answer's words: log probabilities in OpenAI's form, and sources of a search as citations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def _entry(wire: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"token": str(wire.get("token") or ""), "logprob": wire.get("logProbability")}
    return entry | ({"token_id": wire["tokenId"]} if "tokenId" in wire else {})


def decode_logprobs(wire: Any) -> tuple[dict[str, Any], ...]:
    """Return the entries of a `logprobsResult`, the alternatives of each token as its `top_logprobs`."""
    chosen = wire.get("chosenCandidates") if isinstance(wire, Mapping) else None
    if not isinstance(chosen, list):
        return ()
    top = wire.get("topCandidates")
    rows: list[Any] = top if isinstance(top, list) else []
    entries: list[dict[str, Any]] = []
    for number, token in enumerate(chosen):
        if isinstance(token, Mapping):
            row = rows[number] if number < len(rows) else None
            others = row.get("candidates") if isinstance(row, Mapping) else None
            alternatives = [_entry(other) for other in others or [] if isinstance(other, Mapping)]
            entries.append(_entry(token) | {"top_logprobs": alternatives})
    return tuple(entries)


def _token(entry: Mapping[str, Any]) -> dict[str, Any]:
    wire = {"token": entry.get("token"), "logProbability": entry.get("logprob")}
    return wire | ({"tokenId": entry["token_id"]} if "token_id" in entry else {})


def encode_logprobs(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the `logprobsResult` of these entries."""
    rows = list(entries)
    return {
        "chosenCandidates": [_token(row) for row in rows],
        "topCandidates": [
            {"candidates": [_token(other) for other in row.get("top_logprobs") or []]} for row in rows
        ],
    }


def decode_citations(grounding: Any) -> tuple[dict[str, Any], ...]:
    """Return the sources in a `groundingMetadata` as OpenAI writes citations."""
    chunks = grounding.get("groundingChunks") if isinstance(grounding, Mapping) else None
    found: list[dict[str, Any]] = []
    for chunk in chunks if isinstance(chunks, list) else []:
        for source in chunk.values() if isinstance(chunk, Mapping) else ():
            if isinstance(source, Mapping) and isinstance(source.get("uri"), str):
                where = {"url": source["uri"], "title": str(source.get("title") or "")}
                found.append({"type": "url_citation", "url_citation": where})
    return tuple(found)


def encode_citations(annotations: Iterable[Any]) -> dict[str, Any] | None:
    """Return the `groundingMetadata` that tells these citations, or None where they name no address."""
    chunks: list[dict[str, Any]] = []
    for annotation in annotations:
        if isinstance(annotation, Mapping):
            inner = annotation.get("url_citation")
            source: Mapping[str, Any] = inner if isinstance(inner, Mapping) else annotation
            if isinstance(source.get("url"), str):
                chunks.append({"web": {"uri": source["url"], "title": str(source.get("title") or "")}})
    return {"groundingChunks": chunks} if chunks else None
