"""Which path is whose: what is asked there, in which dialect, by which method."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

What = Literal[
    "chat",
    "count_tokens",
    "embeddings",
    "images",
    "rerank",
    "models",
    "model",
    "metrics",
    "health",
    "videos",
    "video",
    "content",
    "remix",
    "generations",
    "generation",
]

GET = ("GET", "HEAD")
POST = ("POST",)


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at a path.

    Attributes:
        what: What is asked there.
        dialect: Spoken there, at least in errors.
        methods: By which it is asked.
        model: The model that the path names.
        stream: Whether the path asks for a stream; None where it doesn't say.
        video: Id of the video that the path names; empty at the paths of all videos, None at all others.
    """

    what: What
    dialect: str = "chat_completions"
    methods: tuple[str, ...] = POST
    model: str = ""
    stream: bool | None = None
    video: str | None = None


_PLACES: Mapping[str, Place] = {
    "/v1/chat/completions": Place("chat"),
    "/v1/responses": Place("chat", "responses"),
    "/v1/messages": Place("chat", "messages"),
    "/v1/messages/count_tokens": Place("count_tokens", "messages"),
    "/v1/embeddings": Place("embeddings"),
    "/v1/images/generations": Place("images"),
    "/v1/rerank": Place("rerank"),
    "/v1/videos": Place("videos", methods=(*GET, "POST"), video=""),
    "/v1/video/generations": Place("generations", video=""),
    "/v1/models": Place("models", methods=GET),
    "/v1beta/models": Place("models", methods=GET),
    "/healthz": Place("health", methods=GET),
    "/metrics": Place("metrics", methods=GET),
}

_GEMINI = re.compile(r"/v1(?:beta|alpha)?/models/(?P<model>.+):(?P<verb>[A-Za-z]+)", re.DOTALL)
_MODEL = re.compile(r"/v1(?:beta)?/models/(?P<model>.+)", re.DOTALL)
_GENERATION = re.compile(r"/v1/video/generations/(?P<id>[^/]+)")
_VIDEO = re.compile(r"/v1/videos/(?P<id>[^/]+)(?:/(?P<what>content|remix))?")
_VIDEOS: Mapping[str | None, tuple[What, tuple[str, ...]]] = {
    None: ("video", (*GET, "DELETE")),
    "content": ("content", GET),
    "remix": ("remix", POST),
}
_VERBS: Mapping[str, tuple[What, bool | None]] = {
    "generateContent": ("chat", False),
    "streamGenerateContent": ("chat", True),
    "countTokens": ("count_tokens", None),
    "embedContent": ("embeddings", None),
    "batchEmbedContents": ("embeddings", None),
}


def place_of(path: str) -> Place | None:
    """Return what stands at a path; None where nothing does."""
    path = path.rstrip("/") or "/"
    if path in _PLACES:
        return _PLACES[path]
    found = _GEMINI.fullmatch(path)
    if found and found["verb"] in _VERBS:
        what, stream = _VERBS[found["verb"]]
        return Place(what, "generate_content", POST, found["model"], stream)
    found = _MODEL.fullmatch(path)
    if found:
        return Place("model", methods=GET, model=found["model"])
    return _video_place(path)


def _video_place(path: str) -> Place | None:
    found = _GENERATION.fullmatch(path)
    if found:
        return Place("generation", methods=GET, video=found["id"])
    found = _VIDEO.fullmatch(path)
    if found:
        what, methods = _VIDEOS[found["what"]]
        return Place(what, methods=methods, video=found["id"])
    return None


def dialect_of(path: str, place: Place | None, headers: Mapping[str, str]) -> str:
    """Return the dialect that is spoken at a path, at least in errors.

    Three providers have the same path for their models, so there a client is known by its headers.
    """
    if place is not None and place.what not in ("models", "model"):
        return place.dialect
    if "anthropic-version" in headers or path.startswith("/v1/messages"):
        return "messages"
    if path.startswith("/v1beta/") or "x-goog-api-key" in headers or "x-goog-api-client" in headers:
        return "generate_content"
    return "chat_completions"
