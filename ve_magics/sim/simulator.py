"""The simulator as an ASGI app: which address leads where, and what happens to a request whatever its address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from ve_magics.dialects.contract import Dialect
from ve_magics.dialects.registry import DIALECTS, get_dialect
from ve_magics.errors import AuthError, NotFoundError, VeError
from ve_magics.sim import models
from ve_magics.sim.chat import ChatDesk, refuse
from ve_magics.sim.contents import ContentsDesk
from ve_magics.sim.counters import Counters
from ve_magics.sim.exchange import Answer, Message, Receive, Request, Send
from ve_magics.sim.faults import Faults, strike
from ve_magics.sim.pictures import PictureDesk
from ve_magics.sim.settings import Settings
from ve_magics.sim.studio import Studio
from ve_magics.sim.vectors import VectorDesk
from ve_magics.sim.videos import VideoDesk

CHAT_PATHS = {
    "/chat/completions": "chat_completions",
    "/responses": "responses",
    "/messages": "messages",
}
"""Addresses of chat below the version, and the dialects that they speak."""

GEMINI = re.compile(r"(?:/v1beta)?/models/(?P<model>[^:]+):(?P<how>generateContent|streamGenerateContent)")
CONTENTS = re.compile(r"/v1beta/(?:cachedContents|(?P<name>cachedContents/[^/]+))")
KEY_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


class Simulator:
    """An ASGI app that behaves like a provider of models.

    Args:
        settings: How it behaves.

    Attributes:
        counters: What it has done so far.
        settings: How it behaves.
        videos: Every video that it was asked for.
        contents: The beginnings of prompts that it keeps by name.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = Settings() if settings is None else settings
        self.counters = Counters()
        self._faults = Faults()
        self._chat = ChatDesk(self.settings, self.counters, self._faults)
        studio = Studio(self.settings, self.counters)
        self.videos = VideoDesk(self.settings, self.counters, self._faults, studio)
        self.contents = ContentsDesk(self.settings)
        self._vectors = VectorDesk(self.settings, self.counters, self._faults)
        self._pictures = PictureDesk(self.settings, self.counters, self._faults, studio)
        self._born = int(self.settings.now())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection's message or lifespan, as ASGI wants it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        self.counters.requests += 1
        out = Answer(send, f"req_sim{self.counters.requests:06d}")
        try:
            request = await Request.read(scope, receive)
        except VeError as error:
            await refuse(out, get_dialect("chat_completions"), error)
            return
        except ConnectionAbortedError:
            self.counters.abandoned += 1
            return
        await self._until_gone(self._answer(request, out), receive)

    async def _until_gone(self, work: Coroutine[Any, Any, None], receive: Receive) -> None:
        """Do the work, but no longer than somebody waits for it."""
        working = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            else:
                self.counters.abandoned += 1
        except ConnectionAbortedError:
            self.counters.abandoned += 1
        finally:
            for task in (working, gone):
                task.cancel()
            await asyncio.gather(working, gone, return_exceptions=True)

    async def _answer(self, request: Request, out: Answer) -> None:
        path = request.path.rstrip("/")
        dialect = get_dialect("chat_completions")
        try:
            self._admit(request)
            if found := GEMINI.fullmatch(path):
                dialect = _speaking("generate_content", request)
                streamed = found["how"].startswith("stream")
                request, kept = self.contents.joined(request, found["model"])
                await self._chat.answer(
                    request, out, dialect, model=found["model"], stream=streamed, kept=kept
                )
            elif found := CONTENTS.fullmatch(path):
                dialect = get_dialect("generate_content")
                if await self._strike(request, out):
                    await self.contents.answer(request, out, found["name"] or "")
            elif name := CHAT_PATHS.get(below_version(path)):
                dialect = _speaking(name, request)
                await self._chat.answer(request, out, dialect)
            else:
                await self._other(request, out)
        except VeError as error:
            await refuse(out, dialect, error)

    def _admit(self, request: Request) -> None:
        keys = self.settings.keys
        if not keys:
            return
        given = [request.headers.get(name, "") for name in KEY_HEADERS]
        given.append(request.headers.get("authorization", "").removeprefix("Bearer "))
        if not set(given) & set(keys):
            raise AuthError("Incorrect API key provided.", status=401, code="invalid_api_key")

    async def _other(self, request: Request, out: Answer) -> None:
        """Answer what isn't chat."""
        path = below_version(request.path.rstrip("/"))
        parts = tuple(path.strip("/").split("/"))
        match (request.method, *parts):
            case ("GET", "models"):
                if await self._strike(request, out):
                    await out.value(models.listing(self._born))
            case ("GET", "models", name):
                if await self._strike(request, out):
                    await out.value(models.row(models.check(name, models.ALL), self._born))
            case ("POST", "videos"):
                await self.videos.create(request, out)
            case ("GET", "videos"):
                await self.videos.list(request, out)
            case ("POST", "videos", name, "remix"):
                await self.videos.remix(request, out, name)
            case ("GET", "videos", name):
                await self.videos.get(request, out, name)
            case ("DELETE", "videos", name):
                await self.videos.delete(request, out, name)
            case ("GET", "videos", name, "content"):
                await self.videos.content(request, out, name)
            case ("POST", "embeddings"):
                await self._vectors.embed(request, out)
            case ("POST", "rerank"):
                await self._vectors.rerank(request, out)
            case ("POST", "images", "generations"):
                await self._pictures.generate(request, out)
            case _:
                raise _unknown(request)

    async def _strike(self, request: Request, out: Answer, model: str = "") -> bool:
        """Do what a fault does before an answer; True where the answer may come."""
        return await strike(self._faults.meet(request, model), self.settings, out)


def below_version(path: str) -> str:
    """Return a path without the version that it may begin with."""
    return path.removeprefix("/v1") if path.startswith("/v1/") else path


def _speaking(name: str, request: Request) -> Dialect:
    if name not in DIALECTS:
        raise _unknown(request)
    if request.method != "POST":
        raise NotFoundError(f"{request.path} takes POST, not {request.method}.", status=405)
    return get_dialect(name)


def _unknown(request: Request) -> NotFoundError:
    return NotFoundError(f"Invalid URL ({request.method} {request.path})", status=404, code="unknown_url")


async def _gone(receive: Receive) -> None:
    """Wait until the request's sender has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
