"""Explicit caches in Gemini's form: beginnings of prompts kept under a name, and questions that go on from there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ve_magics.dialects.contract import Dialect
from ve_magics.dialects.registry import get_dialect
from ve_magics.errors import BadRequestError, NotFoundError, PermissionDeniedError
from ve_magics.sim import models
from ve_magics.sim.exchange import Answer, Request
from ve_magics.sim.settings import Settings
from ve_magics.sim.turn import prompt_tokens

LEAST = 1024
"""Fewest tokens that are kept."""

HEAD = ("systemInstruction", "tools", "toolConfig")
HOUR = 3600.0


@dataclass(slots=True)
class Content:
    """One thing that is kept: what it says, how long it is, until when."""

    model: str
    body: dict[str, Any]
    tokens: int
    until: float


class ContentsDesk:
    """Keeps the beginnings of prompts.

    Args:
        settings: By which clock.

    Attributes:
        kept: What was ever kept and not deleted, by name.
        created: How often something was kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.kept: dict[str, Content] = {}
        self.created = 0

    async def answer(self, request: Request, out: Answer, name: str = "") -> None:
        """Answer a call to make one (no name), to look at one, to keep it for longer, or to let it go.

        Raises:
            BadRequestError: It can't be kept.
            NotFoundError: There is no such call.
            PermissionDeniedError: There is none of that name.
        """
        match request.method, bool(name):
            case "POST", False:
                await out.value(self._row(self._make(request.json())))
            case "GET", True:
                self._find(name)
                await out.value(self._row(name))
            case "PATCH", True:
                self._find(name).until = self._settings.now() + _seconds(request.json())
                await out.value(self._row(name))
            case "DELETE", True:
                self._find(name)
                del self.kept[name]
                await out.value({})
            case _:
                raise NotFoundError(f"Invalid URL ({request.method} {request.path})", status=404)

    def joined(self, request: Request, model: str) -> tuple[Request, int]:
        """Return a question with what is kept before it, and how many tokens that is; as it came where it names none.

        Raises:
            BadRequestError: It says again what is kept, or asks another model.
            PermissionDeniedError: Nothing is kept by that name.
        """
        if b'"cachedContent"' not in request.body:
            return request, 0
        body = request.json()
        content = self._find(str(body.pop("cachedContent", "")))
        if content.model != models.plain(model):
            raise _wrong(f"The cached content is {content.model}'s, not {model}'s.")
        if said := [name for name in HEAD if name in body]:
            raise _wrong(f"CachedContent can not be used with GenerateContent request setting {said[0]}.")
        contents = [*content.body.get("contents", []), *body.get("contents", [])]
        whole = msgspec.json.encode({**content.body, **body, "contents": contents})
        return Request(request.method, request.path, request.query, request.headers, whole), content.tokens

    def _make(self, body: dict[str, Any]) -> str:
        seconds = _seconds(body)
        model = models.check(str(body.pop("model", "")).removeprefix("models/"), models.CHAT)
        dialect: Dialect = get_dialect("generate_content")
        body.pop("ttl", None)
        asked = {"contents": [{"role": "user", "parts": [{"text": ""}]}], **body}
        tokens = len(prompt_tokens(dialect.decode_request(msgspec.json.encode(asked), model=model)))
        if tokens < LEAST:
            raise _wrong(
                f"Cached content is too small. total_token_count={tokens}, min_total_token_count={LEAST}"
            )
        self.created += 1
        name = f"cachedContents/sim{self.created:06d}"
        self.kept[name] = Content(model, body, tokens, self._settings.now() + seconds)
        return name

    def _find(self, name: str) -> Content:
        content = self.kept.get(name)
        if content is None or content.until <= self._settings.now():
            raise PermissionDeniedError("CachedContent not found (or permission denied)", status=403)
        return content

    def _row(self, name: str) -> dict[str, Any]:
        content = self.kept[name]
        ends = datetime.fromtimestamp(content.until, UTC)
        return {
            "name": name,
            "model": f"models/{content.model}",
            "expireTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "usageMetadata": {"totalTokenCount": content.tokens},
        }


def _seconds(body: dict[str, Any]) -> float:
    """Return how long something is to be kept; an hour where that isn't said."""
    ttl = body.get("ttl")
    if ttl is None:
        return HOUR
    try:
        seconds = float(str(ttl).removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise _wrong("ttl is a number of seconds like 300s.")
    return seconds


def _wrong(message: str) -> BadRequestError:
    return BadRequestError(message, status=400, param="cachedContent")
