"""What stands beside an answer's words, as both of OpenAI's formats write it: citations and log probabilities.

Providers cite in forms of their own. An address becomes a `url_citation`; what has none, such as a place in a
document of Anthropic's, has no form here and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_UNLIKELY = -9999.0
"""The log probability of a token for which none is told, as OpenAI writes it."""


class Spans:
    """Where each part of an answer's words lies, counted in characters from the answer's beginning."""

    __slots__ = ("_ends", "_starts", "length")

    def __init__(self) -> None:
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self.length = 0

    def add(self, part: int, text: str) -> None:
        """Take more words of a part."""
        self._starts.setdefault(part, self.length)
        self.length += len(text)
        self._ends[part] = self.length

    def of(self, part: int) -> tuple[int, int]:
        """Return where the words of a part begin and end so far."""
        return self._starts.get(part, self.length), self._ends.get(part, self.length)


def flat_citation(annotation: Any, span: tuple[int, int]) -> dict[str, Any] | None:
    """Return a citation as Responses writes it, its fields beside its type; None where it has no form there.

    Args:
        annotation: As a provider gave it.
        span: The words that it stands by, where it doesn't say itself.
    """
    if not isinstance(annotation, Mapping):
        return None
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    flat = {name: value for name, value in annotation.items() if name != kind}
    flat |= dict(inner) if isinstance(inner, Mapping) else {}
    elsewhere = isinstance(kind, str) and kind.endswith("_location")  # Anthropic's types
    if kind != "url_citation" and not elsewhere:
        return flat
    url, title = flat.get("url"), flat.get("title")
    if not isinstance(url, str):
        return None
    kept = {} if elsewhere else flat
    start, end = (
        value if isinstance(value := flat.get(name), int) else otherwise
        for name, otherwise in zip(("start_index", "end_index"), span, strict=True)
    )
    told = {"type": "url_citation", "start_index": start, "end_index": end, "url": url}
    return kept | told | {"title": title if isinstance(title, str) else ""}


def nested_citation(annotation: Any, span: tuple[int, int]) -> dict[str, Any] | None:
    """Return a citation as Chat Completions writes it, which knows only addresses; otherwise as `flat_citation`."""
    flat = flat_citation(annotation, span)
    if flat is None or flat.get("type") != "url_citation":
        return None
    return {"type": "url_citation", "url_citation": {name: flat[name] for name in flat if name != "type"}}


def told_logprobs(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """Return log probabilities with all the fields that OpenAI's have, and no others."""
    return [
        _token(entry) | {"top_logprobs": [_token(other) for other in _mappings(entry.get("top_logprobs"))]}
        for entry in _mappings(entries)
    ]


def _token(entry: Mapping[str, Any]) -> dict[str, Any]:
    token, logprob, raw = str(entry.get("token") or ""), entry.get("logprob"), entry.get("bytes")
    return {
        "token": token,
        "logprob": logprob if isinstance(logprob, (int, float)) else _UNLIKELY,
        "bytes": raw if isinstance(raw, list) else list(token.encode("utf-8", "replace")),
    }


def _mappings(entries: Any) -> list[Mapping[str, Any]]:
    found = entries if isinstance(entries, (list, tuple)) else ()
    return [entry for entry in found if isinstance(entry, Mapping)]
