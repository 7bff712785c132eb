"""Providers of films as their API references have them, scripted for the engine: each counts what it makes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.engine.video.world import World, clip
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link
from ve_magics.dialects.videos.registry import get_video_dialect
from ve_magics.engine.video import VideoEngine
from ve_magics.errors import NotFoundError
from ve_magics.providers import Provider

Answer = tuple[int, Mapping[str, str], bytes]


class Upstream:
    """A provider behind the engine. Subclasses answer `(method, path, body)`.

    Args:
        world: Where time passes.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[str, str]] = []
        self.created: list[dict[str, Any]] = []
        self.polls = 0
        self.files: dict[str, bytes] = {}
        self.keyed: dict[str, bool] = {}

    def engine(self) -> VideoEngine:
        """Return the real engine with this provider as its outside."""
        return VideoEngine(
            self.world.store,
            self.call,
            self.fetch,
            self.world.provider,
            dialect=get_video_dialect,
            account=self.world.account,
            owner="kernel",
            clock=lambda: self.world.now,
            sleep=self.world.sleep,
            random=lambda: 0.5,
            new_id=self.world.new_id,
            offload=self.world.offload,
        )

    async def call(self, wire: WireRequest, provider: Provider) -> Answer:
        """Answer a call, at the full path that the provider would see."""
        path = urlsplit(provider.base_url).path + wire.path
        self.asked.append((wire.method, path))
        status, value = self.answer(wire.method, path, json.loads(wire.body) if wire.body else {}, wire)
        return status, {}, b"" if value is None else json.dumps(value).encode()

    def answer(self, method: str, path: str, body: dict[str, Any], wire: WireRequest) -> tuple[int, Any]:
        """Return status and JSON."""
        raise AssertionError(f"nobody expects {method} {path}")

    def fetch(self, source: WireRequest | Link, provider: Provider) -> AsyncGenerator[bytes, None]:
        """Give a file, or the answer to a call, in pieces."""
        return self._pieces(source, provider)

    async def _pieces(self, source: WireRequest | Link, provider: Provider) -> AsyncGenerator[bytes, None]:
        if isinstance(source, Link):
            self.keyed[source.url] = source.keyed
            if source.url not in self.files:
                raise NotFoundError("no such file", status=404)
            content = self.files[source.url]
        else:
            status, _, content = await self.call(source, provider)
            assert status == 200
        for start in range(0, len(content), 4096):
            yield content[start : start + 4096]


FILE = "https://generativelanguage.googleapis.com/v1/files/f1:download?alt=media"


class Interactions(Upstream):
    """Gemini's Interactions API."""

    word = "completed"

    def answer(self, method: str, path: str, body: dict[str, Any], wire: WireRequest) -> tuple[int, Any]:
        if (method, path) == ("POST", "/v1/interactions"):
            assert body["background"] is True
            assert body["response_format"][0]["type"] == "video"
            self.created.append(body)
            return 200, {"id": "int-1", "status": "in_progress", "model": body["model"]}
        assert (method, path) == ("GET", "/v1/interactions/int-1")
        self.polls += 1
        if self.polls < 3:
            return 200, {"id": "int-1", "status": ["queued", "in_progress"][self.polls - 1]}
        if self.word != "completed":
            refusal = [{"code": "content_policy_violation", "message": "A real person."}]
            return 200, {"id": "int-1", "status": self.word, "errors": refusal}
        self.files[FILE] = clip()
        said = [{"type": "video", "mime_type": "video/mp4", "uri": FILE}]
        return 200, {
            "id": "int-1",
            "status": "completed",
            "steps": [{"type": "thought", "signature": "c2ln"}, {"type": "model_output", "content": said}],
        }


class Vertex(Upstream):
    """Veo at Vertex AI, which puts the film into its answer where no bucket is named."""

    operation = (
        "projects/p1/locations/us-central1/publishers/google/models/veo-3.1-fast-generate-001/operations/o1"
    )
    model = "/v1/publishers/google/models/veo-3.1-fast-generate-001"

    def answer(self, method: str, path: str, body: dict[str, Any], wire: WireRequest) -> tuple[int, Any]:
        assert method == "POST"
        if path == f"{self.model}:predictLongRunning":
            assert body["instances"][0]["prompt"]
            self.created.append(body)
            return 200, {"name": self.operation}
        assert path == f"{self.model}:fetchPredictOperation"
        assert body == {"operationName": self.operation}
        self.polls += 1
        if self.polls < 3:
            return 200, {"name": self.operation}
        film = {"bytesBase64Encoded": base64.b64encode(clip()).decode(), "mimeType": "video/mp4"}
        return 200, {"name": self.operation, "done": True, "response": {"videos": [film]}}


class RunwayTasks(Upstream):
    """Runway's tasks; the address of a film changes with each answer, and the first one is stale."""

    def answer(self, method: str, path: str, body: dict[str, Any], wire: WireRequest) -> tuple[int, Any]:
        assert dict(wire.headers)["x-runway-version"] == "2024-11-06"
        if (method, path) == ("POST", "/v1/image_to_video"):
            self.created.append(body)
            return 200, {"id": "task-1", "estimatedCost": {"credits": 25}}
        if (method, path) == ("DELETE", "/v1/tasks/task-1"):
            return 204, None
        assert (method, path) == ("GET", "/v1/tasks/task-1")
        self.polls += 1
        task = {"id": "task-1", "createdAt": "2026-11-23T10:00:00.000Z"}
        if self.polls < 4:
            steps: list[dict[str, Any]] = [
                {"status": "THROTTLED"},
                {"status": "PENDING"},
                {"status": "RUNNING", "progress": 0.5},
            ]
            return 200, {**task, **steps[self.polls - 1]}
        url = f"https://cdn.runway.test/{self.polls}.mp4"
        if self.polls > 4:
            self.files[url] = clip()
        return 200, {**task, "status": "SUCCEEDED", "output": [url], "cost": {"credits": 25}}


class LumaGenerations(Upstream):
    """Luma's generations, of which the moderation takes one away."""

    refused = False

    def answer(self, method: str, path: str, body: dict[str, Any], wire: WireRequest) -> tuple[int, Any]:
        made = {"id": "gen-1", "created_at": "2026-11-23T10:00:00Z", "model": "ray-3.2", "type": "video"}
        if (method, path) == ("POST", "/v1/generations"):
            self.created.append(body)
            return 201, {**made, "state": "queued"}
        assert (method, path) == ("GET", "/v1/generations/gen-1")
        self.polls += 1
        if self.polls < 2:
            return 200, {**made, "state": "processing"}
        if self.refused:
            reason = {"failure_code": "content_moderated", "failure_reason": "The prompt was moderated."}
            return 200, {**made, "state": "failed", **reason}
        url = "https://storage.luma.test/gen-1.mp4?sig=1"
        self.files[url] = clip()
        return 200, {**made, "state": "completed", "output": [{"type": "video", "url": url}]}
